// `/metrics`: names and labels are an interface (design.md §9), so the whole output of a small run is compared.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { LATENCY_BOUNDS_SECONDS } from '../../src/histogram.ts'
import { Counters, UNKNOWN_API_SLOT } from '../../src/session/counters.ts'
import { DEFAULT_SERIES, SeriesBooks } from '../../src/session/series-books.ts'
import type { QuotaStatus } from '../../src/sluice.ts'
import { createMetrics, type Metrics, type MetricsSources } from '../../src/telemetry/metrics.ts'

const PRODUCE = 0
const FETCH = 1

function metricsOf(counters: Counters, quotas: QuotaStatus[] = [], other: Partial<MetricsSources> = {}): Metrics {
  return createMetrics({
    counters,
    version: '1.2.3',
    kafkaProtocol: '4.4.0',
    quotas: () => quotas,
    series: new SeriesBooks(DEFAULT_SERIES, new AddressBook(10)),
    buckets: () => new Map(),
    fold: () => undefined,
    configValid: () => true,
    ready: () => true,
    processMetrics: false,
    ...other,
  })
}

/** The sample lines of one metric family, histograms' suffixes included. */
async function samples(metrics: Metrics, name: string): Promise<string[]> {
  const text = await metrics.text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(name) && /^(_bucket|_sum|_count)?[{ ]/.test(line.slice(name.length)))
}

const producers: QuotaStatus = { name: 'producers', dimension: 'produceBytes', limitPerSecond: 5e6, mode: 'enforce' }

describe('counts by API', () => {
  test("carry Kafka's own names and leave out what was never counted", async () => {
    const counters = new Counters()
    counters.requests[PRODUCE] = 3
    counters.requests[68] = 2
    counters.requestBytes[PRODUCE] = 4096
    counters.responseBytes[FETCH] = 77
    const metrics = metricsOf(counters)
    assert.deepEqual(await samples(metrics, 'sluice_requests_total'), [
      'sluice_requests_total{api="Produce"} 3',
      'sluice_requests_total{api="ConsumerGroupHeartbeat"} 2',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_request_bytes_total'), [
      'sluice_request_bytes_total{api="Produce"} 4096',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_response_bytes_total'), [
      'sluice_response_bytes_total{api="Fetch"} 77',
    ])
  })

  test('put every key without a name under one label', async () => {
    const counters = new Counters()
    counters.requests[UNKNOWN_API_SLOT] = 1
    counters.requests[120] = 4
    assert.deepEqual(await samples(metricsOf(counters), 'sluice_requests_total'), [
      'sluice_requests_total{api="unknown"} 5',
    ])
  })

  test("show the broker's throttle in seconds", async () => {
    const counters = new Counters()
    counters.brokerThrottleMs[FETCH] = 1500
    assert.deepEqual(await samples(metricsOf(counters), 'sluice_broker_throttle_seconds_total'), [
      'sluice_broker_throttle_seconds_total{api="Fetch"} 1.5',
    ])
  })

  test('name errors as Kafka does, and those it does not know UNKNOWN', async () => {
    const counters = new Counters()
    counters.countError(PRODUCE, 6)
    counters.countError(PRODUCE, 6)
    counters.countError(FETCH, -1)
    counters.countError(FETCH, 5000)
    counters.countError(FETCH, 0)
    assert.deepEqual(await samples(metricsOf(counters), 'sluice_errors_total'), [
      'sluice_errors_total{api="Produce",error="NOT_LEADER_OR_FOLLOWER"} 2',
      'sluice_errors_total{api="Fetch",error="UNKNOWN_SERVER_ERROR"} 1',
      'sluice_errors_total{api="Fetch",error="UNKNOWN"} 1',
    ])
  })

  test('count records by direction', async () => {
    const counters = new Counters()
    counters.producedRecords = 10
    counters.fetchedRecords = 20
    assert.deepEqual(await samples(metricsOf(counters), 'sluice_records_total'), [
      'sluice_records_total{direction="produce"} 10',
      'sluice_records_total{direction="fetch"} 20',
    ])
  })
})

describe('histograms', () => {
  test('are cumulated, from 100 µs to 30 s and +Inf, with sum and count', async () => {
    const counters = new Counters()
    counters.brokerLatency.observeMs(PRODUCE, 0.05)
    counters.brokerLatency.observeMs(PRODUCE, 3)
    counters.brokerLatency.observeMs(PRODUCE, 45_000)
    const lines = await samples(metricsOf(counters), 'sluice_broker_latency_seconds')
    const bucket = (le: number | string): string | undefined => lines.find((line) => line.includes(`le="${le}"`))
    assert.equal(lines.length, LATENCY_BOUNDS_SECONDS.length + 3)
    assert.match(bucket(0.0001) ?? '', / 1$/)
    assert.match(bucket(0.0025) ?? '', / 1$/)
    assert.match(bucket(0.005) ?? '', / 2$/)
    assert.match(bucket(30) ?? '', / 2$/)
    assert.match(bucket('+Inf') ?? '', / 3$/)
    assert.deepEqual(lines.slice(-2), [
      'sluice_broker_latency_seconds_sum{api="Produce"} 45.00305',
      'sluice_broker_latency_seconds_count{api="Produce"} 3',
    ])
  })

  test('have no series before the first observation', async () => {
    assert.deepEqual(await samples(metricsOf(new Counters()), 'sluice_hold_seconds'), [])
  })
})

describe('quotas', () => {
  test('are all there from the start, so that rate() sees the first count', async () => {
    const metrics = metricsOf(new Counters(), [producers])
    assert.deepEqual(await samples(metrics, 'sluice_throttled_requests_total'), [
      'sluice_throttled_requests_total{quota="producers",action="stamped"} 0',
      'sluice_throttled_requests_total{quota="producers",action="held"} 0',
      'sluice_throttled_requests_total{quota="producers",action="refused"} 0',
      'sluice_throttled_requests_total{quota="producers",action="observed"} 0',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_quota_limit'), [
      'sluice_quota_limit{quota="producers",dimension="produceBytes"} 5000000',
    ])
  })

  test('show what was done and charged', async () => {
    const counters = new Counters()
    Object.assign(counters.quota('producers'), {
      stampedRequests: 2,
      heldRequests: 3,
      observedRequests: 4,
      throttleMs: 2500,
      used: { produceBytes: 12345, fetchBytes: 0, requests: 0 },
      floorExceeded: 1,
    })
    const metrics = metricsOf(counters, [producers])
    assert.deepEqual(await samples(metrics, 'sluice_throttled_requests_total'), [
      'sluice_throttled_requests_total{quota="producers",action="stamped"} 2',
      'sluice_throttled_requests_total{quota="producers",action="held"} 3',
      'sluice_throttled_requests_total{quota="producers",action="refused"} 0',
      'sluice_throttled_requests_total{quota="producers",action="observed"} 4',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_throttle_seconds_total'), [
      'sluice_throttle_seconds_total{quota="producers"} 2.5',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_quota_used_total'), [
      'sluice_quota_used_total{quota="producers",dimension="produceBytes"} 12345',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_quota_floor_exceeded_total'), [
      'sluice_quota_floor_exceeded_total{quota="producers"} 1',
    ])
  })

  test('with two dimensions have two limits, told apart', async () => {
    const requests: QuotaStatus = { ...producers, dimension: 'requests', limitPerSecond: 10 }
    assert.deepEqual(await samples(metricsOf(new Counters(), [producers, requests]), 'sluice_quota_limit'), [
      'sluice_quota_limit{quota="producers",dimension="produceBytes"} 5000000',
      'sluice_quota_limit{quota="producers",dimension="requests"} 10',
    ])
  })

  test('that a reload removed keep their counts and lose their limit', async () => {
    const counters = new Counters()
    counters.quota('gone').used.requests = 5
    const metrics = metricsOf(counters, [producers])
    assert.deepEqual(await samples(metrics, 'sluice_quota_used_total'), [
      'sluice_quota_used_total{quota="producers",dimension="produceBytes"} 0',
      'sluice_quota_used_total{quota="gone",dimension="requests"} 5',
    ])
    assert.deepEqual(await samples(metrics, 'sluice_quota_limit'), [
      'sluice_quota_limit{quota="producers",dimension="produceBytes"} 5000000',
    ])
  })

  test('that limit bytes and requests show what was used of each', async () => {
    const counters = new Counters()
    Object.assign(counters.quota('producers').used, { produceBytes: 700, requests: 7 })
    const requests = { ...producers, dimension: 'requests', limitPerSecond: 10 }
    assert.deepEqual(await samples(metricsOf(counters, [producers, requests]), 'sluice_quota_used_total'), [
      'sluice_quota_used_total{quota="producers",dimension="produceBytes"} 700',
      'sluice_quota_used_total{quota="producers",dimension="requests"} 7',
    ])
  })

  test('with quotes, backslashes and line ends in their name do not break the text', async () => {
    const counters = new Counters()
    counters.quota('a"b\\c\nd').used.requests = 1
    assert.deepEqual(await samples(metricsOf(counters), 'sluice_quota_used_total'), [
      'sluice_quota_used_total{quota="a\\"b\\\\c\\nd",dimension="requests"} 1',
    ])
  })
})

describe('connections, configuration, build', () => {
  test('connections are a gauge, every reason and result has its series', async () => {
    const counters = new Counters()
    counters.connections = 7
    counters.connectionsTotal.accepted = 9
    counters.disconnects.client_tls = 2
    const metrics = metricsOf(counters)
    assert.deepEqual(await samples(metrics, 'sluice_connections'), ['sluice_connections 7'])
    assert.deepEqual(await samples(metrics, 'sluice_connections_total'), [
      'sluice_connections_total{result="accepted"} 9',
      'sluice_connections_total{result="refused"} 0',
    ])
    const disconnects = await samples(metrics, 'sluice_disconnects_total')
    assert.equal(disconnects.length, Object.keys(counters.disconnects).length)
    assert.ok(disconnects.includes('sluice_disconnects_total{reason="client_tls"} 2'))
  })

  test('a broken configuration file shows as 0 until it is mended', async () => {
    let valid = false
    const counters = new Counters()
    counters.configReloads.failed = 1
    const metrics = metricsOf(counters, [], { configValid: () => valid })
    assert.deepEqual(await samples(metrics, 'sluice_config_valid'), ['sluice_config_valid 0'])
    valid = true
    assert.deepEqual(await samples(metrics, 'sluice_config_valid'), ['sluice_config_valid 1'])
    assert.deepEqual(await samples(metrics, 'sluice_config_reloads_total'), [
      'sluice_config_reloads_total{result="ok"} 0',
      'sluice_config_reloads_total{result="failed"} 1',
    ])
  })

  test('readiness and files of secrets with a fault show as gauges', async () => {
    let ready = false
    const counters = new Counters()
    const metrics = metricsOf(counters, [], { ready: () => ready })
    assert.deepEqual(await samples(metrics, 'sluice_ready'), ['sluice_ready 0'])
    ready = true
    assert.deepEqual(await samples(metrics, 'sluice_ready'), ['sluice_ready 1'])
    assert.deepEqual(await samples(metrics, 'sluice_secrets_valid'), ['sluice_secrets_valid 1'])
    counters.secretsFaulty = 1
    assert.deepEqual(await samples(metrics, 'sluice_secrets_valid'), ['sluice_secrets_valid 0'])
  })

  test('the build says its version and the protocol it knows', async () => {
    assert.deepEqual(await samples(metricsOf(new Counters()), 'sluice_build_info'), [
      'sluice_build_info{version="1.2.3",kafka_protocol="4.4.0"} 1',
    ])
  })

  test('the process tells of its memory and CPU beside', async () => {
    const text = await metricsOf(new Counters(), [], { processMetrics: true }).text()
    assert.match(text, /^process_resident_memory_bytes \d+$/m)
    assert.match(text, /^nodejs_eventloop_lag_seconds /m)
  })
})

describe('the text format', () => {
  test('has one HELP and one TYPE before the samples of each family, and each series once', async () => {
    const counters = new Counters()
    counters.requests.fill(1)
    counters.errors.fill(1)
    counters.hold.buckets.fill(1)
    counters.quota('producers').used.produceBytes = 1
    const text = await metricsOf(counters, [producers]).text()
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const series = lines.map((line) => line.slice(0, line.lastIndexOf(' ')))
    assert.equal(new Set(series).size, series.length)
    const families = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map((match) => match[1])
    assert.equal(new Set(families).size, families.length)
    for (const name of families) assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'))
    for (const name of series.map((each) => each.replace(/\{.*/, ''))) {
      assert.ok(families.includes(name) || families.includes(name.replace(/_(bucket|sum|count)$/, '')), name)
    }
  })

  test('passes promtool check metrics', async (t) => {
    if (spawnSync('promtool', ['--version']).error !== undefined) return t.skip('needs promtool on the PATH')
    const counters = new Counters()
    counters.requests[PRODUCE] = 1
    counters.brokerLatency.observeMs(PRODUCE, 1)
    counters.hold.observeMs(PRODUCE, 1)
    counters.countError(PRODUCE, 6)
    const input = await metricsOf(counters, [producers]).text()
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
})
