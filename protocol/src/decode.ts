/** Bytes to values, by the tables: any message, any version. */

import { ProtocolError } from './errors.ts'
import { type Layout, layoutOf, type Slot } from './layout.ts'
import { Reader } from './reader.ts'
import type { MessageSchema } from './schema.ts'
import { defaultValue, type Struct, UNKNOWN_TAGS, type Value } from './value.ts'

/** A decoded body, and the offset of the first byte after it. */
export interface Decoded {
  readonly value: Struct
  readonly end: number
}

/**
 * Decodes the body of a message (no size, no header). Fields that the version lacks get their default.
 * The result holds views into `bytes`: copy what must outlive them. Tags may come in any order; of a known tag that
 * comes twice the last one counts, as in Java.
 * @param offset where the body starts
 * @returns the value, and where the body ends: what follows it is the caller's business
 * @throws ProtocolError for anything that is not a body of that version; `unknown_version`
 */
export function decode(schema: MessageSchema, version: number, bytes: Uint8Array, offset = 0): Decoded {
  const layout = layoutOf(schema, version)
  const reader = new Reader(bytes, offset)
  return { value: readStruct(reader, layout), end: reader.position }
}

/**
 * As `decode`, for bytes that must hold exactly one body.
 * @throws ProtocolError also `trailing_bytes`
 */
export function decodeExactly(schema: MessageSchema, version: number, bytes: Uint8Array, offset = 0): Struct {
  const { value, end } = decode(schema, version, bytes, offset)
  if (end !== bytes.length) {
    throw new ProtocolError('trailing_bytes', `${bytes.length - end} bytes after ${schema.name} v${version}`)
  }
  return value
}

function readStruct(reader: Reader, layout: Layout): Struct {
  const struct: Struct = {}
  for (const slot of layout.plain) struct[slot.name] = readSlot(reader, slot)
  for (const slot of layout.tagged) struct[slot.name] = defaultValue(slot)
  for (const slot of layout.absent) struct[slot.name] = defaultValue(slot)
  if (layout.flexible) readTags(reader, layout, struct)
  return struct
}

/** A section of tagged fields: count, then tag, size and content of each (KIP-482). */
function readTags(reader: Reader, layout: Layout, struct: Struct): void {
  const unknown: Struct[] = []
  // Each tag has at least a number and a size; a count that cannot fit ends in `truncated`, having made nothing big.
  for (let count = reader.uvarint(); count > 0; count--) {
    const tag = reader.uvarint()
    const sizeBytes = reader.uvarint()
    if (sizeBytes > reader.remaining) {
      throw new ProtocolError('bad_length', `tag ${tag} of ${sizeBytes} bytes, ${reader.remaining} remain`)
    }
    const slot = layout.tagged.find((candidate) => candidate.tag === tag)
    if (slot === undefined) unknown.push({ tag, bytes: reader.view(sizeBytes) })
    else struct[slot.name] = readTagged(reader, slot, sizeBytes)
  }
  if (unknown.length > 0) struct[UNKNOWN_TAGS] = unknown
}

function readTagged(reader: Reader, slot: Slot, sizeBytes: number): Value {
  const end = reader.position + sizeBytes
  const value = readSlot(reader, slot)
  if (reader.position !== end) {
    throw new ProtocolError(
      'bad_length',
      `tag ${slot.tag} (${slot.name}) has ${sizeBytes} bytes, but its value does not`,
    )
  }
  return value
}

function readSlot(reader: Reader, slot: Slot): Value {
  if (slot.field.array === true) return readArray(reader, slot)
  if (slot.layout === undefined) return readScalar(reader, slot, slot.nullable)
  // A nullable struct starts with an int8: negative for null (KIP-893).
  if (slot.nullable && reader.int8() < 0) return null
  return readStruct(reader, slot.layout)
}

function nullOf(slot: Slot, nullable: boolean): null {
  if (!nullable) throw new ProtocolError('bad_value', `${slot.name} must not be null`)
  return null
}

function readArray(reader: Reader, slot: Slot): Value {
  const count = reader.arrayCount(slot.flexible, slot.elementBytesMin)
  if (count < 0) return nullOf(slot, slot.nullable)
  const elements: Value[] = []
  for (let index = 0; index < count; index++) {
    // Only the array as a whole may be null, never its elements.
    elements.push(slot.layout === undefined ? readScalar(reader, slot, false) : readStruct(reader, slot.layout))
  }
  return elements
}

function readScalar(reader: Reader, slot: Slot, nullable: boolean): Value {
  switch (slot.field.type) {
    case 'bool':
      return reader.bool()
    case 'int8':
      return reader.int8()
    case 'int16':
      return reader.int16()
    case 'uint16':
      return reader.uint16()
    case 'int32':
      return reader.int32()
    case 'uint32':
      return reader.uint32()
    case 'int64':
      return reader.int64()
    case 'float64':
      return reader.float64()
    case 'uuid':
      return reader.uuid()
    case 'string': {
      const length = reader.stringLength(slot.flexible)
      return length < 0 ? nullOf(slot, nullable) : reader.text(length)
    }
    default: {
      const length = reader.bytesLength(slot.flexible)
      return length < 0 ? nullOf(slot, nullable) : reader.view(length)
    }
  }
}
