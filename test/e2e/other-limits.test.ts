/**
 * Limits that are no rates of bytes or records, on real Kafka with real clients, all at the same time: requests and connections at a
 * time, new connections, joins, commits, mutations. And a consumer whose limit is far below one batch.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { buildClient, requireClient, runClient, startClient } from '../support/clients.ts'
import { assertUnharmed, limitScene, report, type Scene } from './support/limits.ts'
import { startProgram } from './support/program-flood.ts'
import { stretchOf, waitWith } from './support/stretch.ts'
import { type Exchange, FETCH, type Witness } from './support/witness.ts'

const IN_FLIGHT = 2
const CONSUMERS = 4
const CONNECTIONS = 2
const NEW_PER_SECOND = 3
const JOINS_PER_SECOND = 1
const MEMBERS = 4
/** Above the floor: Java has five commits under way, and none may be held longer than 2 s. */
const COMMITS_PER_SECOND = 5
const MUTATIONS_PER_SECOND = 4
const TOPICS = 20
/** Batches of 100 kB under 10 kB/s: one takes ten seconds, longer than a Fetch may be held. */
const BATCH_BYTES = 100_000
const BATCHES = 20
const BATCH_RECORDS = 4
/** Where the first of a series was noted late, all others look early. */
const SLACK_SECONDS = 1

const QUOTAS = [
  { name: 'in-flight', limit: { inFlight: IN_FLIGHT }, match: { clientId: 'in-flight', api: ['Fetch'] } },
  { name: 'connections', limit: { connections: CONNECTIONS }, match: { clientId: 'connections' } },
  { name: 'new-connections', limit: { newConnections: `${NEW_PER_SECOND}/s` }, match: { clientId: 'new-connections' } },
  { name: 'joins', limit: { joins: `${JOINS_PER_SECOND}/s` }, match: { group: 'joining' } },
  { name: 'commits', limit: { commits: `${COMMITS_PER_SECOND}/s` }, match: { group: 'committing' } },
  { name: 'mutations', limit: { mutations: `${MUTATIONS_PER_SECOND}/s` }, match: { clientId: 'mutations' } },
  { name: 'tiny', limit: { fetchBytes: '10 kB/s' }, match: { clientId: 'tiny-*' }, per: ['clientId'] },
]

test('limits that are no rates of bytes', { timeout: 300_000, concurrency: true }, async (context) => {
  for (const library of ['java', 'librdkafka'] as const) if (!(await requireClient(context, library))) return
  const scene = await limitScene(context, QUOTAS)
  if (scene === undefined) return
  const { internalBootstrap: bootstrap } = scene.kafka
  await Promise.all(['idle', 'few'].map((topic) => createTopic(bootstrap, { topic, partitions: MEMBERS })))
  const tests: readonly (readonly [string, (t: TestContext, scene: Scene) => Promise<void>])[] = [
    ['requests in flight', inFlight],
    ['connections at a time', connections],
    ['new connections', newConnections],
    ['joins', joins],
    ['commits', commits],
    ['mutations, by Kafka’s own Admin client', mutations],
    ['a consumer under a tiny limit goes on batch by batch', tinyLimit],
  ]
  await Promise.all(tests.map(([name, run]) => context.test(name, (t) => run(t, scene))))
})

/** How often a quota did something to a request. */
async function did({ sluice }: Scene, quota: string, action: string): Promise<number> {
  return (await sluice.metrics()).value('sluice_throttled_requests_total', { quota, action })
}

/** Consumers of an empty topic: each would always have a Fetch waiting at the broker. */
async function inFlight(context: TestContext, scene: Scene): Promise<void> {
  const config = { bootstrap: scene.sluice.bootstrap, topic: 'idle', clientId: 'in-flight', connections: CONSUMERS }
  const flood = await startProgram(context, 'librdkafka', 'consume', config)
  const connectionsOf = (): Set<number> =>
    new Set(scene.witness.of(FETCH, 'in-flight').map(({ connection }) => connection))
  await waitWith('all consumers have fetched', [flood], () => connectionsOf().size === CONSUMERS)
  await stretchOf(5, [flood])
  assertUnharmed(await flood.stop())
  const most = mostAtATime(scene.witness.of(FETCH, 'in-flight'))
  await report(context, `in flight, of ${CONSUMERS} consumers under ${IN_FLIGHT}`, { most })
  assert.equal(most, IN_FLIGHT)
}

/** The broker's view: how many had begun and were not answered yet. An answer that begins with a request of the same moment makes room for it. */
function mostAtATime(exchanges: readonly Exchange[]): number {
  const events = exchanges.flatMap(({ startMs, answerMs }) => [
    { atMs: startMs, change: 1 },
    { atMs: answerMs, change: -1 },
  ])
  let now = 0
  let most = 0
  for (const { change } of events.sort((a, b) => a.atMs - b.atMs || a.change - b.change)) {
    now += change
    most = Math.max(most, now)
  }
  return most
}

/** Java keeps two connections, one to bootstrap and one to the broker; who comes then waits until they are free, and loses nothing. */
async function connections(context: TestContext, scene: Scene): Promise<void> {
  const config = { bootstrap: scene.sluice.bootstrap, topic: 'few', clientId: 'connections' }
  const first = await startProgram(context, 'java', 'produce', { ...config, bytesPerSecond: 10_000 })
  await waitWith('the first produces', [first], () => scene.witness.of(API_KEY.Produce, 'connections').length > 0)
  const second = await startClient('librdkafka', 'produce', { ...config, count: 50 })
  context.after(() => second.kill())
  await waitWith('the second is turned away', [first], async () => (await did(scene, 'connections', 'refused')) > 0)
  assert.equal(second.latest?.acked ?? 0, 0)
  assertUnharmed(await first.stop())
  const { acked, errors, timeouts } = await second.result
  assert.deepEqual({ acked, errors, timeouts }, { acked: 50, errors: 0, timeouts: 0 })
}

async function newConnections(context: TestContext, scene: Scene): Promise<void> {
  const config = {
    bootstrap: scene.sluice.bootstrap,
    topic: 'few',
    clientId: 'new-connections',
    connections: 5,
    count: 50,
  }
  const { acked, errors, timeouts, disconnects, events } = await runClient('librdkafka', 'produce', config, context)
  assert.deepEqual(
    { acked, errors, timeouts, disconnects },
    { acked: 50, errors: 0, timeouts: 0, disconnects: 0 },
    JSON.stringify(events),
  )
  const begunMs = firstRequests(scene.witness, 'new-connections')
  await report(context, `new connections under ${NEW_PER_SECOND}/s`, {
    connections: begunMs.length,
    seconds: (begunMs.at(-1)! - begunMs[0]!) / 1000,
  })
  assert.ok(begunMs.length >= 10, 'five producers with two connections each')
  assertPaced(begunMs, NEW_PER_SECOND)
  assert.ok((await did(scene, 'new-connections', 'held')) > 0)
}

/** When each connection of a client said its first word to the broker, in order. */
function firstRequests(witness: Witness, clientId: string): number[] {
  const firstMs = new Map<number, number>()
  for (const apiKey of Object.values(API_KEY)) {
    for (const { connection, startMs } of witness.of(apiKey, clientId)) {
      firstMs.set(connection, Math.min(startMs, firstMs.get(connection) ?? Number.POSITIVE_INFINITY))
    }
  }
  return [...firstMs.values()].sort((a, b) => a - b)
}

/** No more than the burst (a second's worth), one that finds nothing owed, and the rate since. */
function assertPaced(timesMs: readonly number[], perSecond: number): void {
  for (const [i, timeMs] of timesMs.entries()) {
    const seconds = (timeMs - timesMs[0]!) / 1000
    const most = perSecond + 1 + perSecond * (seconds + SLACK_SECONDS)
    assert.ok(i + 1 <= most, `${i + 1} within ${seconds} s`)
  }
}

async function joins(context: TestContext, scene: Scene): Promise<void> {
  const config = {
    bootstrap: scene.sluice.bootstrap,
    topic: 'idle',
    clientId: 'joining',
    group: 'joining',
    connections: MEMBERS,
  }
  const flood = await startProgram(context, 'librdkafka', 'consume', config)
  const assigned = (): Set<string> =>
    new Set(flood.client.events.filter(({ kind }) => kind === 'assigned').map(({ text }) => text.split(':')[0]!))
  await waitWith('every member has joined', [flood], () => assigned().size === MEMBERS)
  const metrics = await scene.sluice.metrics()
  const used = metrics.value('sluice_quota_used_total', { quota: 'joins' })
  const held = await did(scene, 'joins', 'held')
  const asked = newMembers(scene.witness)
  await report(context, `joins of ${MEMBERS} members under ${JOINS_PER_SECOND}/s`, { used, held, asked: asked.length })
  assert.equal(new Set(asked.map(({ connection }) => connection)).size, MEMBERS)
  assert.equal(used, asked.length, 'charged when a new member asks, not when a member comes again')
  assertPaced(
    asked.map(({ startMs }) => startMs),
    JOINS_PER_SECOND,
  )
  assert.ok(held > 0)
  assertUnharmed(await flood.stop())
}

/**
 * The JoinGroups without a member id, told by their size. One per member, unless the broker was still loading the group's
 * coordinator when it came: then it is refused and comes again.
 */
function newMembers(witness: Witness): readonly Exchange[] {
  const exchanges = witness.of(API_KEY.JoinGroup, 'joining')
  const least = Math.min(...exchanges.map(({ requestBytes }) => requestBytes))
  return exchanges.filter(({ requestBytes }) => requestBytes === least)
}

/** Java would commit twenty times a second. */
async function commits(context: TestContext, scene: Scene): Promise<void> {
  const flood = await startProgram(context, 'java', 'consume', {
    ...{ bootstrap: scene.sluice.bootstrap, topic: 'few', clientId: 'committing', group: 'committing' },
    consumer: { 'group.protocol': 'classic', 'auto.commit.interval.ms': 50 },
  })
  const committedMs = (): number[] => scene.witness.of(API_KEY.OffsetCommit, 'committing').map(({ startMs }) => startMs)
  await waitWith('it commits', [flood], () => committedMs().length > 2 * COMMITS_PER_SECOND, 60_000)
  const before = committedMs().length
  const { fromMs, toMs } = await stretchOf(10, [flood])
  // Not asked to stop: it would first bring all the commits that it has put off.
  const { errors = 0, timeouts = 0, disconnects = 0, rebalances = 0 } = flood.client.latest ?? {}
  flood.client.kill()
  assert.deepEqual(
    { errors, timeouts, disconnects, rebalances },
    { errors: 0, timeouts: 0, disconnects: 0, rebalances: 0 },
  )
  const perSecond = (1000 * (committedMs().length - before)) / (toMs - fromMs)
  await report(context, `commits under ${COMMITS_PER_SECOND}/s`, { perSecond, ofLimit: perSecond / COMMITS_PER_SECOND })
  assertPaced(committedMs(), COMMITS_PER_SECOND)
  assert.ok(perSecond >= COMMITS_PER_SECOND / 2, `${perSecond} a second`)
}

/**
 * All in one call. What is over the quota is refused with error 89, and the client tries again by itself. Had a topic that was refused
 * reached the broker, the next attempt would find it there and fail.
 */
async function mutations(context: TestContext, scene: Scene): Promise<void> {
  const { command, args } = await buildClient('java')
  const program = [...args.slice(0, -1), 'CreateTopics', scene.sluice.bootstrap, 'mutations', 'made-', String(TOPICS)]
  const said = await runTool(command, program, { signal: context.signal })
  const createdMs = [...said.matchAll(/^made-\d+ (\d+)$/gm)].map(([, ms]) => Number(ms)).sort((a, b) => a - b)
  assert.equal(createdMs.length, TOPICS)
  const refused = await did(scene, 'mutations', 'refused')
  const calls = scene.witness.of(API_KEY.CreateTopics, 'mutations').length
  await report(context, `${TOPICS} topics under ${MUTATIONS_PER_SECOND}/s`, {
    seconds: createdMs.at(-1)! / 1000,
    refused,
    calls,
  })
  assert.ok(refused > 0)
  assert.ok(calls > 1, 'what was refused came again')
  for (const [i, ms] of createdMs.entries()) {
    const most = MUTATIONS_PER_SECOND + 1 + MUTATIONS_PER_SECOND * (ms / 1000)
    assert.ok(i + 1 <= most, `${i + 1} were made within ${ms} ms`)
  }
}

/** One batch at a time, whole, at the pace that the client bears; its fetch session stays in step. */
async function tinyLimit(context: TestContext, scene: Scene): Promise<void> {
  const { bootstrap, internalBootstrap } = scene.kafka
  await createTopic(internalBootstrap, { topic: 'batches' })
  await runClient('java', 'produce', {
    ...{ bootstrap, topic: 'batches', count: BATCHES * BATCH_RECORDS, recordBytes: 24_000, run: 'batches' },
    producer: { 'batch.size': BATCH_BYTES, 'linger.ms': 1_000 },
  })
  await Promise.all(
    (['java', 'librdkafka'] as const).map(async (library) => {
      const clientId = `tiny-${library}`
      const config = { bootstrap: scene.sluice.bootstrap, topic: 'batches', clientId, run: 'batches' }
      const flood = await startProgram(context, library, 'consume', config)
      const received = (): number => flood.client.latest?.received ?? 0
      await waitWith('three batches have come', [flood], () => received() >= 3 * BATCH_RECORDS)
      const { duplicates, outOfOrder, corrupt } = flood.client.latest!
      assert.deepEqual({ duplicates, outOfOrder, corrupt }, { duplicates: 0, outOfOrder: 0, corrupt: 0 })
      assertUnharmed(await flood.stop())
      const largest = Math.max(...scene.witness.of(FETCH, clientId).map(({ answerBytes }) => answerBytes))
      await report(context, `tiny limit, ${library}`, { largest, received: received() })
      assert.ok(largest < 1.2 * BATCH_BYTES, `an answer of ${largest} bytes is more than one batch`)
    }),
  )
  const errors = (await scene.sluice.metrics())
    .series('sluice_errors_total')
    .filter(({ labels }) => labels['api'] === 'Fetch')
  assert.deepEqual(
    errors.filter(({ value }) => value > 0),
    [],
  )
}
