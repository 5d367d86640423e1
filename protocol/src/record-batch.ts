/**
 * The head of a record batch, read in place (protocol-facts: Kafka's `DefaultRecordBatch`; offsets from the batch's start):
 *
 *   baseOffset 0 | batchLength 8 | leaderEpoch 12 | magic 16 | crc 17 | attributes 21 | lastOffsetDelta 23 | baseTimestamp 27
 *   maxTimestamp 35 | producerId 43 | producerEpoch 51 | baseSequence 53 | recordsCount 57 | records 61
 *
 * and of its forerunner, the message set entry of magic 0 and 1 (`LegacyRecord`):
 *
 *   offset 0 | size 8 | crc 12 | magic 16 | attributes 17 | [magic 1: timestamp 18] | key, value
 *
 * All functions take the bytes and the batch's offset in them, as `SkimSink.batch` reports it: then the head is known to be there.
 * Except where it says so, they are for magic 2 only.
 */

import { int64At, readInt16, readInt32, readInt64 } from './bytes.ts'

/** A batch up to its records. */
export const RECORD_BATCH_HEADER_BYTES = 61

/** Kafka's names of the compression codecs, by the low three bits of the attributes. */
export type CodecName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd' | 'unknown'
const CODEC_NAMES: readonly CodecName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const CODEC_MASK = 0x07
const LOG_APPEND_TIME_BIT = 0x08
const TRANSACTIONAL_BIT = 0x10
const CONTROL_BIT = 0x20

/** The least that a record of magic 2 takes: seven fields of at least one byte. */
const RECORD_BYTES_MIN = 7

/** The format: 2 since Kafka 0.11, 0 or 1 before. Any magic. */
export function batchMagic(bytes: Uint8Array, at: number): number {
  return bytes[at + 16]!
}

/** The size of the whole batch by its own account. Any magic. */
export function batchSizeBytes(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 8) + 12
}

/**
 * How many records the batch says it holds, without looking at them. Any magic.
 * A count that the batch's size cannot hold is cut to what it could (compression aside), so that garbage does not spoil a sum.
 * @param sizeBytes the size of the batch, as `SkimSink.batch` reports it
 * @returns 1 for a message set entry, which is the least there can be of a compressed one (`isRecordCountKnown`)
 */
export function recordsInBatch(bytes: Uint8Array, at: number, sizeBytes: number): number {
  if (batchMagic(bytes, at) < 2) return 1
  const count = readInt32(bytes, at + 57)
  const room = sizeBytes - RECORD_BATCH_HEADER_BYTES
  if (count < 0) return 0
  if (count * RECORD_BYTES_MIN <= room || (bytes[at + 22]! & CODEC_MASK) !== 0) return count
  return Math.floor(room / RECORD_BYTES_MIN)
}

/** False for a compressed message set entry: it wraps a set of its own, which shows its records only when decompressed. Any magic. */
export function isRecordCountKnown(bytes: Uint8Array, at: number): boolean {
  return batchMagic(bytes, at) >= 2 || batchCodec(bytes, at) === 'none'
}

/** The attribute bits that all formats share: codec and timestamp type. Any magic. */
function attributeBits(bytes: Uint8Array, at: number): number {
  return bytes[at + (batchMagic(bytes, at) < 2 ? 17 : 22)]!
}

/** How the records are compressed, as the number that the batch has: 0 to 7. Any magic. */
export function batchCodecCode(bytes: Uint8Array, at: number): number {
  return attributeBits(bytes, at) & CODEC_MASK
}

/** The name of such a number. */
export function codecName(code: number): CodecName {
  return CODEC_NAMES[code] ?? 'unknown'
}

/** How the records are compressed. Any magic. */
export function batchCodec(bytes: Uint8Array, at: number): CodecName {
  return codecName(batchCodecCode(bytes, at))
}

/** Whether the timestamps are the broker's (LogAppendTime) and not the producer's (CreateTime). Magic 1 and 2. */
export function hasLogAppendTime(bytes: Uint8Array, at: number): boolean {
  return (attributeBits(bytes, at) & LOG_APPEND_TIME_BIT) !== 0
}

/** Whether the batch belongs to a transaction. */
export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 22]! & TRANSACTIONAL_BIT) !== 0
}

/** Whether the batch is a transaction marker and no data. */
export function isControl(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + 22]! & CONTROL_BIT) !== 0
}

/** The offset of the first record: 0 on Produce, the real one on Fetch. Any magic. */
export function baseOffset(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at)
}

/** The last record's offset less the first's. */
export function lastOffsetDelta(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 23)
}

/** The offset that comes after the last record's; through a view, as every batch of every answer is asked. */
export function offsetAfter(view: DataView, at: number): number {
  return int64At(view, at) + view.getInt32(at + 23) + 1
}

/** The first record's timestamp, milliseconds since 1970. */
export function baseTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + 27)
}

/** The newest record's timestamp, milliseconds since 1970; −1 where the producer set none. */
export function maxTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + 35)
}

/** Of an idempotent producer; −1 of others. */
export function producerId(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + 43)
}

export function producerEpoch(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + 51)
}

/** The first record's sequence number of an idempotent producer; −1 of others. */
export function baseSequence(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 53)
}
