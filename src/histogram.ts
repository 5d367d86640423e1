/** A histogram that the data path fills: a bump is a short search and two stores in place. Folded at scrape. For the pure rooms too. */

/** Broker time as clients see it: fewer bounds than the process' own, because each client has as many series. */
export const CLIENT_LATENCY_BOUNDS_SECONDS: readonly number[] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]

/** Broker time by broker. */
export const NODE_LATENCY_BOUNDS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

export class Histogram {
  readonly bounds: readonly number[]
  /** Not cumulated; the last is +Inf. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    counts[i]! += 1
    this.sum += value
  }
}
