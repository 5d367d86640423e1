/**
 * A cluster changes under its clients: leaders move, a broker is killed and comes back, one is added. Everybody goes on,
 * nothing is lost, and the brokers never see anyone but the sluice: not even after answers that name new leaders.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createTopic, describeTopic, endOffsets, type KafkaCluster, moveLeader } from '../../src/demo/kafka/index.ts'
import {
  type ClientConfig,
  type ClientName,
  type RunningClient,
  requireClient,
  startClient,
} from '../support/clients.ts'
import { connectedTo } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { kafkaFor, type RunningSluice, withSluice } from './support/sluice.ts'

const BROKERS = 3
const KILLED = 2
const PARTITIONS = 6
const RECORD_BYTES = 1000
const BYTES_PER_SECOND = 200_000
/** After each change, every client must have this many more records stored and read. */
const STEP_RECORDS = 400
/** kafkajs waits 10 s for its former self when its coordinator dies; the rest is a crowded machine's. */
const SLOW = { timeoutMs: 120_000, pollMs: 200 } as const
/** Clients keep their connections for minutes. */
const WATCH_EVERY_MS = 1000

interface Case {
  readonly client: ClientName
  readonly producer: Readonly<Record<string, unknown>>
  readonly consumer: Readonly<Record<string, unknown>>
  /** Stores each record once, and reads, without a group, each once and in order, whatever the cluster does. */
  readonly exact: boolean
}

const CASES: readonly Case[] = [
  { client: 'java', producer: {}, consumer: {}, exact: true },
  { client: 'librdkafka', producer: {}, consumer: {}, exact: true },
  // The only one that gives up when a connection ends in good order before its first answer.
  { client: 'franz-go', producer: {}, consumer: {}, exact: true },
  // By default it gives up after 5 tries, about as long as the cluster needs to notice a death. That it goes on is all that can be
  // asked of it: straight at the brokers, too, it loses and doubles records when leaders move, and with idempotence it fails (error 45).
  // When its group's coordinator dies it joins anew and waits until its former self has timed out: 30 s by default.
  {
    ...{ client: 'kafkajs', consumer: { sessionTimeout: 10_000 }, exact: false },
    producer: { retry: { retries: 20, maxRetryTime: 2000 } },
  },
]

interface Pair extends Case {
  readonly producing: RunningClient
  readonly consuming: RunningClient
}

test('leaders move, a broker dies and returns, one joins: clients go on, and only through the sluice', async (context) => {
  const cases: Case[] = []
  for (const one of CASES) {
    await context.test(`${one.client}: the client is to be had`, async (subtest) => {
      if (await requireClient(subtest, one.client)) cases.push(one)
    })
  }
  const kafka = await kafkaFor(context, { brokers: BROKERS })
  if (kafka === undefined) return
  for (const { client } of cases) {
    const configs = { 'min.insync.replicas': '2' }
    await createTopic(kafka.internalBootstrap, { topic: client, partitions: PARTITIONS, replicas: BROKERS, configs })
  }
  await withSluice(context, { upstream: kafka }, async (sluice) => {
    const watch = new BrokerWatch(kafka, sluice)
    const watching = watch.run()
    const pairs = await Promise.all(cases.map((one) => start(context, one, sluice)))
    await everyoneGoesOn(pairs, 'at the start')
    const ports = await localPorts(sluice)

    await context.test('leaders move', async () => {
      await moveAll(kafka, cases, 0, (leader) => (leader % BROKERS) + 1)
      await everyoneGoesOn(pairs, 'after leaders have moved')
    })
    await context.test('a broker is killed', async () => {
      await kafka.killBroker(KILLED)
      const led = ({ leader }: PartitionState): boolean => leader >= 0 && leader !== KILLED
      await everyTopic(kafka, cases, 'has living leaders', (states) => states.every(led))
      await everyoneGoesOn(pairs, 'after a broker has died')
    })
    await context.test('it comes back', async () => {
      await kafka.startBroker(KILLED)
      const whole = ({ inSync }: PartitionState): boolean => inSync.length === BROKERS
      await everyTopic(kafka, cases, 'has all its replicas', (states) => states.every(whole))
      await everyTopic(kafka, cases, 'is led by it again', (states) => states.some(({ leader }) => leader === KILLED))
      await everyoneGoesOn(pairs, 'after the broker has come back')
    })
    await context.test('a broker is added and leads', async () => {
      const added = await kafka.addBroker()
      await moveAll(kafka, cases, 2, () => added)
      await everyoneGoesOn(pairs, 'after a broker was added')
      const now = await localPorts(sluice)
      assert.ok(now.has(added), 'it has a port of its own')
      assert.deepEqual(new Map([...now].filter(([id]) => id !== added)), ports, 'and the others have kept theirs')
      assert.ok(await carriesData(kafka, sluice, added), 'and data flows through it')
    })
    for (const pair of pairs) {
      await context.test(
        `${pair.client}: ${pair.exact ? 'every record was stored and read once' : 'no record was spoilt'}`,
        () => judge(kafka, pair),
      )
    }
    await context.test('every connection ended for a reason that belongs here', () => reasonsAreKnown(sluice))
    watch.stop()
    await watching
    await context.test('no client was connected to a broker', () => watch.judge())
  })
})

async function start(context: TestContext, one: Case, { bootstrap }: RunningSluice): Promise<Pair> {
  const { client, producer, consumer, exact } = one
  const config: ClientConfig = {
    ...{ bootstrap, topic: client, clientId: client, recordBytes: RECORD_BYTES, run: client },
    ...{ acks: 'all', idempotent: exact, bytesPerSecond: BYTES_PER_SECOND, drain: true, producer, consumer },
  }
  const { signal } = context
  const consuming = await startClient(client, 'consume', config, { signal })
  const producing = await startClient(client, 'produce', config, { signal })
  context.after(() => {
    producing.kill()
    consuming.kill()
  })
  return { ...one, producing, consuming }
}

async function everyoneGoesOn(pairs: readonly Pair[], when: string): Promise<void> {
  const goals = pairs.map((pair) => ({
    ...pair,
    acked: (pair.producing.latest?.acked ?? 0) + STEP_RECORDS,
    received: (pair.consuming.latest?.received ?? 0) + STEP_RECORDS,
  }))
  for (const { client, producing, consuming, acked, received } of goals) {
    const goesOn = (): boolean =>
      (producing.latest?.acked ?? 0) >= acked && (consuming.latest?.received ?? 0) >= received
    await waitFor(`${client} goes on ${when}`, goesOn, SLOW).catch((error: Error) => {
      const told = [...producing.events, ...consuming.events].map(({ kind, text }) => `${kind}: ${text}`)
      throw new Error(`${error.message}\n${told.slice(-20).join('\n')}`, { cause: error })
    })
  }
}

/** Gives one partition of every topic another leader. */
async function moveAll(
  kafka: KafkaCluster,
  cases: readonly Case[],
  partition: number,
  to: (leader: number) => number,
): Promise<void> {
  const moves = cases.map(async ({ client }) => {
    const state = (await describeTopic(kafka.internalBootstrap, client))[partition]
    await moveLeader(kafka.internalBootstrap, client, partition, to(state?.leader ?? 0))
  })
  await Promise.all(moves)
}

type PartitionState = Awaited<ReturnType<typeof describeTopic>>[number]

async function everyTopic(
  kafka: KafkaCluster,
  cases: readonly Case[],
  what: string,
  holds: (states: readonly PartitionState[]) => boolean,
): Promise<void> {
  for (const { client } of cases) {
    const settled = async (): Promise<boolean> => {
      const states = await describeTopic(kafka.internalBootstrap, client).catch(() => [])
      return states.length === PARTITIONS && holds(states)
    }
    await waitFor(`topic ${client} ${what}`, settled, SLOW)
  }
}

async function localPorts(sluice: RunningSluice): Promise<Map<number, number>> {
  const { brokers } = await sluice.status()
  return new Map(brokers.map(({ nodeId, localPort }) => [nodeId, localPort]))
}

async function carriesData(kafka: KafkaCluster, sluice: RunningSluice, id: number): Promise<boolean> {
  const port = kafka.brokers.find((broker) => broker.id === id)?.boundPort ?? 0
  return (await connectedTo(port, [sluice.pid])).some(({ pid }) => pid === sluice.pid)
}

async function judge(kafka: KafkaCluster, { client, producing, consuming, exact }: Pair): Promise<void> {
  const produced = await producing.stop()
  const all = (): boolean => (consuming.latest?.received ?? 0) >= produced.acked
  if (exact) await waitFor(`${client} has read all ${produced.acked} records`, all, SLOW)
  const consumed = await consuming.stop()
  assert.equal(consumed.corrupt, 0)
  if (!exact) return
  const { sent, acked } = produced
  assert.deepEqual({ errors: produced.errors, acked }, { errors: 0, acked: sent }, JSON.stringify(produced.events))
  const { received, lost, duplicates, outOfOrder, errors } = consumed
  assert.deepEqual(
    { received, lost, duplicates, outOfOrder, errors },
    { received: acked, lost: 0, duplicates: 0, outOfOrder: 0, errors: 0 },
    JSON.stringify(consumed.events),
  )
  const ends = await endOffsets(kafka.internalBootstrap, client)
  const stored = [...ends.values()].reduce((sum, end) => sum + end, 0n)
  assert.equal(stored, BigInt(acked), 'each was stored once')
}

/** Daily life, and what the death of a broker brings; anything else would be a fault of ours. */
async function reasonsAreKnown(sluice: RunningSluice): Promise<void> {
  const known = [
    'client_closed',
    'client_reset',
    'broker_closed',
    'broker_closed_early',
    'broker_reset',
    'broker_unreachable',
  ]
  const series = (await sluice.metrics()).series('sluice_disconnects_total')
  const unknown = series.filter(({ labels, value }) => value > 0 && !known.includes(labels['reason'] ?? ''))
  assert.deepEqual(unknown, [], JSON.stringify(sluice.logs.slice(-20)))
}

/** Looks again and again who is connected to the brokers' client ports; brokers talk to each other by other ports. */
class BrokerWatch {
  readonly #kafka: KafkaCluster
  readonly #sluice: RunningSluice
  readonly #seen = new Set<number>()
  readonly #strangers = new Set<number>()
  #looks = 0
  #stopped = false

  constructor(kafka: KafkaCluster, sluice: RunningSluice) {
    this.#kafka = kafka
    this.#sluice = sluice
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      for (const { id, boundPort } of this.#kafka.brokers) await this.#look(id, boundPort)
      this.#looks++
      await delay(WATCH_EVERY_MS)
    }
  }

  stop(): void {
    this.#stopped = true
  }

  judge(): void {
    console.log(`looked ${this.#looks} times; the sluice was seen at brokers ${[...this.#seen].sort().join(', ')}`)
    assert.deepEqual([...this.#strangers], [], 'processes other than the sluice')
    assert.equal(this.#seen.size, BROKERS + 1, 'the sluice was seen at every broker, so looking works')
  }

  async #look(id: number, port: number): Promise<void> {
    for (const { pid } of await connectedTo(port, [this.#sluice.pid])) {
      // Undefined: gone before it could be looked up.
      if (pid === this.#sluice.pid) this.#seen.add(id)
      else if (pid !== undefined) this.#strangers.add(pid)
    }
  }
}
