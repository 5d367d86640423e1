/** Random values for any message of the tables, from a seed, so that a failure can be repeated. */

import type { Field, MessageSchema } from '../../protocol/src/schema.ts'
import { inRange } from '../../protocol/src/schema.ts'
import type { Struct, Value } from '../../protocol/src/value.ts'

/** Random numbers in [0, 1), the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** Whole numbers that bring out sign and width: small ones, extremes, and anything between. */
function integer(random: () => number, min: number, max: number): number {
  const pick = random()
  if (pick < 0.1) return min
  if (pick < 0.2) return max
  if (pick < 0.5) return Math.max(min, Math.floor(random() * 10))
  return min + Math.floor(random() * (max - min))
}

const WORDS = ['', 'a', 'orders', 'zürich', '北京-topic', 'x'.repeat(150)]

export function randomBytes(random: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

/** A record batch of magic 2 with a head that makes sense, and bytes in the place of records. */
export function recordBatch(random: () => number, records: number, recordsBytes: number): Uint8Array {
  const batch = randomBytes(random, 61 + recordsBytes)
  const view = new DataView(batch.buffer)
  view.setInt32(8, batch.length - 12)
  view.setInt8(16, 2)
  view.setInt16(21, 0)
  view.setInt32(57, records)
  return batch
}

/** An entry of a message set, as clients wrote them before Kafka 0.11. */
export function messageSetEntry(random: () => number, magic: 0 | 1, valueBytes: number, codec = 0): Uint8Array {
  const headBytes = magic === 0 ? 18 : 26
  const entry = randomBytes(random, headBytes + 8 + valueBytes)
  const view = new DataView(entry.buffer)
  view.setInt32(8, entry.length - 12)
  view.setInt8(16, magic)
  view.setInt8(17, codec)
  view.setInt32(headBytes, -1)
  view.setInt32(headBytes + 4, valueBytes)
  return entry
}

function randomRecords(random: () => number): Uint8Array {
  const parts: Uint8Array[] = []
  for (let left = Math.floor(random() * 4); left > 0; left--) {
    const bytes = Math.floor(random() * 200)
    const pick = random()
    if (pick < 0.6) parts.push(recordBatch(random, 1 + Math.floor(bytes / 10), bytes))
    else parts.push(messageSetEntry(random, pick < 0.8 ? 0 : 1, bytes))
  }
  if (random() < 0.3) parts.push(recordBatch(random, 3, 90).subarray(0, Math.floor(random() * 151)))
  return Buffer.concat(parts)
}

function randomScalar(field: Field, random: () => number): Value {
  switch (field.type) {
    case 'bool':
      return random() < 0.5
    case 'int8':
      return integer(random, -0x80, 0x7f)
    case 'int16':
      return integer(random, -0x8000, 0x7fff)
    case 'uint16':
      return integer(random, 0, 0xffff)
    case 'int32':
      return integer(random, -0x8000_0000, 0x7fff_ffff)
    case 'uint32':
      return integer(random, 0, 0xffff_ffff)
    case 'int64':
      return BigInt.asIntN(
        64,
        (BigInt(integer(random, 0, 0xffff_ffff)) << 32n) | BigInt(integer(random, 0, 0xffff_ffff)),
      )
    case 'float64':
      return random() * 1e9
    case 'uuid':
      return Buffer.from(randomBytes(random, 16)).toString('base64url')
    case 'string':
      return WORDS[Math.floor(random() * WORDS.length)]!
    case 'records':
      return randomRecords(random)
    default:
      return randomBytes(random, Math.floor(random() * 200))
  }
}

function randomStruct(fields: readonly Field[], version: number, random: () => number): Struct {
  const struct: Struct = {}
  for (const field of fields) {
    if (inRange(version, field.versions)) struct[field.name] = randomField(field, version, random)
  }
  return struct
}

function randomElement(field: Field, version: number, random: () => number): Value {
  return field.type === 'struct' ? randomStruct(field.fields ?? [], version, random) : randomScalar(field, random)
}

function randomField(field: Field, version: number, random: () => number): Value {
  if (field.nullable !== undefined && inRange(version, field.nullable) && random() < 0.2) return null
  if (!field.array) return randomElement(field, version, random)
  const count = random() < 0.02 ? 130 : Math.floor(random() * 4)
  const long = count > 4 && field.type === 'struct' ? 3 : count
  return Array.from({ length: long }, () => randomElement(field, version, random))
}

/** A value for every field that the version has, tagged ones and unknown tags included. */
export function randomMessage(schema: MessageSchema, version: number, random: () => number): Struct {
  const message = randomStruct(schema.fields, version, random)
  if (inRange(version, schema.flexible) && random() < 0.5) {
    message['unknownTags'] = [
      { tag: 100 + Math.floor(random() * 200), bytes: randomBytes(random, Math.floor(random() * 20)) },
    ]
  }
  return message
}
