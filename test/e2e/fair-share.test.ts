/** Two producers that share one bucket and both flood get equal shares of it, ±5 %, and together the limit ±1 %. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { type FloodLibrary, startProducers } from './support/flood.ts'
import {
  assertUnharmed,
  limitScene,
  measureFlood,
  PRODUCE_BYTES,
  rateIn,
  report,
  type Scene,
} from './support/limits.ts'
import { type Exchange, PRODUCE } from './support/witness.ts'

const BYTES_PER_SECOND = 5_000_000
const RECORD_BYTES = 4_000
const LIBRARIES: readonly FloodLibrary[] = ['java', 'librdkafka']
const SHARE_TOLERANCE = 0.05
const LIMIT_TOLERANCE = 0.01
const ATTEMPTS_MAX = 5

// No `per`: all that match share one bucket.
const QUOTAS = LIBRARIES.map((library) => ({
  name: `shared-${library}`,
  limit: { produceBytes: '5 MB/s' },
  match: { clientId: `${library}-*` },
}))

test('two producers that share a bucket share it equally', { timeout: 400_000, concurrency: true }, async (context) => {
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined) return
  await Promise.all(
    LIBRARIES.map((library) => context.test(`two of ${library}`, (t) => sharesAreEqual(t, scene, library))),
  )
})

async function sharesAreEqual(context: TestContext, scene: Scene, library: FloodLibrary): Promise<void> {
  if (!(await requireClient(context, library))) return
  for (let attempt = 1; ; attempt++) {
    const shares = await measureShares(context, scene, library, attempt)
    if (shares === undefined) {
      // One of them got no processor to flood with.
      assert.ok(attempt < ATTEMPTS_MAX, `after ${attempt} attempts the bucket was not used up`)
      continue
    }
    const { left, right } = shares
    for (const share of [left, right])
      assert.ok(Math.abs(share - 1) <= SHARE_TOLERANCE, `${left} and ${right} of half the limit`)
    return
  }
}

/** Each one's part of half of what went through; undefined when that was less than the limit, which says nothing of fairness. */
async function measureShares(
  context: TestContext,
  { kafka, sluice, witness }: Scene,
  library: FloodLibrary,
  attempt: number,
): Promise<{ left: number; right: number } | undefined> {
  const clientIds = [`${library}-left-${attempt}`, `${library}-right-${attempt}`]
  await Promise.all(clientIds.map((topic) => createTopic(kafka.internalBootstrap, { topic })))
  const floods = await Promise.all(
    clientIds.map((clientId) =>
      startProducers(context, {
        ...{ library, bootstrap: sluice.bootstrap, topic: clientId, clientId },
        ...{ connections: 1, recordBytes: RECORD_BYTES },
      }),
    ),
  )
  const both = (): readonly Exchange[] => witness.ofAll(PRODUCE, clientIds)
  const name = `one bucket of 5 MB/s, two of ${library}`
  const measured = await measureFlood({
    ...{ name, floods, exchanges: both, measure: PRODUCE_BYTES, perSecond: BYTES_PER_SECOND },
    begunMs: () => lastOf(clientIds.map((id) => witness.of(PRODUCE, id)[0]?.startMs)),
  })
  for (const flood of floods) assertUnharmed(await flood.stop())
  if (measured === undefined) return undefined
  const rates = clientIds.map((id) => rateIn(measured.window, witness.of(PRODUCE, id), PRODUCE_BYTES.costOf))
  const [left = 0, right = 0] = rates.map((rate) => (2 * (rate?.perSecond ?? 0)) / measured.perSecond)
  const { ofLimit } = measured
  await report(context, name, { limit: BYTES_PER_SECOND, ofLimit, left, right, attempt })
  return ofLimit < 1 - LIMIT_TOLERANCE ? undefined : { left, right }
}

/** The latest of these times once all are there. */
function lastOf(timesMs: readonly (number | undefined)[]): number | undefined {
  return timesMs.reduce((last, timeMs) =>
    last === undefined || timeMs === undefined ? undefined : Math.max(last, timeMs),
  )
}
