/** Who gets in, who waits, and who is called when a place becomes free. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LevelTable, type Waiter } from '../../src/limiter/level-table.ts'

const acquire = (table: LevelTable, max: number, key = 'a', quota = 'q'): number =>
  table.acquire(quota, 'inFlight', key, max)

/** A waiter that notes that it was called and takes its place only when told to. */
class Patient implements Waiter {
  calls = 0
  ready(): void {
    this.calls++
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
