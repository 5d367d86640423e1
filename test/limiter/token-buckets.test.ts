/** The arithmetic of one bucket, as tables: what went in at which millisecond, and what must come out. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TokenBuckets } from '../../src/limiter/token-buckets.ts'

/** One bucket of 1 unit per ms and a burst of 1000 ms unless told otherwise. */
function bucket(ratePerMs = 1, burstMs = 1000): TokenBuckets {
  const buckets = new TokenBuckets(1)
  buckets.open(0, ratePerMs, burstMs, 0)
  return buckets
}

describe('reserve', () => {
  // [nowMs, cost, startAtMs, debtMs afterwards]
  const tables: Record<string, [number, number, number, number][]> = {
    'a full bucket lets a burst go at once': [
      [0, 400, 0, 0],
      [0, 600, 0, 0],
      [0, 1, 0, 1], // the balance is 0: out of debt, so it starts, and owes 1
      [0, 1, 1, 2],
    ],
    'one frame may exceed any burst; the next one waits for the debt': [
      [0, 5000, 0, 4000],
      [0, 10, 4000, 4010],
      [2000, 10, 4010, 2020],
      [4020, 10, 4020, 10],
    ],
    'credit is never more than a burst': [
      [1_000_000, 1000, 1_000_000, 0],
      [1_000_000, 500, 1_000_000, 500],
      [1_000_000, 0, 1_000_500, 500],
    ],
    'a cost of 0 waits its turn and changes nothing': [
      [0, 0, 0, 0],
      [0, 1500, 0, 500],
      [0, 0, 500, 500],
      [0, 0, 500, 500],
      [500, 0, 500, 0],
    ],
    'fractions of a millisecond count': [
      [0.25, 1000.5, 0.25, 0.5],
      [0.5, 1, 0.75, 1.25],
    ],
  }
  for (const [title, rows] of Object.entries(tables)) {
    test(title, () => {
      const buckets = bucket()
      for (const [i, [nowMs, cost, startAtMs, debtMs]] of rows.entries()) {
        assert.equal(buckets.reserve(0, cost, nowMs), startAtMs, `row ${i}: start`)
        assert.equal(buckets.debtMs(0, nowMs), debtMs, `row ${i}: debt`)
      }
    })
  }
})

describe('settle, cancel and capDebt', () => {
  test('settle charges more or gives back, never beyond a full bucket', () => {
    const buckets = bucket()
    buckets.reserve(0, 500, 0)
    buckets.settle(0, 700, 100)
    assert.equal(buckets.debtMs(0, 100), 100)
    buckets.settle(0, -600, 100)
    assert.equal(buckets.balance(0, 100), 500)
    buckets.settle(0, -10_000, 100)
    assert.equal(buckets.balance(0, 100), 1000)
  })

  test('a cancelled reservation lets the next one start earlier', () => {
    const buckets = bucket(2, 0)
    assert.equal(buckets.reserve(0, 200, 0), 0)
    assert.equal(buckets.reserve(0, 100, 10), 100)
    buckets.cancel(0, 100, 20)
    assert.equal(buckets.reserve(0, 2, 30), 100)
  })

  test('capDebt forgives what is beyond the cap and says how much', () => {
    const buckets = bucket()
    buckets.reserve(0, 61_000, 0)
    assert.equal(buckets.capDebt(0, 20_000, 10_000), 30_000)
    assert.equal(buckets.debtMs(0, 10_000), 20_000)
    assert.equal(buckets.capDebt(0, 20_000, 10_000), 0)
  })
})

describe('setRate', () => {
  // [used at rate 1/ms with burst 1000 ms, new rate, new burst in ms, balance in units afterwards]
  const rows: [number, number, number, number][] = [
    [400, 1000, 1000, 600], // credit stays what it was in units, refilling faster from now on
    [400, 0.001, 1000, 1], // credit above the new burst is lost
    [3000, 1000, 1000, -2000], // debt stays in units …
    [3000, 0.001, 1000, -2000], // … also where it takes 1000 times as long
    [1000, 5, 0, 0],
  ]
  for (const [used, ratePerMs, burstMs, balance] of rows) {
    test(`after ${used} used, rate ×${ratePerMs} and burst ${burstMs} ms leave a balance of ${balance}`, () => {
      const buckets = bucket()
      buckets.reserve(0, used, 0)
      buckets.setRate(0, ratePerMs, burstMs, 0)
      assert.ok(Math.abs(buckets.balance(0, 0) - balance) < 1e-9)
    })
  }

  test('time until the change counts at the old rate, time after it at the new one', () => {
    const buckets = bucket()
    buckets.reserve(0, 3000, 0)
    buckets.setRate(0, 10, 1000, 500)
    assert.equal(buckets.balance(0, 500), -1500)
    assert.equal(buckets.debtMs(0, 500), 150)
    assert.equal(buckets.balance(0, 600), -500)
  })

  test('a rate or burst that is none is a bug and throws', () => {
    const buckets = bucket()
    for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => buckets.setRate(0, rate, 1000, 0), RangeError)
    }
    for (const burst of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => buckets.open(0, 1, burst, 0), RangeError)
    }
    assert.equal(buckets.balance(0, 0), 1000)
  })
})

describe('a clock that goes backwards', () => {
  test('stands still for a small step', () => {
    const buckets = bucket()
    buckets.reserve(0, 2000, 100)
    assert.equal(buckets.debtMs(0, 600), 500)
    assert.equal(buckets.debtMs(0, 599), 500)
    assert.equal(buckets.debtMs(0, 700), 400)
  })

  test('goes on from where it was after a large one, in the caller’s time', () => {
    const buckets = bucket()
    buckets.reserve(0, 2000, 1_000_000)
    assert.equal(buckets.debtMs(0, 1_000_400), 600)
    assert.equal(buckets.reserve(0, 0, 10), 610)
    assert.equal(buckets.debtMs(0, 210), 400)
    assert.equal(buckets.debtMs(0, 700), 0)
  })
})
