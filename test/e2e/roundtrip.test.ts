/**
 * Real applications through the sluice, one library after the other, with the libraries' default settings: what they produce
 * comes back whole, once, in order. Each run is under quotas that are charged and never bite, and the sluice's own counts must
 * agree with what the application says.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createTopic, endOffsets, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { type ClientName, requireClient, runClient } from '../support/clients.ts'
import { kcat, requireKcat } from '../support/kcat.ts'
import { kafkaFor, startSluice } from './support/sluice.ts'
import { warmUp } from './support/warm-up.ts'

const RECORDS = 100_000
const RECORD_BYTES = 100
const PARTITIONS = 3
const LIBRARIES: readonly ClientName[] = ['kafkajs', 'platformatic', 'librdkafka', 'java', 'sarama', 'franz-go']
const ROOMY = {
  name: 'roomy',
  limit: { produceBytes: '1 GB/s', fetchBytes: '1 GB/s', requests: '100k/s' },
  per: ['clientId'],
}
const CLEAN = { lost: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, errors: 0, timeouts: 0, disconnects: 0 }

test('100,000 records there and back', async (context) => {
  const kafka = await kafkaFor(context)
  if (kafka === undefined) return
  await warmUp(kafka)
  for (const name of LIBRARIES) {
    await context.test(`${name}: none lost, doubled, reordered or changed`, { timeout: 180_000 }, (t) =>
      thereAndBack(t, kafka, name),
    )
  }
  await context.test('kcat, which nobody here wrote: what goes in comes out', { timeout: 120_000 }, async (t) => {
    if (!(await requireKcat(t))) return
    const sluice = await startSluice(t, { upstream: kafka, quotas: [ROOMY] })
    await createTopic(kafka.internalBootstrap, { topic: 'kcat', partitions: 1 })
    const lines = Array.from({ length: RECORDS }, (_, i) => `${i} ${'x'.repeat(i % 50)}\n`).join('')
    await kcat(['-b', sluice.bootstrap, '-P', '-t', 'kcat'], lines)
    const read = await kcat(['-b', sluice.bootstrap, '-C', '-t', 'kcat', '-e', '-q'])
    assert.equal(digest(read), digest(lines))
  })
})

async function thereAndBack(context: TestContext, kafka: KafkaCluster, name: ClientName): Promise<void> {
  if (!(await requireClient(context, name))) return
  // One of its own: its counters are this library's.
  const sluice = await startSluice(context, { upstream: kafka, quotas: [ROOMY] })
  const topic = `roundtrip-${name}`
  await createTopic(kafka.internalBootstrap, { topic, partitions: PARTITIONS })
  const { bootstrap } = sluice
  const result = await runClient(name, 'roundtrip', {
    ...{ bootstrap, topic, count: RECORDS, recordBytes: RECORD_BYTES, clientId: `app-${name}` },
  })
  const { sent, acked, received, lost, duplicates, outOfOrder, corrupt, errors, timeouts, disconnects } = result
  assert.deepEqual(
    { sent, acked, received, lost, duplicates, outOfOrder, corrupt, errors, timeouts, disconnects },
    { sent: RECORDS, acked: RECORDS, received: RECORDS, ...CLEAN },
    JSON.stringify(result.events),
  )
  const stored = await endOffsets(kafka.internalBootstrap, topic)
  assert.equal(
    [...stored.values()].reduce((sum, end) => sum + end, 0n),
    BigInt(RECORDS),
  )
  const metrics = await sluice.metrics()
  assert.equal(metrics.value('sluice_records_total', { direction: 'produce' }), RECORDS)
  assert.ok(metrics.value('sluice_records_total', { direction: 'fetch' }) >= RECORDS)
  assert.ok(metrics.value('sluice_quota_used_total', { quota: 'roomy' }) > RECORDS * RECORD_BYTES)
  assert.equal(metrics.value('sluice_throttled_requests_total'), 0)
}

const USER = { username: 'alice', password: 'alice-secret' }

test('an application that logs in', async (context) => {
  const saslUsers = { [USER.username]: USER.password }
  const kafka = await kafkaFor(context, { listeners: 'SASL_PLAINTEXT', saslUsers })
  if (kafka === undefined) return
  for (const [name, mechanism] of [
    ['java', 'PLAIN'],
    ['librdkafka', 'SCRAM-SHA-512'],
  ] as const) {
    await context.test(
      `${name} by ${mechanism}: the login passes untouched, and a quota on the user applies`,
      { timeout: 120_000 },
      (t) => logsIn(t, kafka, name, mechanism),
    )
  }
})

async function logsIn(
  context: TestContext,
  kafka: KafkaCluster,
  name: ClientName,
  mechanism: 'PLAIN' | 'SCRAM-SHA-512',
): Promise<void> {
  if (!(await requireClient(context, name))) return
  const quotas = [
    { name: 'alice', limit: { produceBytes: '1 GB/s' }, match: { principal: 'alice' } },
    { name: 'bob', limit: { produceBytes: '1 kB/s' }, match: { principal: 'bob' } },
  ]
  const sluice = await startSluice(context, { upstream: kafka, quotas })
  const topic = `sasl-${name}`
  await createTopic(kafka.internalBootstrap, { topic, partitions: 1 })
  const config = { bootstrap: sluice.bootstrap, topic, count: 1_000, clientId: 'app' }
  const result = await runClient(name, 'roundtrip', { ...config, sasl: { mechanism, ...USER } })
  assert.equal(result.received, 1_000, JSON.stringify(result.events))
  const metrics = await sluice.metrics()
  assert.ok(metrics.value('sluice_quota_used_total', { quota: 'alice' }) > 1_000 * 1_024)
  assert.equal(metrics.value('sluice_quota_used_total', { quota: 'bob' }), 0)
  const { clients } = await sluice.status()
  assert.ok(clients.some(({ principal }) => principal === 'alice'))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
