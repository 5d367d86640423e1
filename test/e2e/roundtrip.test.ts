/**
 * Real applications through the sluice, one library after the other, with the libraries' default settings: what they produce
 * comes back whole, once, in order. Each run is under quotas that are charged and never bite, and the sluice's own counts must
 * agree with what the application says.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { createTopic, endOffsets } from '../../src/demo/kafka/index.ts'
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

describe('100,000 records there and back', () => {
  for (const name of LIBRARIES) {
    test(`${name}: none lost, doubled, reordered or changed`, { timeout: 180_000 }, async (context) => {
      if (!(await requireClient(context, name))) return
      const kafka = await kafkaFor(context)
      if (kafka === undefined) return
      const sluice = await startSluice(context, { upstream: kafka, quotas: [ROOMY] })
      const topic = `roundtrip-${name}`
      await createTopic(kafka.internalBootstrap, { topic, partitions: PARTITIONS })
      const { bootstrap } = sluice
      await warmUp(kafka)
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
    })
  }

  test('kcat, which nobody here wrote: what goes in comes out', { timeout: 120_000 }, async (context) => {
    if (!(await requireKcat(context))) return
    const kafka = await kafkaFor(context)
    if (kafka === undefined) return
    const sluice = await startSluice(context, { upstream: kafka, quotas: [ROOMY] })
    await createTopic(kafka.internalBootstrap, { topic: 'kcat', partitions: 1 })
    const lines = Array.from({ length: RECORDS }, (_, i) => `${i} ${'x'.repeat(i % 50)}\n`).join('')
    await kcat(['-b', sluice.bootstrap, '-P', '-t', 'kcat'], lines)
    const read = await kcat(['-b', sluice.bootstrap, '-C', '-t', 'kcat', '-e', '-q'])
    assert.equal(digest(read), digest(lines))
  })
})

describe('an application that logs in', () => {
  for (const [name, mechanism] of [
    ['java', 'PLAIN'],
    ['librdkafka', 'SCRAM-SHA-512'],
  ] as const) {
    test(`${name} by ${mechanism}: the login passes untouched, and a quota on the user applies`, {
      timeout: 120_000,
    }, async (context) => {
      if (!(await requireClient(context, name))) return
      const user = { username: 'alice', password: 'alice-secret' }
      const kafka = await kafkaFor(context, {
        listeners: 'SASL_PLAINTEXT',
        saslUsers: { [user.username]: user.password },
      })
      if (kafka === undefined) return
      const quotas = [
        { name: 'alice', limit: { produceBytes: '1 GB/s' }, match: { principal: 'alice' } },
        { name: 'bob', limit: { produceBytes: '1 kB/s' }, match: { principal: 'bob' } },
      ]
      const sluice = await startSluice(context, { upstream: kafka, quotas })
      await createTopic(kafka.internalBootstrap, { topic: 'sasl', partitions: 1 })
      const config = { bootstrap: sluice.bootstrap, topic: 'sasl', count: 1_000, clientId: 'app' }
      const result = await runClient(name, 'roundtrip', { ...config, sasl: { mechanism, ...user } })
      assert.equal(result.received, 1_000, JSON.stringify(result.events))
      const metrics = await sluice.metrics()
      assert.ok(metrics.value('sluice_quota_used_total', { quota: 'alice' }) > 1_000 * 1_024)
      assert.equal(metrics.value('sluice_quota_used_total', { quota: 'bob' }), 0)
      const { clients } = await sluice.status()
      assert.ok(clients.some(({ principal }) => principal === 'alice'))
    })
  }
})

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
