// The demo's own arithmetic: rates, percentiles, and the records that prove themselves.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RateMeter, RecentSamples } from '../../src/demo/measure.ts'
import { appConfigs } from '../../src/demo/plan.ts'
import { RECORD_HEAD_BYTES, RecordMaker, SequenceCheck } from '../../src/demo/sequence.ts'

describe('RateMeter', () => {
  test('counts from the first answer to the last, so the window cuts no frame', () => {
    const meter = new RateMeter()
    for (let i = 0; i <= 100; i++) meter.add([[i * 50, 50_000]])
    assert.equal(meter.rate(0, 5_000), 1e6)
    assert.equal(meter.rate(1_010, 3_990), 1e6)
  })

  test('takes answers that came together as one', () => {
    const meter = new RateMeter()
    meter.add([
      [0, 1000],
      [0, 1000],
      [1000, 1000],
      [1000, 1000],
      [2000, 1000],
      [2000, 1000],
    ])
    assert.equal(meter.rate(0, 2_000), 2_000)
  })

  test('has no rate without two answers', () => {
    const meter = new RateMeter()
    assert.ok(Number.isNaN(meter.rate(0, 10)))
    meter.add([
      [5, 1],
      [5, 1],
    ])
    assert.ok(Number.isNaN(meter.rate(0, 10)))
  })
})

describe('RecentSamples', () => {
  test('gives percentiles of the latest samples', () => {
    const samples = new RecentSamples(100)
    assert.equal(samples.percentile(0.5), null)
    for (let i = 1; i <= 200; i++) samples.add(i)
    assert.equal(samples.percentile(0.5), 150)
    assert.equal(samples.percentile(0.99), 199)
    assert.equal(samples.percentile(1), 200)
    assert.equal(samples.percentile(0), 101)
  })
})

describe('SequenceCheck', () => {
  const records = (count: number): Buffer[] => {
    const maker = new RecordMaker(40)
    return Array.from({ length: count }, () => maker.next())
  }
  const check = (sequence: readonly Buffer[]): ReturnType<SequenceCheck['counts']> => {
    const sequenceCheck = new SequenceCheck()
    for (const record of sequence) sequenceCheck.see(record)
    return sequenceCheck.counts()
  }
  const [a, b, c, d] = records(4) as [Buffer, Buffer, Buffer, Buffer]

  test('finds nothing in a whole sequence', () => {
    assert.deepEqual(check([a, b, c, d]), { lost: 0, doubled: 0, reordered: 0, damaged: 0 })
  })

  test('finds a lost, a doubled and a reordered record', () => {
    assert.deepEqual(check([a, c, d]), { lost: 1, doubled: 0, reordered: 0, damaged: 0 })
    assert.deepEqual(check([b, c, d]), { lost: 1, doubled: 0, reordered: 0, damaged: 0 })
    assert.deepEqual(check([a, b, b, c, d]), { lost: 0, doubled: 1, reordered: 0, damaged: 0 })
    assert.deepEqual(check([a, c, b, d]), { lost: 0, doubled: 0, reordered: 1, damaged: 0 })
  })

  test('finds a change of any bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 * 8 - 1 }), (bit) => {
        const changed = Buffer.from(a)
        const at = bit >> 3
        changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7))
        assert.equal(check([changed]).damaged, 1)
      }),
    )
  })

  test('takes bytes that are no record for a damaged one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: RECORD_HEAD_BYTES - 1 }), (bytes) => {
        assert.equal(check([Buffer.from(bytes)]).damaged, 1)
      }),
    )
  })

  test('remembers a bounded number of gaps', () => {
    const far = Buffer.alloc(RECORD_HEAD_BYTES)
    const maker = new RecordMaker(RECORD_HEAD_BYTES)
    let record: Buffer = far
    for (let i = 0; i < 150_001; i++) record = maker.next()
    assert.equal(check([record]).lost, 150_000)
  })
})

test('the plan keeps the steady application under the limit, whatever the limit', () => {
  for (const limitBytesPerSecond of [1_000, 64_000, 1e6, 10e6, 1e9]) {
    const [steady, flood] = appConfigs({ bootstrap: 'localhost:9092', limitBytesPerSecond, deleteTopic: false })
    assert.ok((steady.bytesPerSecond ?? Number.NaN) < limitBytesPerSecond / 2)
    assert.equal(flood.bytesPerSecond, undefined)
    assert.notEqual(steady.topic, flood.topic)
    for (const { recordBytes, batchRecords } of [steady, flood]) {
      assert.ok(recordBytes >= RECORD_HEAD_BYTES)
      assert.ok(batchRecords >= 1 && recordBytes * batchRecords <= 256_000)
    }
  }
})
