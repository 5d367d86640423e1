/**
 * How one bucket is divided among clients that all want more than there is, seen at the broker's door: equally among equal
 * connections, by weight, by priority, and nothing is left unused when one of them stops. All cases run side by side, each with a
 * bucket of its own. A client that got no processor to flood with, for a tenth of a second, leaves its part to
 * others, as it should; such a case gets another chance.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { requireClient } from '../support/clients.ts'
import { type Flood, type FloodLibrary, startProducers } from './support/flood.ts'
import { assertUnharmed, limitScene, report, type Scene, type Window } from './support/limits.ts'
import { rateOver, stretchOf, waitWith } from './support/stretch.ts'
import { type Exchange, PRODUCE } from './support/witness.ts'

const BYTES_PER_SECOND = 1_000_000
const CONNECTIONS = 10
const RECORD_BYTES = 2_000
/** After the burst those that began together have fallen into step. */
const SETTLE_SECONDS = 2
const WINDOW_SECONDS = 10
const JAIN_LEAST = 0.99
const SHARE_TOLERANCE = 0.05
const LIMIT_TOLERANCE = 0.02
const WEIGHTS: Readonly<Record<string, number>> = { gold: 4, silver: 2, plain: 1 }
const MINIMUM = 0.1
/** What high leaves in moments without a processor, low takes. */
const HIGH_LEAST = 0.8
/** Small: credit from a moment in which the machine was busy elsewhere is no part of the shares. */
const BURST_SECONDS = 0.2
const ATTEMPTS_MAX = 3
/**
 * Requests of 8 kB, so that one at a window's edge does not count, and two seconds' worth on the way: librdkafka would put 8 MB into the
 * kernel, which at a tenth of the limit is older than it bears.
 */
const LIBRDKAFKA = { 'batch.num.messages': 4, 'queue.buffering.max.messages': 1_000 }
const LIBRDKAFKA_OF_TEN = { ...LIBRDKAFKA, 'queue.buffering.max.messages': 100 }

const terms = { limit: { produceBytes: `${BYTES_PER_SECOND} B/s` }, burst: `${BURST_SECONDS}s` }
const QUOTAS = [
  { name: 'equal', ...terms, match: { clientId: 'equal-*' }, per: ['clientId'] },
  {
    ...{ name: 'weights', ...terms, match: { clientId: 'weight-*' }, share: { by: ['clientId'] } },
    overrides: Object.entries(WEIGHTS).map(([name, weight]) => ({ clientId: `weight-${name}-*`, weight })),
  },
  {
    ...{ name: 'classes', ...terms, match: { clientId: 'class-*' }, share: { by: ['clientId'], minimum: '10%' } },
    overrides: ['high', 'low'].map((priority) => ({ clientId: `class-${priority}-*`, priority })),
  },
]

test('one bucket is divided as its quota says', { timeout: 300_000, concurrency: true }, async (context) => {
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined) return
  const libraries: readonly FloodLibrary[] = ['java', 'librdkafka']
  await Promise.all([
    ...libraries.map((library) =>
      context.test(`${CONNECTIONS} equal connections of ${library} get equal parts`, (t) =>
        untilRight(t, library, (attempt) => partsAreEqual(t, scene, library, attempt)),
      ),
    ),
    context.test('weights 1:2:4, and the rest takes what the heaviest leaves', (t) =>
      untilRight(t, 'librdkafka', (attempt) => weightsCount(t, scene, attempt)),
    ),
    context.test('the low class keeps its minimum beside a high one that floods', (t) =>
      untilRight(t, 'librdkafka', (attempt) => lowIsNotStarved(t, scene, attempt)),
    ),
  ])
})

/** Measures until there is nothing to complain of; what exceeds the limit is never right, and is asserted at once. */
async function untilRight(
  context: TestContext,
  library: FloodLibrary,
  measure: (attempt: number) => Promise<readonly string[]>,
): Promise<void> {
  if (!(await requireClient(context, library))) return
  for (let attempt = 1; ; attempt++) {
    const complaints = await measure(attempt)
    if (complaints.length === 0) return
    for (const complaint of complaints) context.diagnostic(complaint)
    assert.ok(attempt < ATTEMPTS_MAX, `${complaints.join('; ')}, after ${attempt} attempts`)
  }
}

/** What is wrong with a figure, if anything is. */
function unless(isRight: boolean, complaint: string): string[] {
  return isRight ? [] : [complaint]
}

/** Whether the bucket was used up. */
function totalOf(ofLimit: number): string[] {
  assert.ok(ofLimit <= 1 + LIMIT_TOLERANCE + BURST_SECONDS / WINDOW_SECONDS, `${ofLimit} of the limit`)
  return unless(ofLimit >= 1 - LIMIT_TOLERANCE, `only ${ofLimit} of the limit was used`)
}

async function startFlood(
  context: TestContext,
  { kafka, sluice }: Scene,
  library: FloodLibrary,
  clientId: string,
  connections = 1,
): Promise<Flood> {
  await createTopic(kafka.internalBootstrap, { topic: clientId })
  const settings = library === 'java' ? {} : connections === 1 ? LIBRDKAFKA : LIBRDKAFKA_OF_TEN
  return startProducers(context, {
    ...{ library, bootstrap: sluice.bootstrap, topic: clientId, clientId, connections, recordBytes: RECORD_BYTES },
    settings,
  })
}

const bytesOf = ({ requestBytes }: Exchange): number => requestBytes

/** Waits until every connection has sent something, and a little longer. */
async function settle(
  { witness }: Scene,
  floods: readonly Flood[],
  clientIds: readonly string[],
  each = 1,
): Promise<void> {
  const connectionsOf = (clientId: string): Set<number> =>
    new Set(witness.of(PRODUCE, clientId).map(({ connection }) => connection))
  await waitWith(`${clientIds.join(', ')} have begun`, floods, () =>
    clientIds.every((clientId) => connectionsOf(clientId).size >= each),
  )
  await stretchOf(SETTLE_SECONDS, floods)
}

async function partsAreEqual(
  context: TestContext,
  scene: Scene,
  library: FloodLibrary,
  attempt: number,
): Promise<readonly string[]> {
  const clientId = `equal-${library}-${attempt}`
  const floods = [await startFlood(context, scene, library, clientId, CONNECTIONS)]
  await settle(scene, floods, [clientId], CONNECTIONS)
  const window = await stretchOf(WINDOW_SECONDS, floods)
  for (const one of floods) assertUnharmed(await one.stop())
  const exchanges = scene.witness.of(PRODUCE, clientId)
  const parts = Object.values(Object.groupBy(exchanges, ({ connection }) => connection)).map((own) =>
    rateOver(window, own ?? [], bytesOf),
  )
  const jain = jainOf(parts)
  const ofLimit = rateOver(window, exchanges, bytesOf) / BYTES_PER_SECOND
  await report(context, `${CONNECTIONS} equal connections, ${library}`, { jain, ofLimit, attempt })
  assert.equal(parts.length, CONNECTIONS)
  return [...totalOf(ofLimit), ...unless(jain >= JAIN_LEAST, `Jain's index is ${jain}: ${parts}`)]
}

/** Jain's index of fairness: 1 when all are equal, 1 ÷ n when one has everything. */
function jainOf(parts: readonly number[]): number {
  const sum = parts.reduce((all, part) => all + part, 0)
  return sum ** 2 / (parts.length * parts.reduce((all, part) => all + part ** 2, 0))
}

async function weightsCount(context: TestContext, scene: Scene, attempt: number): Promise<readonly string[]> {
  const names = Object.keys(WEIGHTS)
  const clientIds = names.map((name) => `weight-${name}-${attempt}`)
  const floods = await Promise.all(clientIds.map((clientId) => startFlood(context, scene, 'librdkafka', clientId)))
  await settle(scene, floods, clientIds)
  const all = await stretchOf(WINDOW_SECONDS, floods)
  assertUnharmed(await floods[0]!.stop())
  const rest = floods.slice(1)
  await stretchOf(1, rest)
  const without = await stretchOf(WINDOW_SECONDS / 2, rest)
  for (const one of rest) assertUnharmed(await one.stop())
  return [
    ...(await weighted(context, scene, all, names, attempt, 'weights 4:2:1')),
    ...(await weighted(context, scene, without, names.slice(1), attempt, 'weights 2:1, the heaviest has stopped')),
  ]
}

/** What each has of its part of the limit, by weight. */
async function weighted(
  context: TestContext,
  { witness }: Scene,
  window: Window,
  names: readonly string[],
  attempt: number,
  what: string,
): Promise<readonly string[]> {
  const weights = names.reduce((sum, name) => sum + WEIGHTS[name]!, 0)
  const rates = names.map((name) => rateOver(window, witness.of(PRODUCE, `weight-${name}-${attempt}`), bytesOf))
  const sum = rates.reduce((all, rate) => all + rate, 0)
  const ofLimit = sum / BYTES_PER_SECOND
  const parts = names.map((name, i) => [name, (rates[i]! * weights) / (sum * WEIGHTS[name]!)] as const)
  await report(context, what, { ofLimit, ...Object.fromEntries(parts), attempt })
  const off = parts.filter(([, part]) => Math.abs(part - 1) > SHARE_TOLERANCE)
  return [...totalOf(ofLimit), ...off.map(([name, part]) => `${what}: ${name} has ${part} of its part`)]
}

async function lowIsNotStarved(context: TestContext, scene: Scene, attempt: number): Promise<readonly string[]> {
  const clientIds = ['high', 'low'].map((name) => `class-${name}-${attempt}`)
  const floods = await Promise.all(clientIds.map((clientId) => startFlood(context, scene, 'librdkafka', clientId)))
  await settle(scene, floods, clientIds)
  const window = await stretchOf(WINDOW_SECONDS, floods)
  for (const one of floods) assertUnharmed(await one.stop())
  const [high = 0, low = 0] = clientIds.map(
    (clientId) => rateOver(window, scene.witness.of(PRODUCE, clientId), bytesOf) / BYTES_PER_SECOND,
  )
  await report(context, 'priority high and low, minimum 10 %', { high, low, attempt })
  return [
    ...totalOf(high + low),
    ...unless(low >= MINIMUM - LIMIT_TOLERANCE / 2, `low has ${low} of the limit`),
    ...unless(high >= HIGH_LEAST, `high has ${high} of the limit, low ${low}`),
  ]
}
