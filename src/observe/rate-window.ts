/** Cumulative totals of the last seconds, as a ring of rows: from them come rates over one second and over ten. */

const WINDOW_MS = 10_000
/** Ticks come up to this much early or late. */
const TICK_SLACK_MS = 500
/** Samples that lie in a window and the one before it, also when ticks come early. */
const ROWS = 18

/** What a window of ten seconds may miss at its ends. */
export const WINDOW_MIN_MS: number = WINDOW_MS - TICK_SLACK_MS
export const WINDOW_MAX_MS: number = WINDOW_MS + TICK_SLACK_MS

export class RateWindow {
  /** The time, and every total. */
  readonly #rows: Float64Array
  readonly #width: number
  /** Rows written in all. */
  #written = 0

  /** @param totals how many there are in a row */
  constructor(totals: number) {
    this.#width = 1 + totals
    this.#rows = new Float64Array(ROWS * this.#width)
  }

  /** The row that was written last. */
  get last(): number {
    return this.#written - 1
  }

  write(atMs: number, totals: ArrayLike<number>): void {
    const at = (this.#written % ROWS) * this.#width
    this.#rows[at] = atMs
    for (let i = 0; i < this.#width - 1; i++) this.#rows[at + 1 + i] = totals[i]!
    this.#written++
  }

  /** The row that a window of ten seconds begins with. */
  firstRow(nowMs: number): number {
    let row = Math.max(0, this.#written - ROWS)
    while (this.#timeMs(row) < nowMs - WINDOW_MAX_MS && row < this.#written - 2) row++
    return row
  }

  /**
   * Units a second since a row was written. A total that fell was forgotten elsewhere, and counts as nothing.
   * @param spanMinMs if less than that is in the rows, it was not there in the rest of the window
   */
  rateSince(row: number, total: number, nowMs: number, spanMinMs: number): number {
    const amount = this.#total(this.#written - 1, total) - this.#total(row, total)
    const spanMs = nowMs - this.#timeMs(row)
    return (Math.max(0, amount) / (spanMs < spanMinMs ? WINDOW_MS : spanMs)) * 1000
  }

  /** Units a second over the last ten, or since the first row; 0 when nothing was written for as long. */
  rate(total: number, nowMs: number): number {
    if (this.#written < 2 || nowMs - this.#timeMs(this.#written - 1) > WINDOW_MAX_MS) return 0
    return this.rateSince(this.firstRow(nowMs), total, nowMs, 0)
  }

  #timeMs(row: number): number {
    return this.#rows[(row % ROWS) * this.#width]!
  }

  #total(row: number, total: number): number {
    return this.#rows[(row % ROWS) * this.#width + 1 + total]!
  }
}
