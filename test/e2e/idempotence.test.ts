/**
 * Producers that number their records, and such that write in transactions, ten times over their limits: what is held is late,
 * never lost, doubled or out of its turn, and nothing becomes fatal to a client. All libraries at the same time.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTopic, endOffsets, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { type ClientConfig, type ClientName, requireClient, runClient } from '../support/clients.ts'
import { report } from './support/limits.ts'
import { kafkaFor, type RunningSluice, startSluice } from './support/sluice.ts'

const LIBRARIES: readonly ClientName[] = ['java', 'librdkafka', 'sarama', 'franz-go']
const KINDS = ['idempotent', 'transactional'] as const
/** So low that a machine full of others can still want ten times as much, eight times over. */
const LIMIT_BYTES_PER_SECOND = 250_000
const RECORD_BYTES = 1_000
/** Twenty seconds at the limit. By number, not by time: a client that starts late has no less to be exact about. */
const RECORDS = 5_000
/** Two seconds at the limit: less than any of them may be held for, so this limit is above the floor of all. */
const PENDING_RECORDS = 500
const PARTITIONS = 3
const TRANSACTION_RECORDS = 250
/** So many held or told to wait that the limit was met again and again, not once. Sarama and franz-go make few large requests. */
const THROTTLED_LEAST = 5

interface Case {
  readonly name: string
  readonly library: ClientName
  readonly kind: (typeof KINDS)[number]
}

const CASES: readonly Case[] = LIBRARIES.flatMap((library) =>
  KINDS.map((kind) => ({ name: `${library}-${kind}`, library, kind })),
)

test('held producers keep order, lose nothing, double nothing', { timeout: 240_000 }, async (context) => {
  const kafka = await kafkaFor(context)
  if (kafka === undefined) return
  const sluice = await startSluice(context, { upstream: kafka, quotas: CASES.map(({ name }) => quotaOf(name)) })
  await context.test('all at the same time', { concurrency: true }, async (together) => {
    await Promise.all(CASES.map((one) => together.test(one.name, (t) => isExact(t, one, kafka, sluice))))
  })
})

function quotaOf(name: string): object {
  return { name, limit: { produceBytes: `${LIMIT_BYTES_PER_SECOND} B/s` }, match: { clientId: name } }
}

async function isExact(context: TestContext, one: Case, kafka: KafkaCluster, sluice: RunningSluice): Promise<void> {
  const { name, library, kind } = one
  if (!(await requireClient(context, library))) return
  await createTopic(kafka.internalBootstrap, { topic: name, partitions: PARTITIONS })
  const config: ClientConfig = {
    ...{ bootstrap: sluice.bootstrap, topic: name, clientId: name, run: name, recordBytes: RECORD_BYTES },
    ...{ count: RECORDS, bytesPerSecond: 10 * LIMIT_BYTES_PER_SECOND, maxPending: PENDING_RECORDS },
    ...(kind === 'transactional'
      ? { transactionalId: name, transactionRecords: TRANSACTION_RECORDS }
      : { idempotent: true }),
  }
  const { signal } = context
  const produced = await runClient(library, 'produce', config, { signal })
  const { sent, acked, errors, timeouts, disconnects, seconds, events } = produced
  assert.deepEqual(
    { sent, acked, errors, timeouts, disconnects },
    { sent: RECORDS, acked: RECORDS, errors: 0, timeouts: 0, disconnects: 0 },
    JSON.stringify(events),
  )
  await wasThrottled(context, one, sluice, seconds)
  await isStoredOnce(one, kafka, signal)
}

async function wasThrottled(
  context: TestContext,
  { name }: Case,
  sluice: RunningSluice,
  seconds: number,
): Promise<void> {
  const metrics = await sluice.metrics()
  const throttled = metrics.value('sluice_throttled_requests_total', { quota: name })
  // A second's worth on top: the burst.
  const used = metrics.value('sluice_quota_used_total', { quota: name }) / (LIMIT_BYTES_PER_SECOND * (seconds + 1))
  const belowFloor = metrics.value('sluice_quota_floor_exceeded_total', { quota: name })
  await report(context, name, { used, throttled, belowFloor, seconds })
  assert.ok(throttled >= THROTTLED_LEAST, `${throttled} requests were throttled`)
}

/** Read straight from the broker, by those who see only what is committed. */
async function isStoredOnce(
  { name, kind }: Case,
  { bootstrap, internalBootstrap }: KafkaCluster,
  signal: AbortSignal,
): Promise<void> {
  const reading: ClientConfig = { bootstrap, topic: name, run: name, count: RECORDS }
  const { received, lost, duplicates, outOfOrder, corrupt } = await runClient('platformatic', 'consume', reading, {
    signal,
  })
  assert.deepEqual(
    { received, lost, duplicates, outOfOrder, corrupt },
    { received: RECORDS, lost: 0, duplicates: 0, outOfOrder: 0, corrupt: 0 },
  )
  if (kind === 'transactional') return // markers have offsets too
  const ends = [...(await endOffsets(internalBootstrap, name)).values()]
  assert.equal(
    ends.reduce((sum, end) => sum + end, 0n),
    BigInt(RECORDS),
  )
}
