/**
 * A bounded book of series by name, for the pure rooms: the first so many names have series of their own, all others share `other`,
 * and how often somebody found no room is counted. One that nobody holds and that was not used for `idleMs` gives its place away.
 * Whoever keeps a series asks again when `version` has grown.
 */
import { SWEEP_SERIES } from './bounds.ts'
import { shorten } from './policy/shorten.ts'

/** The label of those without a place. */
export const OTHER = '(other)'

export interface Series {
  readonly name: string
  /** Those who count into it now: while there are any, it keeps its place. */
  holders: number
  lastUsedMs: number
}

export class SeriesBook<Of extends Series> {
  /** Grows when a name may have got another series. */
  version = 1
  readonly other: Of
  /** Times that a name found no room; counted by whoever asked. */
  folded = 0
  readonly max: number
  readonly #idleMs: number
  readonly #make: (name: string, nowMs: number) => Of
  readonly #byName = new Map<string, Of>()
  /** All of them; when the book is full a hand goes round and takes the place of one that is gone. */
  readonly #places: Of[] = []
  #hand = 0

  constructor(max: number, idleMs: number, make: (name: string, nowMs: number) => Of) {
    this.max = max
    this.#idleMs = idleMs
    this.#make = make
    this.other = make(OTHER, 0)
  }

  get size(): number {
    return this.#places.length
  }

  get places(): readonly Of[] {
    return this.#places
  }

  /** All that have a place, and `other` once somebody was counted under it. */
  *series(): Generator<Of> {
    yield* this.#places
    if (this.folded > 0) yield this.other
  }

  /** The series of a name: its own, or `other`. */
  of(name: string, nowMs: number): Of {
    const short = shorten(name)
    const known = this.#byName.get(short)
    if (known !== undefined) return known
    return this.#places.length < this.max || this.#makeRoom(nowMs) ? this.add(short, nowMs) : this.other
  }

  /** Forgets what has been gone for long. */
  sweep(nowMs: number): void {
    for (let place = this.#places.length - 1; place >= 0; place--) {
      if (this.#isGone(this.#places[place]!, nowMs)) this.#drop(place)
    }
  }

  /** Gives a new name a place, whether there is one or not: the caller has seen to that. */
  add(name: string, nowMs: number): Of {
    const series = this.#make(name, nowMs)
    this.#byName.set(name, series)
    this.#places.push(series)
    this.version++
    return series
  }

  /** Takes its place from a series. */
  drop(series: Of): void {
    this.#drop(this.#places.indexOf(series))
  }

  /** A flood of new names must not cost a walk through all. */
  #makeRoom(nowMs: number): boolean {
    for (let looked = 0; looked < Math.min(SWEEP_SERIES, this.#places.length); looked++) {
      const place = this.#hand % this.#places.length
      this.#hand = place + 1
      if (!this.#isGone(this.#places[place]!, nowMs)) continue
      this.#drop(place)
      return true
    }
    return false
  }

  #isGone({ holders, lastUsedMs }: Of, nowMs: number): boolean {
    return holders === 0 && nowMs - lastUsedMs >= this.#idleMs
  }

  #drop(place: number): void {
    const dropped = this.#places[place]!
    const last = this.#places.pop()!
    if (last !== dropped) this.#places[place] = last
    this.#byName.delete(dropped.name)
    this.version++
  }
}
