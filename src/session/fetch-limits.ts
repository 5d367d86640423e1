/** A Fetch's or ShareFetch's own limits, changed in place: what it may bring, and how long it may wait for it at the broker. */
import { apiSchema, compileSkim, Skim, type SkimPlan, type SkimSink } from 'kafka-protocol-codec'

/** Indexes of the wanted fields. Both requests have them one after the other, before what is fetched. */
const W_MAX_WAIT = 0
const W_MIN_BYTES = 1
const W_MAX_BYTES = 2
const WANTED = ['maxWaitMs', 'minBytes', 'maxBytes'] as const

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

function planOf(apiKey: number, version: number): SkimPlan {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)
  if (schema === undefined) throw new Error(`the codec lacks API ${apiKey}`)
  const plan = compileSkim(schema.request, version, WANTED)
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

/** The limits of one request at a time: where they are, and lower ones in their place. */
export class FetchLimits implements SkimSink {
  readonly #skim: Skim = new Skim()
  /** Places in the chunk that was looked at last; −1 where the version lacks the field. */
  #maxWaitAt = -1
  #minBytesAt = -1
  #maxBytesAt = -1

  /** Looks for the limits in `[bodyAt, to)`, of a body of `bodyBytes` bytes; false: not all of them are in sight. */
  find(
    apiKey: number,
    version: number,
    bytes: Uint8Array,
    view: DataView,
    bodyAt: number,
    to: number,
    bodyBytes: number,
  ): boolean {
    this.#maxWaitAt = -1
    this.#minBytesAt = -1
    this.#maxBytesAt = -1
    this.#skim.start(planOf(apiKey, version), bodyBytes)
    this.#skim.run(bytes, view, bodyAt, to, this)
    return this.#skim.done
  }

  /** Lowers what was found to what the buckets can bear, and the wait by the time the request was held. */
  lower(view: DataView, bytesMax: number, heldMs: number): void {
    if (heldMs > 0 && this.#maxWaitAt >= 0) {
      view.setInt32(this.#maxWaitAt, Math.max(0, view.getInt32(this.#maxWaitAt) - heldMs))
    }
    if (this.#maxBytesAt >= 0) lowerInt32(view, this.#maxBytesAt, bytesMax)
    if (this.#minBytesAt >= 0) lowerInt32(view, this.#minBytesAt, bytesMax)
  }

  value(field: number, _value: number, offset: number): void {
    if (field === W_MAX_WAIT) this.#maxWaitAt = offset
    else if (field === W_MIN_BYTES) this.#minBytesAt = offset
    else if (field === W_MAX_BYTES) this.#maxBytesAt = offset
  }

  text(): void {}

  tag(): void {}

  batch(): void {}
}

function lowerInt32(view: DataView, at: number, max: number): void {
  if (view.getInt32(at) > max) view.setInt32(at, max)
}
