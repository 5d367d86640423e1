/** What frames of a divided bucket cost where that is known late: what is reserved meanwhile, and how it is put right. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SHARE_ASK_MAX_MS, SHARE_ASKS_PER_MS } from '../../src/bounds.ts'
import { divided } from '../support/divided-bucket.ts'

describe('costs known late', () => {
  test('correct the bucket and the flow', () => {
    const { table, slot, shares, flow, frames, due } = divided(1000)
    const [fa, fb] = [flow('a'), flow('b')]
    const [a, b] = [frames(fa, 3), frames(fb, 3)]
    assert.deepEqual(due([...a, ...b], 1000), [a[0]])
    shares.start(a[0]!, 1000)
    shares.settle(fa, 20, 1000)
    assert.equal(table.debtMs(slot, 1000), 30)
    assert.deepEqual(due([a[1]!, a[2]!, ...b], 1050), [...b], 'b has three turns for three times the cost')
    shares.settle(fa, -10, 1050)
    assert.equal(table.debtMs(slot, 1050), 0)
    assert.deepEqual(due([a[1]!, a[2]!, ...b], 1050), [a[1], ...b])
  })
})

describe('estimates', () => {
  test('count the debt, what is ahead in the flow and what the others are served meanwhile', () => {
    const { shares, flow, frames } = divided(20)
    const [fa, fb] = [flow('a'), flow('b', { weight: 3 })]
    const a = frames(fa, 3)
    assert.deepEqual(
      a.map((ticket) => shares.startAtMs(ticket, 0)),
      [20, 30, 40],
    )
    const b = frames(fb, 3, 2)
    for (const ticket of b) shares.startAtMs(ticket, 0)
    assert.deepEqual(
      a.map((ticket) => shares.startAtMs(ticket, 0)),
      [20 + 30, 20 + 10 + 60, 100], // b has so much by the end of each; asked again after 100 ms at most
    )
    assert.deepEqual(
      b.map((ticket) => Math.round(1000 * shares.startAtMs(ticket, 0)) / 1000),
      [20 + 0.667, 20 + 2 + 1.333, 20 + 4 + 2],
    )
    assert.equal(shares.waitMs(fa, 0), 20 + 30 + 90)
    assert.equal(shares.waitMs(flow('c'), 0), 20)
    assert.equal(shares.queuedMs(0), 36)
    shares.cancel(a[1]!, 0)
    assert.equal(shares.queuedMs(0), 26)
    assert.equal(shares.startAtMs(a[2]!, 0), 20 + 10 + 60)
  })

  test('count what a flow has had before the others', () => {
    const { shares, flow, frames, due } = divided(1000)
    const a = flow('a')
    const [first] = frames(a, 1)
    const others = frames(flow('b'), 2)
    due([first!, ...others], 1000)
    assert.equal(shares.waitMs(a, 1000), 10 + 10)
    shares.start(first!, 1000)
    const [next] = frames(a, 1)
    assert.equal(shares.startAtMs(next!, 1000), 1000 + 10 + 10)
  })

  test('are the same for a queue that was empty meanwhile', () => {
    const { table, slot, shares, flow, frames, due } = divided(20)
    const a = flow('a')
    for (const ticket of due(frames(a, 2), 500)) shares.start(ticket, 500)
    table.reserve(slot, 100, 500)
    const later = frames(a, 3)
    assert.deepEqual(
      later.map((ticket) => shares.startAtMs(ticket, 500)),
      [520, 530, 540],
    )
    assert.equal(shares.queuedMs(slot), 30)
  })

  test('count what higher classes are served', () => {
    const { shares, flow, frames } = divided(20)
    const high = flow('a', { priority: 'high' })
    const low = flow('b', { priority: 'low' })
    for (const ticket of frames(high, 2)) shares.startAtMs(ticket, 0)
    const l = frames(low, 2, 4)
    assert.equal(shares.startAtMs(l[0]!, 0), 20)
    assert.equal(Math.round(shares.startAtMs(l[1]!, 0) * 1e6), 20e6 + 40e6)
  })

  test(`are never further away than ${SHARE_ASK_MAX_MS} ms, unless very many wait`, () => {
    const { shares, flow, frames } = divided(10_000)
    const a = flow('a')
    const [first] = frames(a, 1)
    assert.equal(shares.startAtMs(first!, 0), SHARE_ASK_MAX_MS)
    const many = frames(a, SHARE_ASK_MAX_MS * SHARE_ASKS_PER_MS * 3 - 1)
    assert.equal(shares.startAtMs(many.at(-1)!, 0), 3 * SHARE_ASK_MAX_MS)
  })

  test('without a line are the debt, for whom nothing is owed', () => {
    const { table, slot, shares, flow, frames } = divided(70)
    const a = flow('a')
    assert.equal(shares.waitMs(a, 0), 70)
    assert.equal(shares.waitMs(a, 60), 10)
    const [first] = frames(a, 1)
    shares.startAtMs(first!, 60)
    assert.equal(shares.waitMs(flow('b'), 70), 10, 'after the turn that is due by then')
    assert.equal(shares.queuedMs(slot), 0)
    assert.equal(shares.queuedMs(table.acquire('q', 'requests', '', 1, 100, 0)), 0)
  })
})
