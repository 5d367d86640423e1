/**
 * What `/metrics` says of faults that are made on purpose, against who saw them: connections reset before a Produce was answered, leaders
 * that move under a producer, a broker that is stopped with requests on its hands and killed. Idempotent producers go on, send again what
 * they must, and each record is stored once; a way to the brokers that keeps count tells how many batches came again.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic, describeTopic, endOffsets, type KafkaCluster, moveLeader } from '../../src/demo/kafka/index.ts'
import { type ClientName, type RunningClient, requireClient, startClient } from '../support/clients.ts'
import type { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { FaultyWay } from './support/faulty-way.ts'
import { kafkaFor, type RunningSluice, withSluice } from './support/sluice.ts'

const BROKERS = 2
const KILLED = 2
const RESETS = 5
const BYTES_PER_SECOND = 100_000
const RECORD_BYTES = 500
const STEP_RECORDS = 200
const SLOW = { timeoutMs: 180_000, pollMs: 100 } as const
/** Both number their batches unless told otherwise. */
const CLIENTS: readonly ClientName[] = ['java', 'franz-go']
const NO_LEADER = 'NOT_LEADER_OR_FOLLOWER'
/** It meets no fault, so nothing may be told of it. */
const BYSTANDER = 'bystander'

interface Scene {
  readonly kafka: KafkaCluster
  readonly sluice: RunningSluice
  /** By node id. */
  readonly ways: ReadonlyMap<number, FaultyWay>
  readonly producers: ReadonlyMap<string, RunningClient>
}

test('what /metrics says of retries and resets is so', async (context) => {
  for (const client of CLIENTS) if (!(await requireClient(context, client))) return
  const ways = new Map<number, FaultyWay>()
  context.after(() => Promise.all([...ways.values()].map((way) => way.close())))
  const kafka = await kafkaFor(context, {
    brokers: BROKERS,
    advertise: async (broker) => {
      const way = await FaultyWay.start(broker)
      ways.set(broker.id, way)
      return way.port
    },
  })
  if (kafka === undefined) return
  await withSluice(context, { upstream: kafka }, async (sluice) => {
    const producers = new Map<string, RunningClient>()
    const scene = { kafka, sluice, ways, producers }
    for (const client of CLIENTS) producers.set(client, await producer(context, scene, client, client))
    producers.set(BYSTANDER, await producer(context, scene, 'java', BYSTANDER))
    await allGoOn(scene)
    await context.test('connections are reset before a Produce is answered', () => resets(scene))
    await context.test('nothing is told of who met no fault', () => nothingOf(scene, BYSTANDER))
    await context.test('leaders move under producers', () => leadersMove(scene))
    await context.test('a broker is killed with requests on its hands, and comes back', (t) => killed(t, scene))
    for (const name of producers.keys()) {
      await context.test(`${name}: every record is stored once`, () => storedOnce(scene, name))
    }
  })
})

async function producer(
  context: TestContext,
  { kafka, sluice }: Scene,
  client: ClientName,
  name: string,
): Promise<RunningClient> {
  // One partition at each broker, and both have both.
  await createTopic(kafka.internalBootstrap, { topic: name, partitions: BROKERS, replicas: BROKERS })
  const running = await startClient(
    client,
    'produce',
    {
      ...{ bootstrap: sluice.bootstrap, topic: name, clientId: name, run: name, recordBytes: RECORD_BYTES },
      ...{ acks: 'all', bytesPerSecond: BYTES_PER_SECOND, drain: true },
    },
    { signal: context.signal },
  )
  context.after(() => running.kill())
  return running
}

/** Everybody has some more records stored. */
async function allGoOn({ producers }: Scene): Promise<void> {
  for (const [name, client] of producers) {
    const goal = (client.latest?.acked ?? 0) + STEP_RECORDS
    const seen = (): string => client.events.map(({ kind, text }) => `${kind}: ${text}`).join('\n')
    await waitFor(`${name} goes on`, () => (client.latest?.acked ?? 0) >= goal, { ...SLOW, seen })
  }
}

/** Over all brokers' ways. */
function sumOf({ ways }: Scene, count: (way: FaultyWay) => number): number {
  return [...ways.values()].reduce((sum, way) => sum + count(way), 0)
}

async function resets(scene: Scene): Promise<void> {
  const { sluice, ways } = scene
  const before = await sluice.metrics()
  for (let i = 0; i < RESETS; i++) {
    for (const [id, way] of ways) {
      const goal = way.resets + CLIENTS.length
      for (const client of CLIENTS) way.resetNext(client)
      await waitFor(`${goal} connections to broker ${id} were reset`, () => way.resets >= goal, SLOW)
    }
  }
  await allGoOn(scene)
  const after = await sluice.metrics()
  for (const [id, way] of ways) {
    const labels = { node: String(id) }
    const told = after.value('sluice_broker_resets_total', labels) - before.value('sluice_broker_resets_total', labels)
    assert.equal(told, way.resets, `resets by broker ${id}`)
  }
  for (const client of CLIENTS) {
    const again = sumOf(scene, (way) => way.again(client))
    const told = after.value('sluice_produce_retries_total', { client_id: client })
    console.log(`${client}: ${told} batches told as sent again, ${again} came again at the brokers`)
    assert.ok(again >= RESETS, `${again} batches came again`)
    // What was lost between the sluice and the broker came once there and twice here.
    assert.ok(told >= again, `${told} retries told, ${again} seen`)
  }
}

async function nothingOf(scene: Scene, name: string): Promise<void> {
  const metrics = await scene.sluice.metrics()
  assert.ok(metrics.value('sluice_client_produce_requests_total', { client_id: name }) > 0)
  assert.equal(
    sumOf(scene, (way) => way.again(name)),
    0,
  )
  assert.equal(metrics.value('sluice_produce_retries_total', { client_id: name }), 0)
  assert.equal(metrics.value('sluice_client_errors_total', { client_id: name }), 0)
}

/** Whoever is not the leader any more says so, and the batch comes again at the one who is. */
async function leadersMove(scene: Scene): Promise<void> {
  const { kafka, sluice } = scene
  const movesOf = async (): Promise<number> => (await sluice.metrics()).value('sluice_cluster_leader_moves_total')
  const moves = await movesOf()
  for (const topic of CLIENTS) {
    for (const { partition, leader } of await describeTopic(kafka.internalBootstrap, topic)) {
      await moveLeader(kafka.internalBootstrap, topic, partition, (leader % BROKERS) + 1)
    }
    const labels = { client_id: topic, error: NO_LEADER }
    const told = async (): Promise<boolean> => (await sluice.metrics()).value('sluice_client_errors_total', labels) > 0
    await waitFor(`${topic} is told that a broker leads no more`, told, SLOW)
  }
  assert.ok((await sluice.metrics()).value('sluice_errors_total', { api: 'Produce', error: NO_LEADER }) > 0)
  await allGoOn(scene)
  await waitFor('leaders were seen to move', async () => (await movesOf()) > moves, SLOW)
}

/** Stopped first: what it was sent is on its hands for certain when it dies. */
async function killed(context: TestContext, scene: Scene): Promise<void> {
  const { kafka, sluice, ways } = scene
  const pid = kafka.brokers.find(({ id }) => id === KILLED)?.pid
  const way = ways.get(KILLED)!
  if (pid === undefined) return context.skip('needs a broker that is a process of this machine')
  const before = await sluice.metrics()
  const resetsIn = (metrics: SluiceMetrics): number =>
    metrics.value('sluice_broker_resets_total', { node: String(KILLED) })
  process.kill(pid, 'SIGSTOP')
  const produced = new Map(CLIENTS.map((client) => [client, way.produced(client)]))
  for (const client of CLIENTS) {
    await waitFor(`${client} asks the stopped broker`, () => way.produced(client) > produced.get(client)!, SLOW)
  }
  await kafka.killBroker(KILLED)
  await waitFor('it is told', async () => resetsIn(await sluice.metrics()) > resetsIn(before), SLOW)
  for (const client of CLIENTS) {
    const retries = (metrics: SluiceMetrics): number =>
      metrics.value('sluice_produce_retries_total', { client_id: client })
    const more = async (): Promise<boolean> => retries(await sluice.metrics()) > retries(before)
    await waitFor(`${client} sends again what it had sent`, more, SLOW)
  }
  await allGoOn(scene)
  await kafka.startBroker(KILLED)
  await allGoOn(scene)
}

async function storedOnce({ kafka, producers }: Scene, name: string): Promise<void> {
  const { sent, acked, errors, events } = await producers.get(name)!.stop()
  assert.deepEqual({ acked, errors }, { acked: sent, errors: 0 }, JSON.stringify(events.slice(-20)))
  const ends = await endOffsets(kafka.internalBootstrap, name)
  assert.equal(
    [...ends.values()].reduce((sum, end) => sum + end, 0n),
    BigInt(acked),
  )
}
