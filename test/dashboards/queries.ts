/** The queries' common parts: which sluices, over which time, and quantiles of histograms. */

/** Absent labels match `.*`, so that dashboards work outside Kubernetes, too. */
export const CHOSEN = 'namespace=~"$namespace",pod=~"$pod",instance=~"$instance"'

/** A series of the sluices that are chosen. */
export function of(name: string, ...labels: readonly string[]): string {
  return `${name}{${[CHOSEN, ...labels].join(',')}}`
}

/** Its rate by second. */
export function rate(name: string, ...labels: readonly string[]): string {
  return `rate(${of(name, ...labels)}[$__rate_interval])`
}

export function sumBy(by: string, query: string): string {
  return `sum by (${by}) (${query})`
}

/** A quantile of a histogram, for each value of `by` or for all together. */
export function quantile(q: number, name: string, by: string, ...labels: readonly string[]): string {
  const groups = by === '' ? 'le' : `le, ${by}`
  return `histogram_quantile(${q}, ${sumBy(groups, rate(`${name}_bucket`, ...labels))})`
}

/** 0 where there is nothing to count. */
export function orZero(query: string): string {
  return `(${query}) or vector(0)`
}
