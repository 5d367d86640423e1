/**
 * Histograms that the data path fills: a bump is two stores in place. Folded at scrape. For the pure rooms too.
 * Of latencies the bucket is found once for an answer, and every histogram that is told of it counts in that bucket.
 */

/** Upper bounds in seconds, 100 µs to 30 s (design.md §9). The last bucket of a histogram is +Inf. */
export const LATENCY_BOUNDS_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]

/** The bucket of a latency. */
export function latencyBucket(seconds: number): number {
  let i = 0
  while (i < LATENCY_BOUNDS_SECONDS.length && seconds > LATENCY_BOUNDS_SECONDS[i]!) i++
  return i
}

/** Latencies of one client or one broker. */
export class Latencies {
  /** By `latencyBucket`, not cumulated. */
  readonly counts: Float64Array = new Float64Array(LATENCY_BOUNDS_SECONDS.length + 1)
  sum = 0

  add(bucket: number, seconds: number): void {
    this.counts[bucket]! += 1
    this.sum += seconds
  }
}

/** Whole numbers, in buckets that end at powers of two. */
export class Sizes {
  readonly bounds: readonly number[]
  /** Not cumulated; the last is +Inf. */
  readonly counts: Float64Array
  sum = 0
  readonly #first: number

  /** @param first the exponent of the least bound, `last` that of the greatest */
  constructor(first: number, last: number) {
    this.#first = first
    this.bounds = Array.from({ length: last - first + 1 }, (_, i) => 2 ** (first + i))
    this.counts = new Float64Array(this.bounds.length + 1)
  }

  observe(size: number): void {
    const bucket = size <= 1 ? -this.#first : 32 - Math.clz32(size - 1) - this.#first
    this.counts[Math.min(Math.max(bucket, 0), this.bounds.length)]! += 1
    this.sum += size
  }
}
/** Anything else, in buckets of its own; not for every frame. */
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
