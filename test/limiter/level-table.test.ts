/** Who gets in, who waits, and who is called when a place becomes free. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LevelTable, type Waiter } from '../../src/limiter/level-table.ts'

const acquire = (table: LevelTable, max: number, key = 'a', quota = 'q'): number =>
  table.acquire(quota, 'inFlight', key, max)

/** A waiter that notes that it was called and takes its place only when told to. */
class Patient implements Waiter {
  calls = 0
  /** Whether it can come when it is called. */
  isFree = true
  ready(): boolean {
    this.calls++
    return this.isFree
  }
}

describe('a gauge', () => {
  test('lets in as many as its maximum', () => {
    const table = new LevelTable()
    const slot = acquire(table, 2)
    assert.deepEqual([table.tryEnter(slot), table.tryEnter(slot), table.tryEnter(slot)], [true, true, false])
    table.leave(slot)
    assert.equal(table.tryEnter(slot), true)
    assert.equal(table.count(slot), 2)
    assert.equal(table.max(slot), 2)
  })

  test('a free place goes to the first in line, one call for each place, and no newcomer overtakes', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    const [first, second] = [new Patient(), new Patient()]
    table.enter(slot)
    table.wait(slot, first)
    table.wait(slot, second)
    assert.deepEqual([first.calls, second.calls], [0, 0])
    table.leave(slot)
    assert.deepEqual([first.calls, second.calls], [1, 0])
    assert.equal(table.tryEnter(slot), false, 'the place is kept')
    assert.equal(table.tryEnter(slot, new Patient()), false)
    assert.equal(table.tryEnter(slot, second), false, 'not called yet')
    assert.equal(table.tryEnter(slot, first), true)
    table.leave(slot)
    assert.deepEqual([first.calls, second.calls], [1, 1])
  })

  test('who was called and goes away leaves its place to the next', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    const [first, second] = [new Patient(), new Patient()]
    table.enter(slot)
    table.wait(slot, first)
    table.wait(slot, second)
    table.leave(slot)
    table.unwait(slot, first)
    assert.equal(second.calls, 1)
    table.unwait(slot, first)
    assert.equal(table.tryEnter(slot, first), false)
    assert.equal(table.tryEnter(slot, second), true)
  })
})

describe('a line before a gauge', () => {
  /** A full gauge with these in line. */
  function full(max: number, ...waiters: Waiter[]): { table: LevelTable; slot: number } {
    const table = new LevelTable()
    const slot = acquire(table, max)
    for (let i = 0; i < max; i++) table.enter(slot)
    for (const waiter of waiters) table.wait(slot, waiter)
    return { table, slot }
  }

  test('a larger maximum calls as many as there is room for', () => {
    const waiters = [new Patient(), new Patient(), new Patient()]
    const { table, slot } = full(1, ...waiters)
    assert.equal(acquire(table, 3), slot)
    assert.deepEqual(
      waiters.map(({ calls }) => calls),
      [1, 1, 0],
    )
    acquire(table, Number.POSITIVE_INFINITY)
    assert.equal(waiters[2]!.calls, 1)
  })

  test('a smaller maximum takes a place back from who was called, and calls again when there is one', () => {
    const [first, second] = [new Patient(), new Patient()]
    const { table, slot } = full(2, first, second)
    table.leave(slot)
    assert.equal(first.calls, 1)
    acquire(table, 1)
    assert.equal(table.tryEnter(slot, first), false)
    table.leave(slot)
    assert.deepEqual([first.calls, second.calls], [2, 0], 'it has kept its place in line')
    assert.equal(table.tryEnter(slot, first), true)
  })

  test('who may not be made to wait longer enters over the maximum; no place is free before it fits again', () => {
    const [first, second] = [new Patient(), new Patient()]
    const { table, slot } = full(1, first, second)
    table.enter(slot, first)
    assert.equal(table.count(slot), 2)
    assert.equal(table.peek('q', 'inFlight', 'a')?.waiting, 1)
    table.leave(slot)
    assert.equal(second.calls, 0)
    table.leave(slot)
    assert.equal(second.calls, 1)
    table.enter(slot, second)
    assert.equal(table.tryEnter(slot), false)
    table.leave(slot)
    assert.equal(table.tryEnter(slot), true)
  })

  test('who is called and enters by force leaves no claim behind', () => {
    const [first, second] = [new Patient(), new Patient()]
    const { table, slot } = full(2, first, second)
    table.leave(slot)
    table.enter(slot, first)
    assert.equal(second.calls, 0)
    table.leave(slot)
    assert.equal(second.calls, 1)
  })

  test('to wait twice keeps the place, to wait where there is room is to be called at once', () => {
    const [first, second] = [new Patient(), new Patient()]
    const { table, slot } = full(1, first, second)
    table.wait(slot, first)
    table.leave(slot)
    assert.deepEqual([first.calls, second.calls], [1, 0])
    const empty = full(0)
    const third = new Patient()
    acquire(empty.table, 1)
    empty.table.wait(empty.slot, third)
    assert.equal(third.calls, 1)
  })

  test('who takes its place inside ready, or leaves at once, lets the next one be called, in order', () => {
    const order: number[] = []
    const table = new LevelTable()
    const slot = acquire(table, 1)
    table.enter(slot)
    for (let i = 0; i < 5; i++) {
      const waiter: Waiter = {
        ready() {
          order.push(i)
          assert.equal(table.tryEnter(slot, waiter), true)
          if (i < 3) table.leave(slot)
          return true
        },
      }
      table.wait(slot, waiter)
    }
    table.leave(slot)
    assert.deepEqual(order, [0, 1, 2, 3])
    assert.equal(table.count(slot), 1)
  })

  test('a place that comes free while others are being called is not lost', () => {
    // While the second is called the first loses its place, and one comes free that the calling has already passed by.
    const table = new LevelTable()
    const slot = acquire(table, 2)
    table.enter(slot)
    table.enter(slot)
    const first = new Patient()
    const second: Waiter = {
      ready() {
        acquire(table, 0)
        assert.equal(table.tryEnter(slot, first), false)
        acquire(table, 4)
        return true
      },
    }
    table.wait(slot, first)
    table.wait(slot, second)
    acquire(table, 4)
    assert.equal(first.calls, 2)
    table.unwait(slot, second)
    assert.equal(table.tryEnter(slot, first), true)
  })

  test('an error in ready is not swallowed and does not stop later calls', () => {
    const broken: Waiter = {
      ready() {
        throw new Error('broken')
      },
    }
    const next = new Patient()
    const { table, slot } = full(1, broken, next)
    assert.throws(() => table.leave(slot), /broken/)
    table.unwait(slot, broken)
    assert.equal(next.calls, 1)
  })
})

describe('LevelTable', () => {
  test('a gauge exists while it is held, counts something or is waited for', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    table.enter(slot)
    table.release(slot)
    assert.equal(table.size, 1)
    const waiter = new Patient()
    table.wait(slot, waiter)
    table.leave(slot)
    assert.equal(table.size, 1)
    table.unwait(slot, waiter)
    assert.equal(table.size, 0)
    table.unwait(slot, waiter)
    assert.throws(() => table.count(slot), RangeError)
    assert.equal(acquire(table, 1, 'b'), slot, 'the slot is used again')
    assert.equal(table.count(slot), 0)
  })

  test('a gauge that nobody holds goes with the last that leaves', () => {
    const table = new LevelTable()
    const slot = acquire(table, 2)
    table.enter(slot)
    table.enter(slot)
    table.release(slot)
    table.leave(slot)
    assert.equal(table.size, 1)
    table.leave(slot)
    assert.equal(table.size, 0)
  })

  test('who cannot come when called is passed over, keeps its place in line, and takes what is left when it can', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    table.enter(slot)
    const [busy, next, last] = [new Patient(), new Patient(), new Patient()]
    busy.isFree = false
    for (const waiter of [busy, next, last]) table.wait(slot, waiter)
    table.leave(slot)
    assert.deepEqual([busy.calls, next.calls, last.calls], [1, 1, 0])
    assert.equal(table.tryEnter(slot, busy), false, 'the place is kept for the next one')
    assert.equal(table.tryEnter(slot, next), true)
    table.unwait(slot, last)
    table.leave(slot)
    assert.equal(busy.calls, 2, 'first in line again')
    assert.equal(table.tryEnter(slot, new Patient()), true, 'nobody has a claim on the place')
    busy.isFree = true
    table.leave(slot)
    assert.equal(busy.calls, 3)
    assert.equal(table.tryEnter(slot, busy), true)
    busy.isFree = false
    table.wait(slot, busy)
    table.leave(slot)
    assert.equal(table.tryEnter(slot, busy), true, 'without having been called again')
    assert.equal(table.peek('q', 'inFlight', 'k')?.waiting ?? 0, 0)
  })

  test('a gauge that a called waiter leaves for good is forgotten once', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    table.enter(slot)
    table.release(slot)
    const waiter: Waiter = {
      ready() {
        table.unwait(slot, waiter)
        return true
      },
    }
    table.wait(slot, waiter)
    table.leave(slot)
    assert.equal(table.size, 0)
    const [a, b] = [acquire(table, 1, 'a'), acquire(table, 1, 'b')]
    assert.notEqual(a, b)
  })

  test('quotas, dimensions and keys are apart; the same is shared', () => {
    const table = new LevelTable()
    const slots = [
      acquire(table, 1),
      acquire(table, 1, 'b'),
      acquire(table, 1, 'a', 'r'),
      table.acquire('q', 'connections', 'a', 1),
    ]
    assert.equal(new Set(slots).size, 4)
    assert.equal(acquire(table, 1), slots[0])
    table.release(slots[0]!)
    table.release(slots[0]!)
    assert.equal(table.size, 3)
  })

  test('beyond the table keys share the overflow gauge of their quota, dimension and maximum', () => {
    const table = new LevelTable(1)
    const own = acquire(table, 1)
    const [b, c, d] = [acquire(table, 1, 'b'), acquire(table, 1, 'c'), acquire(table, 2, 'd')]
    assert.equal(b, c)
    assert.equal(new Set([own, b, d]).size, 3)
    assert.equal(table.overflows, 3)
    for (const slot of [own, b, c, d]) table.release(slot)
    assert.equal(table.size, 0)
    const again = acquire(table, 1, 'b')
    assert.equal(table.peek('q', 'inFlight', 'b')?.slot, again, 'a gauge of its own')
  })

  test('shows its gauges without making any', () => {
    const table = new LevelTable(1)
    assert.equal(table.peek('q', 'inFlight', 'a\0b'), undefined)
    assert.equal(table.size, 0)
    const slot = acquire(table, 3, 'a\0b')
    const overflow = acquire(table, 1, 'c')
    table.enter(slot)
    const who = { quota: 'q', dimension: 'inFlight' }
    assert.deepEqual(
      [...table.entries()],
      [
        { ...who, key: 'a\0b', slot, count: 1, max: 3, waiting: 0, holders: 1, isOverflow: false },
        { ...who, key: '', slot: overflow, count: 0, max: 1, waiting: 0, holders: 1, isOverflow: true },
      ],
    )
    assert.deepEqual(table.peek('q', 'inFlight', 'a\0b'), [...table.entries()][0])
  })

  test('what cannot be is a bug and throws', () => {
    const table = new LevelTable()
    const slot = acquire(table, 1)
    assert.throws(() => table.leave(slot), RangeError)
    assert.throws(() => acquire(table, -1), RangeError)
    assert.throws(() => acquire(table, Number.NaN), RangeError)
    table.enter(slot)
    table.release(slot)
    assert.throws(() => table.release(slot), RangeError)
    assert.throws(() => table.tryEnter(7), RangeError)
  })
})
