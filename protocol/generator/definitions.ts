/**
 * Kafka's message definitions (`common/message/*.json` in the clients jar) as values of `schema.ts`.
 * The notation is described in Kafka's own `common/message/README.md`; what it leaves open follows Kafka's `MessageGenerator`.
 */

import { readFileSync } from 'node:fs'
import type { EntityType, Field, FieldType, MessageSchema, VersionRange } from '../src/schema.ts'
import { NONE } from '../src/schema.ts'
import { readZip } from './zip.ts'

interface RawField {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly flexibleVersions?: string
  readonly tag?: number
  readonly default?: string | number | boolean
  readonly entityType?: EntityType
  readonly fields?: readonly RawField[]
}

/** One file of `common/message`, as it stands there. */
export interface RawMessage {
  readonly type: 'request' | 'response' | 'header' | 'data'
  readonly name: string
  readonly apiKey?: number
  readonly listeners?: readonly string[]
  readonly validVersions: string
  readonly flexibleVersions?: string
  readonly latestVersionUnstable?: boolean
  readonly fields: readonly RawField[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly RawField[] }[]
}

const FIELD_TYPES: ReadonlySet<string> = new Set<FieldType>([
  'bool',
  'int8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'float64',
  'uuid',
  'string',
  'bytes',
  'records',
])
const LAST_VERSION = 32767

/** Reads every definition of a clients jar, by message name. */
export function readDefinitions(jar: string): Map<string, RawMessage> {
  const entries = readZip(readFileSync(jar), (name) => /^common\/message\/\w+\.json$/.test(name))
  const messages = new Map<string, RawMessage>()
  for (const text of entries.values()) {
    const message = JSON.parse(text.toString('utf8').replaceAll(/^\s*\/\/.*$/gm, '')) as RawMessage
    messages.set(message.name, message)
  }
  return messages
}

/** `3+`, `0-7`, `2`, `none` as a range. */
export function parseRange(text: string | undefined): VersionRange {
  if (text === undefined || text === 'none') return NONE
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`not a version range: ${text}`)
  const min = Number(match[1])
  if (match[2] !== undefined) return [min, LAST_VERSION]
  return [min, match[3] === undefined ? min : Number(match[3])]
}

/** What two ranges share; `NONE` when nothing. */
export function intersect(one: VersionRange, other: VersionRange): VersionRange {
  const min = Math.max(one[0], other[0])
  const max = Math.min(one[1], other[1])
  return min > max ? NONE : [min, max]
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

/** An integer default; beyond 2^53 as decimal digits, as JSON-like literals cannot hold it. */
function integerDefault(value: string | number): number | string {
  const exact = BigInt(value)
  const near = Number(exact)
  return Number.isSafeInteger(near) ? near : exact.toString()
}

/** The default as the table carries it; undefined where it is the zero of its type. */
function parseDefault(raw: RawField, type: FieldType): Field['default'] {
  const value = raw.default
  // Kafka's FieldSpec: an absent records field is null, whatever else is said.
  if (value === 'null' || type === 'records') return null
  if (value === undefined || value === '') return undefined
  if (type === 'bool') return String(value) === 'true' ? true : undefined
  if (type === 'string') return String(value)
  if (type === 'float64') return Number(value)
  if (typeof value === 'boolean') throw new Error(`${raw.name}: boolean default for ${type}`)
  const parsed = integerDefault(value)
  return parsed === 0 ? undefined : parsed
}

class Converter {
  readonly #structs: ReadonlyMap<string, readonly RawField[]>

  constructor(message: RawMessage) {
    this.#structs = new Map((message.commonStructs ?? []).map((struct) => [struct.name, struct.fields]))
  }

  fields(raw: readonly RawField[], within: VersionRange): Field[] {
    return raw.map((field) => this.#field(field, within)).filter((field) => field.versions[1] >= field.versions[0])
  }

  #field(raw: RawField, within: VersionRange): Field {
    const array = raw.type.startsWith('[]')
    const typeName = array ? raw.type.slice(2) : raw.type
    const type = FIELD_TYPES.has(typeName) ? (typeName as FieldType) : 'struct'
    const versions = intersect(parseRange(raw.versions), within)
    const nullable = intersect(parseRange(raw.nullableVersions), versions)
    const tagged = intersect(parseRange(raw.taggedVersions), versions)
    const value = parseDefault(raw, type)
    return {
      name: lowerFirst(raw.name),
      type,
      ...(array ? { array: true } : {}),
      versions,
      ...(nullable === NONE ? {} : { nullable }),
      ...(tagged === NONE ? {} : { tagged, tag: raw.tag ?? 0 }),
      ...(raw.flexibleVersions === undefined
        ? {}
        : { flexible: intersect(parseRange(raw.flexibleVersions), versions) }),
      ...(raw.entityType === undefined ? {} : { entity: raw.entityType }),
      ...(value === undefined ? {} : { default: value }),
      ...(type === 'struct' ? { fields: this.fields(this.#structFields(raw, typeName), versions) } : {}),
    }
  }

  #structFields(raw: RawField, typeName: string): readonly RawField[] {
    const fields = raw.fields ?? this.#structs.get(typeName)
    if (fields === undefined) throw new Error(`${raw.name}: unknown type ${typeName}`)
    return fields
  }
}

/** One definition as a table, with every range cut to the versions that are valid in that release and lie in `within`. */
export function toSchema(message: RawMessage, within: VersionRange = [0, LAST_VERSION]): MessageSchema {
  const versions = intersect(parseRange(message.validVersions), within)
  return {
    name: message.name,
    apiKey: message.apiKey ?? -1,
    kind: message.name.startsWith('Request') || message.type === 'request' ? 'request' : 'response',
    versions,
    flexible: intersect(parseRange(message.flexibleVersions), versions),
    fields: new Converter(message).fields(message.fields, versions),
  }
}
