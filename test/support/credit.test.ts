import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Charge, creditsAtStarts } from './credit.ts'

const PER_SECOND = 1000

/** Frames of one second each: start, and when the cost was known. */
function seconds(...frames: readonly (readonly [startMs: number, knownMs: number])[]): Charge[] {
  return frames.map(([startMs, knownMs]) => ({ startMs, knownMs, cost: PER_SECOND }))
}

function credits(charges: readonly Charge[]): number[] {
  return creditsAtStarts(charges, PER_SECOND).map((credit) => Number(credit.toFixed(3)))
}

test('a frame whose request tells its cost is paid for at its start', () => {
  assert.deepEqual(credits(seconds([5000, 5000], [5010, 5010], [6000, 6000], [7000, 7000])), [1, 0.01, 0, 0])
})

test('credit grows to the burst and no further', () => {
  assert.deepEqual(credits(seconds([0, 0], [500, 500], [60_000, 60_000], [60_000, 60_000])), [1, 0.5, 1, 0])
})

test('a first answer that was long in coming is no credit for ever', () => {
  // As seen from a librdkafka consumer at 1 MB/s whose first answer took 0.3 s: held by a second each from then on.
  const slowFirst = seconds([0, 304], [318, 322], [1308, 1320], [2306, 2308], [3306, 3309])
  assert.deepEqual(credits(slowFirst).slice(2), [0.004, 0.002, 0.002])
  const chargedAtStarts = slowFirst.map(({ startMs, cost }) => ({ startMs, knownMs: startMs, cost }))
  assert.deepEqual(credits(chargedAtStarts).slice(2), [0.308, 0.306, 0.306])
})

test('what is under way counts as spent, known or not', () => {
  assert.deepEqual(credits(seconds([0, 50], [10, 60], [20, 70])), [1, 0, -1])
  // An answer that has not come has no size yet either.
  assert.deepEqual(credits([{ startMs: 0, knownMs: Number.POSITIVE_INFINITY, cost: 0 }, ...seconds([10, 20])]), [1, 1])
})

test('a client that wants less than its limit keeps credit', () => {
  const slow = seconds([0, 0], [1200, 1200], [2400, 2400], [3600, 3600])
  assert.ok(credits(slow).every((credit) => credit >= 0.2))
})

test('nothing came by', () => {
  assert.deepEqual(creditsAtStarts([], PER_SECOND), [])
})
