/**
 * Which bucket is whose: a bounded map from (quota, dimension, key) to a slot of `TokenBuckets`. Sessions hold slots,
 * counted by reference. A bucket that nobody holds stays until it has refilled, so that to reconnect is not to start
 * afresh; when room is short, one that is merely out of debt goes too, one in debt never. When there is no room at all,
 * further keys of a quota share that quota's overflow bucket, which is always to be had.
 */
import { SWEEP_BUCKETS, SWEEP_FULL_BUCKETS } from '../bounds.ts'
import { TokenBuckets } from './token-buckets.ts'

const SLOTS_AT_FIRST = 256

/** The buckets of one process. Times are monotonic milliseconds with fractions, rates are units per millisecond. */
export class BucketTable {
  readonly #bucketsMax: number
  readonly #buckets: TokenBuckets
  readonly #slots = new Map<string, number>()
  /** By slot: the map's key, '' while the slot is free. */
  readonly #names: string[] = []
  readonly #holders: number[] = []
  readonly #isOverflow: boolean[] = []
  readonly #free: number[] = []
  /** Slots that nobody holds, the longest idle first. */
  readonly #idle = new Set<number>()
  #overflowBuckets = 0
  #overflows = 0

  /** @param bucketsMax buckets kept at a time, not counting one overflow bucket for each quota, dimension and rate. */
  constructor(bucketsMax: number) {
    this.#bucketsMax = bucketsMax
    this.#buckets = new TokenBuckets(Math.min(SLOTS_AT_FIRST, bucketsMax))
  }

  /** Buckets in use or not yet forgotten, overflow buckets included. */
  get size(): number {
    return this.#slots.size
  }

  /** How many times a key was sent to an overflow bucket because the table was full. */
  get overflows(): number {
    return this.#overflows
  }

  /**
   * The slot of a key's bucket, made full if it is new. The caller holds it until `release`. A rate or burst other than the
   * bucket's own changes it for all who hold it, and keeps the balance.
   */
  acquire(quota: string, dimension: string, key: string, ratePerMs: number, burstMs: number, nowMs: number): number {
    const name = `key\0${quota}\0${dimension}\0${key}`
    const slot = this.#slots.get(name)
    if (slot !== undefined) return this.#hold(slot, ratePerMs, burstMs, nowMs)
    this.sweep(nowMs, SWEEP_BUCKETS)
    if (this.#hasRoom(nowMs)) return this.#open(name, false, ratePerMs, burstMs, nowMs)
    this.#overflows++
    // Keys with a rate of their own (overrides) share with their like, or each would change the rate of all the others.
    const overflowName = `overflow\0${quota}\0${dimension}\0${ratePerMs}\0${burstMs}`
    const overflowSlot = this.#slots.get(overflowName)
    if (overflowSlot !== undefined) return this.#hold(overflowSlot, ratePerMs, burstMs, nowMs)
    return this.#open(overflowName, true, ratePerMs, burstMs, nowMs)
  }

  /** Lets go of a slot. The bucket keeps its state until it is forgotten. */
  release(slot: number): void {
    const holders = (this.#holders[slot] ?? 0) - 1
    if (holders < 0) throw new RangeError(`slot ${slot} is released more often than it was acquired`)
    this.#holders[slot] = holders
    if (holders === 0) this.#idle.add(slot)
  }

  /** Whether the slot is a quota's overflow bucket. */
  isOverflow(slot: number): boolean {
    return this.#isOverflow[slot] === true
  }

  /** How many hold the slot. */
  holders(slot: number): number {
    return this.#holders[slot] ?? 0
  }

  /** Looks at up to `slotsMax` idle buckets, the longest idle first, and forgets those that have refilled. Returns how many. */
  sweep(nowMs: number, slotsMax: number): number {
    return this.#sweep(nowMs, slotsMax, false)
  }

  /** Charges `cost` and says when its request may start: `nowMs` if at once. Never refuses. */
  reserve(slot: number, cost: number, nowMs: number): number {
    return this.#buckets.reserve(slot, cost, nowMs)
  }

  /** Reserves `costs[i]` in `slots[i]` for i < count; the latest start counts. */
  reserveAll(slots: ArrayLike<number>, costs: ArrayLike<number>, count: number, nowMs: number): number {
    return this.#buckets.reserveAll(slots, costs, count, nowMs)
  }

  /** Corrects a charge by a difference known only now: more if positive, back if negative. */
  settle(slot: number, costDifference: number, nowMs: number): void {
    this.#buckets.settle(slot, costDifference, nowMs)
  }

  /** Gives back what was reserved and never sent. */
  cancel(slot: number, cost: number, nowMs: number): void {
    this.#buckets.cancel(slot, cost, nowMs)
  }

  /** Milliseconds until the bucket is out of debt: what a throttle stamp says. */
  debtMs(slot: number, nowMs: number): number {
    return this.#buckets.debtMs(slot, nowMs)
  }

  /** The balance in units (bytes, requests): credit if positive, debt if negative. */
  level(slot: number, nowMs: number): number {
    return this.#buckets.balance(slot, nowMs)
  }

  /** Forgives debt beyond `maxMs`; returns the milliseconds forgiven. */
  capDebt(slot: number, maxMs: number, nowMs: number): number {
    return this.#buckets.capDebt(slot, maxMs, nowMs)
  }

  #hold(slot: number, ratePerMs: number, burstMs: number, nowMs: number): number {
    this.#buckets.setRate(slot, ratePerMs, burstMs, nowMs)
    if (this.#holders[slot]!++ === 0) this.#idle.delete(slot)
    return slot
  }

  #hasRoom(nowMs: number): boolean {
    const buckets = (): number => this.#slots.size - this.#overflowBuckets
    if (buckets() < this.#bucketsMax) return true
    this.#sweep(nowMs, SWEEP_FULL_BUCKETS, true)
    return buckets() < this.#bucketsMax
  }

  #open(name: string, isOverflow: boolean, ratePerMs: number, burstMs: number, nowMs: number): number {
    const slot = this.#free.pop() ?? this.#names.length
    if (slot >= this.#buckets.slots) this.#buckets.grow(Math.max(1, this.#buckets.slots * 2))
    this.#buckets.open(slot, ratePerMs, burstMs, nowMs)
    this.#slots.set(name, slot)
    this.#names[slot] = name
    this.#holders[slot] = 1
    this.#isOverflow[slot] = isOverflow
    if (isOverflow) this.#overflowBuckets++
    return slot
  }

  #sweep(nowMs: number, slotsMax: number, isRoomShort: boolean): number {
    let forgotten = 0
    let left = Math.min(slotsMax, this.#idle.size)
    for (const slot of this.#idle) {
      if (left-- === 0) break
      this.#idle.delete(slot)
      if (this.#buckets.isFull(slot, nowMs) || (isRoomShort && this.#buckets.debtMs(slot, nowMs) === 0)) {
        this.#forget(slot)
        forgotten++
      } else {
        this.#idle.add(slot) // last in line
      }
    }
    return forgotten
  }

  #forget(slot: number): void {
    this.#slots.delete(this.#names[slot]!)
    this.#names[slot] = ''
    if (this.#isOverflow[slot]) this.#overflowBuckets--
    this.#isOverflow[slot] = false
    this.#free.push(slot)
  }
}
