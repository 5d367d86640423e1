/** What a connection fetches and from where, through fetch sessions; which records of an answer count. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_KEY, encode, ProtocolError, Skim, type Struct } from 'kafka-protocol-codec'
import { FETCH_PARTITIONS_MAX } from '../../src/bounds.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { FetchPositions, recordsFrom } from '../../src/session/fetch-positions.ts'
import { chunkings, feed } from '../support/chunkings.ts'
import { recordBatch, schemaOf, versionsOf } from '../support/frames.ts'

const idOf = (name: string): Uint8Array => new TextEncoder().encode(`${name}----------------`).slice(0, 16)

function bookOf(...names: string[]): TopicBook {
  const book = new TopicBook(10)
  for (const name of names) book.learn(name, idOf(name), 1)
  return book
}

/** Offsets by topic and partition. */
type Asked = Readonly<Record<string, Readonly<Record<number, number>>>>

function named(version: number, name: string): Struct {
  return version >= 13 ? { topicId: Buffer.from(idOf(name)).toString('base64url') } : { topic: name }
}

/** The body of a Fetch. */
function fetchBody(
  version: number,
  epoch: number,
  asked: Asked,
  forgotten: Readonly<Record<string, number[]>> = {},
): Uint8Array {
  const topics = Object.entries(asked).map(([name, partitions]) => ({
    ...named(version, name),
    partitions: Object.entries(partitions).map(([partition, offset]) => ({
      partition: Number(partition),
      fetchOffset: BigInt(offset),
      partitionMaxBytes: 1_048_576,
    })),
  }))
  const forgottenTopicsData = Object.entries(forgotten).map(([name, partitions]) => ({
    ...named(version, name),
    partitions,
  }))
  const session = version >= 7 ? { sessionId: epoch > 0 ? 7 : 0, sessionEpoch: epoch, forgottenTopicsData } : {}
  return encode(schemaOf('Fetch', 'request'), version, { maxWaitMs: 500, minBytes: 1, topics, ...session })
}

function saw(positions: FetchPositions, version: number, body: Uint8Array, arrivals = [body.length]): void {
  sawIn('Fetch', positions, version, body, arrivals)
}

function sawIn(
  api: 'Fetch' | 'ShareFetch',
  positions: FetchPositions,
  version: number,
  body: Uint8Array,
  arrivals: readonly number[],
): void {
  const skim = new Skim()
  skim.start(positions.begin(API_KEY[api], version), body.length)
  feed(body, arrivals, (bytes, view, from, to) => (skim.done ? to : skim.run(bytes, view, from, to, positions)))
  assert.ok(skim.done)
  positions.end()
}

function batch(first: number, lastDelta: number, records: number, isControl = false): Uint8Array {
  const bytes = recordBatch(records, 61 + records * 10)
  const view = new DataView(bytes.buffer)
  view.setBigInt64(0, BigInt(first))
  view.setInt32(23, lastDelta)
  if (isControl) bytes[22] = 0x20
  return bytes
}

/** How many of a batch of 10 records at offset 100 count for that partition: tells from which offset it is asked. */
function counted(positions: FetchPositions, version: number, name: string, partition: number): number {
  const key = version >= 13 ? idOf(name) : new TextEncoder().encode(name)
  const chunk = new Uint8Array(key.length + 6)
  chunk.set(key, 3)
  positions.topic(chunk, 3, key.length, version >= 13)
  positions.partition(partition)
  const bytes = batch(100, 9, 10)
  return positions.records(bytes, 0, bytes.length)
}

const VERSIONS = versionsOf('Fetch')
const WITH_SESSIONS = VERSIONS.filter((version) => version >= 7)

describe('FetchPositions', () => {
  for (const version of VERSIONS) {
    test(`v${version}: topics and offsets of a full request, however it is cut`, () => {
      const body = fetchBody(version, 0, { orders: { 0: 100, 7: 104 }, payments: { 0: 200 } })
      const book = bookOf('orders', 'payments')
      for (const { name, arrivals } of chunkings(body.length, 60)) {
        const positions = new FetchPositions(book)
        assert.equal(positions.complete, false)
        sawIn('Fetch', positions, version, body, arrivals)
        assert.deepEqual([...positions.topics()], ['orders', 'payments'], name)
        assert.equal(positions.complete, true)
        assert.deepEqual(
          [0, 7, 8].map((partition) => counted(positions, version, 'orders', partition)),
          [10, 6, 10],
          name,
        )
        assert.equal(counted(positions, version, 'payments', 0), 0)
        assert.equal(counted(positions, version, 'nobody', 0), 10)
      }
    })
  }

  for (const version of WITH_SESSIONS) {
    test(`v${version}: an incremental request adds, moves and forgets; the rest stays`, () => {
      const positions = new FetchPositions(bookOf('orders', 'payments', 'invoices'))
      saw(positions, version, fetchBody(version, 0, { orders: { 0: 100, 1: 100 }, payments: { 0: 105 } }))
      const before = positions.version
      saw(positions, version, fetchBody(version, 1, {}))
      saw(positions, version, fetchBody(version, 2, { orders: { 1: 109 } }))
      assert.equal(positions.version, before)
      assert.deepEqual(
        [
          counted(positions, version, 'orders', 0),
          counted(positions, version, 'orders', 1),
          counted(positions, version, 'payments', 0),
        ],
        [10, 1, 5],
      )
      saw(positions, version, fetchBody(version, 3, { invoices: { 3: 110 } }, { payments: [0], orders: [0, 9] }))
      assert.ok(positions.version > before)
      assert.deepEqual([...positions.topics()], ['orders', 'invoices'])
      assert.deepEqual(
        [
          counted(positions, version, 'orders', 0),
          counted(positions, version, 'invoices', 3),
          counted(positions, version, 'payments', 0),
        ],
        [10, 0, 10],
      )
      assert.equal(positions.complete, true)
    })

    test(`v${version}: a new full request is the whole set`, () => {
      const positions = new FetchPositions(bookOf('orders', 'payments'))
      saw(positions, version, fetchBody(version, 0, { orders: { 0: 105, 1: 105 }, payments: { 0: 1 } }))
      saw(positions, version, fetchBody(version, -1, { orders: { 1: 107 } }))
      assert.deepEqual([...positions.topics()], ['orders'])
      assert.deepEqual(
        [0, 1].map((partition) => counted(positions, version, 'orders', partition)),
        [10, 3],
      )
    })
  }

  test('`topics` is the same array until something changes', () => {
    const book = bookOf('orders')
    const positions = new FetchPositions(book)
    saw(positions, 13, fetchBody(13, 0, { orders: { 0: 1 }, invoices: { 0: 1 } }))
    const topics = positions.topics()
    assert.deepEqual([...topics], ['orders'])
    assert.equal(positions.unnamed, 1)
    saw(positions, 13, fetchBody(13, 1, { orders: { 0: 5 } }))
    assert.equal(positions.topics(), topics)
    book.learn('invoices', idOf('invoices'), 1)
    assert.deepEqual([...positions.topics()], ['orders', 'invoices'])
    assert.equal(positions.unnamed, 0)
  })

  test('made in the middle of a session it knows what was named since, and says that this is not all', () => {
    const positions = new FetchPositions(bookOf())
    saw(positions, 12, fetchBody(12, 5, { orders: { 0: 105 } }))
    assert.deepEqual([...positions.topics()], ['orders'])
    assert.equal(positions.complete, false)
    assert.equal(counted(positions, 12, 'orders', 0), 5)
    saw(positions, 12, fetchBody(12, 0, { orders: { 0: 105 } }))
    assert.equal(positions.complete, true)
  })

  test('a full request forgets nothing but what it does not name, also when it names things twice', () => {
    const positions = new FetchPositions(bookOf())
    saw(positions, 12, fetchBody(12, 0, { orders: { 0: 105, 1: 105 } }))
    const twice = encode(schemaOf('Fetch', 'request'), 12, {
      topics: [0, 0].map((partition) => ({ topic: 'orders', partitions: [{ partition, fetchOffset: 108n }] })),
    })
    saw(positions, 12, twice)
    assert.deepEqual(
      [0, 1].map((partition) => counted(positions, 12, 'orders', partition)),
      [2, 10],
    )
  })

  test('a topic without partitions is none', () => {
    const positions = new FetchPositions(bookOf())
    saw(positions, 12, fetchBody(12, 0, { orders: {}, payments: { 0: 1 } }))
    assert.deepEqual([...positions.topics()], ['payments'])
  })

  test('a name too long to be one is no topic, asked for, forgotten or answered', () => {
    const positions = new FetchPositions(bookOf())
    const long = 'x'.repeat(9000)
    saw(positions, 12, fetchBody(12, 0, { [long]: { 0: 105 }, orders: { 0: 105 } }))
    saw(positions, 12, fetchBody(12, 1, {}, { [long]: [0] }))
    assert.deepEqual([...positions.topics()], ['orders'])
    positions.topic(new Uint8Array(0), -1, 9000, false)
    positions.partition(0)
    const bytes = batch(100, 9, 10)
    assert.equal(positions.records(bytes, 0, bytes.length), 10)
  })

  describe('more partitions than are kept', () => {
    const many = (count: number): Asked => ({
      orders: Object.fromEntries(Array.from({ length: count }, (_, n) => [n, 105])),
    })

    test('as many as are kept', () => {
      const positions = new FetchPositions(bookOf())
      saw(positions, 12, fetchBody(12, 0, many(FETCH_PARTITIONS_MAX)))
      assert.equal(positions.complete, true)
      assert.equal(counted(positions, 12, 'orders', FETCH_PARTITIONS_MAX - 1), 5)
    })

    test('one more: nothing is known, and everything counts, until a full request that is smaller', () => {
      const positions = new FetchPositions(bookOf())
      saw(positions, 12, fetchBody(12, 0, many(FETCH_PARTITIONS_MAX + 1)))
      assert.equal(positions.complete, false)
      assert.deepEqual([...positions.topics()], [])
      assert.equal(counted(positions, 12, 'orders', 0), 10)
      saw(positions, 12, fetchBody(12, 1, { orders: { 3: 107 } }))
      assert.equal(positions.complete, false)
      assert.equal(counted(positions, 12, 'orders', 3), 3)
      saw(positions, 12, fetchBody(12, 0, many(5)))
      assert.equal(positions.complete, true)
    })

    test('an incremental request that adds too many', () => {
      const positions = new FetchPositions(bookOf())
      saw(positions, 12, fetchBody(12, 0, many(FETCH_PARTITIONS_MAX)))
      saw(positions, 12, fetchBody(12, 1, { payments: { 0: 1 } }))
      assert.equal(positions.complete, false)
    })

    test('as many topics with a partition each stay known; those that are gone make room for others', () => {
      const positions = new FetchPositions(bookOf())
      const topics = (from: number, count: number): Asked =>
        Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${from + n}`, { 0: 105 }]))
      saw(positions, 12, fetchBody(12, 0, topics(0, FETCH_PARTITIONS_MAX)))
      saw(positions, 12, fetchBody(12, 1, {}))
      assert.equal(positions.complete, true)
      assert.equal(positions.topics().length, FETCH_PARTITIONS_MAX)
      saw(positions, 12, fetchBody(12, 2, { another: { 0: 1 } }))
      assert.equal(positions.complete, false)
      saw(positions, 12, fetchBody(12, 0, topics(0, FETCH_PARTITIONS_MAX)))
      saw(positions, 12, fetchBody(12, 0, topics(0, 3)))
      saw(positions, 12, fetchBody(12, 0, topics(5000, 3)))
      assert.equal(positions.complete, true)
      assert.deepEqual([...positions.topics()], ['t5000', 't5001', 't5002'])
    })
  })

  test('a version that nobody knows is refused', () => {
    assert.throws(() => new FetchPositions(bookOf()).begin(API_KEY.Fetch, 99), ProtocolError)
  })

  test('any course of full and incremental requests agrees with a map', () => {
    const partitions = fc.dictionary(fc.constantFrom('0', '1', '2'), fc.integer({ min: 95, max: 115 }), {
      noNullPrototype: true,
    })
    const step = fc.record({
      isFull: fc.boolean(),
      asked: fc.dictionary(fc.constantFrom('a', 'b', 'c'), partitions, { noNullPrototype: true }),
      forgotten: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.array(fc.integer({ min: 0, max: 2 })), {
        noNullPrototype: true,
      }),
      cut: fc.nat(200),
    })
    fc.assert(
      fc.property(fc.constantFrom(12, 13, 18), fc.array(step, { maxLength: 12 }), (version, steps) => {
        const positions = new FetchPositions(bookOf('a', 'b', 'c'))
        const plain = new Map<string, number>()
        saw(positions, version, fetchBody(version, 0, {}))
        for (const { isFull, asked, forgotten, cut } of steps) {
          const body = fetchBody(version, isFull ? 0 : 1, asked as Asked, forgotten)
          saw(positions, version, body, [Math.min(cut, body.length), body.length])
          apply(plain, isFull, asked as Asked, forgotten)
          agree(positions, version, plain)
        }
      }),
    )
  })
})

function agree(positions: FetchPositions, version: number, plain: ReadonlyMap<string, number>): void {
  for (const place of ['a', 'b', 'c'].flatMap((name) => [0, 1, 2].map((partition) => `${name} ${partition}`))) {
    const [name = '', partition] = place.split(' ')
    const offset = plain.get(place)
    const expected = offset === undefined ? 10 : Math.max(0, Math.min(10, 110 - offset))
    assert.equal(counted(positions, version, name, Number(partition)), expected)
  }
  const names = new Set([...plain.keys()].map((key) => key.split(' ')[0]))
  assert.deepEqual([...positions.topics()].sort(), [...names].sort())
}

function apply(
  plain: Map<string, number>,
  isFull: boolean,
  asked: Asked,
  forgotten: Readonly<Record<string, number[]>>,
): void {
  if (isFull) plain.clear()
  for (const [name, partitions] of Object.entries(asked)) {
    for (const [partition, offset] of Object.entries(partitions)) plain.set(`${name} ${partition}`, offset)
  }
  if (isFull) return
  for (const [name, partitions] of Object.entries(forgotten)) {
    for (const partition of partitions) plain.delete(`${name} ${partition}`)
  }
}

describe('ShareFetch', () => {
  for (const version of versionsOf('ShareFetch')) {
    test(`v${version}: topics through a share session; all that comes counts, but for transaction markers`, () => {
      const body = (epoch: number, names: string[], gone: string[] = []): Uint8Array =>
        encode(schemaOf('ShareFetch', 'request'), version, {
          ...{ groupId: 'g', memberId: 'm', shareSessionEpoch: epoch },
          topics: names.map((name) => ({ ...named(13, name), partitions: [{ partitionIndex: 0 }] })),
          forgottenTopicsData: gone.map((name) => ({ ...named(13, name), partitions: [0] })),
        })
      const positions = new FetchPositions(bookOf('orders', 'payments'))
      const first = body(0, ['orders'])
      for (const { arrivals } of chunkings(first.length, 40)) sawIn('ShareFetch', positions, version, first, arrivals)
      const second = body(1, ['payments'])
      sawIn('ShareFetch', positions, version, second, [second.length])
      assert.deepEqual([...positions.topics()], ['orders', 'payments'])
      assert.equal(counted(positions, 13, 'orders', 0), 10)
      const marker = batch(100, 0, 1, true)
      assert.equal(positions.records(marker, 0, marker.length), 0)
      const third = body(2, [], ['orders'])
      sawIn('ShareFetch', positions, version, third, [third.length])
      assert.deepEqual([...positions.topics()], ['payments'])
    })
  }
})

describe('recordsFrom', () => {
  const cases: readonly (readonly [what: string, asked: number, bytes: Uint8Array, count: number])[] = [
    ['no offset asked for', -1, batch(100, 9, 10), 10],
    ['a batch behind the offset', 50, batch(100, 9, 10), 10],
    ['a batch that begins with it', 100, batch(100, 9, 10), 10],
    ['a batch that has it in the middle', 107, batch(100, 9, 10), 3],
    ['a batch that ends with it', 109, batch(100, 9, 10), 1],
    ['a batch before it', 110, batch(100, 9, 10), 0],
    ['a compacted batch: no more than it has', 105, batch(100, 999, 4), 4],
    ['a compacted batch: no more than there is room for', 1098, batch(100, 999, 4), 2],
    ['a transaction marker', 0, batch(100, 0, 1, true), 0],
    ['offsets beyond 32 bits', 2 ** 40 + 7, batch(2 ** 40, 9, 10), 3],
    ['offsets about 2⁵³', 2 ** 53 - 2, batch(2 ** 53 - 9, 7, 8), 1],
  ]
  for (const [what, asked, bytes, count] of cases) {
    test(what, () => assert.equal(recordsFrom(asked, bytes, 0, bytes.length), count))
  }

  test('an entry of the old formats counts from its own offset on', () => {
    for (const magic of [0, 1]) {
      const entry = new Uint8Array(60)
      new DataView(entry.buffer).setBigInt64(0, 100n)
      entry[16] = magic
      assert.deepEqual(
        [99, 100, 101].map((asked) => recordsFrom(asked, entry, 0, 60)),
        [1, 1, 0],
      )
    }
  })
})
