/** One divided bucket, frame by frame: whose turn it is, what it is charged, and when to ask again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEBT_MAX_MS, SHARE_AWAIT_MS } from '../../src/bounds.ts'
import { type Divided, divided } from '../support/divided-bucket.ts'

describe('turns', () => {
  test('out of debt and without a line, a frame starts at once', () => {
    const { table, shares, slot, flow, due } = divided()
    const a = flow('a')
    for (let i = 0; i < 3; i++) {
      const ticket = shares.enqueue(a, 50, 0)
      assert.equal(shares.startAtMs(ticket, 0), 0)
      shares.start(ticket, 0)
    }
    assert.equal(table.debtMs(slot, 0), 50)
    assert.equal(table.usedUnits(slot), 150)
    const late = shares.enqueue(a, 50, 0)
    assert.equal(shares.startAtMs(late, 0), 50)
    assert.equal(shares.startAtMs(late, 49.5), 50.5, 'not before a timer can tell')
    assert.equal(table.debtMs(slot, 0), 50 - 49.5, 'what waits is not charged')
    assert.deepEqual(due([late], 50), [late])
    assert.equal(table.debtMs(slot, 50), 50, 'what is due is')
    shares.start(late, 50)
    assert.equal(table.debtMs(slot, 50), 50, 'once')
  })

  test('go by weight, and in order inside a flow', () => {
    const { flow, frames, due } = divided(1000)
    const a = frames(flow('a'), 3)
    const b = frames(flow('b', { weight: 3 }), 6)
    assert.deepEqual(due([...a, ...b], 999), [])
    const rows: [number, number[]][] = [
      [1000, [b[0]!]],
      [1010, [b[1]!]],
      [1020, [a[0]!]],
      [1030, [b[2]!]],
      [1040, [b[3]!]],
      [1050, [b[4]!]],
    ]
    const before: number[] = []
    for (const [nowMs, tickets] of rows) {
      before.push(...tickets)
      assert.deepEqual(
        due([...a, ...b], nowMs),
        [...before].sort((x, y) => x - y),
        `at ${nowMs}`,
      )
    }
  })

  test('come to the small frame first where large ones wait in step, time after time', () => {
    const { shares, flow, frames, due } = divided(1000)
    const large = Array.from({ length: 5 }, (_, i) => frames(flow(`large-${i}`), 1, 100)[0]!)
    const small = flow('small')
    let nowMs = 1000
    for (let turn = 0; turn < 4; turn++, nowMs += 101) {
      const [ticket] = frames(small, 1, 1, nowMs)
      assert.deepEqual(due([ticket!], nowMs), [ticket], `turn ${turn}`)
      shares.start(ticket!, nowMs)
      assert.equal(due(large, nowMs + 1).length, turn + 1)
    }
  })

  test('that nobody fetched yet are dealt all the same, to whom they belong', () => {
    const { shares, flow, frames, due } = divided(1000)
    const [a, b] = [frames(flow('a'), 4), frames(flow('b'), 4)]
    // Only b's last frame is asked about, when 30 units are to be had.
    assert.ok(shares.startAtMs(b[3]!, 1020) > 1020)
    assert.deepEqual(due([...a, ...b], 1020), [a[0], a[1], b[0]])
  })

  test('are given back by who does not go', () => {
    const { table, slot, shares, flow, frames, due } = divided(1000)
    const [a, b] = [frames(flow('a'), 2), frames(flow('b'), 2)]
    due(a, 1000)
    shares.cancel(a[0]!, 1000)
    assert.equal(table.debtMs(slot, 1000), 0)
    assert.equal(table.usedUnits(slot), 1100)
    assert.deepEqual(due([a[1]!, ...b], 1000), [b[0]], 'nobody is ahead, and b has waited longer')
    assert.deepEqual(due([a[1]!, ...b], 1010), [a[1], b[0]])
    shares.cancel(b[1]!, 1010)
    assert.equal(table.debtMs(slot, 1010), 10, 'nothing was charged for it')
  })
})

describe('a key that was told its turn', () => {
  // a has weight 4, so that after one frame it is still a's turn.
  function awaiting(): Divided & { a: number; b: number; first: number; other: number } {
    const made = divided(1000)
    const [a, b] = [made.flow('a', { weight: 4 }), made.flow('b')]
    const [first] = made.frames(a, 1)
    const [earlier, other] = made.frames(b, 2)
    assert.deepEqual(made.due([other!], 1000), [])
    assert.deepEqual(made.due([other!], 1010), [])
    made.shares.start(first!, 1010)
    made.shares.start(earlier!, 1010)
    const [next] = made.frames(a, 1, 10, 1010)
    assert.deepEqual(made.due([other!], 1020), [], 'it is the turn of a')
    return { ...made, a, b, first: next!, other: other! }
  }

  test('is waited for, until it has come', () => {
    const { shares, a, first, other, frames, due } = awaiting()
    assert.deepEqual(due([other], 1020 + SHARE_AWAIT_MS), [], 'out of debt, but a is awaited')
    shares.start(first, 1025)
    const [second] = frames(a, 1, 10, 1025)
    assert.deepEqual(due([second!, other], 1030), [second])
  })

  test('but not for long', () => {
    const { other, due } = awaiting()
    assert.deepEqual(due([other], 1020.5 + SHARE_AWAIT_MS), [other])
  })

  test('and not if it brings nothing more', () => {
    const { shares, first, other, due } = awaiting()
    shares.start(first, 1029)
    assert.deepEqual(due([other], 1029), [], 'the next frame may come at this very moment')
    assert.deepEqual(due([other], 1030), [other])
  })

  test('nor if it went away', () => {
    const { shares, first, other, due } = awaiting()
    shares.cancel(first, 1021)
    assert.deepEqual(due([other], 1021), [other])
  })

  test('is awaited as long as one of its frames is not fetched', () => {
    const { shares, flow, frames, due } = divided(1000)
    const a = frames(flow('a', { weight: 100 }), 2)
    const b = frames(flow('b'), 3)
    due(b, 1000)
    due(b, 1010)
    assert.deepEqual(due(b, 1020), [b[0]], 'b has had nothing yet')
    shares.start(b[0]!, 1020)
    shares.start(a[0]!, 1021)
    assert.deepEqual(due([b[1]!], 1030), [], 'the other one is not fetched')
    shares.start(a[1]!, 1030)
    assert.deepEqual(due([b[1]!], 1030.5), [b[1]])
  })
})

describe('a frame that another quota keeps back', () => {
  test('blocks nobody, and joins the end of its flow’s queue when its time has come', () => {
    const { shares, flow, frames, due } = divided(1000)
    const a = frames(flow('a'), 3)
    shares.setNotBefore(a[0]!, 1015, 0)
    assert.equal(shares.startAtMs(a[0]!, 10), 1015)
    assert.equal(shares.queuedMs(0), 20)
    assert.deepEqual(due(a, 1000), [a[1]])
    assert.deepEqual(due(a, 1010), [a[1], a[2]])
    assert.deepEqual(due(a, 1019), [a[1], a[2]])
    assert.deepEqual(due(a, 1020), a)
  })

  test('may be kept back longer or let go earlier', () => {
    const { shares, flow, frames, due } = divided(50)
    const a = frames(flow('a'), 1)
    shares.setNotBefore(a[0]!, 500, 0)
    shares.setNotBefore(a[0]!, 300, 100)
    assert.equal(shares.startAtMs(a[0]!, 100), 300)
    shares.setNotBefore(a[0]!, 90, 100)
    assert.deepEqual(due(a, 100), a)
    shares.setNotBefore(a[0]!, 700, 100)
    assert.deepEqual(due(a, 100), a, 'a turn is kept')
  })

  test('leaves the line when it is kept back only then', () => {
    const { shares, flow, frames, due } = divided(50)
    const a = frames(flow('a'), 2)
    assert.equal(shares.startAtMs(a[1]!, 0), 60)
    shares.setNotBefore(a[0]!, 0, 0)
    assert.equal(shares.startAtMs(a[0]!, 0), 50, 'it has kept its place')
    shares.setNotBefore(a[0]!, 200, 0)
    assert.deepEqual(due(a, 50), [a[1]])
    shares.cancel(a[0]!, 50)
    assert.throws(() => shares.startAtMs(a[0]!, 200), RangeError)
  })

  test('is not forgotten by a clock that is set back', () => {
    const { shares, flow, frames, due } = divided(0)
    const a = frames(flow('a'), 1, 10, 1_000_000)
    shares.setNotBefore(a[0]!, 1_000_500, 1_000_000)
    assert.equal(shares.startAtMs(a[0]!, 20_000), 20_500)
    assert.deepEqual(due(a, 20_500), a)
  })
})

describe('a frame that goes before its turn', () => {
  test('deepens the debt, and its flow pays', () => {
    const { table, slot, shares, flow, frames, due } = divided(1000)
    const [a, b] = [frames(flow('a'), 2), frames(flow('b'), 3)]
    shares.start(a[0]!, 900)
    assert.equal(table.debtMs(slot, 900), 110)
    assert.deepEqual(due([a[1]!, ...b], 1010), [b[0]])
    assert.deepEqual(due([a[1]!, ...b], 1020), [a[1], b[0]])
    assert.deepEqual(due([a[1]!, ...b], 1040), [a[1], ...b])
  })

  test('also while it is kept back', () => {
    const { table, slot, shares, flow, frames } = divided(0)
    const a = frames(flow('a'), 1, 300)
    shares.setNotBefore(a[0]!, 5000, 0)
    shares.start(a[0]!, 0)
    assert.equal(table.debtMs(slot, 0), 200)
    assert.throws(() => shares.start(a[0]!, 0), RangeError)
  })

  test('does not shut its flow out for longer than debts last', () => {
    const { table, slot, shares, flow, frames, due } = divided(0)
    const [a, b] = [flow('a'), flow('b')]
    for (let i = 0; i < 100; i++) shares.start(frames(a, 1, 5000)[0]!, 0)
    table.capDebt(slot, 0, 0)
    const [mine] = frames(a, 1)
    const others = frames(b, 10 + DEBT_MAX_MS / 1000, 1000)
    due(others, 0)
    let nowMs = 0
    for (; due([mine!], nowMs).length === 0; nowMs += 100) due(others, nowMs)
    assert.ok(nowMs <= DEBT_MAX_MS + 1000 && nowMs >= DEBT_MAX_MS - 1000, `${nowMs}`)
  })
})

describe('changes while frames wait', () => {
  test('of weight count at once', () => {
    const { flow, frames, due } = divided(1000)
    const [a, b] = [frames(flow('a'), 4), frames(flow('b'), 4)]
    due(a, 999)
    flow('b', { weight: 3 })
    assert.deepEqual(due([...a, ...b], 1040), [a[0], ...b])
  })

  test('of class move the flow, with what it is ahead of the others', () => {
    const { flow, frames, due } = divided(1000)
    const [a, b] = [frames(flow('a'), 3), frames(flow('b'), 3)]
    due([...a, ...b], 1010)
    flow('b', { priority: 'high' })
    assert.deepEqual(due([...a, ...b], 1030), [a[0], ...b])
    const c = frames(flow('c', { priority: 'high' }), 2)
    due(c, 1030)
    flow('a', { priority: 'high' })
    assert.deepEqual(due([...c, ...a], 1040), [c[0], a[0]])
  })

  test('of the minimum are the bucket’s', () => {
    const { flow, frames, due } = divided(1000)
    const high = frames(flow('a', { priority: 'high' }), 8)
    const low = frames(flow('b', { priority: 'low' }), 8)
    flow('a', { priority: 'high', minimum: 0.5 })
    assert.equal(due(low, 1070).length, 4)
    assert.equal(due(high, 1070).length, 4)
  })
})

describe('tickets', () => {
  test('are used again, and one that was given back is none', () => {
    const { shares, flow, frames } = divided(0)
    const a = flow('a')
    const [first, second] = frames(a, 2)
    shares.start(first!, 0)
    shares.cancel(second!, 0)
    assert.deepEqual(frames(a, 2).sort(), [first, second].sort())
    for (const call of [
      () => shares.startAtMs(99, 0),
      () => shares.start(99, 0),
      () => shares.cancel(-1, 0),
      () => shares.setNotBefore(99, 0, 0),
    ]) {
      assert.throws(call, RangeError)
    }
  })

  test('are for flows that somebody holds, and keep the flow and its bucket when it is let go', () => {
    const { table, slot, shares, flow, frames } = divided(1000)
    const a = flow('a')
    const [ticket] = frames(a, 1)
    table.releaseShare(a)
    table.release(slot)
    assert.throws(() => shares.enqueue(a, 1, 0), RangeError)
    assert.equal(table.sweep(1e9, 10), 0)
    assert.equal(shares.startAtMs(ticket!, 1000), 1000)
    shares.start(ticket!, 1000)
    assert.equal(table.sweep(1e9, 10), 1)
    assert.throws(() => shares.settle(a, 1, 0), RangeError)
  })
})
