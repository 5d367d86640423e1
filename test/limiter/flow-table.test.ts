/** Which key has which flow, when one is forgotten, and what happens when there is no room. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { ShareTerms } from '../../src/limiter/flow-table.ts'

/** Buckets of 1 unit per ms and a burst of 100 ms. */
function tableOf(sharesMax: number): { table: BucketTable; bucket: (key: string, nowMs?: number) => number } {
  const table = new BucketTable(10, sharesMax)
  return { table, bucket: (key, nowMs = 0) => table.acquire('q', 'produceBytes', key, 1, 100, nowMs) }
}

const share = (key: string, terms: Partial<ShareTerms> = {}): ShareTerms => ({
  key,
  weight: 1,
  priority: 'normal',
  minimum: 0.1,
  ...terms,
})

/** A frame that goes at once, in its turn or not. */
function send(table: BucketTable, flow: number, cost: number, nowMs: number): void {
  table.shares.start(table.shares.enqueue(flow, cost, nowMs), nowMs)
}

describe('flows', () => {
  test('are one for each bucket and key', () => {
    const { table, bucket } = tableOf(10)
    const [x, y] = [bucket('x'), bucket('y')]
    const a = table.acquireShare(x, share('a'), 0)
    assert.equal(table.acquireShare(x, share('a'), 0), a)
    const others = [table.acquireShare(x, share('b'), 0), table.acquireShare(y, share('a'), 0)]
    assert.equal(new Set([a, ...others]).size, 3)
    assert.equal(table.flows, 3)
  })

  test('need a bucket that somebody holds, a weight and a minimum below 1', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    for (const terms of [
      { weight: 0 },
      { weight: -1 },
      { weight: Number.NaN },
      { weight: Number.POSITIVE_INFINITY },
      { minimum: -0.1 },
      { minimum: 1 },
      { minimum: Number.NaN },
    ]) {
      assert.throws(() => table.acquireShare(x, share('a', terms), 0), RangeError, JSON.stringify(terms))
    }
    table.acquireShare(x, share('a', { minimum: 0 }), 0)
    table.release(x)
    assert.throws(() => table.acquireShare(x, share('b'), 0), RangeError)
    assert.throws(() => table.acquireShare(99, share('b'), 0), RangeError)
  })

  test('released more often than acquired are a bug and throw', () => {
    const { table, bucket } = tableOf(10)
    const flow = table.acquireShare(bucket('x'), share('a'), 0)
    table.releaseShare(flow)
    assert.throws(() => table.releaseShare(flow), RangeError)
    assert.throws(() => table.releaseShare(7), RangeError)
  })

  test('keep their bucket, and are forgotten with it', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    const flow = table.acquireShare(x, share('a'), 0)
    table.acquireShare(x, share('a'), 0)
    table.release(x)
    table.releaseShare(flow)
    assert.equal(table.sweep(1000, 10), 0)
    table.releaseShare(flow)
    assert.equal(table.flows, 1)
    assert.equal(table.sweep(1000, 10), 1)
    assert.equal(table.flows, 0)
    assert.deepEqual([...table.shares.entries(bucket('y'), 1000)], [], 'the slot is used again')
  })

  test('keep their lead when they go and come back', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    table.reserve(x, 100, 0)
    const [a, b] = [table.acquireShare(x, share('a'), 0), table.acquireShare(x, share('b'), 0)]
    send(table, a, 50, 0)
    table.releaseShare(a)
    for (let i = 0; i < 10; i++) table.releaseShare(table.acquireShare(x, share(`c${i}`), 0))
    assert.equal(table.acquireShare(x, share('a'), 0), a)
    const [ta, tb] = [table.shares.enqueue(a, 10, 1), table.shares.enqueue(b, 10, 1)]
    assert.deepEqual([table.shares.startAtMs(ta, 51) > 51, table.shares.startAtMs(tb, 51)], [true, 51])
  })

  test('that lead are not forgotten while others wait', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    const [a, b] = [table.acquireShare(x, share('a'), 0), table.acquireShare(x, share('b'), 0)]
    send(table, a, 200, 0)
    table.releaseShare(a)
    table.shares.startAtMs(table.shares.enqueue(b, 10, 0), 0)
    for (let i = 0; i < 4; i++) table.acquireShare(x, share(`c${i}`), 0)
    assert.equal(table.acquireShare(x, share('a'), 0), a)
    assert.equal(table.flows, 6)
  })

  test('are forgotten when the others have caught up, or the bucket was full meanwhile', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    const [a, b] = [table.acquireShare(x, share('a'), 0), table.acquireShare(x, share('b'), 0)]
    send(table, a, 50, 0)
    table.releaseShare(a)
    const names = (): string[] => [...table.shares.entries(x, 49)].map(({ key }) => key)
    let count = 0
    const sweep = (nowMs: number): void => {
      for (let i = 0; i < 3; i++) table.releaseShare(table.acquireShare(x, share(`new${count++}`), nowMs))
    }
    const turn = (flow: number, cost: number): void => {
      const ticket = table.shares.enqueue(flow, cost, 49)
      assert.equal(table.shares.startAtMs(ticket, 49), 49)
      table.shares.start(ticket, 49)
    }
    sweep(49)
    assert.deepEqual(names().slice(0, 2), ['a', 'b'])
    turn(b, 20)
    turn(b, 30)
    sweep(49)
    assert.deepEqual(names().slice(0, 2), ['a', 'b'], 'b has had turns at 0 and 20')
    turn(b, 9)
    sweep(49)
    assert.deepEqual(names()[0], 'b', 'and at 50')
    table.releaseShare(b)
    sweep(49 + 59.5)
    assert.equal(names()[0], 'b')
    sweep(49 + 60)
    assert.ok(!names().includes('b'))
  })

  test('beyond the table share the overflow flow of their bucket, weight and class', () => {
    const { table, bucket } = tableOf(1)
    const [x, y] = [bucket('x'), bucket('y')]
    const own = table.acquireShare(x, share('a'), 0)
    const b = table.acquireShare(x, share('b'), 0)
    assert.equal(table.acquireShare(x, share('c'), 0), b)
    const others = [
      table.acquireShare(x, share('d', { weight: 2 }), 0),
      table.acquireShare(x, share('d', { priority: 'low' }), 0),
      table.acquireShare(y, share('b'), 0),
    ]
    assert.equal(new Set([own, b, ...others]).size, 5)
    assert.equal(table.flowOverflows, 5)
    assert.deepEqual(
      [...table.shares.entries(x, 0)].map(({ key, isOverflow, holders }) => [key, isOverflow, holders]),
      [
        ['a', false, 1],
        ['', true, 2],
        ['', true, 1],
        ['', true, 1],
      ],
    )
    for (const flow of [own, b, b, ...others]) table.releaseShare(flow)
    const again = table.acquireShare(x, share('z'), 0)
    assert.equal([...table.shares.entries(x, 0)].at(-1)?.key, 'z', 'there is room again')
    table.releaseShare(again)
  })

  test('that are out of the way go when room is short, those that owe stay', () => {
    const { table, bucket } = tableOf(2)
    const [x, y] = [bucket('x'), bucket('y')]
    const [a, b] = [table.acquireShare(x, share('a'), 0), table.acquireShare(y, share('b'), 0)]
    send(table, a, 90, 0)
    send(table, b, 900, 0)
    table.releaseShare(a)
    table.releaseShare(b)
    const c = table.acquireShare(x, share('c'), 0)
    assert.equal(table.flowOverflows, 0)
    assert.deepEqual(
      [...table.shares.entries(y, 0)].map(({ key }) => key),
      ['b'],
    )
    assert.deepEqual(
      [...table.shares.entries(x, 0)].map(({ key }) => key),
      ['c'],
    )
    table.acquireShare(x, share('d'), 0)
    assert.equal(table.flowOverflows, 1)
    assert.ok(c >= 0)
  })

  test('that are awaited are forgotten without a trace', () => {
    const { table, bucket } = tableOf(1)
    const x = bucket('x')
    const a = table.acquireShare(x, share('a'), 0)
    send(table, a, 0, 0)
    const ticket = table.shares.enqueue(a, 0, 0)
    assert.equal(table.shares.startAtMs(ticket, 0), 0)
    table.shares.start(ticket, 0)
    table.releaseShare(a)
    const b = table.acquireShare(x, share('b'), 0)
    assert.equal(table.flowOverflows, 0)
    const next = table.shares.enqueue(b, 5, 0)
    assert.equal(table.shares.startAtMs(next, 0), 0)
  })

  test('are shown with what they have in line', () => {
    const { table, bucket } = tableOf(10)
    const x = bucket('x')
    table.reserve(x, 150, 0)
    const a = table.acquireShare(x, share('a\0b', { weight: 2, priority: 'high' }), 0)
    table.shares.startAtMs(table.shares.enqueue(a, 30, 0), 0)
    assert.deepEqual(
      [...table.shares.entries(x, 10)],
      [
        {
          key: 'a\0b',
          weight: 2,
          priority: 'high',
          isOverflow: false,
          holders: 1,
          queuedUnits: 30,
          waitMs: 40 + 30,
        },
      ],
    )
  })
})

test('100,000 keys: bounded, quickly, and none that owes is forgotten', () => {
  const { table, bucket } = tableOf(1000)
  const x = bucket('x')
  table.reserve(x, 1e9, 0)
  for (let i = 0; i < 1000; i++) {
    const flow = table.acquireShare(x, share(`owes${i}`), 0)
    send(table, flow, 10, 0)
    table.releaseShare(flow)
  }
  for (let i = 0; i < 100_000; i++) {
    const flow = table.acquireShare(x, share(`k${i}`), 0)
    send(table, flow, 1, 0)
    table.releaseShare(flow)
  }
  assert.equal(table.flows, 1001)
  assert.equal(table.flowOverflows, 100_000)
})
