/**
 * A sample of the matrix of limits (`npm run limits` measures all of it): every library, in both directions, against limits on
 * bytes and on requests, all at the same time. Each limit lies above its client's floor and is kept within 1 %.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { startPerfProducer } from '../support/perf-tools.ts'
import {
  bytesLimit,
  CELL_RECORD_BYTES,
  type Cell,
  cellOf,
  FETCH_TOPIC,
  quotaOf,
  requestsLimit,
  runCell,
} from './support/cells.ts'
import { assertUnharmed, isKept, limitScene, report, type Scene } from './support/limits.ts'
import { warmUp } from './support/warm-up.ts'

/** 160 MB: more than one consumer reads at 2 MB/s until it was measured three times. */
const RECORDS = 40_000

const CELLS: readonly Cell[] = [
  cellOf('kafkajs', 'produce', bytesLimit(2), 2, 1),
  cellOf('kafkajs', 'fetch', bytesLimit(2), 2, 1),
  // Five requests of up to 1 MB, none of them held longer than 3 s: 1 MB/s would be below its floor.
  cellOf('sarama', 'produce', bytesLimit(3), 1, 1),
  cellOf('sarama', 'fetch', bytesLimit(2), 2, 1),
  cellOf('franz-go', 'produce', bytesLimit(2), 2, 1),
  cellOf('franz-go', 'fetch', bytesLimit(2), 2, 1),
  cellOf('java', 'produce', requestsLimit(50), 1, 1),
  cellOf('librdkafka', 'fetch', requestsLimit(20), 2, 1),
]

test('limits are kept by every library', { timeout: 400_000 }, async (context) => {
  const scene = await limitScene(context, CELLS.map(quotaOf))
  if (scene === undefined || !(await requireClient(context, 'java'))) return
  const { internalBootstrap: bootstrap } = scene.kafka
  await createTopic(bootstrap, { topic: FETCH_TOPIC })
  const filling = { bootstrap, topic: FETCH_TOPIC, records: RECORDS, recordBytes: CELL_RECORD_BYTES }
  const filled = startPerfProducer(filling, context.signal).then(({ ended }) => ended)
  assert.deepEqual(await Promise.all([filled, warmUp(scene.kafka)]), [0, undefined])
  await context.test('all at the same time', { concurrency: true }, async (together) => {
    await Promise.all(CELLS.map((cell) => together.test(cell.id, (t) => keepsItsLimit(t, scene, cell))))
  })
})

async function keepsItsLimit(context: TestContext, scene: Scene, cell: Cell): Promise<void> {
  if (!(await requireClient(context, cell.library))) return
  const { ofLimit = 0, excess = 0, complaints, ...rest } = await runCell(context, scene, cell)
  await report(context, cell.id, { limit: cell.limit.perSecond, ofLimit, excess, ...rest })
  assertUnharmed({ ...rest, complaints })
  assert.equal(rest.belowFloor, 0, 'nothing had to be let go before its time')
  assert.ok(isKept({ ofLimit, excess }), `${ofLimit} of the limit, ${excess} without what was saved up`)
}
