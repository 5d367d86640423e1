/** Batches of idempotent producers that come again: by producer, epoch, partition and base sequence, also around the end of the numbers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SequenceBook } from '../../src/session/sequence-book.ts'

const TOPIC = 0x1234

/** What a book says of one batch after the other: producer 1, epoch 0, partition 0 where nothing else is said. */
function verdicts(sequences: readonly number[], book: SequenceBook = new SequenceBook(64)): boolean[] {
  return sequences.map((sequence) => book.isRepeated(1, 0, TOPIC, 0, sequence))
}

describe('a batch that was sent before', () => {
  test('has a base sequence that is not beyond the last', () => {
    assert.deepEqual(verdicts([0, 10, 20, 20, 30]), [false, false, false, true, false])
  })

  test('so have those behind a failed one, which are all sent again', () => {
    assert.deepEqual(verdicts([0, 10, 20, 0, 10, 20, 30]), [false, false, false, true, true, true, false])
  })

  test('sequences begin anew after 2³¹ − 1', () => {
    const last = 0x7fff_ffff
    assert.deepEqual(verdicts([last - 5, last, 4, last, 9]), [false, false, false, true, false])
  })

  test('a new epoch begins anew', () => {
    const book = new SequenceBook(64)
    assert.deepEqual(verdicts([0, 10], book), [false, false])
    assert.equal(book.isRepeated(1, 1, TOPIC, 0, 0), false)
    assert.equal(book.isRepeated(1, 1, TOPIC, 0, 0), true)
  })
})

test('producers, topics and partitions are told apart', () => {
  const book = new SequenceBook(64)
  for (const [producer, topic, partition] of [
    [1, TOPIC, 0],
    [2, TOPIC, 0],
    [2 ** 40 + 1, TOPIC, 0],
    [1, TOPIC + 1, 0],
    [1, TOPIC, 1],
  ] as const) {
    assert.equal(book.isRepeated(producer, 0, topic, partition, 5), false, `${producer} ${topic} ${partition}`)
    assert.equal(book.isRepeated(producer, 0, topic, partition, 5), true, `${producer} ${topic} ${partition} again`)
  }
})

test('a full table forgets those that were used longest ago, and says new of them', () => {
  const book = new SequenceBook(4) // one key's four places
  for (const producer of [1, 2, 3, 4]) book.isRepeated(producer, 0, TOPIC, 0, 0)
  assert.equal(book.isRepeated(1, 0, TOPIC, 0, 0), true)
  assert.equal(book.isRepeated(5, 0, TOPIC, 0, 0), false, 'takes the place of 2')
  assert.deepEqual(
    [1, 3, 4, 5].map((producer) => book.isRepeated(producer, 0, TOPIC, 0, 0)),
    [true, true, true, true],
  )
  assert.equal(book.isRepeated(2, 0, TOPIC, 0, 0), false)
})

test('a hundred thousand partitions do not disturb those in use', () => {
  const book = new SequenceBook(16_384)
  const inUse = Array.from({ length: 100 }, (_, partition) => partition)
  for (let round = 0; round < 100; round++) {
    for (const partition of inUse) assert.equal(book.isRepeated(7, 0, TOPIC, partition, round), false)
    for (let i = 0; i < 1_000; i++) book.isRepeated(8, 0, TOPIC, round * 1_000 + i, 0)
  }
  assert.ok(inUse.every((partition) => book.isRepeated(7, 0, TOPIC, partition, 99)))
})
