/** The head of record batches and message set entries, field by field. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  baseOffset,
  baseSequence,
  baseTimestampMs,
  batchCodec,
  batchMagic,
  batchSizeBytes,
  hasLogAppendTime,
  isControl,
  isRecordCountKnown,
  isTransactional,
  lastOffsetDelta,
  maxTimestampMs,
  producerEpoch,
  producerId,
  recordsInBatch,
} from '../../protocol/src/record-batch.ts'
import { messageSetEntry, seededRandom } from '../support/random-message.ts'

const random = seededRandom(5)

/** Field by field in the order and widths of Kafka's DefaultRecordBatch; 3 records of 9 bytes each. */
const BATCH_HEX = `
  00000000000003e8 0000004c 00000007 02 deadbeef 0032 00000002 0000018bcfe56800 0000018bcfe56be8
  0000000000001770 0005 0000000a 00000003
  ${'100000000001000000'.repeat(3)}`

function batch(attributes = 0x0032, count = 3): Uint8Array {
  const bytes = Buffer.from(`ffffff${BATCH_HEX.replaceAll(/\s/g, '')}ff`, 'hex')
  bytes.writeUInt16BE(attributes, 3 + 21)
  bytes.writeInt32BE(count, 3 + 57)
  return Uint8Array.from(bytes)
}

describe('a record batch', () => {
  test('says all that stands in its head', () => {
    const bytes = batch()
    assert.equal(baseOffset(bytes, 3), 1000)
    assert.equal(batchSizeBytes(bytes, 3), 88)
    assert.equal(bytes.length, 3 + 88 + 1)
    assert.equal(batchMagic(bytes, 3), 2)
    assert.equal(lastOffsetDelta(bytes, 3), 2)
    assert.equal(baseTimestampMs(bytes, 3), 1_700_000_000_000)
    assert.equal(maxTimestampMs(bytes, 3), 1_700_000_001_000)
    assert.equal(producerId(bytes, 3), 6000)
    assert.equal(producerEpoch(bytes, 3), 5)
    assert.equal(baseSequence(bytes, 3), 10)
    assert.equal(recordsInBatch(bytes, 3, 88), 3)
  })

  test('of no idempotent producer has -1 in its place', () => {
    const bytes = batch().fill(0xff, 3 + 43, 3 + 57)
    assert.deepEqual([producerId(bytes, 3), producerEpoch(bytes, 3), baseSequence(bytes, 3)], [-1, -1, -1])
  })

  test('keeps codec, timestamp type, transaction and control in its attributes', () => {
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd', 'unknown', 'unknown', 'unknown']
    assert.deepEqual(
      codecs.map((_, bits) => batchCodec(batch(bits), 3)),
      codecs,
    )
    for (const [bits, time, transactional, control] of [
      [0x00, false, false, false],
      [0x08, true, false, false],
      [0x10, false, true, false],
      [0x30, false, true, true],
      [0x3c, true, true, true],
    ] as const) {
      const bytes = batch(bits)
      assert.deepEqual(
        [hasLogAppendTime(bytes, 3), isTransactional(bytes, 3), isControl(bytes, 3)],
        [time, transactional, control],
      )
    }
  })

  test('that claims more records than could be in it is believed up to what fits; compressed ones are believed', () => {
    assert.equal(recordsInBatch(batch(0, 1_000_000), 3, 88), 3)
    assert.equal(recordsInBatch(batch(1, 1_000_000), 3, 88), 1_000_000)
    assert.equal(recordsInBatch(batch(0, -1), 3, 88), 0)
    assert.equal(recordsInBatch(batch(0, 0), 3, 88), 0)
  })
})

describe('a message set entry', () => {
  for (const magic of [0, 1] as const) {
    test(`of magic ${magic} is one record, or at least one when it wraps a compressed set`, () => {
      const plain = messageSetEntry(random, magic, 10)
      const wrapper = messageSetEntry(random, magic, 10, 2)
      assert.equal(batchMagic(plain, 0), magic)
      assert.equal(batchSizeBytes(plain, 0), plain.length)
      assert.deepEqual(
        [recordsInBatch(plain, 0, plain.length), isRecordCountKnown(plain, 0), batchCodec(plain, 0)],
        [1, true, 'none'],
      )
      assert.deepEqual(
        [recordsInBatch(wrapper, 0, 1), isRecordCountKnown(wrapper, 0), batchCodec(wrapper, 0)],
        [1, false, 'snappy'],
      )
    })
  }

  test('a batch’s count is always known', () => assert.equal(isRecordCountKnown(batch(2), 3), true))
})
