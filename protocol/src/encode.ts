/** Values to bytes, by the tables: any message, any version, byte-equal to Kafka's own serializer. */

import { ProtocolError } from './errors.ts'
import { type Layout, layoutOf, type Slot } from './layout.ts'
import type { MessageSchema } from './schema.ts'
import { defaultValue, isDefault, type Struct, UNKNOWN_TAGS, type Value } from './value.ts'
import { utf8, Writer } from './writer.ts'

const STRING_BYTES_MAX = 32767
const UUID_PATTERN = /^[A-Za-z0-9_-]{21}[AQgw]$/
const INTEGER_RANGE: Readonly<Partial<Record<Slot['field']['type'], readonly [number, number]>>> = {
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  uint16: [0, 0xffff],
  int32: [-0x80000000, 0x7fffffff],
  uint32: [0, 0xffffffff],
}

/**
 * Encodes the body of a message (no size, no header). Fields left out take their default, tagged fields that equal
 * their default are not written, fields that only other versions have are ignored.
 * @throws ProtocolError `bad_value` for a value that does not fit its field, or a name that the message does not have
 * in any version; `unknown_version`
 */
export function encode(schema: MessageSchema, version: number, value: Struct): Uint8Array {
  const writer = new Writer()
  writeMessage(writer, schema, version, value)
  return writer.finish()
}

/** As `encode`, behind what the writer already has. */
export function writeMessage(writer: Writer, schema: MessageSchema, version: number, value: Struct): void {
  writeStruct(writer, layoutOf(schema, version), value, schema.name)
}

function bad(path: string, problem: string): never {
  throw new ProtocolError('bad_value', `${path} ${problem}`)
}

function asStruct(value: Value, path: string): Struct {
  if (value === null || typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array) {
    return bad(path, 'is no object')
  }
  return value
}

function writeStruct(writer: Writer, layout: Layout, struct: Struct, path: string): void {
  for (const name of Object.keys(struct)) {
    if (!layout.names.has(name) && name !== UNKNOWN_TAGS) bad(`${path}.${name}`, 'does not exist')
  }
  for (const slot of layout.plain) writeSlot(writer, slot, struct[slot.name] ?? missing(slot, struct), path)
  if (layout.flexible) writeTags(writer, layout, struct, path)
}

/** Null stays null; only a field that is not there takes its default. */
function missing(slot: Slot, struct: Struct): Value {
  return struct[slot.name] === null ? null : defaultValue(slot)
}

/** One tagged field, ready to be written. */
interface Tagged {
  readonly tag: number
  readonly bytes: Uint8Array
}

function unknownTags(struct: Struct, path: string): Tagged[] {
  const list = struct[UNKNOWN_TAGS] ?? []
  if (!Array.isArray(list)) return bad(`${path}.${UNKNOWN_TAGS}`, 'is no array')
  return list.map((entry) => {
    const { tag, bytes } = asStruct(entry, `${path}.${UNKNOWN_TAGS}`)
    if (typeof tag !== 'number' || !(bytes instanceof Uint8Array)) return bad(`${path}.${UNKNOWN_TAGS}`, 'is malformed')
    return { tag: integer(tag, INTEGER_RANGE.uint32, `${path}.${UNKNOWN_TAGS}`), bytes }
  })
}

function writeTags(writer: Writer, layout: Layout, struct: Struct, path: string): void {
  const tags = unknownTags(struct, path)
  for (const slot of layout.tagged) {
    const value = struct[slot.name]
    if (value === undefined || isDefault(slot, value)) continue
    if (tags.some((other) => other.tag === slot.tag)) bad(`${path}.${slot.name}`, 'also stands among the unknown tags')
    const content = new Writer()
    writeSlot(content, slot, value, path)
    tags.push({ tag: slot.tag, bytes: content.finish() })
  }
  tags.sort((one, other) => one.tag - other.tag)
  writer.uvarint(tags.length)
  for (const { tag, bytes } of tags) {
    writer.uvarint(tag)
    writer.uvarint(bytes.length)
    writer.raw(bytes)
  }
}

function writeSlot(writer: Writer, slot: Slot, value: Value, parent: string): void {
  const path = `${parent}.${slot.name}`
  if (value === null && !slot.nullable) bad(path, 'must not be null')
  if (slot.field.array === true) {
    writeArray(writer, slot, value, path)
  } else if (slot.layout === undefined) {
    writeScalar(writer, slot, value, path)
  } else {
    if (slot.nullable) writer.int8(value === null ? -1 : 1)
    if (value !== null) writeStruct(writer, slot.layout, asStruct(value, path), path)
  }
}

function writeArray(writer: Writer, slot: Slot, value: Value, path: string): void {
  if (value !== null && !Array.isArray(value)) bad(path, 'is no array')
  writer.longLength(value === null ? -1 : value.length, slot.flexible)
  for (const element of value ?? []) {
    if (element === null) bad(path, 'must not hold null')
    if (slot.layout === undefined) writeScalar(writer, slot, element, path)
    else writeStruct(writer, slot.layout, asStruct(element, path), path)
  }
}

function integer(value: Value, range: readonly [number, number] | undefined, path: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || range === undefined) return bad(path, 'is no integer')
  if (value < range[0] || value > range[1]) return bad(path, `is ${value}, not in ${range[0]} to ${range[1]}`)
  return value
}

function int64(value: Value, path: string): bigint {
  const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  if (typeof exact !== 'bigint' || BigInt.asIntN(64, exact) !== exact) return bad(path, 'is no 64-bit integer')
  return exact
}

function writeString(writer: Writer, slot: Slot, value: Value, path: string): void {
  if (value === null) {
    writer.stringLength(-1, slot.flexible)
    return
  }
  if (typeof value !== 'string') bad(path, 'is no string')
  const bytes = utf8(value)
  if (bytes.length > STRING_BYTES_MAX) bad(path, `is ${bytes.length} bytes long, more than ${STRING_BYTES_MAX}`)
  writer.stringLength(bytes.length, slot.flexible)
  writer.raw(bytes)
}

function writeBytes(writer: Writer, slot: Slot, value: Value, path: string): void {
  if (value === null) {
    writer.longLength(-1, slot.flexible)
    return
  }
  if (!(value instanceof Uint8Array)) bad(path, 'is no byte string')
  writer.longLength(value.length, slot.flexible)
  writer.raw(value)
}

function uuidBytes(value: Value, path: string): Uint8Array {
  if (typeof value !== 'string' || !UUID_PATTERN.test(value)) bad(path, 'is no UUID of 22 base64url characters')
  return Buffer.from(value, 'base64url')
}

function writeScalar(writer: Writer, slot: Slot, value: Value, path: string): void {
  const { type } = slot.field
  switch (type) {
    case 'bool':
      if (typeof value !== 'boolean') bad(path, 'is no boolean')
      writer.int8(value ? 1 : 0)
      break
    case 'int8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
      writer[type](integer(value, INTEGER_RANGE[type], path))
      break
    case 'int64':
      writer.int64(int64(value, path))
      break
    case 'float64':
      if (typeof value !== 'number') bad(path, 'is no number')
      writer.float64(value)
      break
    case 'uuid':
      writer.raw(uuidBytes(value, path))
      break
    case 'string':
      writeString(writer, slot, value, path)
      break
    default:
      writeBytes(writer, slot, value, path)
  }
}
