/** How far groups are behind with what they have committed, as commits and their answers tell. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answer, request, versionsOf } from '../support/frames.ts'
import { committedLags, consumer, fetchedOf, fetchOf, TOPIC_ID, TOPIC_ID_BYTES } from '../support/lag-scene.ts'
import type { Rig } from '../support/rig.ts'

describe('committed lag', () => {
  const commit = (api: 'OffsetCommit' | 'TxnOffsetCommit', offset: number, version: number): Uint8Array => {
    const topic = { name: 'orders', topicId: TOPIC_ID } // a version has one of the two
    const partitions = [{ partitionIndex: 0, committedOffset: BigInt(offset) }]
    return request(api, version, { groupId: 'g', topics: [{ ...topic, partitions }] }, { correlationId: 5 })
  }
  const committed = (api: 'OffsetCommit' | 'TxnOffsetCommit', errorCode: number, version: number): Uint8Array => {
    const topic = { name: 'orders', topicId: TOPIC_ID } // a version has one of the two
    const topics = [{ ...topic, partitions: [{ partitionIndex: 0, errorCode }] }]
    return answer(api, version, { topics }, 5)
  }
  /** Has asked for 40 of 100. */
  const reading = (): Rig => {
    const rig = consumer()
    rig.context.topics.learn('orders', TOPIC_ID_BYTES, 1)
    return rig.client(fetchOf([{ offset: 40 }])).broker(fetchedOf([{ end: 100 }]))
  }

  for (const api of ['OffsetCommit', 'TxnOffsetCommit'] as const) {
    test(`${api}: counts from the answer on, in every version`, () => {
      for (const version of versionsOf(api)) {
        const rig = reading().client(commit(api, 25, version))
        assert.deepEqual(committedLags(rig), { 'orders/0': undefined }, `v${version}`)
        rig.broker(committed(api, 0, version))
        assert.deepEqual(committedLags(rig), { 'orders/0': 75 }, `v${version}`)
        assert.equal(rig.closed, undefined)
      }
    })
  }

  test('an answer to a Fetch in between confirms nothing', () => {
    const rig = reading()
      .client(commit('OffsetCommit', 25, 8))
      .broker(committed('OffsetCommit', 0, 8))
    rig.client(commit('OffsetCommit', 60, 8), fetchOf([{ offset: 60 }])).broker(committed('OffsetCommit', 22, 8))
    rig.client(commit('OffsetCommit', 70, 8)).broker(fetchedOf([{ end: 100 }]))
    assert.deepEqual(committedLags(rig), { 'orders/0': 75 }, 'what is asked for is not committed yet')
    rig.broker(committed('OffsetCommit', 0, 8))
    assert.deepEqual(committedLags(rig), { 'orders/0': 30 })
  })

  test('one that was refused does not count', () => {
    const rig = reading()
      .client(commit('OffsetCommit', 25, 8))
      .broker(committed('OffsetCommit', 22, 8))
    assert.deepEqual(committedLags(rig), { 'orders/0': undefined })
    rig.client(commit('OffsetCommit', 30, 8)).broker(committed('OffsetCommit', 0, 8))
    assert.deepEqual(committedLags(rig), { 'orders/0': 70 })
  })
})
