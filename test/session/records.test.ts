/** Limits on records and commits: known when a request or its answer has passed, charged then, kept by the next one. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answer, chunksOf, fetch, produceAnswer, recordBatch, request } from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule, used } from '../support/rules.ts'

function produceOf(records: number, correlationId = 1): Uint8Array {
  const partitionData = [{ index: 0, records: recordBatch(records) }]
  const topicData = [{ name: 'orders', partitionData }]
  return request('Produce', 9, { acks: 1, timeoutMs: 1000, topicData }, { correlationId })
}

function fetched(records: number, correlationId = 1): Uint8Array {
  const partitions = [{ partitionIndex: 0, records: recordBatch(records) }]
  return answer('Fetch', 11, { responses: [{ topic: 'orders', partitions }] }, correlationId)
}

function held(rig: Rig): number {
  return rig.session.clientBlock === 'held' ? rig.session.wakeAtMs - rig.nowMs : 0
}

const PRODUCED: RigOptions = { rules: [rule({ produceRecords: 100 })] }
const FETCHED: RigOptions = { rules: [rule({ fetchRecords: 100 })] }

describe('produceRecords', () => {
  test('a Produce costs its records, whatever the cuts; the next one waits for them', () => {
    for (const pieceBytes of [1, 7, 10_000]) {
      const rig = new Rig(PRODUCED).client(...chunksOf(produceOf(300), pieceBytes)).broker(produceAnswer())
      assert.deepEqual(rig.counters.quota('q').used, used({ produceRecords: 300 }))
      assert.equal(rig.counters.quota('q').stampedRequests, 1)
      assert.equal(held(rig.client(produceOf(10, 2))), 2000)
      rig.pass(2000)
      assert.equal(rig.session.inFlight, 1)
      assert.deepEqual(rig.counters.quota('q').used, used({ produceRecords: 310 }))
      assert.equal(rig.context.buckets.level(0, rig.nowMs), -10)
      assert.equal(rig.session.totals.producedRecords, 310)
    }
  })

  test('what is reserved while it waits is an estimate, corrected when it has gone, or given back', () => {
    const rig = new Rig(PRODUCED).client(produceOf(200)).broker(produceAnswer())
    rig.client(produceOf(200, 2).slice(0, 500))
    assert.equal(held(rig), 1000)
    assert.equal(rig.context.buckets.level(0, rig.nowMs), -300, 'as many as the last')
    rig.pass(1000)
    rig.session.closed(rig.nowMs)
    assert.equal(rig.context.buckets.level(0, rig.nowMs), 0, 'of the one that was cut off no record arrived')
  })
})

describe('fetchRecords', () => {
  test('a Fetch costs the records of its answer; the next one waits, and asks for no more than its part', () => {
    for (const pieceBytes of [1, 7, 10_000]) {
      const rig = new Rig(FETCHED).client(fetch()).broker(...chunksOf(fetched(300), pieceBytes))
      assert.deepEqual(rig.counters.quota('q').used, used({ fetchRecords: 300 }))
      rig.sentToBroker()
      assert.equal(held(rig.client(fetch({ correlationId: 2 }))), 2000)
      rig.pass(2000)
      const bytesPerRecord = fetched(300).length / 300
      const maxBytes = new DataView(rig.sentToBroker().buffer).getInt32(14 + 'client-1'.length + 12)
      assert.equal(maxBytes, Math.floor(100 * bytesPerRecord))
      assert.equal(rig.session.totals.fetchedRecords, 300)
    }
  })

  test('is settled from the estimate to what came', () => {
    const rig = new Rig(FETCHED).client(fetch()).broker(fetched(50))
    rig.client(fetch({ correlationId: 2 }))
    assert.equal(rig.context.buckets.level(0, rig.nowMs), 0)
    rig.broker(fetched(10, 2))
    assert.equal(rig.context.buckets.level(0, rig.nowMs), 40)
    rig.client(fetch({ correlationId: 3 })).session.closed(rig.nowMs)
    assert.equal(rig.context.buckets.level(0, rig.nowMs), 40)
  })
})

test('commits are counted one by one, and nothing else is', () => {
  const rig = new Rig({ rules: [rule({ commits: 2 })] })
  const commit = (id: number): Uint8Array => request('OffsetCommit', 8, { groupId: 'g' }, { correlationId: id })
  rig.client(commit(1), produceOf(5, 2), commit(3), commit(4))
  assert.deepEqual(rig.counters.quota('q').used, used({ commits: 3 }))
  assert.equal(rig.session.inFlight, 4)
  assert.equal(held(rig.client(commit(5))), 500)
})

test('observed records slow nobody, and are told with the bytes of their requests', () => {
  const rig = new Rig({ rules: [rule({ produceRecords: 100 }, { mode: 'observe' })] })
  rig.client(produceOf(300), produceOf(300, 2)).broker(produceAnswer())
  assert.equal(held(rig), 0)
  const { observedRequests, throttledBytes, throttleMs } = rig.counters.quota('q')
  assert.deepEqual([observedRequests, throttledBytes, throttleMs], [2, 2 * produceOf(300).length, 5000])
})
