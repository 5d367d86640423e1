/**
 * Throttling must not cost a consumer group its assignment: for a minute the members' fetches and a producer under the same
 * client id want ten times their limits, and the group does not turn once. Three at the same time: the Java client with the
 * classic protocol and with KIP-848's, and Sarama, whose heartbeats wait behind its fetches on one connection.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import {
  type ClientConfig,
  type ClientEvent,
  type ClientName,
  type ClientResult,
  type RunningClient,
  requireClient,
  runClient,
  startClient,
} from '../support/clients.ts'
import type { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { type GroupView, groupView } from './support/group-view.ts'
import { kafkaFor, type RunningSluice, withSluice } from './support/sluice.ts'

const TOPIC = 'events'
const PARTITIONS = 6
const MEMBERS = 2
const LIMIT_BYTES_PER_SECOND = 250_000
const OFFERED_BYTES_PER_SECOND = 10 * LIMIT_BYTES_PER_SECOND
const WATCHED_SECONDS = 60
const RECORD_BYTES = 1000
/** What waits for the consumers from the start: a minute at ten times their limit. */
const BACKLOG_RECORDS = (OFFERED_BYTES_PER_SECOND * WATCHED_SECONDS) / RECORD_BYTES
/** A bucket that is never empty gives its limit; at the window's edges a frame (up to 250 kB of 15 MB) counts whole. */
const NEAR = 0.03
/** Coming to a first assignment, at throttled speed, on a busy machine. */
const SETTLE_MAX_MS = 120_000
const WATCH_MAX_MS = (WATCHED_SECONDS + 90) * 1000

interface Case {
  /** Client id, group and quotas are named after it. */
  readonly name: string
  readonly client: ClientName
  readonly protocol: 'classic' | 'consumer'
  readonly consumer: Readonly<Record<string, unknown>>
  /**
   * Sarama sends up to 1 MB in a request and five at a time; none of the five may be held longer than 3 s, so this limit would be
   * below its floor (5 MB ÷ 3 s). 100 records in a request are not.
   */
  readonly producer: Readonly<Record<string, unknown>>
}

const CASES: readonly Case[] = [
  {
    name: 'java-classic',
    client: 'java',
    protocol: 'classic',
    consumer: { 'group.protocol': 'classic' },
    producer: {},
  },
  {
    name: 'java-kip-848',
    client: 'java',
    protocol: 'consumer',
    consumer: { 'group.protocol': 'consumer' },
    producer: {},
  },
  {
    ...{ name: 'sarama', client: 'sarama', protocol: 'classic', consumer: {} },
    producer: { Producer: { Flush: { MaxMessages: 100 } } },
  },
]

/** One case under way. */
interface Running {
  readonly of: Case
  readonly clients: readonly RunningClient[]
}

/** What is known of a case at one moment. */
interface Picture {
  readonly atMs: number
  readonly group: GroupView
  readonly turns: readonly string[]
  readonly metrics: SluiceMetrics
}

test('a group keeps its assignment while its fetches and a producer of the same client id are throttled tenfold', async (context) => {
  const cases: Case[] = []
  for (const one of CASES) {
    await context.test(`${one.name}: the client is to be had`, async (subtest) => {
      if (await requireClient(subtest, one.client)) cases.push(one)
    })
  }
  const kafka = cases.length === 0 ? undefined : await kafkaFor(context)
  if (kafka === undefined) return
  await createTopic(kafka.internalBootstrap, { topic: TOPIC, partitions: PARTITIONS })
  await fillBacklog(kafka)
  await withSluice(context, { upstream: kafka, quotas: cases.flatMap(quotasOf) }, async (sluice) => {
    const running = await Promise.all(cases.map((one) => start(context, one, sluice)))
    await waitFor(
      'every group has its assignment',
      async () => everyMemberHasItsShare(running) && (await everyGroupIsStable(kafka, cases)),
      {
        timeoutMs: SETTLE_MAX_MS,
        pollMs: 200,
        seen: () => JSON.stringify(running.map(({ of, clients }) => [of.name, clients.map(({ events }) => events)])),
      },
    )
    const before = await Promise.all(running.map((one) => picture(one, kafka, sluice)))
    const isOver = watchClock(running)
    await waitFor(`${WATCHED_SECONDS} s have passed for every client`, isOver, { timeoutMs: WATCH_MAX_MS, pollMs: 200 })
    const after = await Promise.all(running.map((one) => picture(one, kafka, sluice)))
    const results = await Promise.all(running.map(({ clients }) => Promise.all(clients.map((client) => client.stop()))))
    for (const [index, { of }] of running.entries()) {
      await context.test(`${of.name}: not one turn of the group, and the limits held`, () =>
        judge(of, before[index]!, after[index]!, results[index]!),
      )
    }
  })
})

function quotasOf({ name }: Case): object[] {
  const match = { clientId: name }
  const limit = `${LIMIT_BYTES_PER_SECOND} B/s`
  return [
    { name: `${name}-fetch`, limit: { fetchBytes: limit }, match },
    { name: `${name}-produce`, limit: { produceBytes: limit }, match },
  ]
}

async function fillBacklog(kafka: KafkaCluster): Promise<void> {
  const config = { bootstrap: kafka.bootstrap, topic: TOPIC, count: BACKLOG_RECORDS, recordBytes: RECORD_BYTES }
  const filled = await runClient('platformatic', 'produce', config)
  assert.equal(filled.acked, BACKLOG_RECORDS)
}

async function start(context: TestContext, of: Case, { bootstrap }: RunningSluice): Promise<Running> {
  const { name, client, consumer, producer } = of
  const config: ClientConfig = {
    ...{ bootstrap, topic: TOPIC, clientId: name, group: name, recordBytes: RECORD_BYTES },
    ...{ bytesPerSecond: OFFERED_BYTES_PER_SECOND, consumer, producer },
  }
  const { signal } = context
  const members = { ...config, connections: MEMBERS }
  const clients =
    client === 'sarama'
      ? [await startClient('sarama', 'group', members, { signal })]
      : await Promise.all([
          startClient(client, 'consume', members, { signal }),
          startClient(client, 'produce', config, { signal }),
        ])
  context.after(() => {
    for (const one of clients) one.kill()
  })
  return { of, clients }
}

/** Every partition is with one member of every group, also in the eyes of the members. */
function everyMemberHasItsShare(running: readonly Running[]): boolean {
  return running.every(({ clients }) => {
    const held = heldPartitions(clients.flatMap(({ events }) => events))
    const all = [...held.values()].flatMap((partitions) => [...partitions])
    const shared = held.size === MEMBERS && [...held.values()].every(({ size }) => size > 0)
    return shared && all.length === PARTITIONS && new Set(all).size === PARTITIONS
  })
}

/** Partitions by member, after all that the client has told. Java tells what comes and goes, Sarama what each session has. */
function heldPartitions(events: readonly ClientEvent[]): Map<string, Set<string>> {
  const held = new Map<string, Set<string>>()
  for (const { kind, text } of events) {
    const [instance = '', what = ''] = text.split(': ', 2)
    const partitions = [...(/\[([^\]]*)\]/.exec(what)?.[1] ?? '').matchAll(/\d+/g)].map(String)
    const mine = [...(held.get(instance) ?? [])]
    if (kind === 'assigned') held.set(instance, new Set([...mine, ...partitions]))
    else if (kind === 'revoked') held.set(instance, new Set(mine.filter((one) => !partitions.includes(one))))
    else if (kind === 'session') held.delete(instance)
  }
  return held
}

/** True once every client's own clock has gone on by the time that we want to watch. */
function watchClock(running: readonly Running[]): () => boolean {
  const clients = running.flatMap((one) => one.clients)
  const startSeconds = clients.map((client) => client.latest?.seconds ?? 0)
  return () => clients.every(({ latest }, i) => (latest?.seconds ?? 0) - startSeconds[i]! >= WATCHED_SECONDS)
}

async function picture({ of, clients }: Running, kafka: KafkaCluster, sluice: RunningSluice): Promise<Picture> {
  const turns = clients.flatMap(({ events }) => events).filter(({ kind }) => /assigned|revoked|session/.test(kind))
  const group = await groupView(kafka, of.name, of.protocol)
  return {
    atMs: performance.now(),
    group,
    turns: turns.map(({ kind, text }) => `${kind} ${text}`),
    metrics: await sluice.metrics(),
  }
}

function judge(of: Case, before: Picture, after: Picture, results: readonly ClientResult[]): void {
  assert.deepEqual(after.turns, before.turns, 'the client saw a turn')
  assert.deepEqual(after.group, before.group, 'the broker saw a turn')
  // A member that was thrown out, or told to come again, would have to join: everybody's joins pass here.
  for (const api of ['JoinGroup', 'SyncGroup', 'LeaveGroup']) {
    assert.equal(difference(before, after, 'sluice_requests_total', { api }), 0, api)
  }
  for (const api of ['Heartbeat', 'ConsumerGroupHeartbeat', 'OffsetCommit']) {
    assert.equal(difference(before, after, 'sluice_errors_total', { api }), 0, `errors of ${api}`)
  }
  for (const { timeouts, disconnects, errors, corrupt, duplicates, outOfOrder, events } of results) {
    assert.deepEqual(
      { timeouts, disconnects, errors, corrupt, duplicates, outOfOrder },
      { timeouts: 0, disconnects: 0, errors: 0, corrupt: 0, duplicates: 0, outOfOrder: 0 },
      JSON.stringify(events),
    )
  }
  const allowed = LIMIT_BYTES_PER_SECOND * ((after.atMs - before.atMs) / 1000)
  for (const quota of [`${of.name}-fetch`, `${of.name}-produce`]) {
    const share = difference(before, after, 'sluice_quota_used_total', { quota }) / allowed
    const throttled = difference(before, after, 'sluice_throttled_requests_total', { quota })
    console.log(`${quota}: ${share.toFixed(3)} of its limit, ${throttled} requests throttled`)
    assert.ok(throttled > 0, `${quota} throttled nothing`)
    assert.ok(Math.abs(share - 1) <= NEAR, `${quota} used ${share} of its limit`)
    assert.equal(difference(before, after, 'sluice_quota_floor_exceeded_total', { quota }), 0, 'the floor')
  }
}

function difference(before: Picture, after: Picture, name: string, labels: Readonly<Record<string, string>>): number {
  return after.metrics.value(name, labels) - before.metrics.value(name, labels)
}

async function everyGroupIsStable(kafka: KafkaCluster, cases: readonly Case[]): Promise<boolean> {
  const views = await Promise.all(cases.map(({ name, protocol }) => groupView(kafka, name, protocol)))
  return views.every(({ stable, members }) => stable && Object.keys(members).length === MEMBERS)
}
