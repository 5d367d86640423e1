/** How far groups are behind, as their Fetches and the answers tell; and how old what they fetch is. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FETCH_PARTITIONS_MAX, PARTITION_ENTRIES_RENEW_MS } from '../../src/bounds.ts'
import type { GroupSeries } from '../../src/session/group-series.ts'
import { DEFAULT_SERIES } from '../../src/session/series-books.ts'
import { answer, chunksOf, concat, recordBatch, request, versionsOf } from '../support/frames.ts'
import {
  type Asked,
  consumer,
  entriesOf,
  type Fetched,
  fetchedOf,
  fetchOf,
  lags,
  TOPIC_ID_BYTES,
} from '../support/lag-scene.ts'
import { EPOCH_MS, Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

/** Pieces of both directions by turns. */
function crossing(rig: Rig, ofClient: readonly Uint8Array[], ofBroker: readonly Uint8Array[]): void {
  for (let i = 0; i < Math.max(ofClient.length, ofBroker.length); i++) {
    if (ofClient[i] !== undefined) rig.client(ofClient[i]!)
    if (ofBroker[i] !== undefined) rig.broker(ofBroker[i]!)
  }
}

describe('lag is the high watermark less the offset asked for', () => {
  test('it is not known before an answer has told the end', () => {
    const rig = consumer().client(fetchOf([{ offset: 40 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': undefined })
    rig.broker(fetchedOf([{ end: 100 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 60 })
  })

  test('it falls when the next request asks for more', () => {
    const rig = consumer()
      .client(fetchOf([{ offset: 40 }]))
      .broker(fetchedOf([{ end: 100 }]))
    rig.client(fetchOf([{ offset: 100 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 0 })
  })

  test('what was delivered counts as fetched, though the next request is still to come', () => {
    const batch = recordBatch(10)
    const view = new DataView(batch.buffer)
    view.setBigInt64(0, 40n)
    view.setInt32(23, 9) // the last of ten
    const rig = consumer()
      .client(fetchOf([{ offset: 45 }]))
      .broker(fetchedOf([{ end: 100, records: batch }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 50 })
    rig.client(fetchOf([{ offset: 5 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 95 }, 'it went back')
  })

  test('an incremental session names only what changed: the rest stays as it was', () => {
    const call = { version: 12, more: { sessionId: 7, sessionEpoch: 1 } }
    const rig = consumer()
      .client(fetchOf([{ offset: 0 }, { partition: 1, offset: 5 }]))
      .broker(fetchedOf([{ end: 10 }, { partition: 1, end: 50 }]))
    rig.client(fetchOf([{ partition: 1, offset: 20 }], call)).broker(fetchedOf([{ partition: 1, end: 70 }], call))
    assert.deepEqual(lags(rig), { 'g/orders/0': 10, 'g/orders/1': 50 })
    rig.client(fetchOf([], call)).broker(fetchedOf([], call))
    assert.deepEqual(lags(rig), { 'g/orders/0': 10, 'g/orders/1': 50 })
  })

  test('a partition with an error has no end, and the last one stays', () => {
    const rig = consumer()
      .client(fetchOf([{ offset: 4 }]))
      .broker(fetchedOf([{ end: 10 }]))
    rig.client(fetchOf([{ offset: 4 }])).broker(fetchedOf([{ end: -1, errorCode: 6 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 6 })
  })

  test('several topics, in another order each time, some left out', () => {
    const asked = (topics: Readonly<Record<string, readonly Asked[]>>): Uint8Array => {
      const list = Object.entries(topics).map(([topic, partitions]) => {
        return {
          topic,
          partitions: partitions.map(({ partition = 0, offset }) => ({ partition, fetchOffset: BigInt(offset) })),
        }
      })
      return request('Fetch', 12, { maxWaitMs: 500, minBytes: 1, maxBytes: 1e6, topics: list })
    }
    const told = (topics: Readonly<Record<string, readonly Fetched[]>>): Uint8Array => {
      const responses = Object.entries(topics).map(([topic, partitions]) => {
        return {
          topic,
          partitions: partitions.map(({ partition = 0, end }) => ({
            partitionIndex: partition,
            highWatermark: BigInt(end),
          })),
        }
      })
      return answer('Fetch', 12, { responses })
    }
    const [p0, p1] = [{ offset: 10 }, { partition: 1, offset: 11 }]
    const [e0, e1] = [{ end: 100 }, { partition: 1, end: 100 }]
    const rig = consumer()
      .client(asked({ a: [p0, p1], b: [p1, p0] }))
      .broker(told({ b: [e0, e1], a: [e1, e0] }))
    assert.deepEqual(lags(rig), { 'g/a/0': 90, 'g/a/1': 89, 'g/b/0': 90, 'g/b/1': 89 })
    rig
      .client(asked({ b: [{ partition: 1, offset: 50 }], a: [{ partition: 1, offset: 60 }] }))
      .broker(told({ a: [{ end: 110 }] }))
    assert.deepEqual(lags(rig), { 'g/a/0': 100, 'g/a/1': 40, 'g/b/0': 90, 'g/b/1': 50 })
    rig.client(asked({ a: [{ offset: 110 }, { offset: 105 }], c: [p0] })).broker(told({ c: [e0], b: [{ end: 200 }] }))
    assert.deepEqual(lags(rig), { 'g/a/0': 5, 'g/a/1': 40, 'g/b/0': 190, 'g/b/1': 50, 'g/c/0': 90 })
  })

  test('topics by id have their name from Metadata, and are told of once that is known', () => {
    const call = { version: 13 }
    const rig = consumer()
      .client(fetchOf([{ offset: 1 }], call))
      .broker(fetchedOf([{ end: 9 }], call))
    assert.deepEqual(lags(rig), {})
    rig.context.topics.learn('orders', TOPIC_ID_BYTES, 1)
    rig.client(fetchOf([{ offset: 2 }], call)).broker(fetchedOf([{ end: 9 }], call))
    assert.deepEqual(lags(rig), { 'g/orders/0': 7 })
  })

  test('a client in no group, or in several, has its lag under no name', () => {
    const rig = new Rig().client(fetchOf([{ offset: 1 }])).broker(fetchedOf([{ end: 9 }]))
    assert.deepEqual(lags(rig), { '/orders/0': 8 })
  })

  test('a partition that moves to another member is the same one', () => {
    const one = consumer()
      .client(fetchOf([{ offset: 1 }]))
      .broker(fetchedOf([{ end: 9 }]))
      .end()
    consumer({ beside: one }).client(fetchOf([{ offset: 5 }]))
    assert.deepEqual(lags(one), { 'g/orders/0': 4 })
  })

  test('two groups that read one partition share its end', () => {
    const one = consumer()
      .client(fetchOf([{ offset: 1 }]))
      .broker(fetchedOf([{ end: 9 }]))
    const call = { clientId: 'other' }
    new Rig({ beside: one })
      .client(request('Heartbeat', 4, { groupId: 'h', memberId: 'm' }, call), fetchOf([{ offset: 11 }], call))
      .broker(answer('Heartbeat', 4), fetchedOf([{ end: 20 }]))
    assert.deepEqual(lags(one), { 'g/orders/0': 19, 'h/orders/0': 9 })
  })

  test('of a topic that was made anew nobody is behind', () => {
    const rig = consumer()
      .client(fetchOf([{ offset: 500 }]))
      .broker(fetchedOf([{ end: 3 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 0 })
  })

  test('in every version, in whatever pieces requests and answers come, crossing each other', () => {
    for (const version of versionsOf('Fetch')) {
      for (const size of [1, 5, 1000]) {
        const call = { version, correlationId: 2 }
        const rig = consumer()
        rig.context.topics.learn('orders', TOPIC_ID_BYTES, 1)
        rig.client(fetchOf([{ offset: 40 }, { partition: 3, offset: 7 }], { version }))
        const next = chunksOf(fetchOf([{ offset: 60 }, { partition: 3, offset: 8 }], call), size)
        crossing(rig, next, chunksOf(fetchedOf([{ end: 100 }, { partition: 3, end: 9 }], { version }), size))
        assert.equal(rig.closed, undefined, `v${version}`)
        assert.deepEqual(lags(rig), { 'g/orders/0': 40, 'g/orders/3': 1 }, `v${version} in pieces of ${size}`)
      }
    }
  })

  test('also where a quota on topics looks at the same requests', () => {
    const rules = [rule({ fetchBytes: 1e9 }, { per: ['topic'] })]
    const rig = consumer({ rules })
      .client(fetchOf([{ offset: 40 }]))
      .broker(fetchedOf([{ end: 100 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 60 })
    rig.client(fetchOf([{ offset: 100 }])).broker(fetchedOf([{ end: 130 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 30 })
  })

  test('of more partitions than a connection may have is followed for the first ones, and a minute later for those spoken of then', () => {
    const rig = consumer({ series: { ...DEFAULT_SERIES, partitionsMax: 2 * FETCH_PARTITIONS_MAX } })
    const many = Array.from({ length: FETCH_PARTITIONS_MAX }, (_, partition) => ({ partition, offset: 1 }))
    const late = { partition: FETCH_PARTITIONS_MAX, offset: 1 }
    const round = (): void => {
      rig.client(fetchOf([late])).broker(fetchedOf([{ ...late, end: 4 }]))
    }
    rig.client(fetchOf(many)).broker(fetchedOf([]))
    round()
    assert.equal(lags(rig)[`g/orders/${late.partition}`], undefined)
    rig.pass(PARTITION_ENTRIES_RENEW_MS + 1)
    round()
    assert.equal(lags(rig)[`g/orders/${late.partition}`], 3)
  })

  test('is not followed where no partition may have series', () => {
    const series = { ...DEFAULT_SERIES, partitionsMax: 0 }
    const rig = consumer({ series })
      .client(fetchOf([{ offset: 40 }]))
      .broker(fetchedOf([{ end: 100 }]))
    assert.deepEqual(entriesOf(rig), [])
  })
})

describe('the book of lags', () => {
  test('forgets what nobody has spoken of for long, and a session that comes back finds it anew', () => {
    const rig = consumer()
      .client(fetchOf([{ offset: 40 }]))
      .broker(fetchedOf([{ end: 100 }]))
    const { lags: book, limits } = rig.context.series
    rig.pass(limits.idleMs - 1)
    book.sweep(rig.nowMs)
    assert.equal(book.size, 1)
    rig.pass(1)
    book.sweep(rig.nowMs)
    assert.equal(book.size, 0)
    rig.client(fetchOf([{ offset: 50 }])).broker(fetchedOf([{ end: 100 }]))
    assert.deepEqual(lags(rig), { 'g/orders/0': 50 })
  })

  test('has as many entries as it may, and counts what found no room', () => {
    const rig = consumer({ series: { ...DEFAULT_SERIES, partitionsMax: 3 } })
    const many = Array.from({ length: 5 }, (_, partition) => ({ partition, offset: 1 }))
    rig.client(fetchOf(many)).broker(fetchedOf(many.map(({ partition }) => ({ partition, end: 4 }))))
    assert.equal(entriesOf(rig).length, 3)
    assert.equal(rig.context.series.lags.left, 2)
    rig.client(fetchOf(many))
    assert.equal(rig.context.series.lags.left, 2, 'asked once, not with each request')
  })
})

describe('end-to-end latency', () => {
  const aged = (timestampMs: number, { attributes = 0, magic = 2 } = {}): Uint8Array => {
    const batch = recordBatch(1)
    const view = new DataView(batch.buffer)
    view.setInt8(16, magic)
    view.setInt16(21, attributes)
    view.setBigInt64(35, BigInt(timestampMs))
    return batch
  }
  const fetched = (...batches: readonly Uint8Array[]): Rig => {
    const rig = consumer().client(fetchOf([{ offset: 0 }]))
    return rig.broker(fetchedOf([{ end: 10, records: concat(...batches) }]))
  }
  const seriesOf = (rig: Rig): GroupSeries | undefined =>
    [...rig.context.series.groups.series()].find(({ name }) => name === 'g')

  test('is our clock less the newest timestamp of each batch', () => {
    const nowMs = EPOCH_MS + 1_000 // the rig's time at the start
    const group = seriesOf(fetched(aged(nowMs - 200), aged(nowMs - 40_000)))
    assert.equal(group?.endToEnd.sum, 40.2)
    assert.deepEqual(
      group?.endToEnd.bounds.filter((_, i) => group.endToEnd.counts[i]! > 0),
      [0.25, 60],
    )
    assert.equal(group?.ahead, 0)
  })

  test('a timestamp of the future counts as no age, and is told of', () => {
    const nowMs = EPOCH_MS + 1_000
    const group = seriesOf(fetched(aged(nowMs + 300), aged(nowMs + 60_000)))
    assert.equal(group?.endToEnd.sum, 0)
    assert.equal(group?.ahead, 1)
  })

  test('says nothing of transaction markers, of batches without a time and of those before Kafka 0.11', () => {
    const group = seriesOf(fetched(aged(1, { attributes: 0x20 }), aged(-1), aged(1, { magic: 1 })))
    assert.equal(group?.endToEnd.sum, 0)
    assert.ok(group?.endToEnd.counts.every((count) => count === 0))
  })
})
