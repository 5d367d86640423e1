/** Bytes that no Kafka would send. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encode } from '../../protocol/src/encode.ts'
import { ProtocolError } from '../../protocol/src/errors.ts'
import { API_SCHEMAS } from '../../protocol/src/generated/index.ts'
import type { MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { compileSkim } from '../../protocol/src/skim-plan.ts'
import { feed } from '../support/chunkings.ts'
import { leafPaths } from '../support/flatten.ts'
import { randomMessage, seededRandom } from '../support/random-message.ts'

const MESSAGES: readonly { readonly schema: MessageSchema; readonly version: number }[] = API_SCHEMAS.flatMap((api) =>
  [api.request, api.response].flatMap((schema) =>
    Array.from({ length: schema.versions[1] - schema.versions[0] + 1 }, (_, index) => ({
      schema,
      version: schema.versions[0] + index,
    })),
  ),
)

const anyMessage = fc.constantFrom(...MESSAGES)
/** Small numbers are lengths and counts that fit, 0xff and 0x80 are negative or long ones. */
const anyByte = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom(0x7f, 0x80, 0xff),
  fc.integer({ min: 0, max: 255 }),
)
const anyBytes = fc.array(anyByte, { maxLength: 300 }).map((bytes) => Uint8Array.from(bytes))

/** Counts what it is told, and that it is told nothing about bytes outside of the chunk. */
class Guard implements SkimSink {
  readonly seen: string[] = []
  from = 0
  to = 0

  value(field: number, value: number, offset: number): void {
    this.#inside(offset, 1)
    this.seen.push(`${field} ${value} ${offset - this.from}`)
  }

  text(field: number, _bytes: Uint8Array, offset: number, length: number): void {
    if (offset >= 0) this.#inside(offset, length)
    this.seen.push(`${field} ${length}`)
  }

  tag(field: number, offset: number): void {
    this.#inside(offset, 2)
    this.seen.push(`${field}`)
  }

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.#inside(offset, bytes[offset + 16] === 2 ? 61 : 18)
    this.seen.push(`${field} ${sizeBytes}`)
  }

  #inside(offset: number, length: number): void {
    assert.ok(
      offset >= this.from && offset + length <= this.to,
      `${offset} + ${length} is not in [${this.from}, ${this.to})`,
    )
  }
}

/** How a skim over `body` ended, and what it reported. */
function outcome(
  { schema, version }: (typeof MESSAGES)[number],
  body: Uint8Array,
  arrivals: readonly number[],
  poison: number,
): string[] {
  const plan = compileSkim(schema, version, leafPaths(schema, version))
  const skim = new Skim()
  skim.start(plan, body.length)
  const guard = new Guard()
  const ends: string[] = []
  try {
    feed(
      body,
      arrivals,
      (bytes, view, from, to) => {
        guard.from = from
        guard.to = to
        return skim.run(bytes, view, from, to, guard)
      },
      poison,
    )
    assert.equal(skim.done, true, 'the whole body was seen, but the skim is neither done nor refused it')
    ends.push('done')
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    ends.push(error.reason)
  }
  return [...ends, ...guard.seen]
}

test('any bytes are skimmed to the end or refused with a ProtocolError, in steps bounded by their length', () => {
  // Invariant: completion or ProtocolError, never another error; at most one report per byte, twice that for marks without bytes.
  fc.assert(
    fc.property(anyMessage, anyBytes, (message, bytes) => {
      const seen = outcome(message, bytes, [bytes.length], 0)
      assert.ok(seen.length <= 2 * bytes.length + 2)
    }),
    { numRuns: 3000 },
  )
})

test('bytes outside of what was given are never looked at', () => {
  // Invariant: what lies around [from, to) has no influence on the outcome, nor on what is reported.
  fc.assert(
    fc.property(anyMessage, anyBytes, (message, bytes) => {
      const expected = outcome(message, bytes, [bytes.length], 0)
      for (const poison of [0x01, 0x80, 0xff])
        assert.deepEqual(outcome(message, bytes, [bytes.length], poison), expected)
    }),
    { numRuns: 1000 },
  )
})

test('messages with a few bytes changed are skimmed or refused, the same for any cuts', () => {
  // Invariant: the reports before a refusal and the refusal itself depend on the bytes only, not on how they arrive.
  fc.assert(
    fc.property(
      anyMessage,
      fc.integer(),
      fc.array(fc.tuple(fc.nat(), anyByte), { maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      (message, seed, changes, cuts) => {
        const body = encode(
          message.schema,
          message.version,
          randomMessage(message.schema, message.version, seededRandom(seed)),
        )
        for (const [at, byte] of changes) if (body.length > 0) body[at % body.length] = byte
        const arrivals = [...cuts.map((cut) => cut % (body.length + 1)).sort((one, other) => one - other), body.length]
        const summary = (seen: readonly string[]): unknown => seen.map((line) => line.split(' ').slice(0, 2))
        assert.deepEqual(
          summary(outcome(message, body, arrivals, 0xff)),
          summary(outcome(message, body, [body.length], 0)),
        )
      },
    ),
    { numRuns: 1500 },
  )
})
