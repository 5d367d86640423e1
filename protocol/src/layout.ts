/**
 * What one version of a message looks like on the wire: its schema with every version range already decided.
 * Made once for each message and version, because both directions of the codec ask the same questions at every field.
 */

import { ProtocolError } from './errors.ts'
import type { Field, MessageSchema, VersionRange } from './schema.ts'
import { FIXED_BYTES, inRange, NONE } from './schema.ts'

/** A field in one version. */
export interface Slot {
  readonly name: string
  readonly field: Field
  /** Compact lengths. */
  readonly flexible: boolean
  readonly nullable: boolean
  /** The tag, -1 for a plain field. */
  readonly tag: number
  /** Of a struct, or of the elements of an array of structs. */
  readonly layout: Layout | undefined
  /** The least number of bytes that one value, or one element of an array, can have. */
  readonly elementBytesMin: number
}

/** The fields of a message or of a struct in one version. */
export interface Layout {
  readonly version: number
  /** Ends with a section of tagged fields (KIP-482). */
  readonly flexible: boolean
  /** In wire order. */
  readonly plain: readonly Slot[]
  /** By ascending tag. */
  readonly tagged: readonly Slot[]
  /** Fields of other versions: not on the wire, decoded as their default. */
  readonly absent: readonly Slot[]
  /** Every name that a value may carry. */
  readonly names: ReadonlySet<string>
  readonly bytesMin: number
}

/** The least bytes of a length prefix. */
function prefixBytesMin(field: Field, flexible: boolean): number {
  if (flexible) return 1
  return field.type === 'string' && field.array !== true ? 2 : 4
}

function elementBytesMin(field: Field, flexible: boolean, layout: Layout | undefined): number {
  if (layout !== undefined) return layout.bytesMin
  return FIXED_BYTES[field.type] ?? (flexible ? 1 : field.type === 'string' ? 2 : 4)
}

function slotBytesMin(slot: Slot): number {
  if (slot.field.array === true) return prefixBytesMin(slot.field, slot.flexible)
  if (slot.layout !== undefined && slot.nullable) return 1
  return slot.elementBytesMin
}

function makeSlot(field: Field, version: number, messageFlexible: boolean): Slot {
  const flexible = field.flexible === undefined ? messageFlexible : inRange(version, field.flexible)
  const layout = field.fields === undefined ? undefined : makeLayout(field.fields, version, messageFlexible)
  return {
    name: field.name,
    field,
    flexible,
    nullable: inRange(version, field.nullable ?? NONE),
    tag: inRange(version, field.tagged ?? NONE) ? (field.tag ?? -1) : -1,
    layout,
    elementBytesMin: elementBytesMin(field, flexible, layout),
  }
}

function makeLayout(fields: readonly Field[], version: number, flexible: boolean): Layout {
  const present = fields.filter((field) => inRange(version, field.versions))
  const names = new Set(present.map((field) => field.name))
  const slots = present.map((field) => makeSlot(field, version, flexible))
  const plain = slots.filter((slot) => slot.tag < 0)
  // A name may stand twice, for different versions (a field that changed its shape): the present one counts.
  const absent = fields
    .filter((field) => !names.has(field.name))
    .filter((field, index, others) => others.findIndex((other) => other.name === field.name) === index)
    .map((field) => makeSlot(field, version, flexible))
  for (const slot of absent) names.add(slot.name)
  return {
    version,
    flexible,
    plain,
    tagged: slots.filter((slot) => slot.tag >= 0).sort((one, other) => one.tag - other.tag),
    absent,
    names,
    bytesMin: plain.reduce((sum, slot) => sum + slotBytesMin(slot), flexible ? 1 : 0),
  }
}

const CACHE = new WeakMap<MessageSchema, Map<number, Layout>>()

function rangeText(range: VersionRange): string {
  return `${range[0]}-${range[1]}`
}

/**
 * The layout of a message in one version.
 * @throws ProtocolError `unknown_version`
 */
export function layoutOf(schema: MessageSchema, version: number): Layout {
  let layouts = CACHE.get(schema)
  if (layouts === undefined) {
    layouts = new Map()
    CACHE.set(schema, layouts)
  }
  let layout = layouts.get(version)
  if (layout === undefined) {
    if (!Number.isInteger(version) || !inRange(version, schema.versions)) {
      throw new ProtocolError(
        'unknown_version',
        `${schema.name} has versions ${rangeText(schema.versions)}, not ${version}`,
      )
    }
    layout = makeLayout(schema.fields, version, inRange(version, schema.flexible))
    layouts.set(version, layout)
  }
  return layout
}
