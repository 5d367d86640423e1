/**
 * What each client has done, by client id, for the series that carry it as a label. Bounded (`series-book.ts`), and the busiest are kept:
 * now and then, who does twice as much as the idlest that has a place takes it over, and both begin a new count. A series never falls
 * while it exists: what a client did under `other` stays there.
 */
import { BUSYNESS_KEPT, CLIENT_VARIANTS_MAX } from '../bounds.ts'
import { Latencies } from '../histogram.ts'
import type { Identity } from '../policy/identity.ts'
import { shorten } from '../policy/shorten.ts'
import { type Series, SeriesBook } from '../series-book.ts'
import { CODEC_SLOTS } from './counters.ts'
import { noTotals, type SessionTotals } from './session-parts.ts'

/** Who a client id was seen to be. */
export type ClientVariant = Pick<Identity, 'software' | 'softwareVersion' | 'principal'>

export class ClientSeries implements Series {
  /** The client id. */
  readonly name: string
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
  /** Its connections. */
  holders = 0
  lastUsedMs: number
  /** What it did lately: of each review's span a tenth less than of the one after. */
  busyness = 0
  readonly variants: ClientVariant[] = []

  constructor(name: string, nowMs: number) {
    this.name = name
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
  readonly book: SeriesBook<ClientSeries>

  constructor(clientsMax: number, idleMs: number) {
    this.book = new SeriesBook(clientsMax, idleMs, (name, nowMs) => new ClientSeries(name, nowMs))
  }

  /**
   * Forgets who has been gone for long, and gives places to who does more than some that have one.
   * @param newcomers those that are counted under `other`, with what each did lately; a client may come several times
   */
  review(newcomers: Iterable<Newcomer>, nowMs: number): void {
    const { book } = this
    book.sweep(nowMs)
    const claims = [...sums(newcomers)].sort((a, b) => b[1] - a[1])
    const idlest = book.places.toSorted((a, b) => a.busyness - b.busyness)
    for (const [clientId, busyness] of claims) {
      if (book.size >= book.max) {
        const victim = idlest.shift()
        if (victim === undefined || busyness <= 2 * victim.busyness) break
        book.drop(victim)
      }
      book.add(clientId, nowMs).busyness = busyness
    }
    for (const series of book.places) series.busyness *= BUSYNESS_KEPT
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
