/** One client as it is now: its rates, the buckets that it draws from, and which of them makes it wait. */
import { createHash } from 'node:crypto'
import { API_KEY } from 'kafka-protocol-codec'
import { CLIENT_FACTS_MAX, LIMITED_MS_PER_SECOND } from '../bounds.ts'
import type { GroupBook } from '../cluster/group-book.ts'
import { floorOf } from '../explain/floor.ts'
import type { BucketTable } from '../limiter/bucket-table.ts'
import type { DrawRates } from '../observe/draw-observer.ts'
import type { ClientRates } from '../observe/watched-client.ts'
import type { ClientBehaviour } from '../policy/client-libraries.ts'
import type { Session } from '../session/session.ts'
import type { ClientStatus } from '../sluice.ts'
import { lagOf } from './group-lag.ts'
import type { ClientNow, ClientState, LagNow, LimitNow } from './status-document.ts'

/** The tables that clients are looked up in. */
export interface ClientSources {
  readonly buckets: Pick<BucketTable, 'view'>
  readonly groups: Pick<GroupBook, 'groupOf'>
  readonly behaviourOf: (software: string) => ClientBehaviour
}

/** What is reckoned once for all clients. */
export interface SharedNow {
  /** By slot of its bucket: what all clients draw from it. */
  readonly bucketPerSecond: ReadonlyMap<number, number>
  readonly lags: ReadonlyMap<string, LagNow>
}

/** What is known of one client beside its totals. */
export interface ClientFactsNow {
  readonly rates: ClientRates | undefined
  readonly idleMs: number | undefined
  readonly draws: readonly DrawRates[]
  readonly open: OpenFacts | undefined
}

/** What its open connections tell. */
export interface OpenFacts {
  readonly versions: Set<string>
  readonly addresses: Set<string>
  held: number
}

/** Without a request for so long a client is idle. */
const IDLE_MS = 10_000
const NO_RATES: ClientNow['rates'] = {
  producedBytes: 0,
  fetchedBytes: 0,
  producedRecords: 0,
  fetchedRecords: 0,
  requests: 0,
  throttleMs: 0,
  heldMs: 0,
}

/** By client: what its open connections tell. */
export function openFacts<T extends Pick<Session, 'identity' | 'clientBlock' | 'state'>>(
  sessions: Iterable<T>,
  keyOf: (session: T) => string,
): Map<string, OpenFacts> {
  const all = new Map<string, OpenFacts>()
  for (const session of sessions) {
    if (session.state === 'fresh') continue
    const key = keyOf(session)
    const facts = all.get(key) ?? { versions: new Set<string>(), addresses: new Set<string>(), held: 0 }
    all.set(key, facts)
    const { softwareVersion, address } = session.identity
    note(facts.versions, softwareVersion)
    note(facts.addresses, address)
    if (session.clientBlock === 'held') facts.held++
  }
  return all
}

/** A name for links: the key itself may be 64 kB of anything. */
export function clientIdOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 12)
}

export function clientNow(
  key: string,
  client: ClientStatus,
  { rates = NO_RATES, idleMs, draws, open }: ClientFactsNow,
  { bucketPerSecond, lags }: SharedNow,
  sources: ClientSources,
  nowMs: number,
): ClientNow {
  const behaviour = sources.behaviourOf(client.software)
  const limits = draws
    .map((draw) => limitNow(draw, client, bucketPerSecond, behaviour, sources.buckets, nowMs))
    .sort((a, b) => b.throttleMsPerSecond - a.throttleMsPerSecond || b.debtMs - a.debtMs)
  const slowing = limits.filter(({ throttleMsPerSecond }) => throttleMsPerSecond >= LIMITED_MS_PER_SECOND)
  const groups = groupsOf(client, sources, nowMs)
  const cause = slowing.find(({ mode }) => mode === 'enforce') ?? slowing[0]
  return {
    ...client,
    id: clientIdOf(key),
    state: stateOf(client, cause, idleMs, open),
    limitedBy: cause === undefined ? null : { quota: cause.quota, dimension: cause.dimension },
    softwareVersions: [...(open?.versions ?? [])],
    addresses: [...(open?.addresses ?? [])],
    groups,
    lag: lagOf(groups, lags),
    heldConnections: open?.held ?? 0,
    rates,
    idleMs: idleMs ?? null,
    limits,
  }
}

function stateOf(
  { connections }: ClientStatus,
  cause: LimitNow | undefined,
  idleMs: number | undefined,
  open: OpenFacts | undefined,
): ClientState {
  if (connections === 0) return 'gone'
  if (cause !== undefined) return cause.mode === 'enforce' ? 'limited' : 'observed'
  if ((open?.held ?? 0) > 0) return 'limited'
  return idleMs === undefined || idleMs >= IDLE_MS ? 'idle' : 'active'
}

function limitNow(
  { quota, dimension, slot, enforced, usedPerSecond, delayMsPerSecond }: DrawRates,
  client: ClientStatus,
  bucketPerSecond: ReadonlyMap<number, number>,
  behaviour: ClientBehaviour,
  buckets: ClientSources['buckets'],
  nowMs: number,
): LimitNow {
  const { key, ratePerMs, balance, debtMs, isOverflow } = buckets.view(slot, nowMs)
  const mode = enforced ? 'enforce' : 'observe'
  const limitPerSecond = ratePerMs * 1000
  const apiKey = dimension.startsWith('fetch') ? API_KEY.Fetch : API_KEY.Produce
  const asked = { quota, dimension, mode, key, why: '', limit: limitPerSecond } as const
  const floor = dimension.endsWith('Bytes') ? floorOf(asked, apiKey, behaviour, client) : undefined
  return {
    quota,
    dimension,
    mode,
    key,
    limitPerSecond,
    usedPerSecond,
    bucketPerSecond: bucketPerSecond.get(slot) ?? usedPerSecond,
    throttleMsPerSecond: delayMsPerSecond,
    balance,
    debtMs,
    floorPerSecond: floor?.from === 'seen' ? floor.perSecond : null,
    canBeKept: floor?.from !== 'seen' || floor.canBeKept,
    isOverflow,
  }
}

function groupsOf({ clientId, principal }: ClientStatus, { groups }: ClientSources, nowMs: number): readonly string[] {
  const answer = groups.groupOf(clientId, principal, nowMs)
  return answer.state === 'none' ? [] : answer.state === 'one' ? [answer.group] : answer.groups
}

function note(values: Set<string>, value: string): void {
  if (value !== '' && values.size < CLIENT_FACTS_MAX) values.add(value)
}
