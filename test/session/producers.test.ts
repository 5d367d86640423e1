/** What is told of clients that produce: batches, codecs, retries, broker time, errors; each by the client that asked. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Struct } from 'kafka-protocol-codec'
import type { ClientSeries } from '../../src/session/client-book.ts'
import { DEFAULT_SERIES } from '../../src/session/series-books.ts'
import { answer, chunksOf, concat, fetch, fetchAnswer, recordBatch, request } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const TOPIC_ID = 'AAECAwQFBgcICQoLDA0ODw'

interface Batch {
  readonly records?: number
  readonly sizeBytes?: number
  readonly codec?: number
  readonly producer?: number
  readonly epoch?: number
  readonly sequence?: number
}

function batch({ records = 1, sizeBytes = 100, codec = 0, producer = -1, epoch = 0, sequence = 0 }: Batch): Uint8Array {
  const bytes = recordBatch(records, sizeBytes)
  const view = new DataView(bytes.buffer)
  view.setInt16(21, codec)
  view.setBigInt64(43, BigInt(producer))
  view.setInt16(51, epoch)
  view.setInt32(53, sequence)
  return bytes
}

interface Sent {
  readonly version?: number
  readonly correlationId?: number
  readonly clientId?: string
  readonly topic?: string
  readonly partition?: number
  readonly acks?: number
}

function produceOf(batches: readonly Batch[], sent: Sent = {}): Uint8Array {
  const { version = 9, topic = 'orders', partition = 0, acks = 1 } = sent
  const partitionData = [{ index: partition, records: concat(...batches.map(batch)) }]
  const of = version >= 13 ? { topicId: TOPIC_ID } : { name: topic }
  return request('Produce', version, { acks, timeoutMs: 30_000, topicData: [{ ...of, partitionData }] }, sent)
}

function producedAnswer(errorCode: number, correlationId = 1): Uint8Array {
  const partitionResponses = [{ index: 0, errorCode, baseOffset: 7n }]
  return answer('Produce', 9, { responses: [{ name: 'orders', partitionResponses }] }, correlationId)
}

function seriesOf(rig: Rig, clientId = 'client-1'): ClientSeries {
  rig.session.meter.fold(rig.nowMs)
  const found = [...rig.context.series.clients.book.series()].find((series) => series.name === clientId)
  assert.ok(found !== undefined, `no series of ${clientId}`)
  return found
}

describe('batches', () => {
  test('count by codec, with their sizes and records, for the client and for all', () => {
    const rig = new Rig().client(
      produceOf([
        { codec: 0, sizeBytes: 100, records: 1 },
        { codec: 4, sizeBytes: 300, records: 9 },
      ]),
    )
    const series = seriesOf(rig)
    assert.deepEqual([...series.batches], [1, 0, 0, 0, 1, 0, 0, 0])
    assert.equal(series.batchBytes, 400)
    assert.equal(series.largestBatchBytes, 300)
    const { batches, batchBytes, batchRecords, requestRecords } = rig.counters
    assert.deepEqual([...batches], [1, 0, 0, 0, 1, 0, 0, 0])
    assert.deepEqual([batchBytes.sum, batchRecords.sum, requestRecords.sum], [400, 10, 10])
    assert.equal(batchBytes.counts[0], 1, '100 B are up to 256')
    assert.equal(batchBytes.counts[1], 1, '300 B are up to 512')
    assert.equal(requestRecords.counts[4], 1, '10 records are up to 16')
  })

  test('are the same in whatever pieces the request comes', () => {
    const whole = produceOf([{ producer: 9 }, { codec: 2, records: 3, producer: 9, sequence: 1 }])
    const inOne = seriesOf(new Rig().client(whole))
    for (const size of [1, 7, 61, 100]) {
      const rig = new Rig().client(...chunksOf(whole, size))
      assert.deepEqual([...seriesOf(rig).batches], [...inOne.batches], `pieces of ${size}`)
      assert.equal(rig.closed, undefined)
    }
  })

  test('of each client id of one connection go to that one', () => {
    const rig = new Rig().client(
      concat(produceOf([{}], { clientId: 'a' }), produceOf([{}, {}], { clientId: 'b', correlationId: 2 })),
    )
    assert.equal(seriesOf(rig, 'a').batches[0], 1)
    assert.equal(seriesOf(rig, 'b').batches[0], 2)
    assert.equal(seriesOf(rig, 'a').totals.requests, 1)
    assert.equal(seriesOf(rig, 'b').totals.producedRecords, 2)
  })
})

describe('retries', () => {
  const producer = 4_001
  const first = produceOf([{ producer, sequence: 0 }])

  test('a batch that comes again on another connection is one', () => {
    const rig = new Rig().client(first, produceOf([{ producer, sequence: 1 }], { correlationId: 2 }))
    assert.equal(seriesOf(rig).retries, 0)
    const other = new Rig({ beside: rig }).client(produceOf([{ producer, sequence: 1 }]))
    assert.equal(seriesOf(other).retries, 1)
    other.client(produceOf([{ producer, sequence: 2 }], { correlationId: 2 }))
    assert.equal(seriesOf(other).retries, 1)
  })

  for (const [what, sent] of [
    ['another topic', { topic: 'payments' }],
    ['another partition', { partition: 1 }],
    ['the same topic by its id', { version: 13 }],
  ] as const) {
    test(`the same number in ${what} is none`, () => {
      const rig = new Rig().client(first, produceOf([{ producer, sequence: 1 }], { correlationId: 2 }))
      rig.client(produceOf([{ producer, sequence: 0 }], { ...sent, correlationId: 3 }))
      assert.equal(seriesOf(rig).retries, 0)
      rig.client(produceOf([{ producer, sequence: 0 }], { ...sent, correlationId: 4 }))
      assert.equal(seriesOf(rig).retries, 1)
    })
  }

  test('of a producer that does not number its batches none is seen', () => {
    const rig = new Rig().client(first, ...[2, 3, 4].map((correlationId) => produceOf([{}], { correlationId })))
    assert.equal(seriesOf(rig).retries, 0)
  })
})

describe('answers', () => {
  test('time at the broker counts for the client that asked, and for the broker', () => {
    const rig = new Rig()
      .connected()
      .client(produceOf([{}], { clientId: 'a' }), fetch({ clientId: 'b', correlationId: 2 }))
    rig
      .pass(40)
      .broker(producedAnswer(0))
      .pass(500)
      .broker(fetchAnswer(0, { correlationId: 2 }))
    assert.equal(seriesOf(rig, 'a').produceLatency.sum, 0.04)
    assert.equal(seriesOf(rig, 'b').fetchLatency.sum, 0.54)
    const [broker] = rig.context.series.brokers.brokers()
    assert.equal(broker?.latency.sum, 0.04, 'a Fetch waits by design')
  })

  test('errors count for the client that asked, and for the broker', () => {
    const rig = new Rig()
      .connected()
      .client(produceOf([{}], { clientId: 'a' }), produceOf([{}], { clientId: 'b', correlationId: 2 }))
    rig.broker(producedAnswer(6), producedAnswer(0, 2))
    assert.deepEqual([...seriesOf(rig, 'a').errors], [[6, 1]])
    assert.deepEqual([...seriesOf(rig, 'b').errors], [])
    assert.equal(rig.context.series.brokers.brokers()[0]?.errors, 1)
  })

  test('throttle that the broker itself asks for is told of the broker', () => {
    const rig = new Rig().connected().client(produceOf([{}]))
    const body: Struct = { responses: [], throttleTimeMs: 250 }
    rig.broker(answer('Produce', 9, body))
    assert.equal(rig.context.series.brokers.brokers()[0]?.throttleMs, 250)
  })
})

test('where no client may have series of its own all are told together', () => {
  const rig = new Rig({ series: { ...DEFAULT_SERIES, clientsMax: 0 } }).client(produceOf([{ records: 5 }]))
  const series = seriesOf(rig, '(other)')
  assert.equal(series.totals.producedRecords, 5)
  assert.equal(series.batches[0], 1)
})
