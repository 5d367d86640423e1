/**
 * What each client has done, by client id, for the series that carry it as a label. Bounded: the busiest clients have series of
 * their own, all others share `other`, and how often somebody found no room is counted.
 *
 *   a new name     gets a place while there is one; then that of a client that has been gone for `idleMs`; else it is counted under `other`
 *   review         now and then: who does twice as much as the idlest that has a place takes it over, and both begin a new count
 *
 * A series never falls while it exists: what a client did under `other` stays there. Sessions hold the series of their client and
 * ask again when `version` has grown.
 */
import { BUSYNESS_KEPT, CLIENT_VARIANTS_MAX, SWEEP_CLIENTS } from '../bounds.ts'
import { Latencies } from '../histogram.ts'
import type { Identity } from '../policy/identity.ts'
import { shorten } from '../policy/shorten.ts'
import { CODEC_SLOTS } from './counters.ts'
import { noTotals, type SessionTotals } from './session-parts.ts'

/** The label of those without a place. */
export const OTHER = '(other)'

/** Who a client id was seen to be. */
export type ClientVariant = Pick<Identity, 'software' | 'softwareVersion' | 'principal'>

export class ClientSeries {
  readonly clientId: string
  /** Of its sessions, as far as they have been added. */
  readonly totals: SessionTotals = noTotals()
  readonly produceLatency: Latencies = new Latencies()
  readonly fetchLatency: Latencies = new Latencies()
  /** Answers' errors by code. */
  readonly errors: Map<number, number> = new Map()
  readonly batches: Float64Array = new Float64Array(CODEC_SLOTS)
  batchBytes = 0
  largestBatchBytes = 0
  retries = 0
  /** Its producers number their batches, so that one that comes again can be told. */
  isIdempotent = false
  /** Sessions that are this client now. */
  connections = 0
  lastUsedMs: number
  /** What it did lately: of each review's span a tenth less than of the one after. */
  busyness = 0
  readonly variants: ClientVariant[] = []

  constructor(clientId: string, nowMs: number) {
    this.clientId = clientId
    this.lastUsedMs = nowMs
  }

  countError(code: number): void {
    if (code !== 0) this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }

  /** The newest first. */
  sawVariant({ software, softwareVersion, principal }: ClientVariant): void {
    const known = this.variants.findIndex(
      (one) => one.software === software && one.softwareVersion === softwareVersion && one.principal === principal,
    )
    if (known === 0) return
    if (known > 0) this.variants.splice(known, 1)
    this.variants.unshift({ software, softwareVersion, principal })
    if (this.variants.length > CLIENT_VARIANTS_MAX) this.variants.pop()
  }
}

/** A session without a place, as a review looks at it. */
export interface Newcomer {
  readonly clientId: string
  readonly busyness: number
}

export class ClientBook {
  /** Grows when a client may have got another series. */
  version = 1
  readonly other: ClientSeries = new ClientSeries(OTHER, 0)
  /** Times that a client found no room; counted by whoever asked. */
  folded = 0
  readonly clientsMax: number
  readonly #idleMs: number
  readonly #clients = new Map<string, ClientSeries>()
  /** All of them; when the book is full a hand goes round and takes the place of one that is gone. */
  readonly #places: ClientSeries[] = []
  #hand = 0

  constructor(clientsMax: number, idleMs: number) {
    this.clientsMax = clientsMax
    this.#idleMs = idleMs
  }

  get size(): number {
    return this.#places.length
  }

  /** All that have a place, and `other` once somebody was counted under it. */
  *series(): Generator<ClientSeries> {
    yield* this.#places
    if (this.folded > 0) yield this.other
  }

  /** The series of a client that makes a request. */
  seriesOf(clientId: string, nowMs: number): ClientSeries {
    const name = shorten(clientId)
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    if (this.#places.length < this.clientsMax || this.#makeRoom(nowMs)) return this.#add(name, nowMs)
    return this.other
  }

  /**
   * Forgets who has been gone for long, and gives places to who does more than some that have one.
   * @param newcomers those that are counted under `other`, with what each did lately; a client may come several times
   */
  review(newcomers: Iterable<Newcomer>, nowMs: number): void {
    for (let place = this.#places.length - 1; place >= 0; place--) {
      if (this.#isGone(this.#places[place]!, nowMs)) this.#drop(place)
    }
    const claims = [...sums(newcomers)].sort((a, b) => b[1] - a[1])
    const idlest = this.#places.toSorted((a, b) => a.busyness - b.busyness)
    for (const [clientId, busyness] of claims) {
      if (this.#places.length >= this.clientsMax) {
        const victim = idlest.shift()
        if (victim === undefined || busyness <= 2 * victim.busyness) break
        this.#drop(this.#places.indexOf(victim))
      }
      this.#add(clientId, nowMs).busyness = busyness
    }
    for (const series of this.#places) series.busyness *= BUSYNESS_KEPT
  }

  #add(clientId: string, nowMs: number): ClientSeries {
    const series = new ClientSeries(clientId, nowMs)
    this.#clients.set(clientId, series)
    this.#places.push(series)
    this.version++
    return series
  }

  /** A flood of new names must not cost a walk through all. */
  #makeRoom(nowMs: number): boolean {
    for (let looked = 0; looked < Math.min(SWEEP_CLIENTS, this.#places.length); looked++) {
      const place = this.#hand % this.#places.length
      this.#hand = place + 1
      if (!this.#isGone(this.#places[place]!, nowMs)) continue
      this.#drop(place)
      return true
    }
    return false
  }

  #isGone({ connections, lastUsedMs }: ClientSeries, nowMs: number): boolean {
    return connections === 0 && nowMs - lastUsedMs >= this.#idleMs
  }

  #drop(place: number): void {
    const dropped = this.#places[place]!
    const last = this.#places.pop()!
    if (last !== dropped) this.#places[place] = last
    this.#clients.delete(dropped.clientId)
    this.version++
  }
}

function sums(newcomers: Iterable<Newcomer>): ReadonlyMap<string, number> {
  const all = new Map<string, number>()
  for (const { clientId, busyness } of newcomers) {
    if (busyness <= 0) continue
    const name = shorten(clientId)
    all.set(name, (all.get(name) ?? 0) + busyness)
  }
  return all
}
