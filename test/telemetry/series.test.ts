/** Metrics with names of clients, groups and partitions: what the catalogue promises, and that a crowd does not grow them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { NOBODY } from '../../src/policy/identity.ts'
import { OTHER } from '../../src/series-book.ts'
import { ClientMeter } from '../../src/session/client-meter.ts'
import { Counters } from '../../src/session/counters.ts'
import { DEFAULT_SERIES, SeriesBooks } from '../../src/session/series-books.ts'
import { noTotals } from '../../src/session/session-parts.ts'
import { CATALOGUE } from '../../src/telemetry/catalogue/index.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'

/** Books in which something of everything has been written, and the metrics over them. */
function filled(clients = 1): { readonly books: SeriesBooks; readonly metrics: Metrics } {
  const addresses = new AddressBook(10)
  addresses.learn(1, 'kafka', 9092)
  const books = new SeriesBooks(DEFAULT_SERIES, addresses)
  const counters = new Counters()
  counters.requests[0] = counters.requestBytes[0] = counters.responseBytes[0] = counters.brokerThrottleMs[0] = 1
  counters.errors[1] = 1
  counters.brokerLatency.observeMs(0, 1)
  counters.hold.observeMs(0, 1)
  counters.batches[0] = 1
  for (const sizes of [counters.batchBytes, counters.batchRecords, counters.requestRecords]) sizes.observe(5)
  const broker = books.brokers.at({ host: 'kafka', port: 9092 })
  broker.tried(true)
  broker.latency.add(3, 0.001)
  for (let i = 0; i < clients; i++) fillClient(books, `client-${i}`)
  const metrics = createMetrics({
    ...{ counters, version: '1', kafkaProtocol: '4', series: books, fold: () => undefined },
    quotas: () => [{ name: 'q', dimension: 'requests', limitPerSecond: 1, mode: 'enforce' }],
    certificates: () => [{ role: 'listen', expiresAtMs: 1 }],
    buckets: () => new Map([['q', { buckets: 1, debtMs: 0, level: 1 }]]),
    ...{ configValid: () => true, ready: () => true, processMetrics: false },
  })
  return { books, metrics }
}

/** A client of a group of the same name, with one partition. */
function fillClient(books: SeriesBooks, name: string): void {
  const meter = new ClientMeter(books.clients.book, { ...noTotals(), requests: 3, producedBytes: 10 })
  const series = meter.of({ ...NOBODY, clientId: name, software: 'java' }, 1)
  series.countError(6)
  series.batches[4]! += 1
  series.produceLatency.add(2, 0.001)
  series.fetchLatency.add(2, 0.001)
  meter.close(1)
  const { endToEnd, rebalances } = books.groups.of(name, 1)
  endToEnd.observe(1)
  for (const histogram of [rebalances.seconds, rebalances.heartbeatGap]) histogram.observe(1)
  const entry = books.lags.entry(name, 'orders', 0, 1)
  entry.position = entry.committed = 5
  entry.end.highWatermark = 9
}

/** Name, labels and value of each line. */
function samplesOf(text: string): { name: string; labels: string[] }[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /u.exec(line) ?? []
      return { name, labels: [...labels.matchAll(/(\w+)="/gu)].map(([, label = '']) => label) }
    })
}

describe('the catalogue', () => {
  test('has a sample for each metric, and each sample has the labels that it says', async () => {
    const samples = samplesOf(await filled().metrics.text())
    for (const [name, { type, labels }] of Object.entries(CATALOGUE)) {
      if (name.startsWith('sluice_injector_')) continue // of another command
      const suffix = type === 'histogram' ? '_bucket' : ''
      const found = samples.filter((sample) => sample.name === `${name}${suffix}`)
      assert.ok(found.length > 0, `${name} has no samples`)
      for (const sample of found) {
        const known = [...labels, ...(type === 'histogram' ? ['le'] : [])]
        assert.deepEqual(
          sample.labels.filter((label) => !known.includes(label)),
          [],
          `${name} has other labels`,
        )
      }
    }
  })

  test('passes promtool check metrics', async (t) => {
    if (spawnSync('promtool', ['--version']).error !== undefined) return t.skip('needs promtool on the PATH')
    const input = await filled().metrics.text()
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
})

test('100,000 client ids, groups and partitions: as many series as a tenth of a percent of them would have', async () => {
  const many = filled(100_000)
  const { books, metrics } = many
  assert.equal(books.clients.book.size, DEFAULT_SERIES.clientsMax)
  assert.equal(books.groups.size, DEFAULT_SERIES.groupsMax)
  assert.equal(books.lags.size, DEFAULT_SERIES.partitionsMax)
  assert.equal(books.lags.left, 100_000 - DEFAULT_SERIES.partitionsMax)
  const text = await metrics.text()
  const lines = samplesOf(text)
  assert.ok(lines.length < 25_000, `${lines.length} lines`)
  assert.ok(text.length < 3_000_000, `${text.length} characters`)
  assert.ok(text.includes(`client_id="${OTHER}"`))
})
