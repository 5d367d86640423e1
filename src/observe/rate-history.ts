/** Rates of the last quarter of an hour, in steps of five seconds: what the plots of the status page show. */
import { HISTORY_POINTS, HISTORY_STEP_MS } from '../bounds.ts'

/** Ticks come up to this much early. */
const TICK_SLACK_MS = 500

/** When the next point is due, and where it goes: one for all histories that are written together. */
export class HistoryClock {
  /** Points written in all. */
  #points = 0
  #lastMs: number

  constructor(startMs: number) {
    this.#lastMs = startMs
  }

  get points(): number {
    return this.#points
  }

  /** Calls `write` if a point is due: with its place, and the time since the one before. */
  tick(nowMs: number, write: (at: number, stepMs: number) => void): void {
    const stepMs = nowMs - this.#lastMs
    if (stepMs <= HISTORY_STEP_MS - TICK_SLACK_MS) return
    write(this.#points % HISTORY_POINTS, stepMs)
    this.#points++
    this.#lastMs = nowMs
  }
}

export class RateHistory {
  readonly #rates: Float32Array
  /** The totals at the point before. */
  readonly #before: number[]

  /** @param totals as they are now; from here on they are watched */
  constructor(totals: readonly number[]) {
    this.#before = [...totals]
    this.#rates = new Float32Array(HISTORY_POINTS * totals.length)
  }

  write(at: number, stepMs: number, totals: readonly number[]): void {
    for (const [i, total] of totals.entries()) {
      this.#rates[i * HISTORY_POINTS + at] = (Math.max(0, total - this.#before[i]!) / stepMs) * 1000
      this.#before[i] = total
    }
  }

  /**
   * Every series, the oldest point first.
   * @param points how many have been written in all
   */
  read(points: number): number[][] {
    const length = Math.min(points, HISTORY_POINTS)
    return this.#before.map((_total, i) =>
      Array.from(
        { length },
        (_point, n) => this.#rates[i * HISTORY_POINTS + ((points - length + n) % HISTORY_POINTS)]!,
      ),
    )
  }
}
