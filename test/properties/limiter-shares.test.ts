/** A divided bucket, against a model that does the same slowly, and what it promises whoever comes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SHARE_ASK_MAX_MS, SHARE_ASK_MIN_MS } from '../../src/bounds.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { type ModelFrame, ShareModel } from '../support/limiter-model.ts'

// Numbers with few binary digits: both sides compute without rounding, so the order must be the same even where tags are equal.
const RATES = [0.25, 1, 8, 1024]
const BURSTS_MS = [0, 64, 1024]
const WEIGHTS = [0.5, 1, 2, 4]
const MINIMUMS = [0.25, 0.5]
const PRIORITIES = ['high', 'normal', 'low'] as const
const KEYS = ['a', 'b', 'c', 'd', 'e']

const anyOperation = fc.record({
  what: fc.constantFrom(
    ...['enqueue', 'enqueue', 'enqueue', 'enqueueHeld', 'hold', 'ask', 'ask', 'ask', 'start', 'start', 'force'],
    ...['cancel', 'settle', 'terms', 'rate', 'wait', 'wait', 'stepBack', 'jumpBack'],
  ),
  who: fc.nat({ max: 1000 }),
  amount: fc.nat({ max: 400 }),
})
type Operation = { readonly what: string; readonly who: number; readonly amount: number }

interface Pair {
  readonly ticket: number
  readonly frame: ModelFrame
}

/** Table and model side by side: each operation goes to both. */
class Twins {
  readonly table = new BucketTable(4)
  readonly model: ShareModel
  readonly slot: number
  readonly #flows: number[] = []
  readonly #scale: number
  pairs: Pair[] = []
  nowMs = 5000
  #ratePerMs: number
  #burstMs: number
  #minimum = 0.5

  /** @param scale of the frames' costs: large ones make the tags overflow. */
  constructor(rate: number, burst: number, scale: number) {
    this.#ratePerMs = RATES[rate]!
    this.#burstMs = BURSTS_MS[burst]!
    this.#scale = scale
    this.slot = this.table.acquire('q', 'requests', '', this.#ratePerMs, this.#burstMs, this.nowMs)
    this.model = new ShareModel(this.#ratePerMs, this.#burstMs, this.nowMs)
    for (let i = 0; i < KEYS.length; i++) this.#terms(i, i)
  }

  perform({ what, who, amount }: Operation): void {
    const { shares } = this.table
    const flow = who % KEYS.length
    const pair = this.pairs.length === 0 ? undefined : this.pairs[who % this.pairs.length]!
    const cost = 3 * amount * this.#scale
    if (what === 'enqueue' || what === 'enqueueHeld') {
      const ticket = shares.enqueue(this.#flows[flow]!, cost, this.nowMs)
      const made = { ticket, frame: this.model.enqueue(this.model.flows[flow]!, cost, this.nowMs) }
      this.pairs.push(made)
      if (what === 'enqueueHeld') this.#hold(made, who)
    }
    if (what === 'wait') this.nowMs += amount * (who % 3) * (who % 2 === 0 ? 1 : this.#scale)
    if (what === 'stepBack') this.nowMs -= amount
    if (what === 'jumpBack' && who % 10 === 0) this.nowMs -= 2000 + amount
    if (what === 'settle') {
      const units = 3 * (amount - 200) * this.#scale
      shares.settle(this.#flows[flow]!, units, this.nowMs)
      this.model.settle(this.model.flows[flow]!, units, this.nowMs)
    }
    if (what === 'terms') this.#terms(flow, amount)
    if (what === 'rate') this.#rate(who, amount)
    if (pair !== undefined) this.#frame(what, pair, amount)
  }

  #frame(what: string, pair: Pair, amount: number): void {
    const { ticket, frame } = pair
    const { shares } = this.table
    if (what === 'hold') this.#hold(pair, amount)
    if (what === 'ask' || what === 'start') {
      this.#ask(pair)
      if (what === 'ask' || frame.state !== 'due') return
    }
    if (what === 'start' || what === 'force') {
      shares.start(ticket, this.nowMs)
      this.model.start(frame, this.nowMs)
    }
    if (what === 'cancel') {
      shares.cancel(ticket, this.nowMs)
      this.model.cancel(frame, this.nowMs)
    }
    if (frame.state === 'gone') this.pairs = this.pairs.filter((other) => other !== pair)
  }

  #hold({ ticket, frame }: Pair, amount: number): void {
    const atMs = this.nowMs + (amount % 300) - 50
    this.table.shares.setNotBefore(ticket, atMs, this.nowMs)
    this.model.setNotBefore(frame, atMs, this.nowMs)
  }

  #ask({ ticket, frame }: Pair): void {
    const startAtMs = this.table.shares.startAtMs(ticket, this.nowMs)
    this.model.ask(this.nowMs)
    const waitMs = startAtMs - this.nowMs
    const [leastMs, mostMs] =
      frame.state === 'due'
        ? [0, 0]
        : frame.state === 'held'
          ? [frame.notBeforeMs - this.model.clock.steadyMs, frame.notBeforeMs - this.model.clock.steadyMs]
          : [SHARE_ASK_MIN_MS, SHARE_ASK_MAX_MS]
    assert.ok(waitMs >= leastMs && waitMs <= mostMs, `${frame.state}: ${waitMs} ms`)
  }

  #terms(flow: number, amount: number): void {
    const terms = { weight: WEIGHTS[amount % 4]!, rank: Math.floor(amount / 4) % 3 }
    this.#minimum = MINIMUMS[amount % 2]!
    const share = { weight: terms.weight, priority: PRIORITIES[terms.rank]!, minimum: this.#minimum }
    const before = this.#flows[flow]
    this.#flows[flow] = this.table.acquireShare(this.slot, { key: KEYS[flow]!, ...share }, this.nowMs)
    if (before !== undefined) {
      assert.equal(this.#flows[flow], before)
      this.table.releaseShare(before)
    }
    this.model.minimum = this.#minimum
    this.model.flow(KEYS[flow]!, terms.weight, terms.rank)
  }

  #rate(who: number, amount: number): void {
    this.#ratePerMs = RATES[who % RATES.length]!
    this.#burstMs = BURSTS_MS[amount % BURSTS_MS.length]!
    this.table.acquire('q', 'requests', '', this.#ratePerMs, this.#burstMs, this.nowMs)
    this.table.release(this.slot)
    this.model.clock.see(this.nowMs)
    this.model.bucket.setRate(this.#ratePerMs, this.#burstMs, this.model.clock.steadyMs)
  }

  check(): void {
    this.model.clock.see(this.nowMs)
    const balance = this.model.bucket.balance(this.model.clock.steadyMs)
    const level = this.table.level(this.slot, this.nowMs)
    assert.ok(Math.abs(level - balance) <= 1e-6 * this.#scale, `balance ${level}, not ${balance}`)
    const queuedMs = this.model.queuedUnits() / this.#ratePerMs
    assert.ok(Math.abs(this.table.shares.queuedMs(this.slot) - queuedMs) <= 1e-6, 'queued')
  }

  /** Everybody does as told until all have gone. */
  drain(): void {
    for (let round = 0; this.pairs.length > 0; round++) {
      assert.ok(round < 100_000, `${this.pairs.length} frames starve`)
      let nextMs = Number.POSITIVE_INFINITY
      for (const { ticket } of this.pairs) nextMs = Math.min(nextMs, this.table.shares.startAtMs(ticket, this.nowMs))
      for (const pair of [...this.pairs]) this.#frame('start', pair, 0)
      // Far ahead in debt the estimate is cut short: go there at once.
      const laterMs = Math.max(nextMs, this.nowMs + this.table.debtMs(this.slot, this.nowMs))
      this.nowMs = Math.ceil(laterMs * 8) / 8 // an estimate may have any digits
    }
  }
}

describe('a divided bucket and its model', () => {
  for (const scale of [1, 2 ** 30]) {
    test(`agree about every turn and balance, with frames of up to ${1200 * scale} units`, () => {
      fc.assert(
        fc.property(
          fc.nat({ max: RATES.length - 1 }),
          fc.nat({ max: BURSTS_MS.length - 1 }),
          fc.array(anyOperation, { maxLength: 120, size: 'max' }),
          (rate, burst, operations) => {
            const twins = new Twins(rate, burst, scale)
            for (const operation of operations) {
              twins.perform(operation)
              twins.check()
            }
            twins.drain()
            assert.equal(twins.table.shares.queuedMs(twins.slot), 0)
          },
        ),
        { numRuns: 4000 },
      )
    })
  }
})
