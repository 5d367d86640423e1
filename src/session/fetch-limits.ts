/** A Fetch request's own limits, changed in place: what it may bring, and how long it may wait for it at the broker. */
import { API_KEY, apiSchema } from 'kafka-protocol-codec'
import { fixedOffset } from './fixed-fields.ts'

/** Offsets in a Fetch request's body; −1 where the version lacks the field. */
interface FetchOffsets {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /** Behind the last of them. */
  readonly end: number
}

/** By version; computed at first use. */
const known = new Map<number, FetchOffsets>()

function offsetsOf(version: number): FetchOffsets {
  let offsets = known.get(version)
  if (offsets === undefined) {
    const schema = apiSchema(API_KEY.Fetch)
    if (schema === undefined) throw new Error('the codec lacks Fetch')
    const at = (name: string): number => fixedOffset(schema.request, version, name)
    const fields = { maxWaitMs: at('maxWaitMs'), minBytes: at('minBytes'), maxBytes: at('maxBytes') }
    offsets = { ...fields, end: Math.max(...Object.values(fields)) + 4 }
    known.set(version, offsets)
  }
  return offsets
}

/** How much of the body must be in sight. */
export function fetchLimitsBytes(version: number): number {
  return offsetsOf(version).end
}

/** Lowers what a Fetch asks for to what its buckets can bear, and its wait by the time it was held. */
export function lowerFetchLimits(
  view: DataView,
  bodyAt: number,
  version: number,
  bytesMax: number,
  heldMs: number,
): void {
  const { maxWaitMs, minBytes, maxBytes } = offsetsOf(version)
  if (heldMs > 0 && maxWaitMs >= 0) {
    const at = bodyAt + maxWaitMs
    view.setInt32(at, Math.max(0, view.getInt32(at) - heldMs))
  }
  if (maxBytes >= 0) lowerInt32(view, bodyAt + maxBytes, bytesMax)
  if (minBytes >= 0) lowerInt32(view, bodyAt + minBytes, bytesMax)
}

function lowerInt32(view: DataView, at: number, max: number): void {
  if (view.getInt32(at) > max) view.setInt32(at, max)
}
