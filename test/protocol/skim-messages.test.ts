/** The skim over every message of the tables, compared with what `decode` says of the same bytes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../protocol/src/decode.ts'
import { encode } from '../../protocol/src/encode.ts'
import { API_SCHEMAS } from '../../protocol/src/generated/index.ts'
import type { FieldType, MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { compileSkim, type SkimPlan } from '../../protocol/src/skim-plan.ts'
import { chunkings, type Fed, feed } from '../support/chunkings.ts'
import { flatten, type Leaf, leafPaths } from '../support/flatten.ts'
import { randomMessage, seededRandom } from '../support/random-message.ts'

const MESSAGES_EACH = 2

/** A leaf as the skim reports it, with its place in the body. */
interface Found extends Omit<Leaf, 'type'> {
  readonly at: number
}

/** Writes down all that a skim reports. */
class Recorder implements SkimSink {
  readonly found: Found[] = []
  /** Where the chunk's index 0 lies in the body. */
  origin = 0
  readonly #paths: readonly string[]

  constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  value(field: number, value: number, offset: number): void {
    this.found.push({ path: this.#paths[field]!, kind: 'value', value, at: this.origin + offset })
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    const value = offset < 0 ? null : Buffer.from(bytes.subarray(offset, offset + length)).toString('hex')
    this.found.push({ path: this.#paths[field]!, kind: 'text', value, at: offset < 0 ? -1 : this.origin + offset })
  }

  tag(field: number, offset: number): void {
    this.found.push({ path: this.#paths[field]!, kind: 'tag', value: null, at: this.origin + offset })
  }

  batch(field: number, _bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.found.push({ path: this.#paths[field]!, kind: 'batch', value: sizeBytes, at: this.origin + offset })
  }
}

/** Skims `body`, followed by `trailing` bytes of another message, as they arrive. */
function skimInChunks(
  plan: SkimPlan,
  body: Uint8Array,
  trailing: number,
  arrivals: readonly number[],
  poison: number,
): { found: Found[]; fed: Fed; skim: Skim } {
  const skim = new Skim()
  const recorder = new Recorder(plan.wanted)
  skim.start(plan, body.length)
  const stream = new Uint8Array(body.length + trailing).fill(0x7e)
  stream.set(body)
  let taken = 0
  const fed = feed(
    stream,
    arrivals,
    (bytes, view, from, to) => {
      recorder.origin = taken - from
      const next = skim.run(bytes, view, from, to, recorder)
      taken += next - from
      return next
    },
    poison,
  )
  return { found: recorder.found, fed, skim }
}

function everyMessage(check: (schema: MessageSchema, version: number, random: () => number) => void): void {
  for (const api of API_SCHEMAS) {
    for (const schema of [api.request, api.response]) {
      for (let version = schema.versions[0]; version <= schema.versions[1]; version++) {
        const random = seededRandom(schema.apiKey * 1000 + version)
        for (let round = 0; round < MESSAGES_EACH; round++) check(schema, version, random)
      }
    }
  }
}

test('a skim that wants every field of a message reports what decode finds, in wire order, for every API and version', () => {
  let messages = 0
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const expected = flatten(schema, version, decode(schema, version, body).value)
    const { found, skim } = skimInChunks(
      compileSkim(schema, version, leafPaths(schema, version)),
      body,
      3,
      [body.length + 3],
      0,
    )
    const values = found.map(({ path, kind, value, at }) => ({ path, kind, value: kind === 'tag' ? body[at]! : value }))
    assert.deepEqual(
      values,
      expected.map(({ path, kind, value }) => ({ path, kind, value })),
      `${schema.name} v${version}`,
    )
    assert.equal(skim.done, true)
    messages += 1
  })
  assert.ok(messages > 1000)
})

test('how the bytes are cut changes nothing: whole, byte by byte, at every split, with bytes of the next message behind', () => {
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const plan = compileSkim(schema, version, leafPaths(schema, version))
    const whole = skimInChunks(plan, body, 0, [body.length], 0)
    for (const { name, arrivals } of chunkings(body.length + 4, 25)) {
      const cut = skimInChunks(plan, body, 4, arrivals, 0xff)
      assert.deepEqual(cut.found, whole.found, `${schema.name} v${version} ${name}`)
      assert.equal(cut.skim.done, true)
      assert.ok(cut.fed.taken.length <= body.length, 'bytes of the next message were taken')
      assert.equal(cut.fed.taken.length + cut.skim.remaining, body.length)
    }
  })
})

test('a window of atomBytesMax bytes always makes progress', () => {
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const plan = compileSkim(schema, version, leafPaths(schema, version), 200)
    const view = new DataView(body.buffer, body.byteOffset, body.length)
    const skim = new Skim()
    skim.start(plan, body.length)
    let at = 0
    while (!skim.done) {
      const next = skim.run(body, view, at, Math.min(body.length, at + plan.atomBytesMax), new Recorder(plan.wanted))
      assert.ok(next > at || skim.done, `${schema.name} v${version} is stuck at ${at}`)
      at = next
    }
  })
})

const WRITERS: Partial<Record<FieldType, (view: DataView, at: number) => number>> = {
  bool: (view, at) => set(1 - view.getInt8(at), (value) => view.setInt8(at, value)),
  int8: (view, at) => set(view.getInt8(at) === 5 ? 6 : 5, (value) => view.setInt8(at, value)),
  int16: (view, at) => set(view.getInt16(at) === 5 ? 6 : 5, (value) => view.setInt16(at, value)),
  uint16: (view, at) => set(view.getUint16(at) === 60_000 ? 6 : 60_000, (value) => view.setUint16(at, value)),
  int32: (view, at) => set(view.getInt32(at) === -70_000 ? 6 : -70_000, (value) => view.setInt32(at, value)),
  uint32: (view, at) => set(view.getUint32(at) === 3e9 ? 6 : 3e9, (value) => view.setUint32(at, value)),
  int64: (view, at) => set(view.getInt32(at + 4) === 9 ? 6 : 9, (value) => view.setBigInt64(at, BigInt(value))),
  float64: (view, at) => set(view.getFloat64(at) === 0.25 ? 0.5 : 0.25, (value) => view.setFloat64(at, value)),
}

function set(value: number, write: (value: number) => void): number {
  write(value)
  return value
}

test('overwriting a number at its reported offset changes that field of the decoded message and nothing else', () => {
  let patched = 0
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const before = flatten(schema, version, decode(schema, version, body).value)
    const { found } = skimInChunks(compileSkim(schema, version, leafPaths(schema, version)), body, 0, [body.length], 0)
    for (let tries = 0; tries < 4 && found.length > 0; tries++) {
      const index = Math.floor(random() * found.length)
      const { type, kind } = before[index]!
      const write = kind !== 'value' || type === 'count' || type === 'marker' ? undefined : WRITERS[type]
      // A tagged boolean that turns false has its default, and looks absent; no other field has a default that is written here.
      if (write === undefined || (type === 'bool' && before[index - 1]?.kind === 'tag')) continue
      const copy = body.slice()
      const value = write(new DataView(copy.buffer), found[index]!.at)
      const after = flatten(schema, version, decode(schema, version, copy).value)
      assert.deepEqual(
        after,
        before.with(index, { ...before[index]!, value }),
        `${schema.name} v${version} ${before[index]!.path}`,
      )
      patched += 1
    }
  })
  assert.ok(patched > 1000)
})

test('a skim for throttleTimeMs and every errorCode sees those alone, and stops after the last of them', () => {
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const expected = flatten(schema, version, decode(schema, version, body).value)
      .filter((leaf) => leaf.path === 'throttleTimeMs' || leaf.path.split('.').at(-1) === 'errorCode')
      .map(({ value }) => value)
    const plan = compileSkim(schema, version, ['throttleTimeMs', '**.errorCode'])
    const { found, skim } = skimInChunks(plan, body, 0, [body.length], 0)
    assert.deepEqual(
      found.map((leaf) => leaf.value),
      expected,
      `${schema.name} v${version}`,
    )
    assert.equal(skim.done, true)
  })
})

test('a body cut short is a ProtocolError at every length, unless nothing wanted was lost', () => {
  everyMessage((schema, version, random) => {
    const body = encode(schema, version, randomMessage(schema, version, random))
    const plan = compileSkim(schema, version, leafPaths(schema, version))
    for (let length = 0; length < Math.min(body.length, 60); length++) {
      const skim = new Skim()
      skim.start(plan, length)
      const view = new DataView(body.buffer, body.byteOffset, body.length)
      try {
        skim.run(body, view, 0, body.length, new Recorder(plan.wanted))
        assert.equal(skim.done, true)
      } catch (error) {
        assert.equal((error as Error).name, 'ProtocolError', `${schema.name} v${version} cut at ${length}: ${error}`)
      }
    }
  })
})
