/**
 * From what was observed of clients to limits for them, with headroom; whose floor lies above its limit; which client settings
 * would help. Plain data in and out.
 */
import { API_KEY } from 'kafka-protocol-codec'
import { RATE_MAX_PER_SECOND } from '../bounds.ts'
import {
  METRICS,
  type Metric,
  type Observation,
  type ObservedClient,
  type ObservedRates,
} from '../observe/observation.ts'
import { behaviourOf, type ClientBehaviour } from '../policy/client-libraries.ts'
import type { Dimension } from '../policy/dimensions.ts'
import { floorAdvice } from '../policy/floor-advice.ts'
import { NOBODY } from '../policy/identity.ts'
import { PolicySet } from '../policy/policy-set.ts'
import type { Mode } from '../policy/quota-rule.ts'
import { type Habit, settingsFor } from './client-settings.ts'
import { floorPerSecond } from './floor.ts'
import type { Policy } from './policy-document.ts'

/** What is limited, by what is observed. */
const DIMENSION_OF: Readonly<Record<Metric, Dimension>> = {
  producedBytes: 'produceBytes',
  fetchedBytes: 'fetchBytes',
  producedRecords: 'produceRecords',
  fetchedRecords: 'fetchRecords',
  requests: 'requests',
}

/** Below it a limit would be met by chance: a request a second, and a kilobyte. */
const LIMIT_MIN = { bytes: 1000, other: 1 }
const BURST_SECONDS_MIN = 1
const BURST_SECONDS_MAX = 3600

/** Requests this small, at this many a second, cost more than they carry. */
const SMALL_PRODUCE_BYTES = 4096
const SMALL_FETCH_BYTES = 1024
const MANY_REQUESTS_PER_SECOND = 50
/** Throttled for this share of the time that it was watched. */
const THROTTLED_SHARE = 0.01
const MANY_CONNECTIONS = 50

export interface Advice {
  readonly observedMs: number
  /** 0.3 is 30 %. */
  readonly headroom: number
  /** The busiest first. */
  readonly clients: readonly ClientAdvice[]
  readonly unwatched: number
}

export interface ClientAdvice {
  readonly clientId: string
  readonly principal: string
  readonly software: string
  readonly library: string
  readonly watchedMs: number
  readonly connections: number
  readonly connectionsMax: number
  readonly frames: {
    /** 0: not known. */
    readonly typicalProduceBytes: number
    readonly largestProduceBytes: number
    readonly typicalFetchBytes: number
    readonly largestFetchBytes: number
  }
  readonly throttleMs: number
  readonly heldMs: number
  readonly limits: readonly LimitAdvice[]
  readonly floors: readonly FloorFinding[]
  readonly settings: readonly { readonly habit: Habit; readonly settings: string }[]
}

export interface LimitAdvice extends ObservedRates {
  readonly dimension: Dimension
  /** Proposed, in units a second. */
  readonly limit: number
  readonly burstSeconds: number
  /** The lowest that applies now; absent where there is none. */
  readonly current?: { readonly quota: string; readonly limit: number; readonly mode: Mode } | undefined
}

/** A limit that cannot be kept. */
export interface FloorFinding {
  readonly dimension: Dimension
  readonly of: 'current' | 'proposed'
  readonly limit: number
  readonly floor: number
  readonly largest: number
  readonly connections: number
  readonly holdMs: number
  /** The largest request with which the limit could be kept. */
  readonly largestBearable: number
  readonly settings: string | undefined
}

/** @param headroom over the 99th percentile of 10 s rates; 0.3 is 30 % */
export function adviseFrom(observation: Observation, policy: Policy, headroom: number): Advice {
  const set = new PolicySet(policy.quotas, { observe: policy.mode === 'observe' })
  const clients = observation.clients
    .filter(({ rates }) => Object.keys(rates).length > 0)
    .map((client) => adviseClient(client, set, behaviourOf(client.software, policy.clients), headroom))
  const bytes = ({ limits }: ClientAdvice): number =>
    limits.reduce((sum, { dimension, limit }) => (dimension.endsWith('Bytes') ? sum + limit : sum), 0)
  const { observedMs, unwatched } = observation
  return { observedMs, headroom, clients: clients.toSorted((a, b) => bytes(b) - bytes(a)), unwatched }
}

function adviseClient(
  client: ObservedClient,
  policy: PolicySet,
  behaviour: ClientBehaviour,
  headroom: number,
): ClientAdvice {
  const { clientId, principal, software, watchedMs, connections, connectionsMax, rates, totals } = client
  const current = currentLimits(client, policy)
  const limits = METRICS.flatMap((metric) => {
    const observed = rates[metric]
    return observed === undefined ? [] : [limitAdvice(DIMENSION_OF[metric], observed, headroom, current)]
  })
  return {
    clientId,
    principal,
    software,
    library: behaviour.library,
    watchedMs,
    connections,
    connectionsMax,
    frames: framesOf(client),
    throttleMs: totals.throttleMs,
    heldMs: totals.heldMs,
    limits,
    floors: limits.flatMap((limit) => floorFindings(limit, client, behaviour)),
    settings: habitsOf(client).map((habit) => ({ habit, settings: settingsFor(habit, behaviour.library) })),
  }
}

function limitAdvice(
  dimension: Dimension,
  observed: ObservedRates,
  headroom: number,
  current: ReadonlyMap<Dimension, NonNullable<LimitAdvice['current']>>,
): LimitAdvice {
  const isBytes = dimension.endsWith('Bytes')
  // One that was not watched for ten seconds has no rate over ten.
  const base = observed.p99Of10s || observed.p99
  const limit = roundedLimit(Math.max(base * (1 + headroom), isBytes ? LIMIT_MIN.bytes : LIMIT_MIN.other))
  const burst = Math.ceil((observed.peak / limit) * 2) / 2
  const burstSeconds = Math.min(BURST_SECONDS_MAX, Math.max(BURST_SECONDS_MIN, burst))
  const now = current.get(dimension)
  return { dimension, ...observed, limit, burstSeconds, ...(now === undefined ? {} : { current: now }) }
}

/** Up to two digits: `6500000` for `6400001`; as much as a configuration may say. */
export function roundedLimit(value: number): number {
  if (value >= RATE_MAX_PER_SECOND) return RATE_MAX_PER_SECOND
  const step = 10 ** (Math.floor(Math.log10(value)) - 1)
  // Divided where the step is a fraction: 0.1 has no exact double.
  return step >= 1 ? Math.ceil(value / step - 1e-9) * step : Math.ceil(value * (1 / step) - 1e-9) / Math.round(1 / step)
}

function currentLimits(
  { clientId, principal, software }: ObservedClient,
  policy: PolicySet,
): Map<Dimension, NonNullable<LimitAdvice['current']>> {
  const identity = { ...NOBODY, clientId, principal, software }
  const lowest = new Map<Dimension, NonNullable<LimitAdvice['current']>>()
  for (const apiKey of [API_KEY.Produce, API_KEY.Fetch]) {
    for (const { quota, dimension, ratePerMs, mode } of policy.resolve(identity, apiKey)) {
      const limit = ratePerMs * 1000
      if (limit < (lowest.get(dimension)?.limit ?? Number.POSITIVE_INFINITY))
        lowest.set(dimension, { quota, limit, mode })
    }
  }
  return lowest
}

function framesOf({ totals }: ObservedClient): ClientAdvice['frames'] {
  const { producedBytes, fetchedBytes, produceRequests, fetchRequests, largestProduceBytes, largestFetchBytes } = totals
  return {
    typicalProduceBytes: produceRequests === 0 ? 0 : producedBytes / produceRequests,
    largestProduceBytes,
    typicalFetchBytes: fetchRequests === 0 ? 0 : fetchedBytes / fetchRequests,
    largestFetchBytes,
  }
}

function floorFindings(advice: LimitAdvice, client: ObservedClient, behaviour: ClientBehaviour): FloorFinding[] {
  const { dimension, limit, current } = advice
  if (dimension !== 'produceBytes' && dimension !== 'fetchBytes') return []
  const apiKey = dimension === 'produceBytes' ? API_KEY.Produce : API_KEY.Fetch
  const { largestProduceBytes, largestFetchBytes } = client.totals
  const largest = dimension === 'produceBytes' ? largestProduceBytes : largestFetchBytes
  const holdMs = behaviour.holdMs(apiKey)
  const connections = Math.max(1, client.connectionsMax)
  const floor = floorPerSecond(largest, holdMs, connections)
  const settings = floorAdvice(behaviour.library, apiKey)
  const found = (of: FloorFinding['of'], against: number): FloorFinding[] =>
    holdMs === 0 || floor <= against
      ? []
      : [
          {
            dimension,
            of,
            limit: against,
            floor,
            largest,
            connections,
            holdMs,
            settings,
            largestBearable: (against * holdMs) / 1000 / connections,
          },
        ]
  return [...(current === undefined ? [] : found('current', current.limit)), ...found('proposed', limit)]
}

function habitsOf(client: ObservedClient): Habit[] {
  const { totals, rates, watchedMs, connectionsMax } = client
  const { typicalProduceBytes, typicalFetchBytes } = framesOf(client)
  const isBusy = (rates.requests?.p50 ?? 0) >= MANY_REQUESTS_PER_SECOND
  const habits: Habit[] = []
  if (isBusy && typicalProduceBytes > 0 && typicalProduceBytes < SMALL_PRODUCE_BYTES) habits.push('smallProduces')
  if (isBusy && typicalFetchBytes > 0 && typicalFetchBytes < SMALL_FETCH_BYTES) habits.push('smallFetches')
  if (totals.throttleMs > watchedMs * THROTTLED_SHARE) habits.push('throttled')
  if (connectionsMax >= MANY_CONNECTIONS) habits.push('manyConnections')
  return habits
}
