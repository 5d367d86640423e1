/** Quotas on consumer groups: learnt from the requests that name one, applied to the Fetches that do not; and joins. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  answer,
  chunksOf,
  correlationOf,
  fetch,
  fetchAnswer,
  framesOf,
  hello,
  helloAnswer,
  request,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule, used } from '../support/rules.ts'

const isHeld = (rig: Rig): boolean => rig.session.clientBlock === 'held'
const heartbeat = (groupId: string, correlationId = 1, clientId = 'client-1'): Uint8Array =>
  request('Heartbeat', 4, { groupId, memberId: 'm' }, { correlationId, clientId })
const join = (memberId: string, correlationId = 1, groupId = 'g'): Uint8Array =>
  request('JoinGroup', 5, { groupId, memberId, protocolType: 'consumer' }, { correlationId })
const joinKip848 = (memberEpoch: number, correlationId = 1): Uint8Array =>
  request('ConsumerGroupHeartbeat', 1, { groupId: 'g', memberId: 'm', memberEpoch }, { correlationId })

describe('a quota on a group', () => {
  const rules = [rule({ fetchBytes: 1000 }, { match: { group: ['orders-*'] }, per: ['group'] })]

  test('applies to the Fetches of a client that is in it, on whichever connection', () => {
    const data = new Rig({ rules }).client(fetch()).broker(fetchAnswer(500))
    assert.deepEqual(data.counters.quota('q').used, used({}))
    const other = new Rig({ beside: data }).client(heartbeat('orders-eu'))
    data.client(fetch({ correlationId: 2 })).broker(fetchAnswer(3000, { correlationId: 2 }))
    assert.deepEqual(data.counters.quota('q').used, used({ fetchBytes: 3000 }))
    assert.equal(data.session.identity.group, 'orders-eu')
    assert.ok(isHeld(data.client(fetch({ correlationId: 3 }))))
    assert.ok(!isHeld(other.client(heartbeat('orders-eu', 2))), 'heartbeats are never held')
  })

  test('to nobody while the client is in several, and says so', () => {
    const rig = new Rig({ rules }).client(heartbeat('orders-eu'), heartbeat('orders-us', 2))
    rig.client(fetch({ correlationId: 3 }))
    assert.equal(rig.session.identity.group, '')
    assert.deepEqual(rig.context.groups.groupOf('client-1', '', rig.nowMs), {
      state: 'several',
      groups: ['orders-eu', 'orders-us'],
    })
    assert.deepEqual(rig.counters.quota('q').used, used({}))
  })

  test('other clients are not concerned, and a client id that changes is asked anew', () => {
    const rig = new Rig({ rules }).client(heartbeat('orders-eu', 1, 'a'))
    rig.client(fetch({ correlationId: 2, clientId: 'b' }), fetch({ correlationId: 3, clientId: 'a' }))
    rig.broker(answer('Heartbeat', 4), fetchAnswer(100, { correlationId: 2 }), fetchAnswer(200, { correlationId: 3 }))
    assert.deepEqual(rig.counters.quota('q').used, used({ fetchBytes: 200 }))
  })

  test('requests that name their group are charged to that one', () => {
    const commits = [rule({ commits: 1 }, { per: ['group'] })]
    const rig = new Rig({ rules: commits })
    const commit = (groupId: string, correlationId: number): Uint8Array =>
      request('OffsetCommit', 8, { groupId }, { correlationId })
    rig.client(commit('a', 1), commit('b', 2), commit('a', 3), commit('b', 4))
    assert.equal(rig.session.inFlight, 4)
    assert.ok(isHeld(rig.client(commit('b', 5))))
    assert.equal(rig.context.buckets.size, 2)
  })

  test('at any cut of the request', () => {
    const frame = heartbeat('orders-eu')
    for (let piece = 1; piece <= frame.length; piece++) {
      const rig = new Rig({ rules }).client(...chunksOf(frame, piece))
      assert.deepEqual(rig.sentToBroker(), frame)
      assert.equal(rig.client(fetch({ correlationId: 2 })).session.identity.group, 'orders-eu')
    }
  })
})

describe('joins', () => {
  const rules = [rule({ joins: 1 }, { per: ['group'] })]
  const sent = (rig: Rig): number[] => framesOf(rig.sentToBroker()).map((frame) => correlationOf(frame, 'request'))

  test('only members that join anew count, and wait no longer than 2 s, 5 s where the library is known to bear it', () => {
    for (const [software, holdMs] of [
      ['x', 2000],
      ['apache-kafka-java', 5000],
    ] as const) {
      const rig = new Rig({ rules }).client(hello(software)).broker(helloAnswer())
      rig.sentToBroker()
      for (let id = 1; id <= 12; id++) rig.client(join('', id, 'g'))
      assert.deepEqual(sent(rig), [1, 2], 'a second’s worth, and one into debt')
      rig.pass(999)
      assert.deepEqual(sent(rig), [])
      rig.pass(1)
      assert.deepEqual(sent(rig), [3])
      const other = new Rig({ beside: rig }).client(hello(software)).broker(helloAnswer())
      other.sentToBroker()
      for (let id = 1; id <= 9; id++)
        new Rig({ beside: rig }).client(hello(software)).broker(helloAnswer()).client(join(''))
      other.client(join(''))
      assert.ok(other.session.wakeAtMs - other.nowMs <= holdMs)
      other.pass(holdMs)
      assert.deepEqual(sent(other), [1])
      assert.ok(rig.counters.quota('q').floorExceeded > 0)
    }
  })

  test('known members, their heartbeats and those of KIP-848 pass; its first heartbeat counts', () => {
    const rig = new Rig({ rules })
    for (let id = 1; id <= 5; id++) rig.client(join('member-7', id), heartbeat('g', id), joinKip848(3, id))
    assert.equal(rig.session.inFlight, 15)
    assert.deepEqual(rig.counters.quota('q').used, used({}))
    rig.client(joinKip848(0), joinKip848(0, 2))
    assert.deepEqual(rig.counters.quota('q').used, used({ joins: 2 }))
    assert.ok(isHeld(rig.client(joinKip848(0, 3))))
  })
})

test('a request that names two groups is of neither, wherever it is cut', () => {
  const frame = request('OffsetFetch', 8, {
    groups: ['a', 'b'].map((groupId) => ({ groupId, topics: null })),
    requireStable: false,
  })
  for (const sizeBytes of [1, 2, 3, 5, 8, frame.length]) {
    const rig = new Rig({ rules: [rule({ requests: 1 }, { per: ['group'] })] }).client(...chunksOf(frame, sizeBytes))
    assert.deepEqual(rig.sentToBroker(), frame)
    assert.deepEqual(
      [...rig.context.buckets.entries(rig.nowMs)].map(({ key }) => key),
      ['group='],
    )
  }
})
