/** Messages for tests: Kafka's committed vectors, and random values of any message and version. */

import { readdirSync, readFileSync } from 'node:fs'
import {
  API_SCHEMAS,
  type Field,
  inRange,
  type MessageSchema,
  NONE,
  type Struct,
  UNKNOWN_TAGS,
  type Value,
} from 'kafka-protocol-codec'

const VECTOR_DIRECTORY = new URL('../../protocol/vectors/', import.meta.url)

/** Every request and response that the codec knows. */
export const ALL_MESSAGES: readonly MessageSchema[] = API_SCHEMAS.flatMap((api) => [api.request, api.response])

const BY_NAME: ReadonlyMap<string, MessageSchema> = new Map(ALL_MESSAGES.map((schema) => [schema.name, schema]))

/** The schema of a message by Kafka's name: `ProduceRequest`. */
export function messageSchema(name: string): MessageSchema {
  const schema = BY_NAME.get(name)
  if (schema === undefined) throw new Error(`no message ${name}`)
  return schema
}

/** Calls back for every message and version. */
export function forEachVersion(visit: (schema: MessageSchema, version: number) => void): void {
  for (const schema of ALL_MESSAGES) {
    for (let version = schema.versions[0]; version <= schema.versions[1]; version++) visit(schema, version)
  }
}

/** Bytes that Kafka wrote, and what its JSON converter says of them. */
export interface Vector {
  readonly schema: MessageSchema
  readonly version: number
  readonly hex: string
  /** Numbers beyond 2^53 are bigint. `records` are always '' in Kafka's JSON, `bytes` are base64. */
  readonly json: unknown
}

/** Numbers that a double cannot hold exactly come out as bigint. */
function exactNumber(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  const inexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return inexact && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value
}

/** Parses a line of the oracle. */
export function parseVector(line: string): Vector {
  const parsed = JSON.parse(line, exactNumber) as { message: string; version: number; hex: string; json: unknown }
  return { schema: messageSchema(parsed.message), version: parsed.version, hex: parsed.hex, json: parsed.json }
}

/** The committed vectors of both releases: several of each message and version. */
export function readVectors(): Vector[] {
  return readdirSync(VECTOR_DIRECTORY).flatMap((file) => {
    const lines = readFileSync(new URL(file, VECTOR_DIRECTORY), 'utf8').trimEnd().split('\n')
    return lines.slice(1).map(parseVector)
  })
}

/** A number in [0, 1). */
export type Random = () => number

/** A reproducible source of randomness (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const TEXTS = [
  '',
  'a',
  'topic-1',
  'größe',
  '日本語',
  '\u{1f680} up',
  'nul\0nul',
  '\ufeffmark',
  'x'.repeat(130),
  'y'.repeat(300),
]
const UNKNOWN_TAG_MIN = 100

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

function randomBytes(random: Random, limit: number): Uint8Array {
  return Uint8Array.from({ length: below(random, limit) }, () => below(random, 256))
}

function randomInteger(random: Random, min: number, max: number): number {
  const special = [min, max, Math.max(min, -1), 0, 1, below(random, 100)]
  return special[below(random, special.length * 2)] ?? min + Math.floor(random() * (max - min + 1))
}

function randomInt64(random: Random): bigint {
  const special = [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n, 2n ** 53n + 1n]
  const high = BigInt(randomInteger(random, -(2 ** 31), 2 ** 31 - 1))
  return special[below(random, 10)] ?? (high << 32n) | BigInt(below(random, 2 ** 32))
}

function randomScalar(field: Field, random: Random): Value {
  switch (field.type) {
    case 'bool':
      return random() < 0.5
    case 'int8':
      return randomInteger(random, -128, 127)
    case 'int16':
      return randomInteger(random, -32768, 32767)
    case 'uint16':
      return randomInteger(random, 0, 65535)
    case 'int32':
      return randomInteger(random, -(2 ** 31), 2 ** 31 - 1)
    case 'uint32':
      return randomInteger(random, 0, 2 ** 32 - 1)
    case 'int64':
      return randomInt64(random)
    case 'float64':
      return [0, -0, 1.5, -1e300, 5e-324, Number.NaN, Infinity][below(random, 7)] ?? 0
    case 'uuid':
      return Buffer.from(Uint8Array.from({ length: 16 }, () => below(random, 256))).toString('base64url')
    case 'string':
      return TEXTS[below(random, TEXTS.length)] ?? ''
    default:
      return randomBytes(random, 40)
  }
}

function randomElement(field: Field, version: number, flexible: boolean, random: Random, depth: number): Value {
  if (field.fields === undefined) return randomScalar(field, random)
  return randomStruct(field.fields, version, flexible, random, depth + 1)
}

function randomField(field: Field, version: number, flexible: boolean, random: Random, depth: number): Value {
  if (inRange(version, field.nullable ?? NONE) && random() < 0.3) return null
  if (field.array !== true) return randomElement(field, version, flexible, random, depth)
  const length = below(random, depth === 0 ? 4 : 3)
  return Array.from({ length }, () => randomElement(field, version, flexible, random, depth))
}

function randomStruct(
  fields: readonly Field[],
  version: number,
  flexible: boolean,
  random: Random,
  depth: number,
): Struct {
  const struct: Struct = {}
  for (const field of fields.filter((candidate) => inRange(version, candidate.versions))) {
    const tagged = inRange(version, field.tagged ?? NONE)
    if (!tagged || random() < 0.6) struct[field.name] = randomField(field, version, flexible, random, depth)
  }
  if (flexible && random() < 0.15) {
    const tags = new Set(Array.from({ length: 1 + below(random, 2) }, () => UNKNOWN_TAG_MIN + below(random, 20_000)))
    struct[UNKNOWN_TAGS] = [...tags]
      .sort((one, other) => one - other)
      .map((tag) => ({ tag, bytes: randomBytes(random, 9) }))
  }
  return struct
}

/**
 * A random value of a message in one version: every field of the version, but for tagged ones, of which some are left
 * out; nulls, empty arrays, extremes, multi-byte text, unknown tags. The same source of randomness gives the same value.
 */
export function randomValue(schema: MessageSchema, version: number, random: Random): Struct {
  return randomStruct(schema.fields, version, inRange(version, schema.flexible), random, 0)
}
