/**
 * Fetch limits with consumers that read as fast as they can: the bytes of the answers, seen at the broker's door, are the limit
 * ±1 %. A Fetch is placed at its start, as the limiter does: what it will bring is reserved then.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { startPerfProducer } from '../support/perf-tools.ts'
import { type FloodLibrary, startConsumers } from './support/flood.ts'
import { assertLimitHolds, FETCH_BYTES, limitScene, type Scene } from './support/limits.ts'

const MB = 1_000_000
const TOPIC = 'data'
const RECORD_BYTES = 4_000
/** 248 MB: more than one consumer reads at 10 MB/s until it was measured. */
const RECORDS = 62_000
const CASES: readonly (readonly [FloodLibrary, number])[] = [
  ['java', 1],
  ['java', 8],
  ['librdkafka', 1],
  ['librdkafka', 8],
]

const QUOTAS = [1, 10].map((mb) => ({
  name: `fetch-${mb}`,
  limit: { fetchBytes: `${mb} MB/s` },
  match: { clientId: `at-${mb}-MB-*` },
  per: ['clientId'],
}))

test('fetch limits hold for consumers that read all they can', {
  timeout: 600_000,
  concurrency: true,
}, async (context) => {
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined || !(await requireClient(context, 'java'))) return
  const { kafka } = scene
  await createTopic(kafka.internalBootstrap, { topic: TOPIC })
  const filling = { bootstrap: kafka.internalBootstrap, topic: TOPIC, records: RECORDS, recordBytes: RECORD_BYTES }
  assert.equal(await (await startPerfProducer(filling, context.signal)).ended, 0)
  await Promise.all(
    [1, 10].map((mb) => context.test(`${mb} MB/s`, { concurrency: true }, (t) => limitHolds(t, scene, mb))),
  )
  const metrics = await scene.sluice.metrics()
  assert.equal(metrics.value('sluice_quota_floor_exceeded_total'), 0, 'no Fetch had to be let go before its time')
})

async function limitHolds(context: TestContext, { sluice, witness }: Scene, mb: number): Promise<void> {
  await Promise.all(
    CASES.map(([library, connections]) =>
      context.test(`${library} over ${connections} connection(s)`, async (t) => {
        if (!(await requireClient(t, library))) return
        const flood = { library, bootstrap: sluice.bootstrap, topic: TOPIC, connections, recordBytes: RECORD_BYTES }
        await assertLimitHolds(t, {
          name: `fetch ${mb} MB/s, ${library}, ${connections} connection(s)`,
          clientId: `at-${mb}-MB-${library}-${connections}`,
          perSecond: mb * MB,
          measure: FETCH_BYTES,
          witness,
          start: (clientId) => startConsumers(t, { ...flood, clientId }),
        })
      }),
    ),
  )
}
