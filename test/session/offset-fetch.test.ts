/** What OffsetFetch answers say of groups' committed offsets: lag that is known before anything is committed through here. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Struct } from 'kafka-protocol-codec'
import { answer, chunksOf, request, versionsOf } from '../support/frames.ts'
import {
  committedLags,
  consumer,
  entriesOf,
  fetchedOf,
  fetchOf,
  TOPIC_ID,
  TOPIC_ID_BYTES,
} from '../support/lag-scene.ts'
import type { Rig, RigOptions } from '../support/rig.ts'

/** From this version on a request names several groups, and the answer names them too. */
const GROUPS_FROM = 8

interface Committed {
  readonly partition?: number
  readonly offset: number
  readonly errorCode?: number
}

type OfGroups = Readonly<Record<string, readonly Committed[]>>

/** From `GROUPS_FROM` on a version has one of the two, as those of commits. */
const TOPIC = { name: 'orders', topicId: TOPIC_ID }

function topicOf(version: number): Struct {
  return version < GROUPS_FROM ? { name: 'orders' } : TOPIC
}

function ask(version: number, groups: readonly string[]): Uint8Array {
  const topics = [{ ...topicOf(version), partitionIndexes: [0, 1] }]
  const body: Struct =
    version < GROUPS_FROM
      ? { groupId: groups[0] ?? '', topics }
      : { groups: groups.map((groupId) => ({ groupId, topics })) }
  return request('OffsetFetch', version, body, { correlationId: 9 })
}

function told(version: number, groups: OfGroups, groupError = 0): Uint8Array {
  const topicsOf = (committed: readonly Committed[]): Struct[] => {
    const partitions = committed.map(({ partition = 0, offset, errorCode = 0 }) => {
      return { partitionIndex: partition, committedOffset: BigInt(offset), metadata: 'said by a client', errorCode }
    })
    return [{ ...topicOf(version), partitions }]
  }
  const each = Object.entries(groups).map(([groupId, committed]) => {
    return { groupId, topics: topicsOf(committed), errorCode: groupError }
  })
  const body: Struct = version < GROUPS_FROM ? { topics: each[0]!.topics, errorCode: groupError } : { groups: each }
  return answer('OffsetFetch', version, body, 9)
}

/** A member of `g` that has asked for 40 and 7 of 100 and 50. */
function reading(options: RigOptions = {}): Rig {
  const rig = consumer(options)
  rig.context.topics.learn('orders', TOPIC_ID_BYTES, 2)
  return rig
    .client(fetchOf([{ offset: 40 }, { partition: 1, offset: 7 }]))
    .broker(fetchedOf([{ end: 100 }, { partition: 1, end: 50 }]))
}

function committedOf(rig: Rig): Record<string, number> {
  return Object.fromEntries(
    entriesOf(rig).map(({ group, topic, partition, committed }) => [`${group}/${topic}/${partition}`, committed]),
  )
}

describe('OffsetFetch tells what a group has committed', () => {
  for (const version of versionsOf('OffsetFetch')) {
    test(`v${version}: whole and in pieces`, () => {
      const frame = told(version, { g: [{ offset: 25 }, { partition: 1, offset: 50 }] })
      for (const pieceBytes of [1, 3, 17, 1_000]) {
        const rig = reading().client(ask(version, ['g']))
        assert.deepEqual(committedLags(rig), { 'orders/0': undefined, 'orders/1': undefined })
        rig.broker(...chunksOf(frame, pieceBytes))
        assert.equal(rig.closed, undefined)
        assert.deepEqual(committedLags(rig), { 'orders/0': 75, 'orders/1': 0 }, `pieces of ${pieceBytes}`)
      }
    })

    test(`v${version}: a partition with an error says nothing, −1 says that nothing is committed`, () => {
      const rig = reading().client(ask(version, ['g']))
      rig.broker(told(version, { g: [{ offset: 25 }, { partition: 1, offset: 30 }] }))
      rig.client(ask(version, ['g']))
      rig.broker(told(version, { g: [{ offset: -1 }, { partition: 1, offset: 31, errorCode: 3 }] }))
      assert.deepEqual(committedLags(rig), { 'orders/0': undefined, 'orders/1': 20 })
    })

    test(`v${version}: a tool that asks for another group's offsets is told of that group`, () => {
      const rig = reading().client(ask(version, ['other']))
      rig.broker(told(version, { other: [{ offset: 90 }] }))
      assert.deepEqual(committedOf(rig), { 'g/orders/0': -1, 'g/orders/1': -1, 'other/orders/0': 90 })
      assert.equal(
        entriesOf(rig).find(({ group }) => group === 'other')?.committedLag,
        10,
        'the end is the one told to g',
      )
    })
  }

  for (const version of versionsOf('OffsetFetch').filter((one) => one >= GROUPS_FROM)) {
    test(`v${version}: several groups in one answer, each its own`, () => {
      const rig = reading().client(ask(version, ['g', 'h', 'i']))
      rig.broker(
        ...chunksOf(told(version, { g: [{ offset: 1 }], h: [{ offset: 2 }], i: [{ partition: 1, offset: 3 }] }), 11),
      )
      assert.deepEqual(committedOf(rig), {
        'g/orders/0': 1,
        'g/orders/1': -1,
        'h/orders/0': 2,
        'i/orders/1': 3,
      })
    })

    test(`v${version}: a group without a name is nobody's`, () => {
      const rig = reading().client(ask(version, ['g', '']))
      rig.broker(told(version, { g: [{ offset: 1 }], '': [{ offset: 2 }, { partition: 9, offset: 3 }] }))
      assert.deepEqual(committedOf(rig), { 'g/orders/0': 1, 'g/orders/1': -1 })
    })

    test(`v${version}: the error of a group is not that of its last partition`, () => {
      const rig = reading().client(ask(version, ['g']))
      rig.broker(told(version, { g: [{ offset: 5 }] }, 16))
      assert.deepEqual(committedOf(rig), { 'g/orders/0': 5, 'g/orders/1': -1 })
    })
  }

  test('a commit that is on its way is not confirmed by it, and counts after it', () => {
    const commit = request(
      'OffsetCommit',
      8,
      { groupId: 'g', topics: [{ ...TOPIC, partitions: [{ partitionIndex: 0, committedOffset: 60n }] }] },
      { correlationId: 5 },
    )
    const done = answer('OffsetCommit', 8, { topics: [{ ...TOPIC, partitions: [{ partitionIndex: 0 }] }] }, 5)
    const rig = reading()
      .client(ask(8, ['g']), commit)
      .broker(told(8, { g: [{ offset: 25 }] }))
    assert.equal(committedLags(rig)['orders/0'], 75)
    rig.broker(done)
    assert.equal(committedLags(rig)['orders/0'], 40)
  })

  test('a topic by an id that nobody has named is not told of', () => {
    const rig = consumer()
      .client(ask(10, ['g']))
      .broker(told(10, { g: [{ offset: 1 }] }))
    assert.deepEqual(committedOf(rig), {})
  })

  test('an answer of another API behind it says nothing of offsets', () => {
    const rig = reading()
      .client(ask(8, ['g']))
      .broker(told(8, { g: [{ offset: 25 }] }))
    rig.client(fetchOf([{ offset: 41 }])).broker(fetchedOf([{ end: 100, errorCode: 6 }]))
    assert.deepEqual(committedOf(rig), { 'g/orders/0': 25, 'g/orders/1': -1 })
  })

  test('is not followed where no partition may have series', () => {
    const { series } = reading().context
    const rig = reading({ series: { ...series.limits, partitionsMax: 0 } })
    rig.client(ask(8, ['g'])).broker(told(8, { g: [{ offset: 25 }] }))
    assert.deepEqual(committedOf(rig), {})
  })

  test('bytes that lie end the connection or mean nothing, and the bytes that went on are those that came', () => {
    const frames = versionsOf('OffsetFetch').map((version) => ({
      version,
      frame: told(version, { g: [{ offset: 25 }] }),
    }))
    const lie = fc.record({
      which: fc.constantFrom(...frames),
      at: fc.nat(),
      byte: fc.nat(255),
      pieceBytes: fc.integer({ min: 1, max: 90 }),
    })
    fc.assert(
      fc.property(lie, ({ which: { version, frame }, at, byte, pieceBytes }) => {
        const rig = reading().client(ask(version, ['g']))
        rig.sentToClient()
        const wrong = frame.slice()
        wrong[8 + (at % (wrong.length - 8))] = byte
        rig.broker(...chunksOf(wrong, pieceBytes))
        const sent = rig.sentToClient()
        if (rig.closed === undefined) assert.deepEqual(sent, wrong)
        else assert.equal(rig.closed.reason, 'broker_bad_frame')
        assert.deepEqual(sent, wrong.subarray(0, sent.length))
        for (const { committed } of entriesOf(rig)) assert.ok(Number.isFinite(committed))
      }),
      { numRuns: 400 },
    )
  })
})
