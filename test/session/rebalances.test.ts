/** How a group's turns are counted, why, and how long they take; from the requests and answers of its members. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Struct } from 'kafka-protocol-codec'
import type { RebalanceReason, Rebalances } from '../../src/session/rebalances.ts'
import { answer, request, versionsOf } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const REBALANCE_IN_PROGRESS = 27
const UNKNOWN_MEMBER_ID = 25
const MEMBER_ID_REQUIRED = 79

function turnsOf({ context }: Rig, group = 'g'): Rebalances {
  const found = [...context.series.groups.series()].find(({ name }) => name === group)
  assert.ok(found !== undefined, `no series of ${group}`)
  return found.rebalances
}

function counted({ counts }: Rebalances): Partial<Record<RebalanceReason, number>> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

/** One member of `g` on a connection of its own. */
class Member {
  readonly rig: Rig
  readonly id: string

  constructor(id: string, beside?: Rig) {
    this.id = id
    this.rig = new Rig(beside === undefined ? {} : { beside })
  }

  exchange(
    api: 'JoinGroup' | 'SyncGroup' | 'Heartbeat' | 'LeaveGroup',
    version: number,
    asked: Struct,
    told: Struct,
  ): this {
    this.rig.client(request(api, version, { groupId: 'g', ...asked })).broker(answer(api, version, told))
    return this
  }

  join(generationId: number, memberId = this.id, errorCode = 0): this {
    return this.exchange('JoinGroup', 5, { memberId }, { generationId, memberId: this.id, errorCode })
  }

  sync(): this {
    return this.exchange('SyncGroup', 3, { memberId: this.id }, {})
  }

  beat(errorCode = 0): this {
    return this.exchange('Heartbeat', 3, { memberId: this.id }, { errorCode })
  }

  leave(reason: string | null = null): this {
    return this.exchange('LeaveGroup', 5, { members: [{ memberId: this.id, reason }] }, {})
  }

  kip848(asked: Struct, told: Struct): this {
    this.rig.client(request('ConsumerGroupHeartbeat', 1, { groupId: 'g', memberId: this.id, ...asked }))
    this.rig.broker(answer('ConsumerGroupHeartbeat', 1, told))
    return this
  }
}

describe('the classic protocol', () => {
  test('a member that joins anew turns the group once, however many see it', () => {
    const one = new Member('a')
    const two = new Member('b', one.rig)
    one.join(0, '', MEMBER_ID_REQUIRED).join(1).sync()
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 1 })
    two.join(0, '', MEMBER_ID_REQUIRED)
    one.beat(REBALANCE_IN_PROGRESS).join(2)
    two.join(2).sync()
    one.sync()
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2 })
    assert.equal(turnsOf(one.rig).members, 2)
  })

  test('it takes from the first sign to the answer with the assignment', () => {
    const one = new Member('a').join(1, '').sync()
    one.rig.pass(1_000)
    one.beat(REBALANCE_IN_PROGRESS).rig.pass(2_500)
    one.join(2).rig.pass(500)
    one.sync()
    const { seconds, counts } = turnsOf(one.rig)
    assert.equal(seconds.sum, 3)
    assert.equal(counts.elsewhere, 1)
  })

  for (const [what, reason, expected] of [
    ['says goodbye', 'the consumer is being closed', 'member_left'],
    ['gives no reason', null, 'member_left'],
    ['did not poll', 'consumer poll timeout has expired.', 'poll_timeout'],
  ] as const) {
    test(`a member that leaves and ${what}: ${expected}`, () => {
      const one = new Member('a').join(1, '').sync()
      const two = new Member('b', one.rig).join(2, '').sync()
      two.leave(reason)
      one.beat(REBALANCE_IN_PROGRESS).join(3).sync()
      assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2, [expected]: 1 })
      assert.equal(turnsOf(one.rig).members, 1)
    })
  }

  test('a member that the broker does not know any more was lost', () => {
    const one = new Member('a').join(1, '').sync().beat(UNKNOWN_MEMBER_ID).join(3, '').sync()
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 1, member_lost: 1 })
  })

  test('a group whose last member here has left keeps no sign for the next one', () => {
    const one = new Member('a').join(1, '').sync().leave()
    one.rig.pass(60_000)
    const next = new Member('c', one.rig).join(3, '')
    next.rig.pass(100)
    next.sync()
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2 })
    assert.equal(turnsOf(one.rig).seconds.sum, 0.1)
  })

  test('gaps are those between heartbeats, and a turn is none', () => {
    const one = new Member('a').join(1, '').sync().beat()
    one.rig.pass(3_000)
    one.beat().rig.pass(4_000)
    one.beat(REBALANCE_IN_PROGRESS).rig.pass(30_000)
    one.join(2).sync().beat()
    const { heartbeatGap } = turnsOf(one.rig)
    assert.deepEqual([heartbeatGap.sum, heartbeatGap.counts.reduce((sum, count) => sum + count)], [7, 2])
  })

  test('every version of each API is read', () => {
    for (const version of versionsOf('LeaveGroup')) {
      const one = new Member('a').join(1, '').sync()
      new Member('b', one.rig).join(2, '').sync()
      one.exchange('LeaveGroup', version, { memberId: 'a', members: [{ memberId: 'a' }] }, {})
      assert.equal(turnsOf(one.rig).members, 1, `LeaveGroup v${version}`)
    }
    for (const version of versionsOf('JoinGroup')) {
      const one = new Member('a')
      one.exchange('JoinGroup', version, { memberId: '' }, { generationId: 4, memberId: 'a' })
      assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 1 }, `JoinGroup v${version}`)
      assert.equal(turnsOf(one.rig).members, 1, `JoinGroup v${version}`)
    }
  })
})

describe('KIP-848', () => {
  const assignment = { topicPartitions: [{ topicId: 'AAECAwQFBgcICQoLDA0ODw', partitions: [0] }] }
  const joining = { memberEpoch: 0, topicPartitions: [] }
  const acked = (memberEpoch: number): Struct => ({ memberEpoch, topicPartitions: assignment.topicPartitions })
  const steady = (memberEpoch: number): Struct => ({ memberEpoch, topicPartitions: null })

  test('a new epoch is a turn, and it ends when each assignment is acknowledged', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 1, assignment })
    one.rig.pass(300)
    one.kip848(acked(1), { memberEpoch: 1, assignment: null })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 1 })
    assert.equal(turnsOf(one.rig).seconds.sum, 0.3)
    one.rig.pass(5_000)
    one.kip848(steady(1), { memberEpoch: 1, assignment: null })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 1 }, 'nothing has changed')
  })

  test('members that follow one by one are one turn', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 1, assignment }).kip848(acked(1), { memberEpoch: 1 })
    const two = new Member('b', one.rig).kip848(joining, { memberEpoch: 2, assignment })
    one.kip848(steady(1), { memberEpoch: 1, assignment }).kip848(acked(1), { memberEpoch: 2 })
    two.kip848(acked(2), { memberEpoch: 2 })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2 })
    assert.equal(
      turnsOf(one.rig).seconds.counts.reduce((sum, count) => sum + count),
      2,
    )
  })

  test('a member that hears of it later than another has turned is no second turn', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 1, assignment }).kip848(acked(1), { memberEpoch: 1 })
    const two = new Member('b', one.rig).kip848(joining, { memberEpoch: 2 }) // there is nothing to have yet
    one.rig.pass(4_000)
    one.kip848(steady(1), { memberEpoch: 1, assignment }).kip848(acked(1), { memberEpoch: 2 })
    two.kip848(steady(2), { memberEpoch: 2, assignment }).kip848(acked(2), { memberEpoch: 2 })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2 })
    assert.equal(turnsOf(one.rig).seconds.sum, 4)
  })

  test('an assignment that is told once more needs no word', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 1, assignment }).kip848(acked(1), { memberEpoch: 1 })
    one.kip848(steady(1), { memberEpoch: 1, assignment }) // as the broker does when a whole request comes
    one.rig.pass(60_000)
    const two = new Member('b', one.rig).kip848(joining, { memberEpoch: 2 })
    one.kip848(steady(1), { memberEpoch: 2 })
    assert.equal(turnsOf(two.rig).seconds.sum, 0)
  })

  test('a group that was made anew begins at a low epoch', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 9 })
    one.kip848({ memberEpoch: -1, topicPartitions: null }, { memberEpoch: -1 }).kip848(joining, { memberEpoch: 1 })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2 })
  })

  test('one that leaves, and one that is fenced', () => {
    const one = new Member('a').kip848(joining, { memberEpoch: 1 })
    const two = new Member('b', one.rig).kip848(joining, { memberEpoch: 2 })
    two.kip848({ memberEpoch: -1, topicPartitions: null }, { memberEpoch: -1 })
    one.kip848(steady(2), { memberEpoch: 3 })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2, member_left: 1 })
    one.kip848(steady(3), { errorCode: 110, memberEpoch: 0 }).kip848(joining, { memberEpoch: 5 })
    assert.deepEqual(counted(turnsOf(one.rig)), { member_joined: 2, member_left: 1, member_lost: 1 })
  })

  test('a group that was there before the sluice has not turned because we see it', () => {
    const one = new Member('a').kip848(steady(7), { memberEpoch: 7 })
    assert.deepEqual(counted(turnsOf(one.rig)), {})
    one.kip848(steady(7), { memberEpoch: 8 })
    assert.deepEqual(counted(turnsOf(one.rig)), { elsewhere: 1 })
  })
})
