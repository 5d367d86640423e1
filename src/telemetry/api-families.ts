/**
 * The metric families with a label `api`: Kafka's own names, from the generated tables. Only APIs that have been counted
 * have series.
 */
import { apiSchema, errorName } from 'kafka-protocol-codec'
import { LATENCY_BOUNDS_SECONDS } from '../histogram.ts'
import { API_SLOTS, type Counters, ERROR_SLOTS, type LatencyCounts, UNKNOWN_API_SLOT } from '../session/counters.ts'
import type { MetricName } from './catalogue/definition.ts'
import { type Family, family, histogramSamples, type Sample } from './family.ts'

/** Families counted by API. */
export function apiFamilies(counters: Counters): Family[] {
  return [
    perApi('sluice_requests_total', counters.requests),
    perApi('sluice_request_bytes_total', counters.requestBytes),
    perApi('sluice_response_bytes_total', counters.responseBytes),
    perApi('sluice_broker_throttle_seconds_total', counters.brokerThrottleMs, 1 / 1000),
    family('sluice_records_total', () => [
      { labels: { direction: 'produce' }, value: counters.producedRecords },
      { labels: { direction: 'fetch' }, value: counters.fetchedRecords },
    ]),
    family('sluice_errors_total', () => errorSamples(counters.errors)),
    histogram('sluice_broker_latency_seconds', counters.brokerLatency),
    histogram('sluice_hold_seconds', counters.hold),
  ]
}

/** The label of an API slot. */
function apiLabel(slot: number): string {
  return (slot === UNKNOWN_API_SLOT ? undefined : apiSchema(slot)?.name) ?? 'unknown'
}

/** The label of an error slot: Kafka's name of code `slot - 1`. */
function errorLabel(slot: number): string {
  return (slot === ERROR_SLOTS - 1 ? undefined : errorName(slot - 1)) ?? 'UNKNOWN'
}

function perApi(name: MetricName, counts: Float64Array, scale = 1): Family {
  return family(name, () => {
    const sums = new Map<string, number>()
    counts.forEach((count, slot) => {
      if (count > 0) add(sums, apiLabel(slot), count * scale)
    })
    return [...sums].map(([api, value]) => ({ labels: { api }, value }))
  })
}

function errorSamples(errors: Float64Array): Sample[] {
  const sums = new Map<string, Sample>()
  errors.forEach((count, at) => {
    if (count === 0) return
    const labels = { api: apiLabel(Math.floor(at / ERROR_SLOTS)), error: errorLabel(at % ERROR_SLOTS) }
    const key = `${labels.api} ${labels.error}`
    sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + count })
  })
  return [...sums.values()]
}

function histogram(name: MetricName, counts: LatencyCounts): Family {
  return family(name, () =>
    histogramRows(counts).flatMap(({ api, buckets, sumSeconds }) =>
      histogramSamples(name, { api }, LATENCY_BOUNDS_SECONDS, buckets, sumSeconds),
    ),
  )
}

interface HistogramRow {
  readonly api: string
  /** Not cumulated; the last is +Inf. */
  readonly buckets: number[]
  sumSeconds: number
}

/** One row for each label: the slots without a name share the row `unknown`. */
function histogramRows(counts: LatencyCounts): HistogramRow[] {
  const rows = new Map<string, HistogramRow>()
  for (let slot = 0; slot < API_SLOTS; slot++) {
    const buckets = Array.from({ length: LATENCY_BOUNDS_SECONDS.length + 1 }, (_, i) => counts.at(slot, i))
    if (buckets.every((count) => count === 0)) continue
    const api = apiLabel(slot)
    const row = rows.get(api) ?? { api, buckets: buckets.map(() => 0), sumSeconds: 0 }
    buckets.forEach((count, i) => {
      row.buckets[i] = (row.buckets[i] ?? 0) + count
    })
    row.sumSeconds += counts.sumSeconds[slot] ?? 0
    rows.set(api, row)
  }
  return [...rows.values()]
}

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value)
}
