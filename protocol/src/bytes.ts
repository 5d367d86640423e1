/**
 * The two wire numbers that DataView cannot read without cost: unsigned varints (KIP-482), and int64 without a BigInt.
 * Both work on any position and allocate nothing.
 */

import { ProtocolError } from './errors.ts'

/** Returned by `readUvarint` when the bytes end before the varint does. */
export const NEED_MORE = -1

/** The longest unsigned varint: 5 bytes carry 32 bits (Kafka's `ByteUtils.readUnsignedVarint`). */
const UVARINT_BYTES_MAX = 5

/**
 * Reads the unsigned varint at `at`, of which only bytes before `limit` may be looked at.
 * Value and size come back in one number, so that nothing is allocated: take them with `uvarintValue` and `uvarintBytes`.
 * @returns the packed pair, or `NEED_MORE`
 * @throws ProtocolError `bad_varint` when it is longer than 5 bytes or more than 2³¹ − 1 (nothing that long exists)
 */
export function readUvarint(bytes: Uint8Array, at: number, limit: number): number {
  let value = 0
  let index = at
  // Four bytes make 28 bits: with the size they still fit into the small integers that cost nothing.
  for (let shift = 0; shift < 28; shift += 7) {
    if (index >= limit) return NEED_MORE
    const byte = bytes[index++]!
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return (value << 3) | (index - at)
  }
  if (index >= limit) return NEED_MORE
  const last = bytes[index]!
  if (last > 0x07) throw new ProtocolError('bad_varint', 'a varint has more than 31 bits')
  return (value + last * 0x1000_0000) * 8 + UVARINT_BYTES_MAX
}

/** The value in what `readUvarint` returned. */
export function uvarintValue(packed: number): number {
  return packed <= 0x7fff_ffff ? packed >> 3 : Math.floor(packed / 8)
}

/** The size in bytes in what `readUvarint` returned. */
export function uvarintBytes(packed: number): number {
  return packed & 7
}

/** The big-endian int32 at `at`. Four byte loads: for places that have no DataView at hand. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

/** The big-endian int16 at `at`. */
export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!
}

/** The big-endian int64 at `at` as a number: exact up to ±2⁵³, which covers every offset, time and id that Kafka hands out. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + (readInt32(bytes, at + 4) >>> 0)
}

/** The same through a view. */
export function int64At(view: DataView, at: number): number {
  return view.getInt32(at) * 0x1_0000_0000 + view.getUint32(at + 4)
}
