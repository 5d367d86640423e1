/** One metric as it is printed: what the catalogue says of it, and its samples, computed when it is scraped and only then. */
import type { MetricName } from './catalogue/definition.ts'
import { CATALOGUE } from './catalogue/index.ts'

/** One line of a metric. `metricName` only where it differs from the metric's: a histogram's `_bucket`, `_sum`, `_count`. */
export interface Sample {
  readonly metricName?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: MetricName
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  samples(): Sample[]
}

/** @throws RangeError for a name that the catalogue does not have: a mistake of ours, and every start would show it */
export function family(name: MetricName, samples: () => Sample[]): Family {
  const definition = CATALOGUE[name]
  if (definition === undefined) throw new RangeError(`${name} is not in the catalogue of metrics`)
  const { help, type } = definition
  return { name, help, type, samples }
}

/** One sample for each key of a small closed record; zeros too, so that `rate()` sees the first count. */
export function byLabel(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }))
}

/** The lines of one histogram. Prometheus wants cumulated buckets; `counts` are not, and its last one is +Inf. */
export function histogramSamples(
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  bounds: readonly number[],
  counts: ArrayLike<number>,
  sum: number,
): Sample[] {
  let total = 0
  const buckets = Array.from(counts, (count, i): Sample => {
    total += count
    const le = bounds[i]
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: le === undefined ? '+Inf' : String(le) },
      value: total,
    }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
