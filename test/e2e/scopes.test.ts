/**
 * Quotas by everything that a quota may ask about, on real Kafka with real clients, all at the same time on one broker: each case has
 * client ids and quotas of its own. Where it is the scope that is shown, a second quota beside it, far lower and with a scope that is
 * not this client's, must not apply.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic, endOffsets } from '../../src/demo/kafka/index.ts'
import { requireClient, runClient } from '../support/clients.ts'
import type { FloodLibrary } from './support/flood.ts'
import {
  assertUnharmed,
  FETCH_BYTES,
  FETCH_RECORDS,
  type LimitCase,
  type Measure,
  measureFlood,
  PRODUCE_BYTES,
  PRODUCE_RECORDS,
  report,
  type Scene,
} from './support/limits.ts'
import { type ProgramFlood, startProgram } from './support/program-flood.ts'
import { kafkaFor, startSluice } from './support/sluice.ts'
import { stretchOf, waitWith } from './support/stretch.ts'
import { PRODUCE, Witness } from './support/witness.ts'

const RECORD_BYTES = 4_000
const BYTES_PER_SECOND = 300_000
const RECORDS_PER_SECOND = 100
/** More than any consumer here reads: 80 s at its limit. */
const DATA_RECORDS = (80 * BYTES_PER_SECOND) / RECORD_BYTES
const DATA = 'data'
/** Seconds' worth on the way, and no more. */
const PENDING_RECORDS = 500
const SETTLE_SECONDS = 3
const WINDOW_SECONDS = 15
/** As long as nothing else is configured. */
const BURST_SECONDS = 1
/**
 * A Fetch brings a burst at most, and a consumer has one under way: it gets its limit only where asking and being answered takes no longer
 * than that burst. With all processes let run for 4 % of the time, in turns, that was 1 to 3 s.
 */
const FETCH_BURST_SECONDS = 3
/** Values make 99 % of a request; a request is stored whole or not at all. */
const STORED_TOLERANCE = 0.04
const TOLERANCE = 0.05
/** A client that got no processor to flood with gets another chance. */
const ATTEMPTS_MAX = 3
/** From this version on requests name topics by their ids. */
const IDS_SINCE = 13
const SMALL_REQUESTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  java: {},
  librdkafka: { 'batch.num.messages': 4 },
}

const bytes = `${BYTES_PER_SECOND} B/s`
const burst = `${FETCH_BURST_SECONDS}s`
/** What must not apply. Those that do have a bucket for each client id where a scope allows it: another chance begins with a full one. */
const NEVER = '1 kB/s'
const QUOTAS = [
  { name: 'topic', limit: { produceBytes: bytes }, match: { topic: 'limited-*' }, per: ['topic'] },
  {
    name: 'topic-fetch',
    limit: { fetchBytes: bytes },
    burst,
    match: { topic: DATA, clientId: 'topic-fetch-*' },
    per: ['clientId'],
  },
  { name: 'other-topic', limit: { fetchBytes: NEVER }, match: { topic: 'limited-*', clientId: 'topic-fetch-*' } },
  { name: 'group', limit: { fetchBytes: bytes }, burst, match: { group: 'limited-*' }, per: ['group'] },
  { name: 'other-group', limit: { fetchBytes: NEVER }, match: { group: 'other' } },
  {
    name: 'address',
    limit: { produceBytes: bytes },
    match: { clientId: 'address-*', address: '127.0.0.0/8' },
    per: ['address'],
  },
  { name: 'other-address', limit: { produceBytes: NEVER }, match: { clientId: 'address-*', address: '10.0.0.0/8' } },
  {
    name: 'label',
    limit: { produceBytes: bytes },
    match: { clientId: 'label-*', labels: { team: 'pay*' } },
    per: ['clientId'],
  },
  { name: 'other-label', limit: { produceBytes: NEVER }, match: { clientId: 'label-*', labels: { team: 'orders' } } },
  {
    name: 'version',
    limit: { produceBytes: bytes },
    match: { clientId: 'version-*', software: 'apache-kafka-java', softwareVersion: '4.*' },
    per: ['clientId'],
  },
  { name: 'other-version', limit: { produceBytes: NEVER }, match: { clientId: 'version-*', softwareVersion: '3.*' } },
  {
    name: 'records-in',
    limit: { produceRecords: `${RECORDS_PER_SECOND}/s` },
    match: { clientId: 'produce-records-*' },
    per: ['clientId'],
  },
  {
    name: 'records-out',
    limit: { fetchRecords: `${RECORDS_PER_SECOND}/s` },
    burst,
    match: { clientId: 'fetch-records-*' },
    per: ['clientId'],
  },
]

interface Flooding {
  readonly name: string
  readonly library: FloodLibrary
  readonly measure: Measure
  readonly perSecond: number
}

/** Client ids begin with the name, as the quotas expect. */
const FLOODS: readonly Flooding[] = [
  { name: 'topic-fetch-java', library: 'java', measure: FETCH_BYTES, perSecond: BYTES_PER_SECOND },
  { name: 'topic-fetch-librdkafka', library: 'librdkafka', measure: FETCH_BYTES, perSecond: BYTES_PER_SECOND },
  { name: 'address', library: 'librdkafka', measure: PRODUCE_BYTES, perSecond: BYTES_PER_SECOND },
  { name: 'label', library: 'librdkafka', measure: PRODUCE_BYTES, perSecond: BYTES_PER_SECOND },
  { name: 'version', library: 'java', measure: PRODUCE_BYTES, perSecond: BYTES_PER_SECOND },
  { name: 'produce-records', library: 'librdkafka', measure: PRODUCE_RECORDS, perSecond: RECORDS_PER_SECOND },
  { name: 'fetch-records', library: 'librdkafka', measure: FETCH_RECORDS, perSecond: RECORDS_PER_SECOND },
]

test('a quota holds in its scope, and in no other', { timeout: 300_000, concurrency: true }, async (context) => {
  for (const library of ['java', 'librdkafka'] as const) if (!(await requireClient(context, library))) return
  const scene = await sceneOf(context)
  if (scene === undefined) return
  await fill(context, scene)
  await Promise.all([
    ...FLOODS.map((flooding) => context.test(flooding.name, (t) => isKept(t, scene, flooding))),
    ...(['java', 'librdkafka'] as const).map((library) =>
      context.test(`${library} produces to two topics, one of them limited`, (t) => topicIsCharged(t, scene, library)),
    ),
    context.test('a Java consumer by its group', (t) => groupIsLimited(t, scene)),
  ])
  await assertCharged(scene)
})

/** Rates are of the clients, too; what was charged to each quota is not: something to those that apply, nothing at all to the others. */
async function assertCharged({ sluice }: Scene): Promise<void> {
  const metrics = await sluice.metrics()
  for (const { name } of QUOTAS) {
    const used = metrics.value('sluice_quota_used_total', { quota: name })
    assert.equal(used > 0, !name.startsWith('other-'), `${name} was charged ${used}`)
  }
}

/** As `limitScene`, beside a workload with a label. */
async function sceneOf(context: TestContext): Promise<Scene | undefined> {
  const witness = new Witness({ countsRecordsOf: (clientId) => clientId.includes('-records') })
  context.after(() => witness.close())
  const kafka = await kafkaFor(context, { advertise: (broker) => witness.watch(broker) })
  if (kafka === undefined) return undefined
  const flags = ['--label', 'team=payments']
  return { kafka, witness, sluice: await startSluice(context, { upstream: kafka, quotas: QUOTAS, flags }) }
}

/** What consumers read: written past the sluice, in batches so small that any limit here bears many of them. */
async function fill(context: TestContext, { kafka: { bootstrap, internalBootstrap } }: Scene): Promise<void> {
  await createTopic(internalBootstrap, { topic: DATA })
  const config = { bootstrap, topic: DATA, count: DATA_RECORDS, recordBytes: RECORD_BYTES }
  await runClient('librdkafka', 'produce', { ...config, producer: SMALL_REQUESTS['librdkafka'] ?? {} }, context)
}

async function isKept(
  context: TestContext,
  scene: Scene,
  { name, library, measure, perSecond }: Flooding,
): Promise<void> {
  const { kafka, sluice, witness } = scene
  const produces = measure.apiKey === PRODUCE
  const topic = produces ? name : DATA
  if (produces) await createTopic(kafka.internalBootstrap, { topic })
  const { bootstrap } = sluice
  const config = { bootstrap, topic, recordBytes: RECORD_BYTES, maxPending: PENDING_RECORDS }
  const settings = { producer: SMALL_REQUESTS[library] ?? {} }
  await assertLimitApplies(context, {
    ...{ name, clientId: name, perSecond, measure, witness },
    start: (clientId) =>
      startProgram(context, library, produces ? 'produce' : 'consume', { ...config, ...settings, clientId }),
  })
}

/**
 * The client floods and gets its limit, about: how exactly a limit is kept is shown by `limits-*.test.ts`. Far more is none at
 * all, far less one of those that must not apply.
 */
async function assertLimitApplies(context: TestContext, of: LimitCase): Promise<void> {
  const { name, perSecond, measure, witness, start } = of
  const burstSeconds = measure.apiKey === PRODUCE ? BURST_SECONDS : FETCH_BURST_SECONDS
  for (let attempt = 1; ; attempt++) {
    const clientId = `${of.clientId}-${attempt}`
    const flood = await start(clientId)
    const exchanges = (): ReturnType<Scene['witness']['of']> => witness.of(measure.apiKey, clientId)
    const measured = await measureFlood({ name, floods: [flood], exchanges, measure, perSecond, burstSeconds })
    assertUnharmed(await flood.stop())
    const { ofLimit = 0, excess = 0 } = measured ?? {}
    await report(context, name, { limit: perSecond, ofLimit, excess, attempt })
    assert.ok(excess <= 1 + TOLERANCE, `${name}: ${excess} of the limit`)
    if (ofLimit >= 1 - TOLERANCE) return
    assert.ok(attempt < ATTEMPTS_MAX, `${name}: ${ofLimit} of the limit, after ${attempt} attempts`)
  }
}

/**
 * Half of what this client sends is for a topic that is limited: only that half is charged, and all of it waits for it. What the client
 * may have on top is what it saved up while it had no processor: a burst.
 */
async function topicIsCharged(context: TestContext, scene: Scene, library: 'java' | 'librdkafka'): Promise<void> {
  const { kafka, sluice, witness } = scene
  const [topic, otherTopic, clientId] = [`limited-${library}`, `free-${library}`, `two-topics-${library}`]
  for (const one of [topic, otherTopic]) await createTopic(kafka.internalBootstrap, { topic: one })
  const flood = await startProgram(context, library, 'produce', {
    ...{
      bootstrap: sluice.bootstrap,
      topic,
      otherTopic,
      clientId,
      recordBytes: RECORD_BYTES,
      maxPending: PENDING_RECORDS,
    },
    producer: SMALL_REQUESTS[library] ?? {},
  })
  await waitWith(`${clientId} has begun`, [flood], () => witness.of(PRODUCE, clientId).length > 0)
  await stretchOf(SETTLE_SECONDS, [flood])
  for (let attempt = 1; ; attempt++) {
    const before = await storedIn(scene, [topic, otherTopic])
    await stretchOf(WINDOW_SECONDS, [flood])
    const after = await storedIn(scene, [topic, otherTopic])
    const seconds = (after.atMs - before.atMs) / 1000
    const [limited = 0, free = 0] = after.bytes.map((end, i) => (end - before.bytes[i]!) / seconds / BYTES_PER_SECOND)
    await report(context, clientId, { limited, free, attempt })
    const secondsAtMost = (after.atMs - before.askedAtMs) / 1000
    const most = (secondsAtMost + BURST_SECONDS) / seconds
    assert.ok(limited <= most + STORED_TOLERANCE, `${limited} of the limit`)
    if (limited >= 1 - STORED_TOLERANCE && Math.abs(free - limited) <= STORED_TOLERANCE) break
    assert.ok(
      attempt < ATTEMPTS_MAX,
      `${limited} of the limit, and ${free} of the other topic, after ${attempt} attempts`,
    )
  }
  assertUnharmed(await flood.stop())
  const versions = new Set(witness.of(PRODUCE, clientId).map(({ apiVersion }) => apiVersion))
  const byId = [...versions].every((version) => version >= IDS_SINCE)
  assert.equal(byId, library === 'java', 'Java 4.4 tells topics by their ids, librdkafka by their names')
}

interface Stored {
  /** It was so at some time between the two. */
  readonly askedAtMs: number
  readonly atMs: number
  readonly bytes: readonly number[]
}

/** What the broker has of each topic: values only. */
async function storedIn({ kafka }: Scene, topics: readonly string[]): Promise<Stored> {
  const askedAtMs = performance.now()
  const ends = await Promise.all(topics.map((topic) => endOffsets(kafka.internalBootstrap, topic)))
  return { askedAtMs, atMs: performance.now(), bytes: ends.map((end) => Number(end.get(0)) * RECORD_BYTES) }
}

/** Fetches do not say for which group they are; it is known from the heartbeats, and they go on undisturbed. */
async function groupIsLimited(context: TestContext, { sluice, witness }: Scene): Promise<void> {
  let consumer: ProgramFlood | undefined
  await assertLimitApplies(context, {
    ...{ name: 'a group', clientId: 'in-a-group', perSecond: BYTES_PER_SECOND, measure: FETCH_BYTES, witness },
    start: async (clientId) => {
      consumer = await startProgram(context, 'java', 'consume', {
        ...{ bootstrap: sluice.bootstrap, topic: DATA, clientId, group: 'limited-group', recordBytes: RECORD_BYTES },
        consumer: { 'group.protocol': 'classic' },
      })
      return consumer
    },
  })
  assert.equal(consumer?.client.latest?.rebalances, 0)
  const heartbeats = (await sluice.metrics()).value('sluice_requests_total', { api: 'Heartbeat' })
  assert.ok(heartbeats > 0, 'heartbeats went')
}
