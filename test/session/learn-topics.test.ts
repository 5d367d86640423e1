/** What the topic book learns from answers, in every version and however the answer is cut. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, type ApiName, encode, Skim, type Struct } from 'kafka-protocol-codec'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { AnswerSink } from '../../src/session/answer-sink.ts'
import { responsePlan } from '../../src/session/response-plan.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { schemaOf, versionsOf } from '../support/frames.ts'

const ORDERS_ID = Buffer.from('orders-id-123456').toString('base64url')
const OTHER_ID = Buffer.from('other-id-1234567').toString('base64url')

/** Shows an answer's body to the sink, cut at these places. */
function show(api: ApiName, version: number, sink: AnswerSink, body: Uint8Array, arrivals: readonly number[]): void {
  const plan = responsePlan(API_KEY[api], version)
  assert.ok(plan !== undefined)
  const skim = new Skim()
  sink.reset()
  skim.start(plan.skim, body.length)
  const { left } = feed(body, arrivals, (bytes, view, from, to) =>
    skim.done ? to : skim.run(bytes, view, from, to, sink),
  )
  assert.ok(skim.done)
  assert.ok(left === 0 || left === skim.remaining)
}

/** Everything in the book after an answer, the same for every way to cut it. */
function learnt(api: ApiName, version: number, value: Struct, prepare: (book: TopicBook) => void = () => {}): unknown {
  const body = encode(schemaOf(api, 'response'), version, value)
  let first: unknown
  for (const { name, arrivals } of chunkings(body.length, 60)) {
    const book = new TopicBook(10)
    prepare(book)
    show(api, version, new AnswerSink(book), body, arrivals)
    const found = [...book.entries()]
    first ??= found
    assert.deepEqual(found, first, name)
  }
  return first
}

const partitions = (count: number): Struct[] =>
  Array.from({ length: count }, (_, partitionIndex) => ({
    partitionIndex,
    leaderId: 1,
    replicaNodes: [1, 2],
    isrNodes: [1],
  }))

const BROKERS = [{ nodeId: 1, host: 'broker', port: 9092 }]

describe('Metadata', () => {
  for (const version of versionsOf('Metadata')) {
    test(`v${version} tells names and partitions${version >= 10 ? ' and ids' : ''}; topics with errors tell nothing`, () => {
      const topics: Struct[] = [
        { name: 'orders', topicId: ORDERS_ID, partitions: partitions(3) },
        { name: 'denied', errorCode: 29, partitions: [] },
        { name: 'missing', errorCode: 3, partitions: [] },
        ...(version >= 12 ? [{ name: null, topicId: OTHER_ID, errorCode: 100, partitions: [] }] : []),
        { name: 'x'.repeat(300), topicId: OTHER_ID, partitions: partitions(1) },
        { name: 'no-id', partitions: partitions(1) },
      ]
      assert.deepEqual(learnt('Metadata', version, { brokers: BROKERS, topics }), [
        { name: 'orders', id: version >= 10 ? ORDERS_ID : '', partitions: 3 },
        { name: 'no-id', id: '', partitions: 1 },
      ])
    })
  }

  test('an error spoils nothing that is known', () => {
    const topics = [
      { name: 'orders', errorCode: 3, partitions: [] },
      { name: null, topicId: ORDERS_ID, errorCode: 100, partitions: [] },
    ]
    const known = (book: TopicBook): void => book.learn('orders', Buffer.from(ORDERS_ID, 'base64url'), 3)
    assert.deepEqual(learnt('Metadata', 13, { topics }, known), [{ name: 'orders', id: ORDERS_ID, partitions: 3 }])
  })

  test('errors, brokers and the end of their list are still found', () => {
    const sink = new AnswerSink(new TopicBook(10))
    const body = encode(schemaOf('Metadata', 'response'), 12, {
      brokers: BROKERS,
      topics: [{ name: 'missing', errorCode: 3, partitions: [] }],
    })
    show('Metadata', 12, sink, body, [body.length])
    assert.deepEqual(sink.errors, [3])
    assert.equal(sink.endpoints[0]?.host, 'broker')
    assert.equal(sink.markerSeen, true)
  })

  test('without a book nothing is written down, and nothing else changes', () => {
    const sink = new AnswerSink()
    const topics = [{ name: 'orders', topicId: ORDERS_ID, partitions: partitions(3) }]
    const body = encode(schemaOf('Metadata', 'response'), 12, { brokers: BROKERS, topics })
    show('Metadata', 12, sink, body, [body.length])
    assert.equal(sink.markerSeen, true)
  })
})

describe('DescribeTopicPartitions', () => {
  test('tells what there is; a page with a part of the partitions does not lower their number', () => {
    const topics = [
      { name: 'orders', topicId: ORDERS_ID, partitions: partitions(2) },
      { name: null, topicId: OTHER_ID, errorCode: 100, partitions: [] },
    ]
    assert.deepEqual(learnt('DescribeTopicPartitions', 0, { topics }), [
      { name: 'orders', id: ORDERS_ID, partitions: 2 },
    ])
    const known = (book: TopicBook): void => book.learn('orders', Buffer.from(ORDERS_ID, 'base64url'), 9)
    assert.deepEqual(learnt('DescribeTopicPartitions', 0, { topics }, known), [
      { name: 'orders', id: ORDERS_ID, partitions: 9 },
    ])
  })
})

describe('CreateTopics', () => {
  const topics = [
    { name: 'orders', topicId: ORDERS_ID, numPartitions: 6 },
    { name: 'validated', numPartitions: 3 },
    { name: 'there', errorCode: 36, errorMessage: 'it is there' },
    { name: 'refused', errorCode: 89 },
  ]
  for (const version of versionsOf('CreateTopics')) {
    test(`v${version} tells ${version >= 7 ? 'what was made, and not what was only validated' : 'nothing'}`, () => {
      const expected = version >= 7 ? [{ name: 'orders', id: ORDERS_ID, partitions: 6 }] : []
      assert.deepEqual(learnt('CreateTopics', version, { topics }), expected)
    })
  }

  test('a topic that is made again has another id from then on', () => {
    const known = (book: TopicBook): void => book.learn('orders', Buffer.from(OTHER_ID, 'base64url'), 9)
    assert.deepEqual(learnt('CreateTopics', 7, { topics }, known), [{ name: 'orders', id: ORDERS_ID, partitions: 6 }])
  })
})

describe('DeleteTopics', () => {
  const known = (book: TopicBook): void => {
    book.learn('orders', Buffer.from(ORDERS_ID, 'base64url'), 1)
    book.learn('other', Buffer.from(OTHER_ID, 'base64url'), 2)
    book.learn('kept', undefined, 3)
  }
  for (const version of versionsOf('DeleteTopics')) {
    test(`v${version} ends what was deleted, and nothing that was not`, () => {
      const responses = [
        version >= 6 ? { name: null, topicId: ORDERS_ID } : { name: 'orders' },
        { name: 'kept', errorCode: 29 },
        { name: 'other', errorCode: 89 },
      ]
      assert.deepEqual(
        (learnt('DeleteTopics', version, { responses }, known) as Struct[]).map(({ name }) => name),
        ['other', 'kept'],
      )
    })
  }

  test('by name with the id beside it', () => {
    const responses = [{ name: 'orders', topicId: ORDERS_ID }, { name: 'kept' }]
    assert.deepEqual(
      (learnt('DeleteTopics', 6, { responses }, known) as Struct[]).map(({ name }) => name),
      ['other'],
    )
  })
})
