/** What is told of each consumer group by name. */
import { maxTimestampMs } from 'kafka-protocol-codec'
import { Histogram } from '../histogram.ts'
import type { Series, SeriesBook } from '../series-book.ts'
import { Rebalances } from './rebalances.ts'

/** Ages of what is fetched: from next to nothing to a backlog of days. */
const AGE_BOUNDS_SECONDS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200,
]

/** A timestamp may be so far ahead of our clock before that is told: clocks of machines differ by some milliseconds. */
const AHEAD_MAX_MS = 1_000

export class GroupSeries implements Series {
  /** The group; '' for consumers whose group is not known. */
  readonly name: string
  holders = 0
  lastUsedMs: number
  /** Ages of record batches when they were fetched, in seconds. */
  readonly endToEnd: Histogram = new Histogram(AGE_BOUNDS_SECONDS)
  readonly rebalances: Rebalances = new Rebalances()
  /** Batches whose timestamp was ahead of our clock. */
  ahead = 0

  constructor(name: string, nowMs: number) {
    this.name = name
    this.lastUsedMs = nowMs
  }

  /** A batch of magic 2 is fetched. Of one without a timestamp nothing is told. */
  fetched(bytes: Uint8Array, offset: number, wallMs: number): void {
    const timestampMs = maxTimestampMs(bytes, offset)
    if (timestampMs < 0) return
    const ageMs = wallMs - timestampMs
    if (ageMs < -AHEAD_MAX_MS) this.ahead++
    this.endToEnd.observe(Math.max(0, ageMs) / 1000)
  }
}

/** The series of the group that one connection's client is in, looked up when that changes. */
export class GroupMeter {
  readonly #book: SeriesBook<GroupSeries>
  #series: GroupSeries | undefined
  #group = ''
  #version = 0

  constructor(book: SeriesBook<GroupSeries>) {
    this.#book = book
  }

  of(group: string, nowMs: number): GroupSeries {
    if (this.#series === undefined || this.#group !== group || this.#version !== this.#book.version) {
      const series = this.#book.of(group, nowMs)
      if (series === this.#book.other && this.#series !== series) this.#book.folded++
      this.#series = series
      this.#group = group
      this.#version = this.#book.version
    }
    this.#series.lastUsedMs = nowMs
    return this.#series
  }
}
