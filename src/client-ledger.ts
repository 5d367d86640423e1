/**
 * Who has done what so far: totals by client, for the status page and the observer. Bounded: the clients that left longest
 * ago are forgotten. What a session did belongs to the client that it was then: one that changes its client id takes
 * nothing along.
 */
import { GONE_CLIENTS_MAX } from './bounds.ts'
import type { Identity } from './policy/identity.ts'
import type { Session } from './session/session.ts'
import type { ClientStatus, ClientTotals } from './sluice.ts'

const SUMS = [
  'producedBytes',
  'fetchedBytes',
  'producedRecords',
  'fetchedRecords',
  'requests',
  'produceRequests',
  'fetchRequests',
  'throttleMs',
  'heldMs',
] as const satisfies readonly (keyof ClientTotals)[]

const MAXIMA = ['largestProduceBytes', 'largestFetchBytes'] as const satisfies readonly (keyof ClientTotals)[]

type Totals = { -readonly [K in keyof ClientStatus]: ClientStatus[K] }

/** What a session looked like when it was last seen. */
interface Seen {
  readonly identity: Identity
  readonly key: string
  /** What it had done before it became this client. */
  readonly before: ClientTotals | undefined
}

/** What the ledger looks at. */
type LedgerSession = Pick<Session, 'identity' | 'state' | 'totals'>

export class ClientLedger {
  readonly #gone = new Map<string, Totals>()
  readonly #seen = new WeakMap<LedgerSession, Seen>()

  /** A session is over: its totals stay with its client. */
  left(session: LedgerSession): void {
    const { key, before } = this.#look(session)
    this.#keep(key, session.identity, session.totals, before)
  }

  /** Every client known, the open sessions included, by a key of its own. The objects are made for the caller. */
  clients(open: Iterable<LedgerSession>): ReadonlyMap<string, ClientStatus> {
    const sessions = [...open].filter((session) => session.state !== 'fresh')
    for (const session of sessions) this.#look(session) // before the gone are copied: some may join them
    const all = new Map<string, Totals>([...this.#gone].map(([key, totals]) => [key, { ...totals }]))
    for (const session of sessions) {
      const { key, before } = this.#look(session)
      const totals = all.get(key) ?? blank(session.identity)
      totals.connections++
      add(totals, session.totals, before)
      all.set(key, totals)
    }
    return all
  }

  /** The key of the client that a session is now. */
  keyOf(session: LedgerSession): string {
    return this.#look(session).key
  }

  /** Which client a session is now; what it did as another one goes to that one. */
  #look(session: LedgerSession): Seen {
    const seen = this.#seen.get(session)
    if (seen?.identity === session.identity) return seen
    const key = keyOf(session.identity)
    let before = seen?.before
    if (seen !== undefined && seen.key !== key) {
      // A login under way is not yet somebody: who moved no data leaves no trace.
      if (movedData(session.totals, before)) this.#keep(seen.key, seen.identity, session.totals, before)
      before = { ...session.totals }
    }
    const now = { identity: session.identity, key, before }
    this.#seen.set(session, now)
    return now
  }

  #keep(key: string, identity: Identity, done: ClientTotals, before: ClientTotals | undefined): void {
    const totals = this.#gone.get(key) ?? blank(identity)
    this.#gone.delete(key)
    add(totals, done, before)
    this.#gone.set(key, totals)
    const oldest = this.#gone.keys().next().value
    if (this.#gone.size > GONE_CLIENTS_MAX && oldest !== undefined) this.#gone.delete(oldest)
  }
}

function keyOf({ clientId, software, principal }: Identity): string {
  return JSON.stringify([clientId, software, principal])
}

function blank({ clientId, software, principal }: Identity): Totals {
  const none = Object.fromEntries([...SUMS, ...MAXIMA].map((name) => [name, 0])) as Record<keyof ClientTotals, number>
  return { clientId, software, principal, connections: 0, ...none }
}

function movedData(done: ClientTotals, before: ClientTotals | undefined): boolean {
  const moved = (totals: ClientTotals | undefined): number => (totals?.producedBytes ?? 0) + (totals?.fetchedBytes ?? 0)
  return moved(done) > moved(before)
}

function add(totals: Totals, done: ClientTotals, before: ClientTotals | undefined): void {
  for (const name of SUMS) totals[name] += done[name] - (before?.[name] ?? 0)
  for (const name of MAXIMA) totals[name] = Math.max(totals[name], done[name])
}
