/**
 * The file is rewritten again and again while real producers flood: no connection is lost, no record lost, doubled or out of its turn. What waits
 * under a quota goes as soon as the quota is gone, and a new limit with `rampIn` comes down in steps.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { type ClientConfig, type ClientName, requireClient, runClient } from '../support/clients.ts'
import { waitFor } from '../support/wait.ts'
import { assertUnharmed, limitScene, report, type Scene } from './support/limits.ts'
import { startProgram } from './support/program-flood.ts'
import { rateOver, waitWith } from './support/stretch.ts'
import { type Exchange, PRODUCE } from './support/witness.ts'

const LIBRARIES: readonly ClientName[] = ['java', 'librdkafka']
const RECORD_BYTES = 4_000
/** As Java's: a large request would be let go before its time. */
const SMALL_REQUESTS: Readonly<Record<string, ClientConfig['producer']>> = { librdkafka: { 'batch.num.messages': 4 } }
/** Between the reloads, and how often. */
const PAUSE_MS = 100
const RELOADS = 50
const RATES = ['300 kB/s', '2 MB/s', '600 kB/s', '1 MB/s']
const BURST_SECONDS = 0.2
/** So little that the records that wait would take minutes. */
const TRICKLE = '20 kB/s'
const WAITING_RECORDS = 1_000
/** Java waits for as long as it was told last, ten seconds at most. */
const WAITS_MAX_SECONDS = 40
const RAMP_SECONDS = 8
const USED_PER_SECOND = 800_000
const RAMPED_PER_SECOND = 200_000

test('a reload under load', { timeout: 300_000 }, async (context) => {
  for (const library of LIBRARIES) if (!(await requireClient(context, library))) return
  const scene = await limitScene(context, [quota('1 MB/s')])
  if (scene === undefined) return
  await context.test('every 100 ms harms nobody', (t) => harmsNobody(t, scene))
  await context.test('a quota that is removed lets go at once', (t) => letsGo(t, scene))
  await context.test('a new limit ramps in', (t) => rampsIn(t, scene))
  // One that was read while it was being written is refused and read again.
  await waitFor(
    'the last one is in force',
    async () => (await scene.sluice.metrics()).value('sluice_config_valid') === 1,
  )
})

function quota(rate: string, more: object = {}): object {
  const clientId = LIBRARIES.map((library) => `${library}-*`)
  return {
    name: 'all',
    limit: { produceBytes: rate },
    burst: `${BURST_SECONDS}s`,
    match: { clientId },
    per: ['clientId'],
    ...more,
  }
}

/** One of the libraries, numbering its records, until it is told to stop; then it waits for all answers. */
async function startFlood(
  context: TestContext,
  { kafka, sluice }: Scene,
  library: ClientName,
  name: string,
  more: Partial<ClientConfig> = {},
): ReturnType<typeof startProgram> {
  const topic = `${library}-${name}`
  await createTopic(kafka.internalBootstrap, { topic })
  return startProgram(context, library, 'produce', {
    ...{ bootstrap: sluice.bootstrap, topic, clientId: topic, run: topic, recordBytes: RECORD_BYTES },
    ...{ idempotent: true, drain: true, maxPending: 500, ...more },
    producer: SMALL_REQUESTS[library] ?? {},
  })
}

/** What was acknowledged is stored once and in order. */
async function assertStored(
  { bootstrap }: KafkaCluster,
  topic: string,
  acked: number,
  signal: AbortSignal,
): Promise<void> {
  const reading = { bootstrap, topic, run: topic, count: acked }
  const { received, lost, duplicates, outOfOrder } = await runClient('platformatic', 'consume', reading, { signal })
  assert.deepEqual(
    { received, lost, duplicates, outOfOrder },
    { received: acked, lost: 0, duplicates: 0, outOfOrder: 0 },
  )
}

async function harmsNobody(context: TestContext, scene: Scene): Promise<void> {
  const { kafka, sluice } = scene
  const floods = await Promise.all(LIBRARIES.map((library) => startFlood(context, scene, library, 'flood')))
  const held = async (): Promise<number> =>
    (await sluice.metrics()).value('sluice_throttled_requests_total', { quota: 'all', action: 'stamped' })
  await waitWith('both are limited', floods, async () => (await held()) > LIBRARIES.length)
  for (let i = 0; i < RELOADS; i++) {
    await Promise.all([delay(PAUSE_MS), sluice.reload([quota(RATES[i % RATES.length]!)])])
  }
  const before = await held()
  await sluice.reload([quota('2 MB/s')])
  for (const flood of floods) assertUnharmed(await flood.stop())
  assert.ok(before > RELOADS, `${before} requests were told to wait: the limit was in force all the time`)
  const closed = (await sluice.metrics())
    .series('sluice_disconnects_total')
    .filter(({ labels, value }) => value > 0 && labels['reason'] !== 'client_closed')
  assert.deepEqual(closed, [])
  for (const flood of floods) {
    const { sent, acked } = await flood.client.result
    assert.equal(acked, sent)
  }
  await Promise.all(
    LIBRARIES.map(async (library, i) =>
      assertStored(kafka, `${library}-flood`, (await floods[i]!.client.result).acked, context.signal),
    ),
  )
}

async function letsGo(context: TestContext, scene: Scene): Promise<void> {
  const { sluice } = scene
  await sluice.reload([quota(TRICKLE)])
  const more = { count: WAITING_RECORDS, maxPending: WAITING_RECORDS }
  const floods = await Promise.all(LIBRARIES.map((library) => startFlood(context, scene, library, 'waiting', more)))
  const acked = (): number[] => floods.map(({ client }) => client.latest?.acked ?? 0)
  await waitWith('both wait', floods, async () => {
    const metrics = await sluice.metrics()
    return (
      acked().every((count) => count > 0) && metrics.value('sluice_throttled_requests_total', { action: 'held' }) > 0
    )
  })
  for (const count of acked()) assert.ok(count < WAITING_RECORDS / 2, `${count} have gone before`)
  const removedMs = performance.now()
  await sluice.reload([])
  const results = await Promise.all(floods.map(({ client }) => client.result))
  const seconds = (performance.now() - removedMs) / 1000
  await report(context, 'what waited has gone after the quota was removed', { seconds })
  for (const { acked: all, errors, timeouts, disconnects } of results) {
    assert.deepEqual(
      { all, errors, timeouts, disconnects },
      { all: WAITING_RECORDS, errors: 0, timeouts: 0, disconnects: 0 },
    )
  }
  // A Java client that was told to wait does so; at the old rate it would be minutes.
  assert.ok(seconds < WAITS_MAX_SECONDS, `it took ${seconds} s`)
}

async function rampsIn(context: TestContext, scene: Scene): Promise<void> {
  const { sluice, witness } = scene
  const clientId = 'librdkafka-ramp'
  const flood = await startFlood(context, scene, 'librdkafka', 'ramp', {
    bytesPerSecond: USED_PER_SECOND,
  })
  const seconds = (count: number): Promise<unknown> => {
    const untilMs = performance.now() + count * 1000
    return waitWith(`${count} s are over`, [flood], () => performance.now() > untilMs)
  }
  await waitWith('it has begun', [flood], () => witness.of(PRODUCE, clientId).length > 0)
  await seconds(2)
  await sluice.reload([quota(`${RAMPED_PER_SECOND} B/s`, { rampIn: `${RAMP_SECONDS}s` })])
  const fromMs = performance.now()
  await seconds(RAMP_SECONDS + 4)
  assertUnharmed(await flood.stop())
  const rates = Array.from({ length: (RAMP_SECONDS + 4) / 2 }, (_, i) => {
    const window = { fromMs: fromMs + i * 2000, toMs: fromMs + (i + 1) * 2000 }
    return (
      rateOver(window, witness.of(PRODUCE, clientId), ({ requestBytes }: Exchange) => requestBytes) / RAMPED_PER_SECOND
    )
  })
  await report(
    context,
    'a limit that ramps in, by the limit, every 2 s',
    Object.fromEntries(rates.map((rate, i) => [`after ${2 * i} s`, rate])),
  )
  const [first = 0, second = 0, third = 0, fourth = 0] = rates
  assert.ok(first > second && second > third && third > fourth, `it does not come down step by step: ${rates}`)
  assert.ok(second > 1.2 && second < USED_PER_SECOND / RAMPED_PER_SECOND, `half-way it is ${second} of the limit`)
  const end = (rates.at(-1)! + rates.at(-2)!) / 2
  assert.ok(Math.abs(end - 1) < 0.05 + BURST_SECONDS / 4, `at the end it is ${end} of the limit`)
}
