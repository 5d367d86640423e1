/**
 * Produce limits with producers that flood: what comes out at the broker's door, seen by a witness there, is the limit ±1 %, and
 * the clients, at their default settings, notice nothing but a throttle. Cases run side by side to save time; each has a client id,
 * a topic and a bucket of its own.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { waitFor } from '../support/wait.ts'
import { type FloodLibrary, startProducers } from './support/flood.ts'
import { assertLimitHolds, assertUnharmed, limitScene, PRODUCE_BYTES, report, type Scene } from './support/limits.ts'
import { PRODUCE } from './support/witness.ts'

const MB = 1_000_000
/** Not so small that making them is the work, and four go into one of Java's batches. */
const RECORD_BYTES = 4_000
const CASES: readonly (readonly [FloodLibrary, number])[] = [
  ['java', 1],
  ['java', 8],
  ['librdkafka', 1],
  ['librdkafka', 8],
]
/** librdkafka gives up on a request 60 s after it was queued. */
const FLOOR_SECONDS = 75

const QUOTAS = [
  ...[1, 10].map((mb) => ({
    name: `produce-${mb}`,
    limit: { produceBytes: `${mb} MB/s` },
    match: { clientId: `at-${mb}-MB-*` },
    per: ['clientId'],
  })),
  { name: 'floor', limit: { produceBytes: '1 MB/s' }, match: { clientId: 'below-the-floor' } },
]

test('produce limits hold for producers that flood', { timeout: 600_000, concurrency: true }, async (context) => {
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined) return
  await Promise.all([
    context.test('below the floor clients go on undisturbed, and the floor is counted', (t) => belowTheFloor(t, scene)),
    context
      .test('1 MB/s', { concurrency: true }, (t) => limitHolds(t, scene, 1))
      .then(() => context.test('10 MB/s', { concurrency: true }, (t) => limitHolds(t, scene, 10))),
  ])
})

async function limitHolds(context: TestContext, scene: Scene, mb: number): Promise<void> {
  await Promise.all(
    CASES.map(([library, connections]) =>
      context.test(`${library} over ${connections} connection(s)`, async (t) => {
        if (!(await requireClient(t, library))) return
        const { kafka, sluice, witness } = scene
        const topic = `at-${mb}-MB-${library}-${connections}`
        await createTopic(kafka.internalBootstrap, { topic })
        const flood = { library, bootstrap: sluice.bootstrap, topic, connections, recordBytes: RECORD_BYTES }
        await assertLimitHolds(t, {
          name: `produce ${mb} MB/s, ${library}, ${connections} connection(s)`,
          clientId: topic,
          perSecond: mb * MB,
          measure: PRODUCE_BYTES,
          witness,
          start: (clientId) => startProducers(t, { ...flood, clientId }),
        })
      }),
    ),
  )
}

/**
 * Eight librdkafka producers write all they have into the kernel, 8 MB each; at an eighth of 1 MB/s that would be older than
 * the 60 s after which librdkafka gives a request up. So requests are let go before, and that is counted.
 */
async function belowTheFloor(context: TestContext, { kafka, sluice, witness }: Scene): Promise<void> {
  if (!(await requireClient(context, 'librdkafka'))) return
  const clientId = 'below-the-floor'
  await createTopic(kafka.internalBootstrap, { topic: clientId })
  const flood = await startProducers(context, {
    ...{ library: 'librdkafka', bootstrap: sluice.bootstrap, topic: clientId, clientId },
    ...{ connections: 8, recordBytes: RECORD_BYTES },
  })
  const startedMs = performance.now()
  const seconds = (): number => (performance.now() - startedMs) / 1000
  const floorExceeded = async (): Promise<number> =>
    (await sluice.metrics()).value('sluice_quota_floor_exceeded_total', { quota: 'floor' })
  await waitFor('requests were let go', async () => (await floorExceeded()) > 0 && seconds() > FLOOR_SECONDS, {
    timeoutMs: 2 * FLOOR_SECONDS * 1000,
    pollMs: 500,
  })
  const bytes = witness.of(PRODUCE, clientId).reduce((sum, { requestBytes }) => sum + requestBytes, 0)
  await report(context, 'produce below the floor, librdkafka, 8 connections', {
    ...{ limit: MB, bytesPerSecond: bytes / seconds(), floorExceeded: await floorExceeded() },
  })
  assertUnharmed(await flood.stop())
  const advice = sluice.logs.find(({ event }) => event === 'floor_exceeded')
  assert.ok(bytes > 0 && advice !== undefined, 'the log says what would help')
}
