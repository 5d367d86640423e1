/** Each topic's part of a frame, in every version, however the frame is cut. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  API_KEY,
  decodeRequest,
  decodeResponse,
  ProtocolError,
  Skim,
  type Struct,
  structsOf,
} from 'kafka-protocol-codec'
import { FRAME_TOPICS_MAX } from '../../src/bounds.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { AnswerSink } from '../../src/session/answer-sink.ts'
import { responsePlan } from '../../src/session/response-plan.ts'
import { type AnswerTopics, dataRecords, sharesPlan, TopicShares } from '../../src/session/topic-shares.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { answer, concat, recordBatch, request, versionsOf } from '../support/frames.ts'

type Api = 'Produce' | 'Fetch' | 'ShareFetch'
const APIS: readonly Api[] = ['Produce', 'Fetch', 'ShareFetch']

interface Share {
  readonly name: string | undefined
  readonly bytes: number
  readonly records: number
}

/** Topics with the batches of each of their partitions. */
type Topics = readonly (readonly [name: string, ...batches: Uint8Array[]])[]

const NAMES = ['orders', 'invoices', 'größe', 'payments']

function idOf(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}----------------`).slice(0, 16)
}

function bookOf(names: readonly string[] = NAMES): TopicBook {
  const book = new TopicBook(5000)
  for (const name of names) book.learn(name, idOf(name), 1)
  return book
}

function usesIds(api: Api, version: number): boolean {
  return api === 'ShareFetch' || version >= 13
}

function frameOf(api: Api, version: number, topics: Topics, more: Struct = {}): Uint8Array {
  const entries = topics.map(([name, ...batches]) => {
    const named = usesIds(api, version)
      ? { topicId: Buffer.from(idOf(name)).toString('base64url') }
      : api === 'Produce'
        ? { name }
        : { topic: name }
    if (api === 'Produce') return { ...named, partitionData: batches.map((records, index) => ({ index, records })) }
    return { ...named, partitions: batches.map((records, partitionIndex) => ({ partitionIndex, records })) }
  })
  if (api === 'Produce') return request('Produce', version, { acks: 1, topicData: entries, ...more })
  return answer(api, version, { responses: entries, ...more })
}

/** Feeds a whole frame: the head is stepped over as the session does, the body skimmed. */
function feedFrame(
  api: Api,
  version: number,
  frame: Uint8Array,
  arrivals: readonly number[],
  shares: TopicShares,
): Share[] {
  const bodyAt = bodyOffset(api, version, frame)
  const skim = new Skim()
  skim.start(sharesPlan(API_KEY[api], version), frame.length - bodyAt)
  shares.begin(frame.length)
  let place = 0
  feed(frame, arrivals, (bytes, view, from, to) => {
    let at = from + Math.max(0, Math.min(to - from, bodyAt - place))
    place += at - from
    if (skim.done) {
      place += to - at
      return to
    }
    shares.chunk(at, place)
    const next = skim.run(bytes, view, at, to, shares)
    place += next - at
    at = next
    return at
  })
  assert.ok(skim.done || frame.length === bodyAt)
  shares.finish()
  return sharesOf(shares)
}

function sharesOf(shares: TopicShares): Share[] {
  return Array.from({ length: shares.count }, (_, place) => ({
    name: shares.nameAt(place),
    bytes: shares.bytesAt(place),
    records: shares.recordsAt(place),
  }))
}

function bodyOffset(api: Api, version: number, frame: Uint8Array): number {
  if (api === 'Produce') return decodeRequest(frame).bodyOffset
  return version >= 12 || api === 'ShareFetch' ? 9 : 8
}

/** The same by searching the frame for the names: a share goes from a name to the next one that differs. */
function expectedShares(api: Api, version: number, frame: Uint8Array): Share[] {
  const value =
    api === 'Produce'
      ? decodeRequest(frame).value['topicData']
      : decodeResponse(API_KEY[api], version, frame).value['responses']
  const found = new Map<string, { bytes: number; records: number }>()
  let last: { bytes: number; records: number } | undefined
  let from = 0
  for (const topic of structsOf(value)) {
    const name = nameOfTopic(topic, usesIds(api, version))
    const needle = usesIds(api, version) ? idOf(name) : new TextEncoder().encode(name)
    const at = Buffer.from(frame).indexOf(needle, from)
    if (last !== undefined) {
      last.bytes += at - from
      from = at
    }
    last = found.get(name) ?? { bytes: 0, records: 0 }
    found.set(name, last)
    for (const partition of structsOf(topic['partitionData'] ?? topic['partitions'])) {
      const records = partition['records'] as Uint8Array
      for (let batchAt = 0; batchAt + 61 <= records.length; ) {
        last.records += dataRecords(records, batchAt, records.length - batchAt)
        batchAt += 12 + Buffer.from(records).readInt32BE(batchAt + 8)
      }
    }
  }
  if (last !== undefined) last.bytes += frame.length - from
  return [...found].map(([name, share]) => ({ name, ...share }))
}

function nameOfTopic(topic: Struct, byId: boolean): string {
  if (!byId) return String(topic['name'] === '' || topic['name'] === undefined ? topic['topic'] : topic['name'])
  const id = Buffer.from(String(topic['topicId']), 'base64url')
  return NAMES.find((name) => Buffer.from(idOf(name)).equals(id)) ?? ''
}

const control = recordBatch(1)
control[22] = 0x20

const TOPICS: Topics = [
  ['orders', recordBatch(3), concat(recordBatch(2), recordBatch(5))],
  ['größe', recordBatch(7, 900)],
  ['invoices', new Uint8Array(0)],
  ['orders', recordBatch(11)],
  ['payments', concat(recordBatch(4), control, recordBatch(6))],
]

for (const api of APIS) {
  describe(api, () => {
    for (const version of versionsOf(api)) {
      test(`v${version}: bytes and records of each topic, however the frame is cut`, () => {
        const frame = frameOf(api, version, TOPICS)
        const expected = expectedShares(api, version, frame)
        assert.deepEqual(
          expected.map(({ name, records }) => [name, records]),
          [
            ['orders', 21],
            ['größe', 7],
            ['invoices', 0],
            ['payments', 10],
          ],
        )
        assert.equal(
          expected.reduce((sum, { bytes }) => sum + bytes, 0),
          frame.length,
        )
        const shares = new TopicShares(bookOf()) // the same for all frames, as on a connection
        for (const { name, arrivals } of chunkings(frame.length, 150)) {
          assert.deepEqual(feedFrame(api, version, frame, arrivals, shares), expected, name)
        }
      })
    }

    test('one topic has the whole frame; none has nothing', () => {
      for (const version of versionsOf(api)) {
        const frame = frameOf(api, version, [['orders', recordBatch(3)]])
        const shares = new TopicShares(bookOf())
        assert.deepEqual(feedFrame(api, version, frame, [frame.length], shares), [
          { name: 'orders', bytes: frame.length, records: 3 },
        ])
        const empty = frameOf(api, version, [])
        assert.deepEqual(feedFrame(api, version, empty, [empty.length], shares), [])
      }
    })

    test('a version that nobody knows is refused', () => {
      assert.throws(() => sharesPlan(API_KEY[api], 99), ProtocolError)
    })
  })
}

describe('TopicShares', () => {
  test('an id that nobody has named has no name, until somebody names it', () => {
    const book = bookOf([])
    const shares = new TopicShares(book)
    const frame = frameOf('Produce', 13, [['orders', recordBatch(1)]])
    assert.equal(feedFrame('Produce', 13, frame, [frame.length], shares)[0]?.name, undefined)
    book.learn('orders', idOf('orders'), 1)
    assert.equal(shares.nameAt(0), 'orders')
    book.forget('orders')
    assert.equal(shares.nameAt(0), undefined)
    assert.equal(shares.nameAt(1), undefined)
    assert.equal(shares.bytesAt(1), 0)
    assert.equal(shares.recordsAt(1), 0)
  })

  test('a frame that is cut off counts as far as it came', () => {
    const frame = frameOf('Produce', 9, [
      ['orders', recordBatch(3)],
      ['payments', recordBatch(3, 500)],
    ])
    const at = Buffer.from(frame).indexOf('payments')
    const shares = new TopicShares(bookOf())
    shares.begin(frame.length)
    const skim = new Skim()
    const { bodyOffset: from } = decodeRequest(frame)
    skim.start(sharesPlan(API_KEY.Produce, 9), frame.length - from)
    shares.chunk(from, from)
    skim.run(frame, new DataView(frame.buffer), from, at + 100, shares)
    shares.finish(at + 100)
    shares.finish(at + 100)
    assert.deepEqual(
      sharesOf(shares).map(({ bytes }) => bytes),
      [at, 100],
    )
  })

  test('names too long to be topics belong to the topic before them', () => {
    const names = ['x'.repeat(9000), 'orders', 'y'.repeat(9000)]
    const frame = frameOf(
      'Produce',
      9,
      names.map((name) => [name, recordBatch(1)]),
    )
    const shares = new TopicShares(bookOf())
    const found = feedFrame('Produce', 9, frame, [frame.length], shares)
    const ordersAt = Buffer.from(frame).indexOf('orders')
    assert.deepEqual(found, [
      { name: undefined, bytes: ordersAt, records: 1 },
      { name: 'orders', bytes: frame.length - ordersAt, records: 2 },
    ])
  })

  test('more topics than are told apart count as one without a name, and the next frame begins anew', () => {
    const names = Array.from({ length: FRAME_TOPICS_MAX + 10 }, (_, n) => `topic-${n}`)
    const frame = frameOf(
      'Produce',
      9,
      names.map((name) => [name, recordBatch(1)]),
    )
    const shares = new TopicShares(bookOf())
    for (let round = 0; round < 2; round++) {
      const found = feedFrame('Produce', 9, frame, [frame.length], shares)
      assert.equal(found.length, FRAME_TOPICS_MAX + 1)
      assert.equal(found.at(-1)?.name, undefined)
      assert.equal(found.at(-1)?.records, 10)
      assert.equal(
        found.reduce((sum, { bytes }) => sum + bytes, 0),
        frame.length,
      )
    }
    const one = frameOf('Produce', 9, [['orders', recordBatch(1)]])
    assert.equal(feedFrame('Produce', 9, one, [one.length], shares)[0]?.name, 'orders')
  })

  test('in an answer it can stand behind the sink of the answer, and count by positions', () => {
    const heard: string[] = []
    const positions: AnswerTopics = {
      topic: (bytes, offset, length) => heard.push(Buffer.from(bytes.subarray(offset, offset + length)).toString()),
      partition: (index) => heard.push(`partition ${index}`),
      records: () => 1,
    }
    const frame = frameOf('Fetch', 11, TOPICS)
    const sink = new AnswerSink()
    const shares = new TopicShares(bookOf(), positions)
    sink.answerTopics = shares
    const skim = new Skim()
    skim.start(responsePlan(API_KEY.Fetch, 11, true)!.skim, frame.length - 8)
    shares.begin(frame.length)
    shares.chunk(8, 8)
    skim.run(frame, new DataView(frame.buffer), 8, frame.length, sink)
    shares.finish()
    assert.equal(sink.records, 8) // one for each batch
    assert.deepEqual(
      sharesOf(shares),
      expectedShares('Fetch', 11, frame).map((share) => ({
        ...share,
        records: { orders: 4, größe: 1, invoices: 0, payments: 3 }[share.name ?? ''],
      })),
    )
    assert.deepEqual(heard.slice(0, 4), ['orders', 'partition 0', 'partition 1', 'größe'])
  })
})

describe('dataRecords', () => {
  test('a transaction marker has none, an entry of the old format has one whatever its bits say', () => {
    assert.equal(dataRecords(control, 0, control.length), 0)
    const old = new Uint8Array(80)
    old[16] = 1
    old[22] = 0x20
    assert.equal(dataRecords(old, 0, 80), 1)
  })
})
