/** The group in every request that names one, in every version and however much of it is visible. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, API_SCHEMAS, type ApiName, encode, inRange, type Struct } from 'kafka-protocol-codec'
import { GroupPeek, namesGroup } from '../../src/session/group-of-request.ts'
import { schemaOf, versionsOf } from '../support/frames.ts'
import { randomMessage, seededRandom } from '../support/random-message.ts'

/** Looks at the first `visible` bytes of a body that lies at an odd place. */
function look(
  peek: GroupPeek,
  api: ApiName,
  version: number,
  body: Uint8Array,
  visible = body.length,
): ReturnType<GroupPeek['look']> {
  const chunk = new Uint8Array(visible + 11).fill(0xa5)
  chunk.set(body.subarray(0, visible), 7)
  return peek.look(API_KEY[api], version, chunk, new DataView(chunk.buffer), 7, 7 + visible, body.length)
}

const SINGLE: readonly ApiName[] = [
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'OffsetCommit',
  'OffsetFetch',
  'TxnOffsetCommit',
  'ConsumerGroupHeartbeat',
  'ShareGroupHeartbeat',
  'StreamsGroupHeartbeat',
  'ShareFetch',
  'ShareAcknowledge',
]

function withGroup(api: ApiName, version: number, value: Struct, groupId: string): Struct {
  if (api === 'OffsetFetch' && version >= 8) return { ...value, groups: [{ groupId, topics: [] }] }
  return { ...value, groupId }
}

for (const api of SINGLE) {
  describe(api, () => {
    for (const version of versionsOf(api)) {
      test(`v${version}: the group, as soon as it can be seen`, () => {
        const random = seededRandom(version)
        for (let round = 0; round < 20; round++) {
          const value = withGroup(api, version, randomMessage(schemaOf(api, 'request'), version, random), 'größe')
          const body = encode(schemaOf(api, 'request'), version, value)
          const peek = new GroupPeek()
          let before: string = 'more'
          for (let visible = 0; visible <= body.length; visible++) {
            const seen = look(peek, api, version, body, visible)
            assert.ok(seen === before || before === 'more', `${seen} after ${before}`)
            before = seen
            if (seen === 'seen') assert.deepEqual(peek.groups, ['größe'])
          }
          assert.equal(before, 'seen')
          assert.equal(peek.complete, true)
          assert.equal(peek.group, 'größe')
        }
      })
    }
  })
}

test('no other API names a group of its own', () => {
  const names = API_SCHEMAS.filter(({ key }) => namesGroup(key)).map(({ name }) => name)
  assert.deepEqual(names.toSorted(), [...SINGLE].toSorted())
})

describe('joins and leaves', () => {
  const cases: readonly (readonly [api: ApiName, value: Struct, what: string])[] = [
    ['JoinGroup', { memberId: '' }, 'join'],
    ['JoinGroup', { memberId: 'm-1' }, ''],
    ['ConsumerGroupHeartbeat', { memberId: 'm', memberEpoch: 0 }, 'join'],
    ['ConsumerGroupHeartbeat', { memberId: 'm', memberEpoch: 3 }, ''],
    ['ConsumerGroupHeartbeat', { memberId: 'm', memberEpoch: -1 }, 'leave'],
    ['ConsumerGroupHeartbeat', { memberId: 'm', memberEpoch: -2 }, 'leave'],
    ['ShareGroupHeartbeat', { memberId: 'm', memberEpoch: 0 }, 'join'],
    ['ShareGroupHeartbeat', { memberId: 'm', memberEpoch: -1 }, 'leave'],
    ['StreamsGroupHeartbeat', { memberId: 'm', memberEpoch: 0 }, 'join'],
    ['StreamsGroupHeartbeat', { memberId: 'm', memberEpoch: -2 }, 'leave'],
    ['LeaveGroup', {}, 'leave'],
    ['SyncGroup', { memberId: '' }, ''],
    ['Heartbeat', { memberId: '' }, ''],
    ['OffsetCommit', {}, ''],
  ]
  const peek = new GroupPeek()
  for (const [api, value, what] of cases) {
    for (const version of versionsOf(api)) {
      test(`${api} v${version} ${JSON.stringify(value)}: ${what === '' ? 'neither' : what}`, () => {
        const body = encode(schemaOf(api, 'request'), version, { ...value, groupId: 'g' })
        assert.equal(look(peek, api, version, body), 'seen')
        assert.equal(peek.isJoin, what === 'join')
        assert.equal(peek.isLeave, what === 'leave')
      })
    }
  }
})

describe('OffsetFetch of several groups', () => {
  for (const version of versionsOf('OffsetFetch').filter((each) => inRange(each, [8, 10]))) {
    test(`v${version}: those that are visible, and whether they are all`, () => {
      const groups = ['a', 'b', 'c'].map((groupId) => ({ groupId, topics: null }))
      const body = encode(schemaOf('OffsetFetch', 'request'), version, { groups })
      const peek = new GroupPeek()
      const seen: string[] = []
      for (let visible = 0; visible <= body.length; visible++) {
        const what = look(peek, 'OffsetFetch', version, body, visible)
        seen.push(what === 'seen' ? `${peek.groups.join('')}${peek.complete ? '.' : ''}` : what)
      }
      assert.deepEqual([...new Set(seen)], ['more', 'a', 'ab', 'abc', 'abc.'])
      assert.equal(peek.group, '')
    })
  }

  test('an empty list names none', () => {
    const body = encode(schemaOf('OffsetFetch', 'request'), 8, { groups: [] })
    assert.equal(look(new GroupPeek(), 'OffsetFetch', 8, body), 'none')
  })
})

describe('what names no group', () => {
  test('another API, a version that nobody knows, a null or empty or absurdly long group', () => {
    const peek = new GroupPeek()
    assert.equal(look(peek, 'Produce', 9, new Uint8Array(40)), 'none')
    assert.equal(look(peek, 'Heartbeat', 99, new Uint8Array(40)), 'none')
    const share = { groupId: null, memberId: 'm' }
    assert.equal(look(peek, 'ShareFetch', 1, encode(schemaOf('ShareFetch', 'request'), 1, share)), 'none')
    for (const groupId of ['', 'x'.repeat(9000)]) {
      assert.equal(look(peek, 'Heartbeat', 4, encode(schemaOf('Heartbeat', 'request'), 4, { groupId })), 'none')
    }
    assert.deepEqual(peek.groups, [])
  })

  test('bytes that are no such request are the broker’s business', () => {
    const peek = new GroupPeek()
    assert.equal(look(peek, 'Heartbeat', 0, new Uint8Array(20).fill(0xff)), 'none')
    assert.equal(look(peek, 'Heartbeat', 0, Uint8Array.of(0, 9, 1)), 'none')
    assert.deepEqual(peek.groups, [])
  })

  test('a look leaves nothing behind for the next', () => {
    const peek = new GroupPeek()
    const join = encode(schemaOf('JoinGroup', 'request'), 5, { groupId: 'g', memberId: '' })
    assert.equal(look(peek, 'JoinGroup', 5, join), 'seen')
    assert.equal(look(peek, 'JoinGroup', 5, join, 1), 'more')
    assert.deepEqual([peek.isJoin, peek.isLeave, peek.complete, peek.groups.length], [false, false, false, 0])
  })
})
