/**
 * Decoded messages as plain objects, and the values that absent fields take.
 *
 * | Kafka | here |
 * |---|---|
 * | int8 … int32, uint16, uint32, float64 | number |
 * | int64 | bigint (a safe integer is accepted for encoding) |
 * | bool | boolean |
 * | string | string |
 * | uuid | string: base64url, 22 characters, as Kafka prints it |
 * | bytes, records | Uint8Array, a view into the decoded bytes |
 * | array, struct | array, object by camelCase names |
 * | null | null |
 * | tagged fields that the tables do not know | `unknownTags: [{ tag, bytes }]` on their struct |
 */

import type { Layout, Slot } from './layout.ts'

/** Any value of a message. */
export type Value = number | bigint | boolean | string | Uint8Array | null | Value[] | Struct

/** A message or a struct in it, by field name. */
export interface Struct {
  [name: string]: Value | undefined
}

/** The tagged fields of a struct that its schema does not name, kept so that encoding again is lossless. */
export const UNKNOWN_TAGS = 'unknownTags'

/** The zero of Kafka's Uuid. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

function scalarDefault(slot: Slot): Value {
  const value = slot.field.default
  switch (slot.field.type) {
    case 'bool':
      return value === true
    case 'int64':
      return typeof value === 'number' || typeof value === 'string' ? BigInt(value) : 0n
    case 'string':
      return typeof value === 'string' ? value : ''
    case 'uuid':
      return ZERO_UUID
    case 'bytes':
    case 'records':
      return new Uint8Array(0)
    default:
      return typeof value === 'number' ? value : 0
  }
}

/** A fresh default of a field, as Kafka's generated classes have it. */
export function defaultValue(slot: Slot): Value {
  if (slot.field.default === null) return null
  if (slot.field.array === true) return []
  return slot.layout === undefined ? scalarDefault(slot) : defaultStruct(slot.layout)
}

/** A struct in which every field has its default. */
export function defaultStruct(layout: Layout): Struct {
  const struct: Struct = {}
  for (const slot of layout.plain) struct[slot.name] = defaultValue(slot)
  for (const slot of layout.tagged) struct[slot.name] = defaultValue(slot)
  for (const slot of layout.absent) struct[slot.name] = defaultValue(slot)
  return struct
}

/** Whether the value of a tagged field is the default, which Kafka leaves out. */
export function isDefault(slot: Slot, value: Value | undefined): boolean {
  if (value === undefined) return true
  if (value === null || slot.field.default === null) return value === slot.field.default
  if (Array.isArray(value)) return value.length === 0
  if (value instanceof Uint8Array) return value.length === 0
  if (typeof value === 'object') return slot.layout !== undefined && isDefaultStruct(slot.layout, value)
  if (slot.field.type === 'int64' && typeof value === 'number') return BigInt(value) === scalarDefault(slot)
  return value === scalarDefault(slot)
}

function isDefaultStruct(layout: Layout, struct: Struct): boolean {
  const unknown = struct[UNKNOWN_TAGS]
  if (Array.isArray(unknown) && unknown.length > 0) return false
  return [...layout.plain, ...layout.tagged].every((slot) => isDefault(slot, struct[slot.name]))
}

/** The elements of a decoded array of structs; empty for null or a field that is not there. */
export function structsOf(value: Value | undefined): Struct[] {
  return Array.isArray(value) ? value.filter((element) => isStruct(element)) : []
}

function isStruct(value: Value): value is Struct {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
}
