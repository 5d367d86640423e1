/** Who gets which bucket, when one is forgotten, and what happens when there is no room. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BucketTable } from '../../src/limiter/bucket-table.ts'

/** A bucket of 1 unit per ms with a burst of 100 ms. */
const acquire = (table: BucketTable, key: string, nowMs: number, quota = 'q', dimension = 'produceBytes'): number =>
  table.acquire(quota, dimension, key, 1, 100, nowMs)

describe('BucketTable', () => {
  test('the same quota, dimension and key share a bucket; any other has its own', () => {
    const table = new BucketTable(10)
    const first = acquire(table, 'a', 0)
    assert.equal(acquire(table, 'a', 0), first)
    const others = [
      acquire(table, 'b', 0),
      acquire(table, 'a', 0, 'r'),
      acquire(table, 'a', 0, 'q', 'requests'),
      acquire(table, '', 0),
    ]
    assert.equal(new Set([first, ...others]).size, 5)
    table.reserve(first, 150, 0)
    assert.equal(table.debtMs(first, 0), 50)
    for (const other of others) assert.equal(table.level(other, 0), 100)
  })

  test('a bucket survives its last holder until it has refilled', () => {
    const table = new BucketTable(10)
    const slot = acquire(table, 'a', 0)
    table.reserve(slot, 500, 0)
    table.release(slot)
    assert.equal(table.sweep(499, 10), 0)
    const again = acquire(table, 'a', 499)
    assert.equal(table.level(again, 499), 99)
    table.release(again)
    assert.equal(table.sweep(500, 10), 1)
    assert.equal(table.size, 0)
    assert.equal(table.level(acquire(table, 'a', 500), 500), 100)
  })

  test('new keys sweep out what has refilled, so that a stream of clients does not fill the table', () => {
    const table = new BucketTable(8)
    for (let i = 0; i < 1000; i++) {
      const slot = acquire(table, `client-${i}`, i * 200)
      table.reserve(slot, 50, i * 200)
      table.release(slot)
    }
    assert.ok(table.size <= 2, `${table.size} buckets`)
    assert.equal(table.overflows, 0)
  })

  test('held buckets are never forgotten', () => {
    const table = new BucketTable(10)
    const slot = acquire(table, 'a', 0)
    acquire(table, 'a', 0)
    table.release(slot)
    assert.equal(table.sweep(1_000_000, 10), 0)
    assert.equal(acquire(table, 'a', 1_000_000), slot)
  })

  test('when room is short a bucket out of debt goes, one in debt stays', () => {
    const table = new BucketTable(2)
    const indebted = acquire(table, 'indebted', 0)
    const partly = acquire(table, 'partly', 0)
    table.reserve(indebted, 1000, 0)
    table.reserve(partly, 99, 0)
    table.release(indebted)
    table.release(partly)
    acquire(table, 'new', 1)
    assert.equal(table.overflows, 0)
    assert.equal(table.debtMs(acquire(table, 'indebted', 1), 1), 899)
    assert.equal(table.size, 2)
  })

  test('beyond the table keys share the overflow bucket of their quota, dimension and rate, and it is counted', () => {
    const table = new BucketTable(1)
    const own = acquire(table, 'a', 0)
    const b = acquire(table, 'b', 0)
    const c = acquire(table, 'c', 0)
    assert.equal(b, c)
    assert.notEqual(b, own)
    assert.ok(table.isOverflow(b) && !table.isOverflow(own))
    assert.notEqual(acquire(table, 'b', 0, 'r'), b)
    assert.notEqual(acquire(table, 'b', 0, 'q', 'requests'), b)
    assert.notEqual(
      table.acquire('q', 'produceBytes', 'd', 2, 100, 0),
      b,
      'an override does not change the rate of others',
    )
    assert.equal(table.overflows, 5)
    table.reserve(b, 300, 0)
    assert.equal(table.debtMs(c, 0), 200)
    assert.equal(table.debtMs(own, 0), 0)
  })

  test('a table without room has overflow buckets that work', () => {
    const table = new BucketTable(0)
    const slot = acquire(table, 'a', 0)
    assert.ok(table.isOverflow(slot))
    assert.equal(table.reserve(slot, 300, 0), 0)
    assert.equal(table.debtMs(slot, 0), 200)
  })

  test('a key moves to a bucket of its own once there is room again', () => {
    const table = new BucketTable(1)
    const a = acquire(table, 'a', 0)
    const shared = acquire(table, 'b', 0)
    table.release(a)
    const b = acquire(table, 'b', 1)
    assert.ok(!table.isOverflow(b))
    table.release(shared)
    table.release(b)
    assert.equal(table.sweep(1, 10), 2)
    assert.equal(table.size, 0)
  })

  test('acquiring with another rate changes it for all holders and keeps the balance', () => {
    const table = new BucketTable(10)
    const slot = acquire(table, 'a', 0)
    table.reserve(slot, 1100, 0)
    assert.equal(table.acquire('q', 'produceBytes', 'a', 10, 100, 0), slot)
    assert.equal(table.level(slot, 0), -1000)
    assert.equal(table.debtMs(slot, 0), 100)
  })

  test('grows with its buckets and keeps their state', () => {
    const table = new BucketTable(5000)
    const slots: number[] = []
    for (let i = 0; i < 5000; i++) {
      slots.push(acquire(table, `k${i}`, 0))
      table.reserve(slots[i]!, i, 0)
    }
    for (let i = 0; i < 5000; i++) assert.equal(table.level(slots[i]!, 0), 100 - i)
    assert.equal(table.size, 5000)
  })

  test('the other operations reach the bucket', () => {
    const table = new BucketTable(2)
    const slot = acquire(table, 'a', 0)
    assert.equal(table.reserve(slot, 300, 0), 0)
    table.settle(slot, 100, 0)
    table.cancel(slot, 50, 0)
    assert.equal(table.debtMs(slot, 0), 250)
    assert.equal(table.capDebt(slot, 200, 0), 50)
  })

  test('counts what was used, from when the bucket was opened', () => {
    const table = new BucketTable(2)
    const slot = acquire(table, 'a', 0)
    table.reserve(slot, 300, 0)
    table.settle(slot, 100, 0)
    table.cancel(slot, 50, 0)
    table.capDebt(slot, 0, 0)
    assert.equal(table.usedUnits(slot), 350)
    table.release(slot)
    assert.equal(table.sweep(100, 1), 1)
    assert.equal(acquire(table, 'b', 100), slot)
    assert.equal(table.usedUnits(slot), 0)
  })

  test('tells rate and burst as they are', () => {
    const table = new BucketTable(2)
    const slot = acquire(table, 'a', 0)
    assert.deepEqual([table.rate(slot), table.burst(slot)], [1, 100])
    table.acquire('q', 'produceBytes', 'a', 3, 7, 0)
    assert.deepEqual([table.rate(slot), table.burst(slot)], [3, 7])
  })

  test('shows its buckets without making any', () => {
    const table = new BucketTable(1)
    assert.equal(table.peek('q', 'produceBytes', 'a\0b', 0), undefined)
    assert.equal(table.size, 0)
    const slot = acquire(table, 'a\0b', 0)
    const overflow = acquire(table, 'c', 0)
    table.reserve(slot, 150, 0)
    const flow = table.acquireShare(slot, { key: 'k', weight: 1, priority: 'low', minimum: 0.1 }, 0)
    table.shares.startAtMs(table.shares.enqueue(flow, 30, 0), 0)
    const who = { quota: 'q', dimension: 'produceBytes', ratePerMs: 1, burstMs: 100, ramp: undefined, holders: 1 }
    const first = { balance: -40, debtMs: 40, usedUnits: 150, isOverflow: false, queuedMs: 30 }
    const second = { balance: 100, debtMs: 0, usedUnits: 0, isOverflow: true, queuedMs: 0 }
    assert.deepEqual(
      [...table.entries(10)],
      [
        { ...who, key: 'a\0b', slot, ...first },
        { ...who, key: '', slot: overflow, ...second },
      ],
    )
    assert.deepEqual(table.peek('q', 'produceBytes', 'a\0b', 10), [...table.entries(10)][0])
    const ramping = table.acquire('r', 'requests', '', 1, 100, 0, 9000)
    assert.equal([...table.entries(0)].at(-1)?.ramp?.endsAtMs, 9000)
    assert.equal(table.rampOf(ramping)?.limitPerMs, 1)
  })

  test('releasing more often than acquiring is a bug and throws', () => {
    const table = new BucketTable(2)
    const slot = acquire(table, 'a', 0)
    table.release(slot)
    assert.throws(() => table.release(slot), RangeError)
    assert.throws(() => table.release(77), RangeError)
  })
})

test('100,000 buckets in debt are kept, and more keys than that share', () => {
  const table = new BucketTable(100_000)
  for (let i = 0; i < 100_000; i++) {
    const slot = acquire(table, `k${i}`, 0)
    table.reserve(slot, 1000, 0)
    table.release(slot)
  }
  for (let i = 0; i < 1000; i++) table.release(acquire(table, `more${i}`, 0))
  assert.equal(table.overflows, 1000)
  assert.equal(table.size, 100_001)
  assert.equal(table.debtMs(acquire(table, 'k0', 0), 0), 900)
})

test('the buckets of a quota at a glance: how many, the deepest debt, the emptiest', () => {
  const table = new BucketTable(10)
  const [a, b] = ['a', 'b'].map((key) => table.acquire('q', 'requests', key, 1, 1_000, 0))
  table.acquire('other', 'requests', '', 1, 1_000, 0)
  table.reserve(a!, 250, 0)
  table.reserve(b!, 3_000, 0)
  assert.deepEqual(
    [...table.byQuota(0)],
    [
      ['q', { buckets: 2, debtMs: 2_000, level: -2 }],
      ['other', { buckets: 1, debtMs: 0, level: 1 }],
    ],
  )
  assert.deepEqual(table.byQuota(2_500).get('q'), { buckets: 2, debtMs: 0, level: 0.5 })
  table.release(a!)
  table.sweep(10_000, 10)
  assert.equal(table.byQuota(10_000).get('q')?.buckets, 1)
})
