/** One client that the observer watches: its totals of the last seconds, its distributions of rates, its history. */
import { HISTORY_STEP_MS } from '../bounds.ts'
import { noTotals } from '../session/session-parts.ts'
import type { ClientStatus, ClientTotals } from '../sluice.ts'
import { METRICS, type Metric, type ObservedClient, type ObservedRates } from './observation.ts'
import { RateHistory } from './rate-history.ts'
import { RateSketch } from './rate-sketch.ts'
import { RateWindow, WINDOW_MAX_MS, WINDOW_MIN_MS } from './rate-window.ts'

/** What is told as rates of now. */
type NowMetric = Metric | 'throttleMs' | 'heldMs'

/** The metrics come first: their index is the same in both lists. */
const NOW_METRICS: readonly NowMetric[] = [...METRICS, 'throttleMs', 'heldMs']

/** Units a second (milliseconds a second), over the last ten seconds. */
export type ClientRates = Readonly<Record<NowMetric, number>>

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
  readonly #window: RateWindow = new RateWindow(NOW_METRICS.length)
  readonly #sketches: (Sketches | undefined)[] = METRICS.map(() => undefined)
  readonly #history: RateHistory
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
    this.#history = new RateHistory(HISTORY_METRICS.map((metric) => this.#before[metric]))
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
    if (nowMs - this.#lastActiveMs > WINDOW_MAX_MS) return // nothing is in its window
    const windowRow = this.#windowRow(nowMs)
    for (let i = 0; i < METRICS.length; i++) this.#addRates(i, windowRow, nowMs)
  }

  /** Nobody knows it any more: nothing of it is open. */
  absent(nowMs: number): void {
    this.sample(nowMs, this.#status.connections > 0 ? { ...this.#status, connections: 0 } : this.#status, false)
  }

  /** @param stepMs since the point before */
  writePoint(at: number, stepMs: number): void {
    this.#history.write(
      at,
      stepMs,
      HISTORY_METRICS.map((metric) => this.#status[metric]),
    )
  }

  /** @param points how many the observer has written in all */
  history(points: number): ClientHistory {
    const [producedBytes = [], fetchedBytes = [], requests = [], throttleMs = []] = this.#history.read(points)
    return { stepMs: HISTORY_STEP_MS, producedBytes, fetchedBytes, requests, throttleMs }
  }

  now(nowMs: number): ClientRates {
    const rates = NOW_METRICS.map((metric, i) => [metric, this.#window.rate(i, nowMs)])
    return Object.fromEntries(rates) as ClientRates
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
    const rate = this.#window.rateSince(this.#window.last - 1, metric, nowMs, 0)
    let sketches = this.#sketches[metric]
    if (sketches === undefined) {
      if (rate === 0) return
      sketches = { oneSecond: new RateSketch(), tenSeconds: new RateSketch() }
      this.#sketches[metric] = sketches
    }
    sketches.oneSecond.add(rate)
    if (windowRow >= 0) sketches.tenSeconds.add(this.#window.rateSince(windowRow, metric, nowMs, WINDOW_MIN_MS))
  }

  /** The row that a window of ten seconds begins with; −1 where what the client did in it is not known. */
  #windowRow(nowMs: number): number {
    return !this.#isNew && nowMs - this.#sinceMs < WINDOW_MIN_MS ? -1 : this.#window.firstRow(nowMs)
  }

  #writeRow(atMs: number, done: Readonly<Record<GrowingTotal, number>>): void {
    this.#window.write(
      atMs,
      NOW_METRICS.map((metric) => done[metric]),
    )
  }
}

const { largestProduceBytes: _produce, largestFetchBytes: _fetch, ...growing } = noTotals()
const NOTHING: Readonly<Record<GrowingTotal, number>> = growing
const GROWING: readonly GrowingTotal[] = Object.keys(NOTHING) as GrowingTotal[]
