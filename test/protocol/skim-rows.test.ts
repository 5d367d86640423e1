/** Rows of a skim: numbers that lie side by side, reported together. They must say what the same fields say one by one. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apiSchema } from '../../protocol/src/apis.ts'
import { int64At } from '../../protocol/src/bytes.ts'
import { encode } from '../../protocol/src/encode.ts'
import { API_KEY } from '../../protocol/src/generated/index.ts'
import type { MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { compileSkim, type SkimPlan } from '../../protocol/src/skim-plan.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { versionsOf } from '../support/frames.ts'
import { randomMessage, seededRandom } from '../support/random-message.ts'

const READERS = {
  int16: (view: DataView, at: number) => view.getInt16(at),
  int32: (view: DataView, at: number) => view.getInt32(at),
  int64: int64At,
}

/** A row, and the types of its fields. */
interface Row {
  readonly schema: MessageSchema
  readonly path: string
  readonly fields: Readonly<Record<string, keyof typeof READERS>>
}

const PARTITION = { partitionIndex: 'int32', errorCode: 'int16' } as const
const FETCH = apiSchema(API_KEY.Fetch)!
const ROWS: readonly Row[] = [
  { schema: FETCH.request, path: '', fields: { maxWaitMs: 'int32', minBytes: 'int32', maxBytes: 'int32' } },
  { schema: FETCH.request, path: 'topics.partitions.', fields: { partition: 'int32', fetchOffset: 'int64' } },
  { schema: FETCH.response, path: 'responses.partitions.', fields: { ...PARTITION, highWatermark: 'int64' } },
  { schema: apiSchema(API_KEY.OffsetCommit)!.response, path: 'topics.partitions.', fields: PARTITION },
]

/** Writes down the numbers that are reported, whichever way. */
class Numbers implements SkimSink {
  readonly numbers: number[] = []
  readonly #types: readonly (keyof typeof READERS)[]

  constructor(types: readonly (keyof typeof READERS)[]) {
    this.#types = types
  }

  value(_field: number, value: number): void {
    this.numbers.push(value)
  }

  row(_field: number, view: DataView, at: number, places: readonly number[]): void {
    for (const [i, place] of places.entries()) {
      if (place >= 0) this.numbers.push(READERS[this.#types[i]!](view, at + place))
    }
  }

  text(): void {}

  tag(): void {}

  batch(): void {}
}

function numbersOf(plan: SkimPlan, { fields }: Row, body: Uint8Array, arrivals: readonly number[]): number[] {
  const sink = new Numbers(Object.values(fields))
  const skim = new Skim()
  skim.start(plan, body.length)
  const { left } = feed(body, arrivals, (bytes, view, from, to) => skim.run(bytes, view, from, to, sink), 0xff)
  assert.equal(skim.done, true)
  assert.equal(left, skim.remaining)
  return sink.numbers
}

describe('a row says what its fields say one by one', () => {
  for (const row of ROWS) {
    const { schema, path, fields } = row
    const names = Object.keys(fields)
    test(`${schema.name} ${path}{${names}}, in every version, however the bytes are cut`, () => {
      let rows = 0
      for (let version = schema.versions[0]; version <= schema.versions[1]; version++) {
        const asValues = compileSkim(
          schema,
          version,
          names.map((name) => path + name),
        )
        const asRow = compileSkim(schema, version, [`${path}{${names}}`])
        const random = seededRandom(version)
        for (let round = 0; round < 6; round++) {
          const body = encode(schema, version, randomMessage(schema, version, random))
          const expected = numbersOf(asValues, row, body, [body.length])
          rows += expected.length
          for (const { name, arrivals } of chunkings(body.length, 25)) {
            assert.deepEqual(numbersOf(asRow, row, body, arrivals), expected, `v${version} ${name}`)
          }
        }
      }
      assert.ok(rows > versionsOf('Fetch').length)
    })
  }
})

describe('compileSkim', () => {
  const { request } = FETCH

  test('tells where a row has each field, −1 for those that the version lacks', () => {
    assert.deepEqual(compileSkim(request, 2, ['{maxWaitMs,minBytes,maxBytes}']).places, [[0, 4, -1]])
    assert.deepEqual(compileSkim(request, 3, ['{maxWaitMs,minBytes,maxBytes}']).places, [[0, 4, 8]])
    const asked = ['topics', 'topics.partitions.{partition,fetchOffset}']
    assert.deepEqual(compileSkim(request, 4, asked).places, [[], [0, 4]])
    assert.deepEqual(compileSkim(request, 12, asked).places, [[], [0, 8]])
  })

  test('what a row covers is not reported beside it, what lies outside is', () => {
    const plan = compileSkim(FETCH.response, 13, ['**.errorCode', 'responses.partitions.{partitionIndex,errorCode}'])
    const sink = new Numbers(['int32', 'int16'])
    const partitions = [{ partitionIndex: 7, errorCode: 3, records: null }]
    const body = encode(FETCH.response, 13, { errorCode: 5, responses: [{ partitions }] })
    const skim = new Skim()
    skim.start(plan, body.length)
    skim.run(body, new DataView(body.buffer, body.byteOffset, body.length), 0, body.length, sink)
    assert.deepEqual(sink.numbers, [5, 7, 3])
  })

  test('what is wanted behind a row is found, also where elements are numbers only', () => {
    const wanted = ['topics.partitions.{partition,fetchOffset}', 'topics.partitions.partitionMaxBytes']
    const partitions = [1, 2].map((partition) => ({ partition, fetchOffset: 9n, partitionMaxBytes: 70 + partition }))
    for (const version of [11, 13]) {
      const plan = compileSkim(request, version, wanted)
      const body = encode(request, version, { topics: [{ partitions }] })
      const row = { schema: request, path: '', fields: { partition: 'int32', fetchOffset: 'int64' } } as const
      assert.deepEqual(numbersOf(plan, row, body, [body.length]), [1, 9, 71, 2, 9, 72])
    }
  })

  test('tagged fields behind a row are those of a struct in the element, and the element goes on behind them', () => {
    const every = [0, 1] as const
    const one = { name: 'one', type: 'int32', versions: every } as const
    const inner = { name: 'inner', type: 'struct', versions: every, fields: [{ ...one, name: 'deep' }] } as const
    const list = { name: 'list', type: 'struct', array: true, versions: every } as const
    const behind = { name: 'behind', type: 'string', versions: every } as const
    for (const fields of [
      [one, inner],
      [one, inner, behind],
    ]) {
      const schema = { ...request, versions: every, flexible: every, fields: [{ ...list, fields }] }
      const elements = [7, 9].map((number) => ({ one: number, inner: { deep: 8 }, behind: 'and on' }))
      const known = elements.map(({ behind: _, ...element }) => element)
      const body = encode(schema, 0, { list: fields.length > 2 ? elements : known })
      const row = { schema, path: 'list.', fields: { one: 'int32' } } as const
      for (const { name, arrivals } of chunkings(body.length)) {
        assert.deepEqual(numbersOf(compileSkim(schema, 0, ['list.{one}']), row, body, arrivals), [7, 9], name)
      }
    }
  })

  test('what stands behind the visible part of a buffer says nothing of tagged fields', () => {
    const plan = compileSkim(request, 13, ['topics.partitions.{partition,fetchOffset}'])
    const unknownTags = [{ tag: 90, bytes: new Uint8Array(3) }]
    const partitions = [1, 2].map((partition) => ({ partition, fetchOffset: 9n, unknownTags }))
    const body = encode(request, 13, { topics: [{ partitions }] })
    const buffer = new Uint8Array(body.length + 100)
    const view = new DataView(buffer.buffer)
    for (let cut = 1; cut < body.length; cut++) {
      const sink = new Numbers(['int32', 'int64'])
      const skim = new Skim()
      skim.start(plan, body.length)
      buffer.fill(0).set(body.subarray(0, cut))
      const at = skim.run(buffer, view, 0, cut, sink)
      buffer.set(body)
      skim.run(buffer, view, at, body.length, sink)
      assert.deepEqual(sink.numbers, [1, 9, 2, 9], `cut at ${cut}`)
    }
  })

  test('a row over something that is no number is refused', () => {
    assert.throws(() => compileSkim(request, 13, ['topics.{topicId,partitions}']), /partitions lies in the row/)
  })
})
