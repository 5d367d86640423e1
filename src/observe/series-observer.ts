/**
 * Rates of totals that only grow, of the sluice as a whole and of each quota: over the last ten seconds, and over the last
 * quarter of an hour in steps. A series begins when there is something in it, so that a thousand quotas that nobody uses cost
 * nothing; at most so many are kept.
 */
import { SERIES_WATCHED_MAX } from '../bounds.ts'
import { HistoryClock, RateHistory } from './rate-history.ts'
import { RateWindow } from './rate-window.ts'

/** Several totals under one name. */
export interface Totals {
  readonly key: string
  readonly totals: readonly number[]
}

interface Series {
  readonly window: RateWindow
  readonly history: RateHistory
  totals: readonly number[]
}

export class SeriesObserver {
  readonly #seriesMax: number
  readonly #series = new Map<string, Series>()
  #clock: HistoryClock | undefined
  #lastMs = 0

  constructor(seriesMax: number = SERIES_WATCHED_MAX) {
    this.#seriesMax = seriesMax
  }

  /** To be called about once a second. What is not among `all` any more is forgotten. */
  sample(nowMs: number, all: readonly Totals[]): void {
    const isFirst = this.#clock === undefined
    this.#clock ??= new HistoryClock(nowMs)
    for (const { key, totals } of all) this.#note(nowMs, key, totals, isFirst)
    const keys = new Set(all.map(({ key }) => key))
    for (const key of this.#series.keys()) if (!keys.has(key)) this.#series.delete(key)
    this.#clock.tick(nowMs, (at, stepMs) => {
      for (const { history, totals } of this.#series.values()) history.write(at, stepMs, totals)
    })
    this.#lastMs = nowMs
  }

  /** Units a second of each total; undefined of a series in which nothing was yet. */
  rates(key: string, nowMs: number): readonly number[] | undefined {
    const series = this.#series.get(key)
    return series?.totals.map((_total, i) => series.window.rate(i, nowMs))
  }

  history(key: string): readonly (readonly number[])[] | undefined {
    return this.#series.get(key)?.history.read(this.#clock?.points ?? 0)
  }

  #note(nowMs: number, key: string, totals: readonly number[], isFirst: boolean): void {
    let series = this.#series.get(key)
    if (series === undefined) {
      if (this.#series.size >= this.#seriesMax || totals.every((total) => total === 0)) return
      const before = isFirst ? totals : totals.map(() => 0)
      series = { window: new RateWindow(totals.length), history: new RateHistory(before), totals }
      this.#series.set(key, series)
      if (!isFirst) series.window.write(this.#lastMs, before)
    }
    series.totals = totals
    series.window.write(nowMs, totals)
  }
}
