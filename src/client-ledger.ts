/** Who has done what so far: totals by client, for the status page. Bounded: the clients that left longest ago are forgotten. */
import type { Session } from './session/session.ts'
import type { ClientStatus } from './sluice.ts'

const GONE_MAX = 1_000

type Totals = { -readonly [K in keyof ClientStatus]: ClientStatus[K] }

export class ClientLedger {
  readonly #gone = new Map<string, Totals>()

  /** A session is over: its totals stay with its client. */
  left(session: Session): void {
    const key = keyOf(session)
    const totals = this.#gone.get(key) ?? blank(session)
    this.#gone.delete(key)
    add(totals, session, 0)
    this.#gone.set(key, totals)
    const oldest = this.#gone.keys().next().value
    if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest)
  }

  /** Every client known, the open sessions included. */
  clients(open: Iterable<Session>): ClientStatus[] {
    const all = new Map<string, Totals>([...this.#gone].map(([key, totals]) => [key, { ...totals }]))
    for (const session of open) {
      if (session.state === 'fresh') continue
      const key = keyOf(session)
      const totals = all.get(key) ?? blank(session)
      add(totals, session, 1)
      all.set(key, totals)
    }
    return [...all.values()]
  }
}

function keyOf({ identity }: Session): string {
  return JSON.stringify([identity.clientId, identity.software, identity.principal])
}

function blank({ identity }: Session): Totals {
  const { clientId, software, principal } = identity
  return { clientId, software, principal, connections: 0, producedBytes: 0, fetchedBytes: 0, throttleMs: 0 }
}

function add(totals: Totals, session: Session, connections: number): void {
  totals.connections += connections
  totals.producedBytes += session.totals.producedBytes
  totals.fetchedBytes += session.totals.fetchedBytes
  totals.throttleMs += session.totals.throttleMs
}
