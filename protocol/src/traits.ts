/** What a proxy wants to know about a response before it decodes one, read off the tables. */

import { apiSchema } from './apis.ts'
import type { Field, MessageSchema } from './schema.ts'
import { FIXED_BYTES, inRange, NONE } from './schema.ts'

/**
 * Where `throttle_time_ms` (an int32) sits in the body of a response: at a fixed byte offset, `'end'` for the last field
 * before the tagged ones, `'absent'` when there is none.
 */
export type ThrottlePlace = { readonly at: number } | 'end' | 'absent'

/** A place in a response that carries broker addresses. */
export interface AddressFields {
  /** Name of the array of brokers; '' for fields of the body itself (FindCoordinator v0–3). */
  readonly path: string
  /** Names of the fields: int32 node id, string host, int32 port. */
  readonly nodeId: string
  readonly host: string
  readonly port: string
  /** The tag when the array is a tagged field; -1 otherwise. */
  readonly tag: number
}

function plainFields(schema: MessageSchema, version: number): Field[] {
  return schema.fields.filter((field) => inRange(version, field.versions) && !inRange(version, field.tagged ?? NONE))
}

function fixedBytes(field: Field): number | undefined {
  return field.array === true ? undefined : FIXED_BYTES[field.type]
}

/**
 * Where the throttle time of a response sits in its body (the header is not counted).
 * @returns `'absent'` also for an API or a version that the codec does not know
 */
export function throttlePlace(apiKey: number, version: number): ThrottlePlace {
  const schema = apiSchema(apiKey)?.response
  if (schema === undefined || !inRange(version, schema.versions)) return 'absent'
  const fields = plainFields(schema, version)
  const index = fields.findIndex((field) => field.name === 'throttleTimeMs')
  if (index < 0) return 'absent'
  let at = 0
  for (const field of fields.slice(0, index)) {
    const bytes = fixedBytes(field)
    if (bytes === undefined) return 'end'
    at += bytes
  }
  return { at }
}

/** A broker's address is a broker id with a host and an int32 port beside it; an endpoint without an id is none. */
function addressNames(fields: readonly Field[], version: number): Omit<AddressFields, 'path' | 'tag'> | undefined {
  const present = fields.filter((field) => inRange(version, field.versions) && field.array !== true)
  const nodeId = present.find((field) => field.type === 'int32' && field.entity === 'brokerId')
  const host = present.find((field) => field.type === 'string' && field.name === 'host')
  const port = present.find((field) => field.type === 'int32' && field.name === 'port')
  if (nodeId === undefined || host === undefined || port === undefined) return undefined
  return { nodeId: nodeId.name, host: host.name, port: port.name }
}

/** The broker addresses in a response of one version; empty for most. Never deeper than one array. */
export function addressFields(apiKey: number, version: number): readonly AddressFields[] {
  const schema = apiSchema(apiKey)?.response
  if (schema === undefined || !inRange(version, schema.versions)) return []
  const found: AddressFields[] = []
  const own = addressNames(schema.fields, version)
  if (own !== undefined) found.push({ path: '', ...own, tag: -1 })
  for (const field of schema.fields) {
    if (field.fields === undefined || !inRange(version, field.versions)) continue
    const names = addressNames(field.fields, version)
    const tag = inRange(version, field.tagged ?? NONE) ? (field.tag ?? -1) : -1
    if (names !== undefined) found.push({ path: field.name, ...names, tag })
  }
  return found
}
