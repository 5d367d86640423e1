/** One client that the observer watches: its totals of the last seconds, its distributions of rates, its history. */
import { HISTORY_POINTS, HISTORY_STEP_MS } from '../bounds.ts'
import { noTotals } from '../session/session-parts.ts'
import type { ClientStatus, ClientTotals } from '../sluice.ts'
import { METRICS, type Metric, type ObservedClient, type ObservedRates } from './observation.ts'
import { RateSketch } from './rate-sketch.ts'

const WINDOW_MS = 10_000
/** Ticks come up to this much early or late. */
const TICK_SLACK_MS = 500
/** Samples that lie in a window and the one before it, also when ticks come early. */
const ROWS = 18
/** The time, and the total of every metric. */
const ROW = 1 + METRICS.length

const HISTORY_METRICS = ['producedBytes', 'fetchedBytes', 'requests', 'throttleMs'] as const satisfies GrowingTotal[]

type GrowingTotal = Exclude<keyof ClientTotals, 'largestProduceBytes' | 'largestFetchBytes'>

/** Rates of one client over the last quarter of an hour, the oldest first. */
export interface ClientHistory {
  readonly stepMs: number
  readonly producedBytes: readonly number[]
  readonly fetchedBytes: readonly number[]
  readonly requests: readonly number[]
  /** Milliseconds of throttle in a second. */
  readonly throttleMs: readonly number[]
}

interface Sketches {
  readonly oneSecond: RateSketch
  readonly tenSeconds: RateSketch
}

export class WatchedClient {
  readonly #sinceMs: number
  /** What it had done before; all zero for one that everything is known of. */
  readonly #before: Readonly<Record<GrowingTotal, number>>
  readonly #isNew: boolean
  /** The last samples, a ring of rows. */
  readonly #rows: Float64Array = new Float64Array(ROWS * ROW)
  /** Rows written in all. */
  #written = 0
  readonly #sketches: (Sketches | undefined)[] = METRICS.map(() => undefined)
  readonly #history: Float32Array = new Float32Array(HISTORY_POINTS * HISTORY_METRICS.length)
  readonly #pointBefore: number[]
  #status: ClientStatus
  #connectionsMax = 0
  #lastActiveMs: number

  /**
   * @param status as it is now
   * @param lastMs when the sample before was, from which on it is watched
   * @param isNew it was not there then: all that it ever did is being watched
   */
  constructor(status: ClientStatus, lastMs: number, isNew: boolean) {
    this.#status = status
    this.#isNew = isNew
    this.#sinceMs = lastMs
    this.#before = isNew ? { ...status, ...NOTHING } : status
    this.#pointBefore = HISTORY_METRICS.map((metric) => this.#before[metric])
    this.#lastActiveMs = lastMs
    this.#writeRow(lastMs, this.#before)
  }

  get lastActiveMs(): number {
    return this.#lastActiveMs
  }

  sample(nowMs: number, status: ClientStatus, isActive: boolean): void {
    this.#status = status
    this.#connectionsMax = Math.max(this.#connectionsMax, status.connections)
    if (isActive) this.#lastActiveMs = nowMs
    this.#writeRow(nowMs, status)
    if (nowMs - this.#lastActiveMs > WINDOW_MS + TICK_SLACK_MS) return // nothing is in its window
    const windowRow = this.#windowRow(nowMs)
    for (let i = 0; i < METRICS.length; i++) this.#addRates(i, windowRow, nowMs)
  }

  /** Nobody knows it any more: nothing of it is open. */
  absent(nowMs: number): void {
    this.sample(nowMs, this.#status.connections > 0 ? { ...this.#status, connections: 0 } : this.#status, false)
  }

  /** @param stepMs since the point before */
  writePoint(at: number, stepMs: number): void {
    for (const [i, metric] of HISTORY_METRICS.entries()) {
      const done = this.#status[metric]
      this.#history[i * HISTORY_POINTS + at] = (Math.max(0, done - this.#pointBefore[i]!) / stepMs) * 1000
      this.#pointBefore[i] = done
    }
  }

  /** @param points how many the observer has written in all */
  history(points: number): ClientHistory {
    const length = Math.min(points, HISTORY_POINTS)
    const series = HISTORY_METRICS.map((_, i) =>
      Array.from(
        { length },
        (_point, n) => this.#history[i * HISTORY_POINTS + ((points - length + n) % HISTORY_POINTS)]!,
      ),
    )
    const [producedBytes = [], fetchedBytes = [], requests = [], throttleMs = []] = series
    return { stepMs: HISTORY_STEP_MS, producedBytes, fetchedBytes, requests, throttleMs }
  }

  observed(nowMs: number): ObservedClient {
    const { clientId, software, principal, connections, largestProduceBytes, largestFetchBytes, ...done } = this.#status
    const watched = { ...NOTHING }
    for (const name of GROWING) watched[name] = Math.max(0, done[name] - this.#before[name])
    return {
      clientId,
      software,
      principal,
      watchedMs: nowMs - this.#sinceMs,
      idleMs: nowMs - this.#lastActiveMs,
      connections,
      connectionsMax: this.#connectionsMax,
      rates: this.#rates(),
      totals: { ...watched, largestProduceBytes, largestFetchBytes },
    }
  }

  #rates(): Partial<Record<Metric, ObservedRates>> {
    const rates: Partial<Record<Metric, ObservedRates>> = {}
    for (const [i, metric] of METRICS.entries()) {
      const sketches = this.#sketches[i]
      if (sketches === undefined) continue
      const { oneSecond, tenSeconds } = sketches
      rates[metric] = {
        activeSeconds: oneSecond.count,
        p50: oneSecond.quantile(0.5),
        p99: oneSecond.quantile(0.99),
        peak: oneSecond.max,
        p99Of10s: tenSeconds.quantile(0.99),
        peakOf10s: tenSeconds.max,
      }
    }
    return rates
  }

  #addRates(metric: number, windowRow: number, nowMs: number): void {
    const rate = this.#rateSince(this.#written - 2, metric, nowMs, 0)
    let sketches = this.#sketches[metric]
    if (sketches === undefined) {
      if (rate === 0) return
      sketches = { oneSecond: new RateSketch(), tenSeconds: new RateSketch() }
      this.#sketches[metric] = sketches
    }
    sketches.oneSecond.add(rate)
    if (windowRow >= 0) sketches.tenSeconds.add(this.#rateSince(windowRow, metric, nowMs, WINDOW_MS - TICK_SLACK_MS))
  }

  /** The row that a window of ten seconds begins with; −1 where what the client did in it is not known. */
  #windowRow(nowMs: number): number {
    if (!this.#isNew && nowMs - this.#sinceMs < WINDOW_MS - TICK_SLACK_MS) return -1
    let row = Math.max(0, this.#written - ROWS)
    while (this.#rowTimeMs(row) < nowMs - WINDOW_MS - TICK_SLACK_MS && row < this.#written - 2) row++
    return row
  }

  /** Units a second since a row was written. A total that fell was forgotten by the ledger, and counts as nothing. */
  #rateSince(row: number, metric: number, nowMs: number, spanMinMs: number): number {
    const amount = this.#rowTotal(this.#written - 1, metric) - this.#rowTotal(row, metric)
    const spanMs = nowMs - this.#rowTimeMs(row)
    // Less than a window is in the rows: in the rest it was not there.
    return (Math.max(0, amount) / (spanMs < spanMinMs ? WINDOW_MS : spanMs)) * 1000
  }

  #writeRow(atMs: number, done: Readonly<Record<Metric, number>>): void {
    const at = (this.#written % ROWS) * ROW
    this.#rows[at] = atMs
    for (let i = 0; i < METRICS.length; i++) this.#rows[at + 1 + i] = done[METRICS[i]!]
    this.#written++
  }

  #rowTimeMs(row: number): number {
    return this.#rows[(row % ROWS) * ROW]!
  }

  #rowTotal(row: number, metric: number): number {
    return this.#rows[(row % ROWS) * ROW + 1 + metric]!
  }
}

const { largestProduceBytes: _produce, largestFetchBytes: _fetch, ...growing } = noTotals()
const NOTHING: Readonly<Record<GrowingTotal, number>> = growing
const GROWING: readonly GrowingTotal[] = Object.keys(NOTHING) as GrowingTotal[]
