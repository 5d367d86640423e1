/**
 * One connection's part in the series of its client: which series that is now, and what of the session's totals has not been added to
 * it yet. Adding happens when the client changes, when the connection ends, and before a scrape; never for a request.
 */
import { BUSYNESS_KEPT, REQUEST_BUSYNESS_BYTES } from '../bounds.ts'
import type { Identity } from '../policy/identity.ts'
import type { SeriesBook } from '../series-book.ts'
import type { ClientSeries } from './client-book.ts'
import { noTotals, type SessionTotals } from './session-parts.ts'

const SUMS = [
  'requests',
  'produceRequests',
  'fetchRequests',
  'producedBytes',
  'producedRecords',
  'fetchedBytes',
  'fetchedRecords',
  'throttleMs',
  'heldMs',
] as const satisfies readonly (keyof SessionTotals)[]

export class ClientMeter {
  readonly #book: SeriesBook<ClientSeries>
  readonly #totals: SessionTotals
  readonly #added: SessionTotals = noTotals()
  #series: ClientSeries | undefined
  #identity: Identity | undefined
  #version = 0
  /** What it had done at the last review, and what it did lately. */
  #reviewed = 0
  #busyness = 0

  constructor(book: SeriesBook<ClientSeries>, totals: SessionTotals) {
    this.#book = book
    this.#totals = totals
  }

  /** The series of the client whose request comes; asked for every request, before it is counted. */
  of(identity: Identity, nowMs: number): ClientSeries {
    if (this.#series !== undefined && this.#identity === identity && this.#version === this.#book.version)
      return this.#series
    return this.#become(identity, nowMs)
  }

  /** Before a scrape: adds what was done since the last time, to the series that the client has now. */
  fold(nowMs: number): void {
    if (this.#series === undefined || this.#identity === undefined) return
    if (this.#version !== this.#book.version) this.#become(this.#identity, nowMs)
    else this.#add(nowMs)
    this.#tell()
  }

  #add(nowMs: number): void {
    const series = this.#series
    if (series === undefined) return
    const before = this.#added.requests
    for (const name of SUMS) {
      series.totals[name] += this.#totals[name] - this.#added[name]
      this.#added[name] = this.#totals[name]
    }
    if (this.#added.requests > before) series.lastUsedMs = nowMs
  }

  /** What the session did lately; of one without a place the caller tells the book. */
  review(): { readonly clientId: string; readonly busyness: number } | undefined {
    const series = this.#series
    if (series === undefined || this.#identity === undefined) return undefined
    const { producedBytes, fetchedBytes, requests } = this.#totals
    const done = producedBytes + fetchedBytes + requests * REQUEST_BUSYNESS_BYTES
    const since = done - this.#reviewed
    this.#reviewed = done
    this.#busyness = this.#busyness * BUSYNESS_KEPT + since
    if (series === this.#book.other) return { clientId: this.#identity.clientId, busyness: this.#busyness }
    series.busyness += since
    return undefined
  }

  /** The connection is over. */
  close(nowMs: number): void {
    this.#tell()
    this.#leave(nowMs)
    this.#series = undefined
    this.#identity = undefined
  }

  #become(identity: Identity, nowMs: number): ClientSeries {
    if (this.#identity?.clientId !== identity.clientId) this.#tell()
    this.#leave(nowMs)
    const { other } = this.#book
    const series = this.#book.of(identity.clientId, nowMs)
    series.holders++
    series.lastUsedMs = nowMs
    if (series === other && this.#series !== other) this.#book.folded++
    this.#series = series
    this.#identity = identity
    this.#version = this.#book.version
    return series
  }

  /** Which library and user the client has. While it says them one after the other, nothing is told of it. */
  #tell(): void {
    if (this.#series === undefined || this.#identity === undefined || this.#series === this.#book.other) return
    this.#series.sawVariant(this.#identity)
  }

  #leave(nowMs: number): void {
    this.#add(nowMs)
    if (this.#series !== undefined) this.#series.holders--
  }
}
