/** One divided bucket, frame by frame: whose turn it is, what it is charged, and when to ask again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { ShareTerms } from '../../src/limiter/flow-table.ts'

/** A bucket of 1 unit per ms and a burst of 100 ms. */
function divided(): { table: BucketTable; slot: number; flow: (key: string, terms?: Partial<ShareTerms>) => number } {
  const table = new BucketTable(10)
  const slot = table.acquire('q', 'produceBytes', '', 1, 100, 0)
  const flow = (key: string, terms: Partial<ShareTerms> = {}): number =>
    table.acquireShare(slot, { key, weight: 1, priority: 'normal', minimum: 0.1, ...terms }, 0)
  return { table, slot, flow }
}

describe('a divided bucket', () => {
  test('out of debt and without a line, a frame starts at once', () => {
    const { table, slot, flow } = divided()
    const a = flow('a')
    for (let i = 0; i < 3; i++) {
      const ticket = table.shares.enqueue(a, 50, 0)
      assert.equal(table.shares.startAtMs(ticket, 0), 0)
      table.shares.start(ticket, 0)
    }
    assert.equal(table.debtMs(slot, 0), 50)
    const late = table.shares.enqueue(a, 50, 0)
    assert.equal(table.shares.startAtMs(late, 0), 50)
    assert.equal(table.debtMs(slot, 0), 50, 'what waits is not charged')
    assert.equal(table.shares.queuedMs(slot), 50)
    assert.equal(table.shares.startAtMs(late, 50), 50)
    assert.equal(table.shares.queuedMs(slot), 0)
  })

  test('in debt, turns go by weight', () => {
    const { table, slot, flow } = divided()
    const flows = [flow('a', { weight: 1 }), flow('b', { weight: 3 })]
    table.reserve(slot, 1000, 0)
    const tickets = flows.flatMap((f) => Array.from({ length: 8 }, () => [f, table.shares.enqueue(f, 10, 0)] as const))
    const order: number[] = []
    for (let nowMs = 900; order.length < 8; nowMs += 10) {
      for (const [f, ticket] of tickets.splice(0)) {
        if (table.shares.startAtMs(ticket, nowMs) > nowMs) {
          tickets.push([f, ticket])
        } else {
          table.shares.start(ticket, nowMs)
          order.push(f)
        }
      }
    }
    assert.equal(order.filter((f) => f === flows[1]).length, 6, order.join())
  })
})
