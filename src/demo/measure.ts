/** Rates and percentiles of the demo: plain arithmetic over what the applications report. */
import type { Ack } from './app-messages.ts'

/** Remembers acknowledged frames and says their rate over any window. */
export class RateMeter {
  readonly #acks: Ack[] = []

  add(acks: readonly Ack[]): void {
    for (const ack of acks) this.#acks.push(ack)
  }

  /**
   * Bytes a second between the first and the last answer in `[fromMs, toMs]`. From answer to answer, so that no part of a
   * frame is cut by the window's edges; NaN with fewer than two answers.
   */
  rate(fromMs: number, toMs: number): number {
    const within = this.#acks.filter(([atMs]) => atMs >= fromMs && atMs <= toMs)
    const first = within[0]
    const last = within.at(-1)
    if (first === undefined || last === undefined || last[0] <= first[0]) return Number.NaN
    // Answers that came in one read have one time: all that share the first's belong to before the window.
    const bytes = within.reduce((sum, [atMs, frameBytes]) => (atMs > first[0] ? sum + frameBytes : sum), 0)
    return (bytes / (last[0] - first[0])) * 1000
  }
}

/** A ring of the latest samples; percentiles by sorting a copy, a few times a second at most. */
export class RecentSamples {
  readonly #samples: Float64Array
  #count = 0

  constructor(capacity: number) {
    this.#samples = new Float64Array(capacity)
  }

  add(sample: number): void {
    this.#samples[this.#count++ % this.#samples.length] = sample
  }

  /** The smallest sample that at least `share` of the samples do not exceed; null without samples. */
  percentile(share: number): number | null {
    const size = Math.min(this.#count, this.#samples.length)
    const sorted = this.#samples.slice(0, size).sort()
    return sorted[Math.max(0, Math.ceil(share * size) - 1)] ?? null
  }
}
