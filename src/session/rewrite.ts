/**
 * Broker addresses in answers, replaced by those of our listeners (design.md §7): a head with other lengths where the
 * addresses are in sight, and in place where the answer's size has long been sent.
 */
import type { Address } from '../cluster/address-book.ts'
import type { Endpoint } from './answer-sink.ts'

const encoder = new TextEncoder()

/** The value of an unsigned varint as bytes, padded to `width` bytes where that is more than it needs. */
export function uvarint(value: number, width = 1): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    const more = rest >= 128 || bytes.length + 1 < width
    bytes.push((rest & 0x7f) | (more ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0 || bytes.length < width)
  return Uint8Array.from(bytes)
}

/** How many bytes the unsigned varint at `at` takes. */
function uvarintWidth(bytes: Uint8Array, at: number): number {
  let width = 1
  while (((bytes[at + width - 1] ?? 0) & 0x80) !== 0 && width < 5) width++
  return width
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}

function lengthPrefixed(host: Uint8Array, flexible: boolean): Uint8Array {
  const prefix = flexible ? uvarint(host.length + 1) : Uint8Array.of(host.length >> 8, host.length & 0xff)
  const all = new Uint8Array(prefix.length + host.length)
  all.set(prefix)
  all.set(host, prefix.length)
  return all
}

/** Where an answer's list of nodes is a tagged field: its tag number's place and the size of its content. */
export interface TaggedList {
  readonly at: number
  readonly sizeBytes: number
}

/**
 * A copy of `bytes[from, to)`, the start of a frame (or all of it), with the endpoints' addresses replaced and every size
 * around them corrected: of the strings, of the tag that holds the list, of the frame.
 */
export function replaceAddresses(
  bytes: Uint8Array,
  from: number,
  to: number,
  endpoints: readonly Endpoint[],
  addresses: readonly Address[],
  flexible: boolean,
  tagged: TaggedList | undefined,
): Uint8Array {
  const edits: Edit[] = []
  for (const [i, endpoint] of endpoints.entries()) {
    const address = addresses[i]
    if (address === undefined) continue
    const prefixBytes = flexible ? uvarint(endpoint.hostBytes + 1).length : 2
    const host = lengthPrefixed(encoder.encode(address.host), flexible)
    edits.push({ from: endpoint.hostAt - prefixBytes, to: endpoint.hostAt + endpoint.hostBytes, bytes: host })
    const port = new Uint8Array(4)
    new DataView(port.buffer).setInt32(0, address.port)
    edits.push({ from: endpoint.portAt, to: endpoint.portAt + 4, bytes: port })
  }
  if (tagged !== undefined) edits.unshift(tagSizeEdit(bytes, tagged, edits))
  return splice(bytes, from, to, edits)
}

function growth(edits: readonly Edit[]): number {
  return edits.reduce((sum, edit) => sum + edit.bytes.length - (edit.to - edit.from), 0)
}

function tagSizeEdit(bytes: Uint8Array, tagged: TaggedList, edits: readonly Edit[]): Edit {
  const from = tagged.at + uvarintWidth(bytes, tagged.at)
  return { from, to: from + uvarintWidth(bytes, from), bytes: uvarint(tagged.sizeBytes + growth(edits)) }
}

/** Copies a frame's start with the edits applied, and adds what they grow to the frame's size. */
function splice(bytes: Uint8Array, from: number, to: number, edits: readonly Edit[]): Uint8Array {
  const delta = growth(edits)
  const out = new Uint8Array(to - from + delta)
  let read = from
  let written = 0
  for (const edit of edits) {
    out.set(bytes.subarray(read, edit.from), written)
    written += edit.from - read
    out.set(edit.bytes, written)
    written += edit.bytes.length
    read = edit.to
  }
  out.set(bytes.subarray(read, to), written)
  const view = new DataView(out.buffer)
  view.setInt32(0, view.getInt32(0) + delta)
  return out
}

/** A tag number that no Kafka message has; one byte, like every real one. Decoders skip tags that they do not know. */
const UNKNOWN_TAG = 0x7e

/** Makes a trailing tagged list of nodes one that clients skip: same bytes, another tag number. */
export function blankTaggedNodes(bytes: Uint8Array, tagAt: number): void {
  bytes.set(uvarint(UNKNOWN_TAG, uvarintWidth(bytes, tagAt)), tagAt)
}

/**
 * Empties a list of nodes that is the last plain field of a flexible message, without a change of size: its count becomes
 * zero, and its bytes become the content of one unknown tag. `[count][node ids …][tags]` turns into
 * `[0][one tag: number, size][…]`. Needs the first `BLANK_LIST_BYTES` bytes of the list in sight.
 */
export function blankListedNodes(bytes: Uint8Array, countAt: number, bytesToFrameEnd: number): void {
  const countWidth = uvarintWidth(bytes, countAt)
  bytes.set(uvarint(1, countWidth), countAt) // compact: count + 1
  const at = countAt + countWidth
  const left = bytesToFrameEnd - countWidth - 2 // after the number of tags and the tag's number
  let sizeWidth = 1
  while (left - sizeWidth >= 128 ** sizeWidth) sizeWidth++
  bytes[at] = 1
  bytes[at + 1] = UNKNOWN_TAG
  bytes.set(uvarint(left - sizeWidth, sizeWidth), at + 2)
}

/** What `blankListedNodes` overwrites at most: the count, the number of tags, the tag's number and its size. */
export const BLANK_LIST_BYTES = 12
