/** Two producers that share one bucket and both flood get equal shares of it, ±5 %, and together the limit ±1 %. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { waitFor } from '../support/wait.ts'
import { type FloodLibrary, startProducers } from './support/flood.ts'
import { assertUnharmed, burstOver, limitScene, rateIn, report, type Scene, windowAfter } from './support/limits.ts'
import { type Exchange, PRODUCE } from './support/witness.ts'

const BYTES_PER_SECOND = 5_000_000
const RECORD_BYTES = 4_000
const LIBRARIES: readonly FloodLibrary[] = ['java', 'librdkafka']
const SHARE_TOLERANCE = 0.05
const LIMIT_TOLERANCE = 0.01

// No `per`: all that match share one bucket.
const QUOTAS = LIBRARIES.map((library) => ({
  name: `shared-${library}`,
  limit: { produceBytes: '5 MB/s' },
  match: { clientId: `${library}-*` },
}))

const bytesOf = ({ requestBytes }: Exchange): number => requestBytes

test('two producers that share a bucket share it equally', { timeout: 180_000, concurrency: true }, async (context) => {
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined) return
  await Promise.all(
    LIBRARIES.map((library) => context.test(`two of ${library}`, (t) => sharesAreEqual(t, scene, library))),
  )
})

async function sharesAreEqual(context: TestContext, scene: Scene, library: FloodLibrary): Promise<void> {
  if (!(await requireClient(context, library))) return
  const { kafka, sluice, witness } = scene
  const clientIds = [`${library}-left`, `${library}-right`]
  await Promise.all(clientIds.map((topic) => createTopic(kafka.internalBootstrap, { topic })))
  const floods = await Promise.all(
    clientIds.map((clientId) =>
      startProducers(context, {
        ...{ library, bootstrap: sluice.bootstrap, topic: clientId, clientId },
        ...{ connections: 1, recordBytes: RECORD_BYTES },
      }),
    ),
  )
  const both = (): Exchange[] => witness.exchanges.filter((e) => e.apiKey === PRODUCE && clientIds.includes(e.clientId))
  const startsMs = await Promise.all(
    clientIds.map((id) =>
      waitFor(`${id} is at work`, () => witness.of(PRODUCE, id)[0]?.startMs, { timeoutMs: 60_000 }),
    ),
  )
  const window = await windowAfter(
    library,
    Math.max(...startsMs, await burstOver(library, both, bytesOf, BYTES_PER_SECOND)),
  )
  const ofLimit = rateIn(window, both(), bytesOf).bytesPerSecond / BYTES_PER_SECOND
  const rates = clientIds.map((id) => rateIn(window, witness.of(PRODUCE, id), bytesOf).bytesPerSecond)
  for (const flood of floods) assertUnharmed(await flood.stop())
  const ofHalf = rates.map((rate) => (2 * rate) / (BYTES_PER_SECOND * ofLimit))
  const [left = 0, right = 0] = ofHalf
  await report(context, `one bucket of 5 MB/s, two of ${library}`, { limit: BYTES_PER_SECOND, ofLimit, left, right })
  assert.ok(Math.abs(ofLimit - 1) <= LIMIT_TOLERANCE, `together ${ofLimit} of the limit`)
  for (const share of ofHalf)
    assert.ok(Math.abs(share - 1) <= SHARE_TOLERANCE, `${left} and ${right} of half the limit`)
}
