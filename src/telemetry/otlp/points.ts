/**
 * What `/metrics` prints, as OpenTelemetry's data points: the same names, labels and numbers, so that both always agree. Counters are
 * monotonic sums, cumulative since the start of the process; histograms keep their buckets.
 */
import type { HrTime } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { Sample } from '../family.ts'
import type { MetricReading } from '../metrics.ts'

/** `ValueType.DOUBLE` of the API package, which is not loaded for one number. */
const DOUBLE = 1

export interface Period {
  readonly startTime: HrTime
  readonly endTime: HrTime
}

/** Undefined for a metric that has no series now, or is of a kind that OTLP has no points for. */
export function metricData({ name, help, type, values }: MetricReading, period: Period): MetricData | undefined {
  const descriptor = { name, description: help, unit: unitOf(name), valueType: DOUBLE }
  const aggregationTemporality = AggregationTemporality.CUMULATIVE
  if (type === 'histogram') {
    const dataPoints = histogramPoints(name, values).map((point) => ({ ...period, ...point }))
    if (dataPoints.length === 0) return undefined
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints }
  }
  if (type !== 'counter' && type !== 'gauge') return undefined
  const dataPoints = values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ labels = {}, value }) => ({ ...period, attributes: textsOf(labels), value }))
  if (dataPoints.length === 0) return undefined
  if (type === 'gauge') return { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints }
  return { descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
}

/** The process's own metrics have numbers among their labels. */
function textsOf(labels: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, String(value)]))
}

/** UCUM, as OpenTelemetry wants it; Prometheus has the unit in the name. */
function unitOf(name: string): string {
  if (/_seconds(?:_|$)/u.test(name)) return 's'
  if (/_bytes(?:_|$)/u.test(name)) return 'By'
  return ''
}

interface Distribution {
  readonly attributes: Readonly<Record<string, string>>
  readonly boundaries: number[]
  /** Cumulated, as Prometheus has them. */
  readonly cumulated: number[]
  sum: number
  count: number
}

interface HistogramPoint {
  readonly attributes: Record<string, string>
  readonly value: {
    readonly buckets: { readonly boundaries: number[]; readonly counts: number[] }
    readonly sum: number
    readonly count: number
  }
}

/** Puts the lines of each histogram together again. */
function histogramPoints(name: string, samples: readonly Sample[]): HistogramPoint[] {
  const found = new Map<string, Distribution>()
  for (const { metricName = '', labels = {}, value } of samples) {
    const { le, ...attributes } = textsOf(labels)
    const key = JSON.stringify(Object.entries(attributes).sort())
    const of = found.get(key) ?? { attributes, boundaries: [], cumulated: [], sum: 0, count: 0 }
    found.set(key, of)
    if (metricName === `${name}_sum`) of.sum = value
    else if (metricName === `${name}_count`) of.count = value
    else of.cumulated.push(value)
    if (le !== undefined && le !== '+Inf') of.boundaries.push(Number(le))
  }
  return [...found.values()].map(({ attributes, boundaries, cumulated, sum, count }) => {
    const counts = cumulated.map((value, i) => value - (cumulated[i - 1] ?? 0))
    return { attributes: { ...attributes }, value: { buckets: { boundaries, counts }, sum, count } }
  })
}
