/** Quotas on topics: each topic of a request is charged its share, and what carries a topic in debt waits. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Struct } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import {
  answer,
  chunksOf,
  correlationOf,
  cutAt,
  fetch,
  framesOf,
  produceAnswer,
  recordBatch,
  request,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const ID = 'AAECAwQFBgcICQoLDA0ODw'
const OTHER_ID = 'EBESExQVFhcYGRobHB0eHw'
const isHeld = (rig: Rig): boolean => rig.session.clientBlock === 'held'
const heldMs = (rig: Rig): number => (isHeld(rig) ? rig.session.wakeAtMs - rig.nowMs : 0)
const sent = (rig: Rig): number[] => framesOf(rig.sentToBroker()).map((frame) => correlationOf(frame, 'request'))

type Topics = Readonly<Record<string, number>>

/** A Produce with a batch of that many bytes for each topic (a name, or an id from v13 on). */
function produceTo(topics: Topics, correlationId = 1, version = 9, records = 3): Uint8Array {
  const topicData = Object.entries(topics).map(([topic, bytes]) => ({
    ...(version >= 13 ? { topicId: topic } : { name: topic }),
    partitionData: [{ index: 0, records: recordBatch(records, bytes) }],
  }))
  return request('Produce', version, { acks: 1, timeoutMs: 1000, topicData }, { correlationId })
}

function fetchFrom(
  topics: readonly string[],
  correlationId = 1,
  session: Struct = { sessionEpoch: -1 },
  version = 11,
): Uint8Array {
  const named = topics.map((topic) => ({
    ...(version >= 13 ? { topicId: topic } : { topic }),
    partitions: [{ partition: 0, fetchOffset: 100n, partitionMaxBytes: 1 << 20 }],
  }))
  return fetch({ correlationId, version, limits: { topics: named, ...session } })
}

function fetched(topics: Topics, correlationId = 1, version = 11): Uint8Array {
  const responses = Object.entries(topics).map(([topic, bytes]) => ({
    ...(version >= 13 ? { topicId: topic } : { topic }),
    partitions: [{ partitionIndex: 0, records: recordBatch(2, bytes) }],
  }))
  return answer('Fetch', version, { responses }, correlationId)
}

/** What was charged to each topic so far. */
function charged(rig: Rig, dimension = 'produceBytes'): Record<string, number> {
  const used = [...rig.context.buckets.entries(rig.nowMs)].filter((bucket) => bucket.dimension === dimension)
  return Object.fromEntries(
    used.map(({ key, slot }) => [key.slice('topic='.length), rig.context.buckets.usedUnits(slot)]),
  )
}

const PER_TOPIC: readonly QuotaRule[] = [
  rule({ produceBytes: 1000, produceRecords: 1e6, requests: 1e6 }, { per: ['topic'] }),
]

describe('a Produce', () => {
  test('waits for the topic that it carries, another topic does not', () => {
    const rules = [rule({ produceBytes: 1000 }, { match: { topic: ['orders'] }, per: [] })]
    const rig = new Rig({ rules }).client(produceTo({ orders: 2900 })).broker(produceAnswer())
    const other = new Rig({ beside: rig }).client(produceTo({ clicks: 5000 }), produceTo({ clicks: 5000 }, 2))
    assert.deepEqual(sent(other), [1, 2])
    const bytes = produceTo({ orders: 2900 }).length
    assert.equal(heldMs(rig.client(produceTo({ orders: 100 }, 2))), bytes - 1000)
    assert.ok(isHeld(other.client(produceTo({ clicks: 100, orders: 100 }, 3))), 'and so does what carries both')
    rig.pass(bytes - 1000)
    assert.deepEqual(sent(rig), [1, 2])
  })

  test('is charged to each topic by its share, to the byte, at any cut', () => {
    const frame = produceTo({ a: 300, b: 1200, c: 100 })
    for (const pieces of [[frame], chunksOf(frame, 1), chunksOf(frame, 37), cutAt(frame, [90, 91, 500])]) {
      const rig = new Rig({ rules: PER_TOPIC }).client(...pieces)
      assert.deepEqual(rig.sentToBroker(), frame)
      const shares = charged(rig)
      assert.equal(
        Object.values(shares).reduce((sum, bytes) => sum + bytes),
        frame.length,
      )
      assert.ok(shares['b']! > 1200 && shares['b']! < 1230, `${shares['b']}`)
      assert.deepEqual(charged(rig, 'produceRecords'), { a: 3, b: 3, c: 3 })
      assert.deepEqual(charged(rig, 'requests'), { a: 1, b: 1, c: 1 })
      rig.end()
      for (const { holders } of rig.context.buckets.entries(rig.nowMs)) assert.equal(holders, 0)
    }
  })

  test('its answer is stamped with the deepest debt of its topics', () => {
    const rig = new Rig({ rules: [rule({ produceBytes: 1000 }, { per: ['topic'] })] })
    rig.client(produceTo({ a: 500, b: 2000 })).broker(produceAnswer())
    assert.equal(rig.counters.quota('q').stampedRequests, 1)
    assert.ok(heldMs(rig.client(produceTo({ a: 100 }, 2))) === 0)
    assert.ok(heldMs(rig.client(produceTo({ b: 100 }, 3))) > 1000)
  })

  test('topics by id have their names from answers that went by; one that nobody has named is charged to nobody', () => {
    const rules = [rule({ produceBytes: 1000 }, { match: { topic: ['orders'] } })]
    const rig = new Rig({ rules }).client(produceTo({ [ID]: 500 }, 1, 13)).broker(produceAnswer(1, 0, 13))
    assert.deepEqual(rig.counters.quota('q').used.produceBytes, 0)
    rig.client(request('Metadata', 12, {}, { correlationId: 2 }))
    const topics = [{ name: 'orders', topicId: ID, partitions: [{ partitionIndex: 0 }] }]
    rig.broker(answer('Metadata', 12, { topics }, 2))
    const frame = produceTo({ [ID]: 500, [OTHER_ID]: 700 }, 3, 13)
    rig.client(frame)
    const { produceBytes } = rig.counters.quota('q').used
    assert.ok(produceBytes > 500 && produceBytes < frame.length - 700, `${produceBytes}`)
  })

  test('that is too long to see all its topics waits for the first ones, and is charged for all', () => {
    const rules = [rule({ produceBytes: 1_000_000 }, { per: ['topic'] })]
    const frame = produceTo({ a: 200_000, b: 1_500_000, c: 100 })
    const rig = new Rig({ rules }).client(...chunksOf(frame, 50_000))
    assert.deepEqual(rig.sentToBroker(), frame)
    const shares = charged(rig)
    assert.equal(
      Object.values(shares).reduce((sum, bytes) => sum + bytes),
      frame.length,
    )
    rig.broker(produceAnswer())
    assert.ok(!isHeld(rig.client(produceTo({ a: 100 }, 2))))
    assert.ok(isHeld(rig.client(produceTo({ b: 100 }, 3))), 'b owes half a second')
  })

  test('cut off in the midst gives back what was reserved', () => {
    const rig = new Rig({ rules: PER_TOPIC }).client(produceTo({ a: 300, b: 900 }).slice(0, 700)).end()
    assert.deepEqual(charged(rig), { a: 0, b: 0 })
  })
})

describe('a Fetch', () => {
  const rules = [rule({ fetchBytes: 1000 }, { per: ['topic'] })]

  test('is charged to each topic by its share of the answer, and waits for the deepest', () => {
    for (const pieceBytes of [1, 13, 100_000]) {
      const rig = new Rig({ rules }).client(...chunksOf(fetchFrom(['a', 'b']), pieceBytes))
      const got = fetched({ a: 200, b: 3000 })
      rig.broker(...chunksOf(got, pieceBytes))
      const shares = charged(rig, 'fetchBytes')
      assert.equal(shares['a']! + shares['b']!, got.length)
      assert.ok(shares['b']! > 3000)
      rig.client(fetchFrom(['a'], 2))
      assert.ok(!isHeld(rig))
      rig.broker(fetched({ a: 200 }, 2))
      assert.ok(heldMs(rig.client(fetchFrom(['a', 'b'], 3))) > 1900)
    }
  })

  test('of an incremental session carries what the session has (KIP-227)', () => {
    const rig = new Rig({ rules }).client(fetchFrom(['a', 'b'], 1, { sessionId: 0, sessionEpoch: 0 }))
    rig.broker(fetched({ b: 3000 }))
    assert.ok(isHeld(rig.client(fetchFrom([], 2, { sessionId: 7, sessionEpoch: 1 }))))
    rig.pass(heldMs(rig)).broker(fetched({}, 2))
    const forgotten = { sessionId: 7, sessionEpoch: 2, forgottenTopicsData: [{ topic: 'b', partitions: [0] }] }
    rig.client(fetchFrom([], 3, forgotten))
    assert.ok(isHeld(rig) || rig.session.inFlight === 1)
    assert.deepEqual(rig.session.inFlight, 1, 'b is forgotten: its debt is no matter of this Fetch')
  })

  test('that waits when a reload brings a quota on topics is looked at anew: nothing repeats what it says of its session', () => {
    const rig = new Rig({ rules: [rule({ fetchBytes: 1000 })] }).client(fetchFrom(['a'])).broker(fetched({ a: 3000 }))
    assert.ok(isHeld(rig.client(fetchFrom(['a', 'b'], 2, { sessionId: 0, sessionEpoch: 0 }))))
    rig.policy([rule({ fetchBytes: 1000 }, { name: 'topics', per: ['topic'] })])
    assert.deepEqual(sent(rig), [1, 2])
    const got = fetched({ b: 3000 }, 2)
    assert.equal(charged(rig.broker(got), 'fetchBytes')['b'], got.length)
    assert.ok(heldMs(rig.client(fetchFrom([], 3, { sessionId: 7, sessionEpoch: 1 }))) > 1900)
  })

  test('asks for no more than the bucket of its topic bears', () => {
    const rig = new Rig({ rules }).client(fetchFrom(['a']))
    assert.equal(new DataView(rig.sentToBroker().buffer).getInt32(14 + 'client-1'.length + 12), 1000)
  })
})

describe('records that are fetched', () => {
  const rules = [rule({ fetchRecords: 1000 })]
  const batchAt = (baseOffset: bigint, records: number, control = false): Uint8Array => {
    const batch = recordBatch(records)
    const view = new DataView(batch.buffer)
    view.setBigInt64(0, baseOffset)
    view.setInt32(23, records - 1)
    if (control) view.setInt16(21, 0x20)
    return batch
  }
  const answerOf = (...batches: Uint8Array[]): Uint8Array => {
    const records = new Uint8Array(Buffer.concat(batches))
    return answer('Fetch', 11, { responses: [{ topic: 'a', partitions: [{ partitionIndex: 0, records }] }] })
  }

  test('count from the offset that was asked for; transaction markers do not count', () => {
    for (const pieceBytes of [1, 29, 100_000]) {
      const rig = new Rig({ rules }).client(fetchFrom(['a']))
      rig.broker(...chunksOf(answerOf(batchAt(90n, 20), batchAt(110n, 5), batchAt(115n, 1, true)), pieceBytes))
      assert.equal(rig.counters.quota('q').used.fetchRecords, 10 + 5)
      assert.equal(rig.counters.fetchedRecords, 15)
    }
  })

  test('in later answers of an incremental session too', () => {
    const rig = new Rig({ rules }).client(fetchFrom(['a'], 1, { sessionId: 0, sessionEpoch: 0 }))
    rig.broker(answerOf()).client(fetchFrom([], 2, { sessionId: 7, sessionEpoch: 1 }))
    const late = answerOf(batchAt(95n, 10))
    new DataView(late.buffer).setInt32(4, 2)
    rig.broker(late)
    assert.equal(rig.counters.quota('q').used.fetchRecords, 5)
  })
})
