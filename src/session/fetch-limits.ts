/** A Fetch's or ShareFetch's own limits, changed in place: what it may bring, and how long it may wait for it at the broker. */
import { apiSchema, compileSkim, Skim, type SkimPlan, type SkimSink } from 'kafka-protocol-codec'

/** Both requests have them one after the other, before what is fetched. */
export const LIMITS_ROW = '{maxWaitMs,minBytes,maxBytes}'

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

function planOf(apiKey: number, version: number): SkimPlan {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)
  if (schema === undefined) throw new Error(`the codec lacks API ${apiKey}`)
  const plan = compileSkim(schema.request, version, [LIMITS_ROW])
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

const UNSEEN = -1
const NO_PLACES: readonly number[] = [UNSEEN, UNSEEN, UNSEEN]

/** The limits of one request at a time: where they are, and lower ones in their place. */
export class FetchLimits implements SkimSink {
  readonly #skim: Skim = new Skim()
  /** Where the frame has the row of limits, and where the row has each: −1 where the version lacks it. */
  #rowAt = UNSEEN
  #places: readonly number[] = NO_PLACES
  /** Where the chunk that is looked at has the frame. */
  #from = 0

  /** Whether all of them have been seen, by `find` or by who walks through the whole request. */
  get seen(): boolean {
    return this.#rowAt !== UNSEEN
  }

  /** The next request is another. */
  forget(): void {
    this.#rowAt = UNSEEN
  }

  /** Looks for the limits of the frame at `from` in `[bodyAt, to)`, of a body of `bodyBytes` bytes. */
  find(
    apiKey: number,
    version: number,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    bodyAt: number,
    to: number,
    bodyBytes: number,
  ): void {
    const plan = planOf(apiKey, version)
    this.#from = from
    this.#skim.start(plan, bodyBytes)
    this.#skim.run(bytes, view, bodyAt, to, this)
  }

  /** The row begins at byte `rowAt` of the frame, and has them at these places. */
  found(rowAt: number, places: readonly number[]): void {
    this.#rowAt = rowAt
    this.#places = places
  }

  /** Lowers those of the frame at `from` to what the buckets can bear, and the wait by the time the request was held. */
  lower(view: DataView, from: number, bytesMax: number, heldMs: number): void {
    const waitAt = this.#places[0]!
    const minAt = this.#places[1]!
    const maxAt = this.#places[2]!
    const rowAt = from + this.#rowAt
    if (heldMs > 0 && waitAt !== UNSEEN) {
      view.setInt32(rowAt + waitAt, Math.max(0, view.getInt32(rowAt + waitAt) - heldMs))
    }
    if (maxAt !== UNSEEN) lowerInt32(view, rowAt + maxAt, bytesMax)
    if (minAt !== UNSEEN) lowerInt32(view, rowAt + minAt, bytesMax)
  }

  row(_field: number, _view: DataView, at: number, places: readonly number[]): void {
    this.found(at - this.#from, places)
  }

  value(): void {}

  text(): void {}

  tag(): void {}

  batch(): void {}
}

function lowerInt32(view: DataView, at: number, max: number): void {
  if (view.getInt32(at) > max) view.setInt32(at, max)
}
