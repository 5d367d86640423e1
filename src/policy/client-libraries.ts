/**
 * How client libraries behave under a limit, as one table (protocol-facts D.1–D.8): how long a request of theirs may be held,
 * how long a throttle may be told, how many requests they keep under way. All in milliseconds, from the libraries' default
 * settings; `clients:` in the configuration overrides a row.
 */
import { type ApiClass, apiClassOf } from './api-classes.ts'
import { compilePattern, type Pattern } from './match.ts'

/** By class of API; `join` is of a member that joins a group anew, whose API is exempt otherwise. */
type TimesMs = Readonly<Record<ApiClass | 'join', number>>

interface Library {
  readonly name: string
  /** Patterns of `client_software_name` (ApiVersions v3+, KIP-511). */
  readonly software: readonly string[]
  readonly holdMs: TimesMs
  readonly stampMs: TimesMs
  /** Requests that it keeps under way on a connection; 0: no bound. */
  readonly pipelineMax: number
  /** How old a request may become, counted from when the client wrote it, where there is no bound on what waits in the kernel. */
  readonly queueMs: number
  readonly reason: string
}

/** D.8, column "H known": requests time out after 30 s or more. */
const LONG_HOLD_MS: TimesMs = {
  produce: 8_000,
  fetch: 8_000,
  lookup: 5_000,
  metadata: 2_000,
  commit: 2_000,
  mutation: 5_000,
  join: 5_000,
  exempt: 0,
}
/** D.8, column "H default". */
const SHORT_HOLD_MS: TimesMs = {
  produce: 3_000,
  fetch: 3_000,
  lookup: 2_000,
  metadata: 1_000,
  commit: 1_000,
  mutation: 2_000,
  join: 2_000,
  exempt: 0,
}
/** D.8, column "S". Below request.timeout.ms (30 s): what a Java consumer asks for while throttled expires unsent. */
const LONG_STAMP_MS: TimesMs = {
  produce: 10_000,
  fetch: 10_000,
  lookup: 5_000,
  metadata: 2_000,
  commit: 2_000,
  mutation: 10_000,
  join: 0,
  exempt: 0,
}
const SHORT_STAMP_MS: TimesMs = {
  produce: 3_000,
  fetch: 3_000,
  lookup: 3_000,
  metadata: 2_000,
  commit: 2_000,
  mutation: 3_000,
  join: 0,
  exempt: 0,
}
const NO_STAMP_MS: TimesMs = {
  produce: 0,
  fetch: 0,
  lookup: 0,
  metadata: 0,
  commit: 0,
  mutation: 0,
  join: 0,
  exempt: 0,
}

const UNNAMED: Library = {
  name: 'unnamed',
  software: [],
  holdMs: SHORT_HOLD_MS,
  stampMs: SHORT_STAMP_MS,
  pipelineMax: 0,
  queueMs: 15_000,
  reason:
    'kafkajs, kafka-go, aiokafka and whatever gives no name or an unknown one. kafkajs pipelines without bound, 30 s from the write; ' +
    'kafka-go gives up on group requests after 5 s and on produce after 10 s',
}

/** The first row that matches counts. */
const LIBRARIES: readonly Library[] = [
  {
    name: 'java',
    software: ['apache-kafka-java*'],
    holdMs: LONG_HOLD_MS,
    stampMs: LONG_STAMP_MS,
    pipelineMax: 5,
    queueMs: 0,
    reason: 'obeys, and prolongs the time-outs (30 s) of what is under way by the throttle; max.in.flight 5',
  },
  {
    name: 'librdkafka',
    software: ['librdkafka*', 'confluent-kafka-*', 'karafka*'],
    holdMs: LONG_HOLD_MS,
    stampMs: LONG_STAMP_MS,
    pipelineMax: 0,
    queueMs: 45_000,
    reason:
      'ignores the throttle but shows it in its statistics; only a hold slows it. Up to 1,000,000 requests under way, 60 s each ' +
      'from when they were queued; wrappers put their own name',
  },
  {
    name: 'sarama',
    software: ['sarama*'],
    holdMs: SHORT_HOLD_MS,
    stampMs: SHORT_STAMP_MS,
    pipelineMax: 5,
    queueMs: 0,
    reason:
      'heartbeats share the connection and its lock with fetches: session 10 s, a heartbeat every 3 s; obeys without a cap',
  },
  {
    name: 'franz-go',
    software: ['kgo*'],
    holdMs: { ...LONG_HOLD_MS, produce: 5_000 },
    stampMs: LONG_STAMP_MS,
    pipelineMax: 4,
    queueMs: 0,
    reason: 'obeys without a cap; requests time out after 10 s, Produce after 10 s + 10 s',
  },
  {
    name: 'kafka-python',
    software: ['kafka-python*'],
    holdMs: LONG_HOLD_MS,
    stampMs: LONG_STAMP_MS,
    pipelineMax: 5,
    queueMs: 0,
    reason: 'obeys; 30 s time-outs, 5 requests under way',
  },
  {
    name: 'platformatic',
    software: ['@platformatic/kafka*'],
    holdMs: SHORT_HOLD_MS,
    stampMs: SHORT_STAMP_MS,
    pipelineMax: 5,
    queueMs: 0,
    reason: 'ignores the throttle; a request fails 30 s after its write and its late answer is dropped',
  },
  {
    name: 'rskafka',
    software: ['rskafka*'],
    holdMs: SHORT_HOLD_MS,
    stampMs: NO_STAMP_MS,
    pipelineMax: 0,
    queueMs: 15_000,
    reason:
      'takes throttle_time_ms > 0 in a Produce answer for an error and sends the stored batch again: held, never stamped',
  },
]

/** A row of `clients:`: other times for the clients whose software name matches. */
export interface ClientOverride {
  /** A pattern as in a quota's `match`; '' matches clients that give no name. */
  readonly software: string
  /** Longest hold of Produce and Fetch; other APIs keep their own where that is shorter. */
  readonly holdMs?: number | undefined
  /** Longest throttle told; other APIs keep their own where that is shorter. */
  readonly stampMs?: number | undefined
}

/** What may be done to the requests of one client. */
export interface ClientBehaviour {
  /** The row of the table: `java`, `librdkafka` …, `unnamed`. */
  readonly library: string
  /** Requests that the library keeps under way on a connection; 0: no bound. */
  readonly pipelineMax: number
  /** Where there is no bound: how old a request may become, counted from when the client wrote it. */
  readonly queueMs: number
  /** Why the row says what it says, for `explain`. */
  readonly reason: string
  /** Longest time that a request of this API may be in our hands; 0: pass at once. `isJoin`: a member that joins anew. */
  holdMs(apiKey: number, isJoin?: boolean): number
  /** Longest throttle_time_ms to put into an answer of this API; 0: none. */
  stampMs(apiKey: number): number
}

/**
 * The behaviour of a client library.
 * @param software `client_software_name`; '' while unknown or never told
 * @param overrides rows of the configuration; the first that matches counts
 */
export function behaviourOf(software: string, overrides: readonly ClientOverride[]): ClientBehaviour {
  const library = LIBRARY_PATTERNS.find(({ patterns }) => patterns.some((p) => p.matches(software)))?.library ?? UNNAMED
  const override = overrides.find((row) => patternOf(row).matches(software))
  const holdMs = changed(library.holdMs, override?.holdMs)
  const stampMs = changed(library.stampMs, override?.stampMs)
  const { name, pipelineMax, queueMs, reason } = library
  return {
    library: name,
    pipelineMax,
    queueMs,
    reason: override === undefined ? reason : `clients: ${JSON.stringify(override.software)}`,
    holdMs: (apiKey, isJoin = false) => holdMs[isJoin ? 'join' : apiClassOf(apiKey)],
    stampMs: (apiKey) => stampMs[apiClassOf(apiKey)],
  }
}

const LIBRARY_PATTERNS: readonly { library: Library; patterns: readonly Pattern[] }[] = LIBRARIES.map((library) => ({
  library,
  patterns: library.software.map(compilePattern),
}))

const overridePatterns = new WeakMap<ClientOverride, Pattern>()

/** Compiled once for each row of a configuration, however many connections ask. */
function patternOf(row: ClientOverride): Pattern {
  let pattern = overridePatterns.get(row)
  if (pattern === undefined) {
    pattern = compilePattern(row.software)
    overridePatterns.set(row, pattern)
  }
  return pattern
}

function changed(timesMs: TimesMs, dataMs: number | undefined): TimesMs {
  if (dataMs === undefined) return timesMs
  const lower = (apiClass: ApiClass | 'join'): number => Math.min(timesMs[apiClass], dataMs)
  return {
    produce: dataMs,
    fetch: dataMs,
    lookup: lower('lookup'),
    metadata: lower('metadata'),
    commit: lower('commit'),
    mutation: lower('mutation'),
    join: lower('join'),
    exempt: 0,
  }
}
