/** Limits that come down from what is used: what the rate is at which second. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RAMP_STEPS, RATE_MAX_PER_SECOND } from '../../src/bounds.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'

const UNLIMITED = RATE_MAX_PER_SECOND / 1000
const TEN_MINUTES = 600_000

interface Ramping {
  readonly table: BucketTable
  readonly slot: number
  /** Goes on for some seconds, with a tick and this use in each. */
  pass(seconds: number, units: number): void
  nowMs(): number
  acquire(ratePerMs: number, rampEndsAtMs?: number, burstMs?: number): void
}

/** A bucket at 1,000 s of the clock, with a limit of 1 unit/ms that ramps in for ten minutes unless told otherwise. */
function ramping(ratePerMs = 1, rampEndsAtMs = 1_000_000 + TEN_MINUTES): Ramping {
  const table = new BucketTable(4)
  let nowMs = 1_000_000
  const acquire = (rate: number, endsAtMs = 0, burstMs = 100): number =>
    table.acquire('q', 'produceBytes', 'a', rate, burstMs, nowMs, endsAtMs)
  const slot = acquire(ratePerMs, rampEndsAtMs)
  const pass = (seconds: number, units: number): void => {
    for (let i = 0; i < seconds; i++) {
      table.reserve(slot, units, nowMs)
      nowMs += 1000
      table.tick(nowMs)
    }
  }
  return { table, slot, pass, nowMs: () => nowMs, acquire }
}

function assertClose(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${actual}, not ${expected}`)
}

describe('a new limit that ramps in', () => {
  test('does not limit while the use is observed, for a tenth of the time', () => {
    const { table, slot, pass } = ramping()
    assert.equal(table.rate(slot), UNLIMITED)
    pass(59, 1e9)
    assert.equal(table.debtMs(slot, 1_059_000), 0)
    assert.deepEqual(table.rampOf(slot), {
      fromRatePerMs: UNLIMITED,
      ratePerMs: UNLIMITED,
      limitPerMs: 1,
      isObserving: true,
      endsAtMs: 1_600_000,
    })
    pass(1, 1e9)
    assert.equal(table.rate(slot), 1e6)
    assert.equal(table.rampOf(slot)?.isObserving, false)
  })

  test('comes down from the most that was used in a second to the limit, by equal factors in equal times', () => {
    const { table, slot, pass } = ramping()
    pass(30, 3000)
    pass(1, 16_000)
    pass(29, 3000)
    assert.equal(table.rate(slot), 16)
    for (let step = 1; step < RAMP_STEPS; step++) {
      pass(26, 0)
      assertClose(table.rate(slot), 16 ** (1 - (step - 1) / RAMP_STEPS))
      pass(1, 0) // 27 s a step
      assertClose(table.rate(slot), 16 ** (1 - step / RAMP_STEPS))
      assert.equal(table.rampOf(slot)?.ratePerMs, table.rate(slot))
      assert.equal(table.rampOf(slot)?.fromRatePerMs, 16)
    }
    pass(27, 0)
    assert.equal(table.rate(slot), 1)
    assert.equal(table.rampOf(slot), undefined)
  })

  test('is in force once it is known that no more is used', () => {
    const { table, slot, pass } = ramping()
    pass(59, 1000)
    assert.equal(table.rate(slot), UNLIMITED)
    pass(1, 1000)
    assert.equal(table.rate(slot), 1)
    assert.equal(table.rampOf(slot), undefined)
  })

  test('of an hour is observed for a minute, one of five seconds for half a second', () => {
    const long = ramping(1, 1_000_000 + 3_600_000)
    long.pass(60, 2000)
    assert.equal(long.table.rate(long.slot), 2)
    const short = ramping(1, 1_000_000 + 5000)
    short.table.reserve(short.slot, 2000, 1_000_000)
    short.table.tick(1_000_400)
    assert.equal(short.table.rate(short.slot), UNLIMITED)
    short.table.tick(1_000_500)
    assert.equal(short.table.rate(short.slot), 4)
    short.table.tick(1_005_000)
    assert.equal(short.table.rate(short.slot), 1)
  })

  test('windows shorter than a second are not taken for a rate', () => {
    const { table, slot } = ramping()
    for (let i = 1; i <= 590; i++) {
      if (i % 10 === 1) table.reserve(slot, 2000, 1_000_000 + i * 100)
      table.tick(1_000_000 + i * 100)
    }
    table.reserve(slot, 9000, 1_059_500)
    table.tick(1_059_999)
    table.tick(1_060_000)
    assert.equal(table.rate(slot), 9)
  })

  test('a window that the end cuts short is not taken for a rate either, unless there is no other', () => {
    const { table, slot } = ramping()
    for (let i = 1; i <= 46; i++) {
      table.reserve(slot, 2600, 1_000_000 + i * 1300)
      table.tick(1_000_000 + i * 1300)
    }
    table.reserve(slot, 9000, 1_059_900)
    table.tick(1_060_000)
    assert.equal(table.rate(slot), 2)
  })

  test('in force now is no ramp, whatever the clock says', () => {
    for (const nowMs of [-5, 0, 5]) {
      const table = new BucketTable(1)
      assert.equal(table.rate(table.acquire('q', 'produceBytes', 'a', 2, 100, nowMs)), 2)
    }
    const table = new BucketTable(2)
    assert.equal(table.rate(table.acquire('q', 'produceBytes', 'a', 2, 100, 50, 50)), 2)
    assert.equal(table.rate(table.acquire('q', 'produceBytes', 'b', UNLIMITED, 100, 50, 90)), UNLIMITED)
    assert.equal(table.rampOf(1), undefined)
  })

  test('ends although nobody ticks for long, and does not go up again when the clock goes back', () => {
    const { table, slot, pass, nowMs } = ramping()
    pass(60, 4000)
    pass(300, 0)
    const rate = table.rate(slot)
    table.tick(nowMs() - 200_000)
    assert.equal(table.rate(slot), rate)
    table.tick(nowMs() - 200_000 + 250_000)
    assert.equal(table.rate(slot), 1, 'the ramp went on from where it was')
  })
})

describe('a limit that was lowered', () => {
  test('starts from what was used, at most from the old one', () => {
    const { table, slot, pass, nowMs, acquire } = ramping(10, 0)
    const endsAtMs = nowMs() + TEN_MINUTES
    acquire(1, endsAtMs)
    assert.equal(table.rate(slot), 10, 'the old one while it is observed')
    assert.equal(table.rampOf(slot)?.fromRatePerMs, 10)
    pass(60, 4000)
    assert.equal(table.rate(slot), 4)
    const { table: other, slot: otherSlot, ...more } = ramping(10, 0)
    more.acquire(1, endsAtMs)
    more.pass(60, 70_000)
    assert.equal(other.rate(otherSlot), 10)
  })

  test('the same policy once more changes nothing, another one begins from where the bucket is', () => {
    const { table, slot, pass, nowMs, acquire } = ramping(8, 0)
    const endsAtMs = nowMs() + TEN_MINUTES
    acquire(1, endsAtMs)
    pass(60, 16_000)
    pass(270, 0)
    const halfWay = table.rate(slot)
    assertClose(halfWay, 8 ** 0.5)
    acquire(1, endsAtMs)
    assert.equal(table.rate(slot), halfWay)
    assert.equal(table.rampOf(slot)?.isObserving, false)
    acquire(0.5, endsAtMs)
    assert.equal(table.rate(slot), halfWay)
    assert.deepEqual([table.rampOf(slot)?.isObserving, table.rampOf(slot)?.fromRatePerMs], [true, halfWay])
    acquire(0.5, endsAtMs + 1)
    assert.equal(table.rampOf(slot)?.endsAtMs, endsAtMs + 1)
    pass(60, 0)
    assert.equal(table.rate(slot), 0.5)
  })

  test('a higher limit, and one without a ramp, is in force at once', () => {
    const { table, slot, nowMs, acquire } = ramping(8, 0)
    const endsAtMs = nowMs() + TEN_MINUTES
    acquire(1, endsAtMs)
    acquire(9, endsAtMs)
    assert.deepEqual([table.rate(slot), table.rampOf(slot)], [9, undefined])
    acquire(1, endsAtMs)
    acquire(1)
    assert.deepEqual([table.rate(slot), table.rampOf(slot)], [1, undefined])
    acquire(1, endsAtMs)
    assert.deepEqual([table.rate(slot), table.rampOf(slot)], [1, undefined])
  })

  test('another burst is in force at once, with the ramp’s rate', () => {
    const { table, slot, nowMs, acquire } = ramping(8, 0)
    acquire(1, nowMs() + TEN_MINUTES)
    acquire(1, nowMs() + TEN_MINUTES, 300)
    assert.deepEqual([table.rate(slot), table.burst(slot)], [8, 300])
  })

  test('balances are kept at every step', () => {
    const { table, slot, pass, nowMs, acquire } = ramping(8, 0)
    acquire(1, nowMs() + TEN_MINUTES)
    pass(60, 8000)
    table.reserve(slot, 4e6, nowMs())
    let level = table.level(slot, nowMs())
    for (let i = 0; i < 200; i++) {
      const rate = table.rate(slot)
      pass(1, 0)
      const next = table.level(slot, nowMs())
      assertClose(next - level, rate * 1000)
      level = next
    }
  })

  test('a limit that is none is a bug and throws', () => {
    const { acquire, nowMs } = ramping(8, 0)
    const table = new BucketTable(1)
    for (const rate of [0, -1, Number.NaN]) {
      assert.throws(() => acquire(rate, nowMs() + 1000), RangeError)
      assert.throws(() => table.acquire('q', 'd', 'k', rate, 100, 0, 1000), RangeError)
    }
    assert.throws(() => acquire(1, nowMs() + 1000, -1), RangeError)
  })
})

describe('forgetting a bucket that ramps', () => {
  test('waits for the end of the ramp, or it would begin anew', () => {
    const { table, slot, pass, nowMs } = ramping()
    pass(60, 2000)
    table.release(slot)
    assert.equal(table.sweep(nowMs(), 10), 0)
    pass(540, 0)
    assert.equal(table.sweep(nowMs(), 10), 1)
  })

  test('does not wait when room is short, and the ramp goes with it', () => {
    const table = new BucketTable(1)
    const slot = table.acquire('q', 'd', 'a', 1, 100, 0, 60_000)
    table.release(slot)
    assert.equal(table.acquire('q', 'd', 'b', 1, 100, 1), slot)
    assert.equal(table.rampOf(slot), undefined)
    table.tick(60_000)
    assert.equal(table.rate(slot), 1)
  })
})
