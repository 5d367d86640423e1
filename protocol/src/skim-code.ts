/** The code of skim plans: the instructions that `skim-plan.ts` writes and `skim.ts` runs, and how they read what the wire has. */

import { int64At } from './bytes.ts'
import type { FieldType } from './schema.ts'

/** What the program is made of, and the operands that follow each instruction. `Skim.run` has the numbers as literals. */
export const OP: Readonly<Record<OpName, number>> = {
  done: 0, //
  skip: 1, // sizeBytes
  skipText: 2, // coding
  value: 3, // type, sizeBytes, field
  uuid: 4, // field
  text: 5, // coding, field, bytesMax
  array: 6, // coding, field, slot, end address, least size of an element
  fixedArray: 7, // coding, field, size of an element
  loop: 8, // slot, start address
  tags: 9, // slot, end address
  tag: 10, // slot, end address, entries, then for each entry: tag, field, content address
  tagEnd: 11, // slot, address of its `tag`
  nullable: 12, // field, end address
  records: 13, // coding, field, slot
  batch: 14, // field, slot
  row: 15, // sizeBytes, field, bytes between it and the end of the element (−1: more is wanted of that), slot, end address
}
type OpName =
  | 'done'
  | 'skip'
  | 'skipText'
  | 'value'
  | 'uuid'
  | 'text'
  | 'array'
  | 'fixedArray'
  | 'loop'
  | 'tags'
  | 'tag'
  | 'tagEnd'
  | 'nullable'
  | 'records'
  | 'batch'
  | 'row'

/** A row with its operands. */
export const ROW_WORDS = 6

/** How a length is written: an unsigned varint of length + 1 (KIP-482), an int16 or an int32. */
export const COMPACT = 0
export const INT16_LENGTH = 2
export const INT32_LENGTH = 4

/** Operand of `value`: how the number is read. */
export const VALUE_TYPE: Partial<Record<FieldType, number>> = {
  int32: 0,
  int16: 1,
  int64: 2,
  bool: 3,
  int8: 3,
  uint16: 4,
  uint32: 5,
  float64: 6,
}

/** A record batch header of magic 2: the longest thing beside text that a skim takes whole. */
export const BATCH_HEADER_BYTES = 61

/** By magic: what must be visible of a batch, and the least size of one. An unknown magic needs more than there can be: garbage. */
export function batchHeaderBytes(magic: number): number {
  if (magic === 2) return BATCH_HEADER_BYTES
  return magic === 1 ? 26 : magic === 0 ? 18 : Number.MAX_SAFE_INTEGER
}

/** A number of the type that `VALUE_TYPE` means. */
export function numberAt(type: number, view: DataView, at: number): number {
  switch (type) {
    case 0:
      return view.getInt32(at)
    case 1:
      return view.getInt16(at)
    case 2:
      return int64At(view, at)
    case 3:
      return view.getInt8(at)
    case 4:
      return view.getUint16(at)
    case 5:
      return view.getUint32(at)
    default:
      return view.getFloat64(at)
  }
}
