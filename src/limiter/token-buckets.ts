/**
 * The arithmetic of the limiter: GCRA with debt, many buckets in typed arrays, no allocation, time as an argument.
 *
 * A bucket is one number: its *backlog*, the time that what was charged so far takes at the bucket's rate. It drains by one
 * millisecond a millisecond, never below 0 (full: a whole burst may go at once).
 *
 *     backlog   0 ────────── burst ──────────▶
 *               full   credit   │   debt = backlog − burst
 *
 * A frame starts as soon as the bucket is out of debt, not when it could pay in full, because one Produce may exceed any
 * burst. Hence, over any stretch of t ms: service ≤ burst + rate × t + what is owed at its end, and what is owed is less
 * than one frame; where every charge fits the balance it is burst + rate × t exactly. Reservation order is service order.
 *
 * The textbook's `tat` is `atMs + backlogMs`. The sum is never stored: a monotonic clock reads 10¹⁰ ms after four months,
 * where a double steps by 2 µs, which is 200 kB at 100 GB/s. Backlogs are small numbers and keep their digits.
 */
import { CLOCK_STEP_BACK_MAX_MS } from '../bounds.ts'

/** Buckets by slot. Slots are dealt out by `BucketTable`; an operation on a slot that was never opened is a bug of ours. */
export class TokenBuckets {
  #backlogMs: Float64Array
  #atMs: Float64Array
  #ratePerMs: Float64Array
  #burstMs: Float64Array
  #usedUnits: Float64Array
  #lastMs = Number.NEGATIVE_INFINITY
  /** What our time is ahead of the caller's, after its clock stepped back. */
  #aheadMs = 0

  /** @param slots how many slots there are at first; `grow` adds more. */
  constructor(slots: number) {
    this.#backlogMs = new Float64Array(slots)
    this.#atMs = new Float64Array(slots)
    this.#ratePerMs = new Float64Array(slots)
    this.#burstMs = new Float64Array(slots)
    this.#usedUnits = new Float64Array(slots)
  }

  get slots(): number {
    return this.#backlogMs.length
  }

  /** Makes room for `slots` slots in all. */
  grow(slots: number): void {
    this.#backlogMs = grown(this.#backlogMs, slots)
    this.#atMs = grown(this.#atMs, slots)
    this.#ratePerMs = grown(this.#ratePerMs, slots)
    this.#burstMs = grown(this.#burstMs, slots)
    this.#usedUnits = grown(this.#usedUnits, slots)
  }

  /** Starts a bucket: full. */
  open(slot: number, ratePerMs: number, burstMs: number, nowMs: number): void {
    checkRate(ratePerMs, burstMs)
    this.#backlogMs[slot] = 0
    this.#usedUnits[slot] = 0
    this.#atMs[slot] = this.steadyMs(nowMs)
    this.#ratePerMs[slot] = ratePerMs
    this.#burstMs[slot] = burstMs
  }

  /**
   * Changes the rate and keeps the balance: what was used until now is settled at the old rate, and the credit or debt left
   * is the same number of units afterwards. Credit above the new burst is lost.
   */
  setRate(slot: number, ratePerMs: number, burstMs: number, nowMs: number): void {
    if (ratePerMs === this.#ratePerMs[slot] && burstMs === this.#burstMs[slot]) return
    checkRate(ratePerMs, burstMs)
    const balance = this.balance(slot, nowMs)
    this.#ratePerMs[slot] = ratePerMs
    this.#burstMs[slot] = burstMs
    this.#backlogMs[slot] = Math.max(0, burstMs - balance / ratePerMs)
  }

  /** Charges `cost` units and says when what they stand for may start: `nowMs` if at once. */
  reserve(slot: number, cost: number, nowMs: number): number {
    const backlogMs = this.#advance(slot, nowMs)
    this.#backlogMs[slot] = backlogMs + cost / this.#ratePerMs[slot]!
    this.#usedUnits[slot]! += cost
    const debtMs = backlogMs - this.#burstMs[slot]!
    return debtMs > 0 ? nowMs + debtMs : nowMs
  }

  /** Corrects an earlier charge by a difference that is known only now; a negative one gives back, up to a full bucket. */
  settle(slot: number, costDifference: number, nowMs: number): void {
    const backlogMs = this.#advance(slot, nowMs) + costDifference / this.#ratePerMs[slot]!
    this.#backlogMs[slot] = Math.max(backlogMs, 0)
    this.#usedUnits[slot]! += costDifference
  }

  /**
   * Gives back the charge of what was reserved and never sent. Those who reserved after it keep the start they were told;
   * who reserves next starts earlier by as much.
   */
  cancel(slot: number, cost: number, nowMs: number): void {
    this.settle(slot, -cost, nowMs)
  }

  /** How long until the bucket is out of debt: what a throttle stamp says. */
  debtMs(slot: number, nowMs: number): number {
    return Math.max(0, this.#advance(slot, nowMs) - this.#burstMs[slot]!)
  }

  /** The balance in units: credit if positive, debt if negative, at most a burst. */
  balance(slot: number, nowMs: number): number {
    return (this.#burstMs[slot]! - this.#advance(slot, nowMs)) * this.#ratePerMs[slot]!
  }

  /** Forgives what is owed beyond `maxMs`; returns how much that was, in milliseconds. */
  capDebt(slot: number, maxMs: number, nowMs: number): number {
    const capMs = this.#burstMs[slot]! + maxMs
    const removedMs = this.#advance(slot, nowMs) - capMs
    if (removedMs <= 0) return 0
    this.#backlogMs[slot] = capMs
    return removedMs
  }

  /** Whether a whole burst is there: forgetting such a bucket changes nothing. */
  isFull(slot: number, nowMs: number): boolean {
    return this.#advance(slot, nowMs) === 0
  }

  /** Units per millisecond. */
  ratePerMs(slot: number): number {
    return this.#ratePerMs[slot]!
  }

  burstMs(slot: number): number {
    return this.#burstMs[slot]!
  }

  /** Units charged since the bucket was opened, less what was given back: also what a debt was forgiven for. */
  usedUnits(slot: number): number {
    return this.#usedUnits[slot]!
  }

  /**
   * The caller's time as one that never goes back. A small step back is a stale reading: time stands still until the clock is there again. A
   * large one is a clock that was set: time goes on from where it was, or all buckets would stand still for that long.
   */
  steadyMs(nowMs: number): number {
    const steadyMs = nowMs + this.#aheadMs
    if (steadyMs >= this.#lastMs) {
      this.#lastMs = steadyMs
    } else if (this.#lastMs - steadyMs > CLOCK_STEP_BACK_MAX_MS) {
      this.#aheadMs = this.#lastMs - nowMs
    }
    return this.#lastMs
  }

  /** Drains the backlog up to now and returns it. */
  #advance(slot: number, nowMs: number): number {
    const steadyMs = this.steadyMs(nowMs)
    const backlogMs = Math.max(0, this.#backlogMs[slot]! - (steadyMs - this.#atMs[slot]!))
    this.#atMs[slot] = steadyMs
    this.#backlogMs[slot] = backlogMs
    return backlogMs
  }
}

function grown(array: Float64Array, length: number): Float64Array {
  const next = new Float64Array(length)
  next.set(array)
  return next
}

function checkRate(ratePerMs: number, burstMs: number): void {
  if (!(ratePerMs > 0 && ratePerMs < Number.POSITIVE_INFINITY)) throw new RangeError(`rate ${ratePerMs} is no rate`)
  if (!(burstMs >= 0 && burstMs < Number.POSITIVE_INFINITY)) throw new RangeError(`burst ${burstMs} is no burst`)
}
