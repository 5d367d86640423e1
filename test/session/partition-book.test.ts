/** What Metadata answers that pass by tell of partitions: leaders, replicas, and what has moved. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Struct } from 'kafka-protocol-codec'
import { answer, chunksOf, request, versionsOf } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

interface Told {
  readonly leader?: number
  readonly epoch?: number
  readonly inSync?: readonly number[]
  readonly errorCode?: number
}

function metadata(told: readonly Told[], version = 12, name = 'orders'): Uint8Array {
  const partitions = told.map(({ leader = 1, epoch = 5, inSync = [1, 2, 3], errorCode = 0 }, partitionIndex) => {
    const which = { partitionIndex, leaderId: leader, leaderEpoch: epoch, errorCode }
    return { ...which, replicaNodes: [1, 2, 3], isrNodes: [...inSync], offlineReplicas: [] }
  })
  const topics: Struct[] = [{ name, topicId: 'AAECAwQFBgcICQoLDA0ODw', partitions }]
  return answer('Metadata', version, { brokers: [], topics })
}

function telling(rig: Rig, told: readonly Told[], version = 12, name = 'orders'): Rig {
  return rig.client(request('Metadata', version, {})).broker(metadata(told, version, name))
}

test('partitions with too few replicas in sync, and those without a leader, are told in every version', () => {
  for (const version of versionsOf('Metadata')) {
    const rig = telling(new Rig(), [{}, { inSync: [1, 2] }, { leader: -1, errorCode: 5, inSync: [] }], version)
    const { partitions } = rig.context.series
    assert.deepEqual(partitions.counts(), { known: 3, underReplicated: 2, offline: 1 }, `v${version}`)
    telling(rig, [{}, {}, {}], version)
    assert.deepEqual(partitions.counts(), { known: 3, underReplicated: 0, offline: 0 }, `v${version}`)
  }
})

test('a leader of a new term is a move; the same answer again is none, an older one neither', () => {
  const rig = telling(new Rig(), [{}, {}])
  const { partitions } = rig.context.series
  telling(rig, [{ leader: 2, epoch: 6 }, {}])
  assert.equal(partitions.leaderMoves, 1)
  telling(telling(rig, [{ leader: 2, epoch: 6 }, {}]), [{ leader: 1, epoch: 5, inSync: [1] }, {}])
  assert.equal(partitions.leaderMoves, 1)
  assert.equal(partitions.counts().underReplicated, 0, 'of a broker that had not heard yet')
})

test('a partition that lost its leader has moved when it gets the next one', () => {
  const rig = telling(new Rig(), [{}])
  telling(rig, [{ leader: -1, epoch: 6, errorCode: 5 }])
  assert.equal(rig.context.series.partitions.leaderMoves, 0)
  telling(rig, [{ leader: 3, epoch: 7 }])
  assert.equal(rig.context.series.partitions.leaderMoves, 1)
})

test('versions that do not tell the term tell the leader', () => {
  const rig = telling(new Rig(), [{}], 4)
  telling(rig, [{ leader: 2 }], 4)
  assert.equal(rig.context.series.partitions.leaderMoves, 1)
})

test('in whatever pieces the answer comes', () => {
  const bytes = metadata([{ inSync: [1] }, { leader: -1, inSync: [1, 2, 3] }, {}])
  for (const size of [1, 3, 17]) {
    const rig = new Rig().client(request('Metadata', 12, {})).broker(...chunksOf(bytes, size))
    assert.deepEqual(rig.context.series.partitions.counts(), { known: 3, underReplicated: 1, offline: 1 })
  }
})

test('a topic that nobody has been told of for long is forgotten', () => {
  const rig = telling(telling(new Rig(), [{}, { inSync: [1] }]), [{}], 12, 'payments')
  const { partitions, limits } = rig.context.series
  rig.pass(limits.idleMs - 1)
  telling(rig, [{}], 12, 'payments').pass(1)
  partitions.sweep(rig.nowMs)
  assert.deepEqual(partitions.counts(), { known: 1, underReplicated: 0, offline: 0 })
  telling(rig, [{ leader: 2, epoch: 9 }, {}])
  assert.equal(partitions.leaderMoves, 0, 'what was forgotten has not moved')
})
