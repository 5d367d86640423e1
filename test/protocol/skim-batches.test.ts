/** How the skim walks a records field: batch by batch, and calmly where it holds something else. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MessageSchema } from '../../protocol/src/schema.ts'
import { Skim } from '../../protocol/src/skim.ts'
import { compileSkim } from '../../protocol/src/skim-plan.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { messageSetEntry, recordBatch, seededRandom } from '../support/random-message.ts'

const SCHEMA: MessageSchema = {
  name: 'TestResponse',
  apiKey: 1,
  kind: 'response',
  versions: [0, 0],
  flexible: [0, -1],
  fields: [
    { name: 'records', type: 'records', versions: [0, 0] },
    { name: 'end', type: 'int16', versions: [0, 0] },
  ],
}
const PLAN = compileSkim(SCHEMA, 0, ['records', 'end'])
const random = seededRandom(11)

/** [place in the records, size] of each batch, and 'end' once the field behind the records was seen. */
function walk(records: Uint8Array, arrivals?: readonly number[]): (readonly [at: number, sizeBytes: number] | 'end')[] {
  const body = new Uint8Array(4 + records.length + 2)
  new DataView(body.buffer).setInt32(0, records.length)
  body.set(records, 4)
  const seen: (readonly [number, number] | 'end')[] = []
  const skim = new Skim()
  skim.start(PLAN, body.length)
  let taken = 0
  let origin = 0
  const sink = {
    value: (): void => void seen.push('end'),
    text: (): void => {},
    tag: (): void => {},
    batch: (_field: number, _bytes: Uint8Array, offset: number, sizeBytes: number): void =>
      void seen.push([origin + offset - 4, sizeBytes]),
  }
  feed(body, arrivals ?? [body.length], (bytes, view, from, to) => {
    origin = taken - from
    const next = skim.run(bytes, view, from, to, sink)
    taken += next - from
    return next
  })
  assert.equal(skim.done, true)
  return seen
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

describe('the records of a partition', () => {
  test('one batch, and several', () => {
    assert.deepEqual(walk(recordBatch(random, 3, 100)), [[0, 161], 'end'])
    assert.deepEqual(walk(join(recordBatch(random, 1, 0), recordBatch(random, 2, 9))), [[0, 61], [61, 70], 'end'])
  })

  test('none', () => assert.deepEqual(walk(new Uint8Array(0)), ['end']))

  test('entries of a message set of magic 0 and 1, even mixed with batches', () => {
    const records = join(messageSetEntry(random, 0, 5), messageSetEntry(random, 1, 7), recordBatch(random, 1, 1))
    assert.deepEqual(walk(records), [[0, 31], [31, 41], [72, 62], 'end'])
  })

  test('a last batch that is cut off is not reported, wherever it is cut', () => {
    const whole = recordBatch(random, 3, 100)
    for (let length = 0; length < whole.length; length++) {
      assert.deepEqual(walk(join(whole, whole.subarray(0, length))), [[0, 161], 'end'], `cut at ${length}`)
    }
  })

  test('a batch length that cannot be ends the walk, not the message', () => {
    for (const length of [-1, 0, 48, -0x8000_0000, 0x7fff_ffff]) {
      const bad = recordBatch(random, 1, 40)
      new DataView(bad.buffer).setInt32(8, length)
      assert.deepEqual(
        walk(join(recordBatch(random, 1, 0), bad, recordBatch(random, 1, 0))),
        [[0, 61], 'end'],
        `${length}`,
      )
    }
  })

  test('an unknown magic ends the walk', () => {
    for (const magic of [3, 127, 128, 255]) {
      const odd = recordBatch(random, 1, 40)
      odd[16] = magic
      assert.deepEqual(walk(odd), ['end'])
    }
  })

  test('a null records field', () => {
    const skim = new Skim()
    skim.start(PLAN, 6)
    const body = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0, 7])
    const values: number[] = []
    const sink = {
      value: (_field: number, value: number): void => void values.push(value),
      text: (): void => {},
      tag: (): void => {},
      batch: (): void => assert.fail('there is no batch'),
    }
    skim.run(body, new DataView(body.buffer), 0, 6, sink)
    assert.deepEqual(values, [7])
  })

  test('the walk is the same however the bytes are cut', () => {
    const whole = recordBatch(random, 3, 20)
    const records = join(
      whole,
      messageSetEntry(random, 1, 30),
      messageSetEntry(random, 0, 0),
      whole,
      whole.subarray(0, 70),
    )
    const expected = walk(records)
    assert.equal(expected.length, 5)
    for (const { name, arrivals } of chunkings(records.length + 6))
      assert.deepEqual(walk(records, arrivals), expected, name)
  })
})
