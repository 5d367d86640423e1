/** The codec against Kafka's own serializer, by the committed vectors: bytes, values, cuts. Needs no Java. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Field } from 'kafka-protocol-codec'
import {
  decode,
  decodeExactly,
  encode,
  inRange,
  NONE,
  ProtocolError,
  type Struct,
  type Value,
} from 'kafka-protocol-codec'
import { forEachVersion, readVectors, type Vector } from '../support/vectors.ts'

const vectors = readVectors()

function bytesOf(vector: Vector): Uint8Array {
  return Buffer.from(vector.hex, 'hex')
}

function label(vector: Vector): string {
  return `${vector.schema.name} v${vector.version} ${vector.hex.slice(0, 80)}`
}

/** One decoded scalar in the notation of Kafka's JSON converters. */
function jsonScalar(field: Field, value: Value): unknown {
  if (field.type === 'records' && value !== null) return ''
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  return value
}

function jsonValue(field: Field, version: number, value: Value): unknown {
  if (Array.isArray(value)) return value.map((element) => jsonValue(field, version, element))
  return field.fields === undefined || value === null
    ? jsonScalar(field, value)
    : jsonStruct(field.fields, version, value as Struct)
}

/** A decoded struct as Kafka's converter renders it, tagged fields included. */
function jsonStruct(fields: readonly Field[], version: number, struct: Struct): Record<string, unknown> {
  const json: Record<string, unknown> = {}
  for (const field of fields) {
    if (inRange(version, field.versions)) json[field.name] = jsonValue(field, version, struct[field.name] ?? null)
  }
  return json
}

/** Takes out the tagged fields that Kafka's JSON leaves out because they have their default. */
function withoutAbsentTags(fields: readonly Field[], version: number, ours: unknown, kafkas: unknown): unknown {
  if (Array.isArray(ours) && Array.isArray(kafkas)) {
    return ours.map((element, index) => withoutAbsentTags(fields, version, element, kafkas[index]))
  }
  if (ours === null || typeof ours !== 'object' || kafkas === null || typeof kafkas !== 'object') return ours
  const theirs = kafkas as Record<string, unknown>
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(ours)) {
    const field = fields.find((candidate) => candidate.name === name && inRange(version, candidate.versions))
    const tagged = inRange(version, field?.tagged ?? NONE)
    if (!(tagged && !Object.hasOwn(theirs, name))) {
      kept[name] = withoutAbsentTags(field?.fields ?? [], version, value, theirs[name])
    }
  }
  return kept
}

describe('the codec against the vectors that Kafka wrote', () => {
  test('there are vectors for every message and every version', () => {
    const seen = new Set(vectors.map(({ schema, version }) => `${schema.name} ${version}`))
    forEachVersion((schema, version) => assert.ok(seen.has(`${schema.name} ${version}`), `${schema.name} v${version}`))
  })

  test('decodes and encodes every vector byte-equal', () => {
    for (const vector of vectors) {
      const value = decodeExactly(vector.schema, vector.version, bytesOf(vector))
      const again = Buffer.from(encode(vector.schema, vector.version, value)).toString('hex')
      assert.equal(again, vector.hex, label(vector))
    }
  })

  test("reads the values that Kafka's JSON converters read", () => {
    for (const vector of vectors) {
      const value = decodeExactly(vector.schema, vector.version, bytesOf(vector))
      const ours = jsonStruct(vector.schema.fields, vector.version, value)
      const comparable = withoutAbsentTags(vector.schema.fields, vector.version, ours, vector.json)
      assert.deepStrictEqual(comparable, vector.json, label(vector))
    }
  })

  test('stops at the end of the body, whatever follows or precedes it', () => {
    for (const vector of vectors) {
      const bytes = bytesOf(vector)
      const padded = Buffer.concat([Buffer.alloc(3, 0xff), bytes, Buffer.alloc(5, 0x01)])
      const { value, end } = decode(vector.schema, vector.version, padded, 3)
      assert.equal(end, 3 + bytes.length, label(vector))
      assert.equal(Buffer.from(encode(vector.schema, vector.version, value)).toString('hex'), vector.hex)
      assert.throws(
        () => decodeExactly(vector.schema, vector.version, padded, 3),
        (error) => error instanceof ProtocolError && error.reason === 'trailing_bytes',
      )
    }
  })

  test('refuses every vector cut at any byte with a ProtocolError', () => {
    for (const vector of vectors) {
      const bytes = bytesOf(vector)
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(
          () => decode(vector.schema, vector.version, bytes.subarray(0, length)),
          ProtocolError,
          `${label(vector)} cut to ${length}`,
        )
      }
    }
  })
})
