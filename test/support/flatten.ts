/** A decoded message as a list of its leaves in wire order, with their paths: what a skim that wants everything must report. */

import { type Layout, layoutOf, type Slot } from '../../protocol/src/layout.ts'
import type { FieldType, MessageSchema } from '../../protocol/src/schema.ts'
import { isDefault, type Struct, type Value } from '../../protocol/src/value.ts'

/** One leaf. `kind` is the method of `SkimSink` that reports it; text is hex, null text is null. */
export interface Leaf {
  readonly path: string
  readonly kind: 'value' | 'text' | 'tag' | 'batch'
  readonly type: FieldType | 'count' | 'marker'
  readonly value: number | string | null
}

/** All leaves of a decoded message. */
export function flatten(schema: MessageSchema, version: number, message: Struct): Leaf[] {
  const leaves: Leaf[] = []
  addStruct(leaves, layoutOf(schema, version), message, '')
  return leaves
}

/** The path of every leaf that the version can have: what a skim has to want to see all of `flatten`. */
export function leafPaths(schema: MessageSchema, version: number): string[] {
  const paths: string[] = []
  addPaths(paths, layoutOf(schema, version), '')
  return paths
}

function addPaths(paths: string[], layout: Layout, prefix: string): void {
  for (const slot of [...layout.plain, ...layout.tagged]) {
    const path = prefix + slot.name
    paths.push(path)
    if (slot.layout !== undefined) addPaths(paths, slot.layout, `${path}.`)
    else if (slot.field.array) paths.push(`${path}[]`)
  }
}

function addStruct(leaves: Leaf[], layout: Layout, struct: Struct, prefix: string): void {
  for (const slot of layout.plain) addField(leaves, slot, struct[slot.name] ?? null, prefix + slot.name, false)
  for (const slot of layout.tagged) {
    if (isDefault(slot, struct[slot.name])) continue
    leaves.push({ path: prefix + slot.name, kind: 'tag', type: slot.field.type, value: slot.tag })
    addField(leaves, slot, struct[slot.name] ?? null, prefix + slot.name, true)
  }
}

function addField(leaves: Leaf[], slot: Slot, value: Value, path: string, tagged: boolean): void {
  if (slot.field.array) addArray(leaves, slot, value as Value[] | null, path, tagged)
  else if (slot.layout === undefined) addScalar(leaves, slot.field.type, value, path)
  else {
    if (slot.nullable && !tagged) leaves.push({ path, kind: 'value', type: 'marker', value: value === null ? -1 : 1 })
    if (value !== null) addStruct(leaves, slot.layout, value as Struct, `${path}.`)
  }
}

function addArray(leaves: Leaf[], slot: Slot, elements: Value[] | null, path: string, tagged: boolean): void {
  if (!tagged) leaves.push({ path, kind: 'value', type: 'count', value: elements?.length ?? -1 })
  for (const element of elements ?? []) {
    if (slot.layout === undefined) addScalar(leaves, slot.field.type, element, `${path}[]`)
    else addStruct(leaves, slot.layout, element as Struct, `${path}.`)
  }
}

function addScalar(leaves: Leaf[], type: FieldType, value: Value, path: string): void {
  if (type === 'records') addBatches(leaves, value as Uint8Array | null, path)
  else if (type === 'uuid')
    leaves.push({ path, kind: 'text', type, value: Buffer.from(value as string, 'base64url').toString('hex') })
  else if (type === 'string' || type === 'bytes') {
    leaves.push({
      path,
      kind: 'text',
      type,
      value: value === null ? null : Buffer.from(value as string).toString('hex'),
    })
  } else leaves.push({ path, kind: 'value', type, value: Number(value) })
}

/** One leaf for each whole batch: its size. */
function addBatches(leaves: Leaf[], records: Uint8Array | null, path: string): void {
  const view =
    records === null
      ? new DataView(new ArrayBuffer(0))
      : new DataView(records.buffer, records.byteOffset, records.length)
  let at = 0
  while (at + 17 <= view.byteLength) {
    const sizeBytes = 12 + view.getInt32(at + 8)
    if (at + sizeBytes > view.byteLength) return
    leaves.push({ path, kind: 'batch', type: 'records', value: sizeBytes })
    at += sizeBytes
  }
}
