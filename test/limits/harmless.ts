/**
 * That a limit does no harm: every library, at its default settings, wants ten times its limits for minutes, as a producer and
 * as a group of two. Nothing times out, no connection is lost, no group turns, and every record is there once, in order.
 */
import { createTopic, endOffsets, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { FLOOD_LIBRARIES, type FloodLibrary } from '../e2e/support/flood.ts'
import { groupView } from '../e2e/support/group-view.ts'
import { kafkaFor, type RunningSluice, startSluice } from '../e2e/support/sluice.ts'
import { warmUp } from '../e2e/support/warm-up.ts'
import {
  type ClientConfig,
  type ClientEvent,
  type ClientResult,
  type RunningClient,
  runClient,
  startClient,
} from '../support/clients.ts'
import { waitFor } from '../support/wait.ts'
import { markdownTable } from './document.ts'
import { type Scope, scoped } from './scope.ts'

/** Above the floor of all of them: Sarama fills five requests of 1 MB, none of which may be held longer than 3 s. */
const LIMIT_BYTES_PER_SECOND = 2_000_000
const OFFERED_BYTES_PER_SECOND = 10 * LIMIT_BYTES_PER_SECOND
const RECORD_BYTES = 1_000
const PARTITIONS = 6
const MEMBERS = 2
const BACKLOG = 'backlog'
/** The members' last turn before they are taken to have settled. */
const SETTLED_MS = 10_000
const SLOW = { timeoutMs: 180_000, pollMs: 500 } as const
/** A reader that waits for a record that was lost has to end some time. */
const READ_SECONDS_MAX = 180
const TURNS = /assigned|revoked|session/

export interface HarmlessResult {
  readonly at: string
  readonly seconds: number
  readonly produce: Side
  readonly consume: Side & {
    readonly rebalances: number
    /** What the members told of them, and how many seconds after they had settled. */
    readonly turns: readonly string[]
  }
}

interface Side {
  readonly records: number
  readonly throttled: number
  readonly belowFloor: number
  readonly timeouts: number
  readonly disconnects: number
  readonly errors: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  readonly complaints: readonly string[]
}

/** These libraries at the same time, for `seconds`; what each met. */
export async function runHarmless(
  libraries: readonly FloodLibrary[],
  seconds: number,
  signal: AbortSignal,
  done: (library: FloodLibrary, result: HarmlessResult) => Promise<void>,
): Promise<void> {
  await scoped(signal, async (scope) => {
    const kafka = await kafkaFor(scope)
    if (kafka === undefined) return
    await warmUp(kafka)
    const sluice = await startSluice(scope, { upstream: kafka, quotas: libraries.flatMap(quotasOf) })
    const backlog = await fillBacklog(kafka, seconds)
    const runs = await Promise.all(libraries.map((library) => start(scope, kafka, sluice, library, seconds)))
    console.log(`${libraries.join(', ')}: ${OFFERED_BYTES_PER_SECOND / 1e6} MB/s each way, for ${seconds} s`)
    for (const { producing } of runs) await producing.result
    const metrics = await sluice.metrics()
    // What is left of the backlog is read without limits, so that a gap can be told from what had not been read yet.
    await sluice.reload([])
    for (const run of runs) {
      const { library } = run
      const produce = { ...(await producedSide(kafka, run)), ...countsOf(metrics, `${library}-produce`) }
      const consume = { ...(await consumedSide(run, backlog)), ...countsOf(metrics, `${library}-fetch`) }
      await done(library, { at: new Date().toISOString(), seconds, produce, consume })
    }
  })
}

function quotasOf(library: FloodLibrary): object[] {
  const [limit, match] = [`${LIMIT_BYTES_PER_SECOND} B/s`, { clientId: library }]
  return [
    { name: `${library}-produce`, limit: { produceBytes: limit }, match },
    { name: `${library}-fetch`, limit: { fetchBytes: limit }, match },
  ]
}

function countsOf(
  metrics: Awaited<ReturnType<RunningSluice['metrics']>>,
  quota: string,
): Pick<Side, 'throttled' | 'belowFloor'> {
  return {
    throttled: metrics.value('sluice_throttled_requests_total', { quota }),
    belowFloor: metrics.value('sluice_quota_floor_exceeded_total', { quota }),
  }
}

/** More than a group reads at its limit; returns how many records. */
async function fillBacklog(kafka: KafkaCluster, seconds: number): Promise<number> {
  const count = Math.ceil((1.2 * (seconds + 60) * LIMIT_BYTES_PER_SECOND) / RECORD_BYTES)
  console.log(`filling a topic with ${Math.ceil((count * RECORD_BYTES) / 1e6)} MB`)
  await createTopic(kafka.internalBootstrap, { topic: BACKLOG, partitions: PARTITIONS })
  const config = { bootstrap: kafka.internalBootstrap, topic: BACKLOG, count, recordBytes: RECORD_BYTES, run: BACKLOG }
  const { acked, events } = await runClient('platformatic', 'produce', config)
  if (acked !== count) throw new Error(`the backlog could not be filled: ${JSON.stringify(events)}`)
  return count
}

interface Run {
  readonly library: FloodLibrary
  readonly producing: RunningClient
  readonly consuming: RunningClient
  /** When the group had settled, on performance.now()'s clock. */
  readonly settledMs: number
}

async function start(
  scope: Scope,
  kafka: KafkaCluster,
  { bootstrap }: RunningSluice,
  library: FloodLibrary,
  seconds: number,
): Promise<Run> {
  await createTopic(kafka.internalBootstrap, { topic: library, partitions: PARTITIONS })
  const shared: ClientConfig = { bootstrap, topic: BACKLOG, clientId: library }
  const consuming = await startClient(library, 'consume', {
    ...shared,
    group: library,
    run: BACKLOG,
    connections: MEMBERS,
  })
  scope.after(() => consuming.kill())
  await waitFor(`the group of ${library} has settled`, () => hasSettled(kafka, library, consuming), SLOW)
  const settledMs = performance.now()
  const producing = await startClient(library, 'produce', {
    ...{ ...shared, topic: library, run: library, recordBytes: RECORD_BYTES },
    ...{ bytesPerSecond: OFFERED_BYTES_PER_SECOND, seconds, drain: true },
    // Where the library has it. kafkajs's fails by its own doing when several sends are under way, and without it several change
    // places, straight at a broker as well: who wants order there waits for each call of our program's 100 records.
    ...(library === 'kafkajs' ? { maxPending: 100 } : { idempotent: true }),
  })
  scope.after(() => producing.kill())
  return { library, producing, consuming, settledMs }
}

function turnsOf(events: readonly ClientEvent[]): readonly ClientEvent[] {
  return events.filter(({ kind }) => TURNS.test(kind))
}

/** Both members are in the group, have read, and have not turned for a while. */
async function hasSettled(kafka: KafkaCluster, group: string, { events, latest }: RunningClient): Promise<boolean> {
  const last = turnsOf(events).at(-1)
  if (last === undefined || performance.now() - last.atMs < SETTLED_MS || (latest?.received ?? 0) === 0) return false
  const { stable, members } = await groupView(kafka, group, 'classic')
  return stable && Object.keys(members).length === MEMBERS
}

/** Everything that was acknowledged, read again straight from the broker. */
async function producedSide(
  { internalBootstrap: bootstrap }: KafkaCluster,
  { library, producing }: Run,
): Promise<Omit<Side, 'throttled' | 'belowFloor'>> {
  const produced = await producing.result
  const { sent, acked } = produced
  const reading = { bootstrap, topic: library, run: library, count: acked, seconds: READ_SECONDS_MAX }
  const { received, duplicates, outOfOrder } = await runClient('platformatic', 'consume', reading)
  const ends = [...(await endOffsets(bootstrap, library)).values()]
  const stored = Number(ends.reduce((sum, end) => sum + end, 0n))
  const doubled = Math.max(duplicates, stored - acked)
  return { ...harmOf(produced), records: acked, lost: sent - (received - duplicates), doubled, outOfOrder }
}

async function consumedSide(
  { library, consuming, settledMs }: Run,
  backlog: number,
): Promise<Omit<HarmlessResult['consume'], 'throttled' | 'belowFloor'>> {
  await waitFor(`${library} has read all ${backlog} records`, () => (consuming.latest?.received ?? 0) >= backlog, SLOW)
  // Before it leaves: leaving is a turn as well.
  const turns = turnsOf(consuming.events)
    .filter(({ atMs }) => atMs > settledMs)
    .map(({ kind, text, atMs }) => `${((atMs - settledMs) / 1000).toFixed(1)} s: ${kind} ${text}`)
  const consumed = await consuming.stop()
  const { duplicates: doubled, outOfOrder, lost } = consumed
  return { ...harmOf(consumed), records: consumed.received, lost, doubled, outOfOrder, rebalances: turns.length, turns }
}

function harmOf({
  timeouts,
  disconnects,
  errors,
  events,
}: ClientResult): Pick<Side, 'timeouts' | 'disconnects' | 'errors' | 'complaints'> {
  const complaints = events.filter(({ kind }) => ['timeout', 'disconnect', 'error'].includes(kind))
  return {
    timeouts,
    disconnects,
    errors,
    complaints: complaints.slice(0, 5).map(({ kind, text }) => `${kind}: ${text}`),
  }
}

export function harmlessTable(resultOf: (library: FloodLibrary) => HarmlessResult | undefined): string {
  const rows = FLOOD_LIBRARIES.flatMap((library) => {
    const result = resultOf(library)
    if (result === undefined) return []
    const { produce, consume, seconds } = result
    return [
      [library, 'produce', `${seconds} s`, ...sideText(produce), '–'],
      [library, 'fetch, group of two', `${seconds} s`, ...sideText(consume), String(consume.rebalances)],
    ]
  })
  const counted = ['records', 'requests throttled', 'let go below the floor', 'time-outs', 'disconnects', 'errors']
  return markdownTable(['library', 'as', 'for', ...counted, 'lost', 'doubled', 'out of order', 'rebalances'], rows)
}

function sideText({
  records,
  throttled,
  belowFloor,
  timeouts,
  disconnects,
  errors,
  lost,
  doubled,
  outOfOrder,
}: Side): string[] {
  return [records, throttled, belowFloor, timeouts, disconnects, errors, lost, doubled, outOfOrder].map(String)
}

/** Whether anything happened that a limit must not bring about. */
export function isHarmless({ produce, consume }: HarmlessResult): boolean {
  return (
    [produce, consume].every(
      ({ timeouts, disconnects, errors, lost, doubled, outOfOrder }) =>
        timeouts + disconnects + errors + lost + doubled + outOfOrder === 0,
    ) && consume.rebalances === 0
  )
}
