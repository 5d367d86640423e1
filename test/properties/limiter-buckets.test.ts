/** Buckets in their table against a model that replays all that ever happened, and limits that ramp in. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RAMP_STEPS, RATE_MAX_PER_SECOND } from '../../src/bounds.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { BucketModel, ModelClock } from '../support/limiter-model.ts'

const anyRate = fc.double({ min: -3, max: 8, noNaN: true }).map((exponent) => 10 ** exponent) // 1 B/s … 100 GB/s, per ms
const KEYS = ['', 'a', 'b', 'c\0d']

interface Operation {
  readonly what: string
  readonly key: number
  readonly part: number
  readonly waitMs: number
  readonly ratePerMs: number
  readonly burstMs: number
}

const anyOperation: fc.Arbitrary<Operation> = fc.record({
  what: fc.constantFrom(
    ...['acquire', 'acquire', 'release', 'rate', 'reserve', 'reserve', 'reserve', 'settle', 'cancel'],
    ...['cap', 'wait', 'wait', 'sweep', 'back'],
  ),
  key: fc.nat({ max: KEYS.length - 1 }),
  part: fc.double({ min: 0, max: 3000, noNaN: true }),
  waitMs: fc.double({ min: 0, max: 4000, noNaN: true }),
  ratePerMs: anyRate,
  burstMs: fc.integer({ min: 0, max: 2000 }),
})

interface Known {
  readonly model: BucketModel
  /** The most units that were charged or given back: sums of doubles are exact to a part of that. */
  scale: number
  slots: number[]
  ratePerMs: number
  burstMs: number
}

/** A table, and for each key a model that never forgets: what the table forgets must not show. */
class Twins {
  readonly table = new BucketTable(KEYS.length + 1)
  readonly #clock = new ModelClock()
  readonly #known = new Map<string, Known>()
  #nowMs = 1e6

  /** A bucket that is asked at every step, so that the table sees the clock as often as the model does. */
  readonly #clockSlot = this.table.acquire('q', 'other', '', 1, 0, this.#nowMs)

  #see(): void {
    this.#clock.see(this.#nowMs)
    this.table.debtMs(this.#clockSlot, this.#nowMs)
  }

  perform(operation: Operation): void {
    const { what, key: index, waitMs } = operation
    const key = KEYS[index]!
    this.#see()
    if (what === 'acquire') this.#acquire(key, operation, false)
    // A full bucket that was forgotten comes back full at whatever burst it then has: only a held one keeps its balance.
    if (what === 'rate' && (this.#known.get(key)?.slots.length ?? 0) > 0) this.#acquire(key, operation, true)
    if (what === 'release') this.#release(key)
    if (what === 'sweep') this.table.sweep(this.#nowMs, 1 + index)
    if (what === 'wait') this.#nowMs += waitMs
    if (what === 'back') this.#nowMs -= waitMs
    const known = this.#known.get(key)
    if (known !== undefined && known.slots.length > 0) this.#use(known, operation)
    this.#check()
  }

  #acquire(key: string, { ratePerMs, burstMs }: Operation, isChange: boolean): void {
    const atMs = this.#clock.steadyMs
    const known = this.#known.get(key)
    const rate = known === undefined || isChange ? { ratePerMs, burstMs } : known
    const slot = this.table.acquire('q', 'requests', key, rate.ratePerMs, rate.burstMs, this.#nowMs)
    if (known === undefined) {
      this.#known.set(key, { model: new BucketModel(ratePerMs, burstMs, atMs), slots: [slot], scale: 1, ...rate })
      return
    }
    known.model.setRate(rate.ratePerMs, rate.burstMs, atMs)
    Object.assign(known, { ratePerMs: rate.ratePerMs, burstMs: rate.burstMs })
    known.slots.push(slot)
  }

  #release(key: string): void {
    const slot = this.#known.get(key)?.slots.pop()
    if (slot !== undefined) this.table.release(slot)
  }

  #use(known: Known, { what, part }: Operation): void {
    const { model, slots, ratePerMs } = known
    const slot = slots[0]!
    const units = part * ratePerMs
    known.scale = Math.max(known.scale, 5000 * ratePerMs)
    const assertClose = closeTo(known)
    const atMs = this.#clock.steadyMs
    if (what === 'reserve') {
      const waitMs = this.table.reserve(slot, units, this.#nowMs) - this.#nowMs
      assertClose(waitMs, model.debtMs(atMs), 'start')
      model.use(units, atMs)
    }
    if (what === 'settle') {
      const difference = units - 1500 * ratePerMs
      this.table.settle(slot, difference, this.#nowMs)
      model.use(difference, atMs)
    }
    if (what === 'cancel') {
      this.table.cancel(slot, units, this.#nowMs)
      model.use(-units, atMs)
    }
    if (what === 'cap') {
      const forgivenMs = this.table.capDebt(slot, part, this.#nowMs)
      assertClose(forgivenMs, Math.max(0, model.debtMs(atMs) - part), 'forgiven')
      model.capDebt(part, atMs)
    }
  }

  #check(): void {
    this.#see()
    const held = new Set<number>()
    for (const [key, known] of this.#known) {
      const { model, slots, ratePerMs } = known
      const assertClose = closeTo(known)
      assert.equal(new Set(slots).size <= 1, true)
      if (slots.length === 0) continue
      assert.ok(!held.has(slots[0]!), 'shared')
      held.add(slots[0]!)
      assert.equal(this.table.holders(slots[0]!), slots.length)
      const atMs = this.#clock.steadyMs
      assertClose(this.table.level(slots[0]!, this.#nowMs) / ratePerMs, model.balance(atMs) / ratePerMs, 'balance')
      assertClose(this.table.debtMs(slots[0]!, this.#nowMs), model.debtMs(atMs), 'debt')
      assert.equal(this.table.peek('q', 'requests', key, this.#nowMs)?.slot, slots[0])
    }
  }
}

/** Compares milliseconds of a bucket's rate. The model's sums are not the table's. */
function closeTo({ scale, ratePerMs }: Known): (actual: number, expected: number, what: string) => void {
  return (actual, expected, what) => {
    const tolerance = 1e-6 + 1e-9 * Math.abs(expected) + (1e-12 * scale) / ratePerMs
    assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, not ${expected}`)
  }
}

describe('the table and its model', () => {
  test('agree on every balance, start and debt, and forgetting does not show', () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { maxLength: 100, size: 'max' }), (operations) => {
        const twins = new Twins()
        for (const operation of operations) twins.perform(operation)
      }),
      { numRuns: 1500 },
    )
  })
})

interface Ramped {
  readonly limit: number
  readonly old: number | undefined
  readonly rampMs: number
}

/** A bucket whose limit ramps in, with the rate that it must not go above any more. */
class Ramp {
  readonly table = new BucketTable(1)
  readonly slot: number
  readonly #limit: number
  readonly #endsAtMs: number
  readonly #rates = new Set<number>()
  #nowMs = 5000
  #last: number

  constructor({ limit, old, rampMs }: Ramped) {
    this.#limit = limit
    this.#endsAtMs = this.#nowMs + rampMs
    if (old !== undefined) this.table.acquire('q', 'd', '', old, 100, this.#nowMs)
    this.slot = this.table.acquire('q', 'd', '', limit, 100, this.#nowMs, this.#endsAtMs)
    this.#last = old === undefined ? RATE_MAX_PER_SECOND / 1000 : Math.max(old, limit)
    assert.equal(this.table.rate(this.slot), this.#last)
  }

  pass(ms: number, unitsPerMs: number): void {
    const { table, slot } = this
    table.reserve(slot, unitsPerMs * ms, this.#nowMs)
    this.#nowMs += ms
    const level = table.level(slot, this.#nowMs)
    table.tick(this.#nowMs)
    const kept = table.level(slot, this.#nowMs)
    const isKept = Math.abs(kept - level) <= 1e-6 * Math.max(1, Math.abs(level))
    assert.ok(isKept || level > 0, 'credit may be cut to a smaller burst, nothing else')
    const rate = table.rate(slot)
    assert.ok(rate <= this.#last, `up: ${this.#last} to ${rate}`)
    assert.ok(rate >= this.#limit, `below the limit: ${rate}`)
    if (this.#nowMs >= this.#endsAtMs) assert.equal(rate, this.#limit)
    if (table.rampOf(slot)?.isObserving === false) this.#rates.add(rate)
    assert.ok(this.#rates.size <= RAMP_STEPS, 'steps')
    this.#last = rate
  }
}

describe('a ramp', () => {
  test('never goes up, never below the limit, reaches it in time, and takes nothing from a balance', () => {
    const anyRamp = fc.record({
      limit: fc.double({ min: 0.1, max: 10, noNaN: true }),
      old: fc.option(fc.double({ min: 0.1, max: 50, noNaN: true }), { nil: undefined }),
      rampMs: fc.integer({ min: 1000, max: 300_000 }),
    })
    const anyPart = fc.record({
      ms: fc.integer({ min: 1, max: 5000 }),
      unitsPerMs: fc.double({ min: 0, max: 60, noNaN: true }),
    })
    fc.assert(
      fc.property(anyRamp, fc.array(anyPart, { maxLength: 120, size: 'max' }), (ramped, parts) => {
        const ramp = new Ramp(ramped)
        for (const { ms, unitsPerMs } of parts) ramp.pass(ms, unitsPerMs)
      }),
      { numRuns: 500 },
    )
  })
})
