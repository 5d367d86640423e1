/**
 * Which bucket is whose: a bounded map from (quota, dimension, key) to a slot of `TokenBuckets`. Sessions hold slots,
 * counted by reference. A bucket that nobody holds stays until it has refilled, so that to reconnect is not to start
 * afresh; when room is short, one that is merely out of debt goes too, one in debt never. When there is no room at all,
 * further keys of a quota share that quota's overflow bucket, which is always to be had.
 */
import { SHARES_MAX, SWEEP_BUCKETS, SWEEP_FULL_BUCKETS } from '../bounds.ts'
import { FlowTable, type ShareTerms } from './flow-table.ts'
import { nameOf, overflowNameOf, partsOf } from './names.ts'
import { Ramps, type RampView } from './ramps.ts'
import { Rounds } from './rounds.ts'
import { ShareQueue } from './share-queue.ts'
import { TokenBuckets } from './token-buckets.ts'

const SLOTS_AT_FIRST = 256

/** A bucket as people see it. */
export interface BucketView {
  readonly quota: string
  readonly dimension: string
  /** '' of an overflow bucket. */
  readonly key: string
  readonly slot: number
  /** Credit if positive, debt if negative, in units. */
  readonly balance: number
  readonly debtMs: number
  readonly ratePerMs: number
  readonly burstMs: number
  readonly usedUnits: number
  readonly holders: number
  readonly isOverflow: boolean
  /** What waits in line, if the bucket is divided. */
  readonly queuedMs: number
  readonly ramp: RampView | undefined
}

/** All buckets of one quota, at a glance. */
export interface QuotaBuckets {
  readonly buckets: number
  /** Of the one deepest in debt. */
  readonly debtMs: number
  /** Credit of the emptiest one as a part of its burst; negative: debt. */
  readonly level: number
}

/** The buckets of one process. Times are monotonic milliseconds with fractions, rates are units per millisecond. */
export class BucketTable {
  readonly #bucketsMax: number
  readonly #buckets: TokenBuckets
  readonly #ramps: Ramps
  readonly #flows: FlowTable
  /** Dividing a bucket: for what `acquireShare` returned. */
  readonly shares: ShareQueue
  readonly #slots = new Map<string, number>()
  /** By slot: the map's key, '' while the slot is free. */
  readonly #names: string[] = []
  /** By slot: whose bucket it is. */
  readonly #quotas: string[] = []
  readonly #holders: number[] = []
  /** Flows of the slot that are held or have frames in line. */
  readonly #pins: number[] = []
  readonly #isOverflow: boolean[] = []
  readonly #free: number[] = []
  /** Slots that nobody holds. */
  readonly #idle = new Rounds<number>()
  #overflowBuckets = 0
  #overflows = 0

  /**
   * @param bucketsMax buckets kept at a time, not counting one overflow bucket for each quota, dimension and rate
   * @param sharesMax keys of divided buckets kept at a time, likewise
   */
  constructor(bucketsMax: number, sharesMax: number = SHARES_MAX) {
    this.#bucketsMax = bucketsMax
    this.#buckets = new TokenBuckets(Math.min(SLOTS_AT_FIRST, bucketsMax))
    this.#ramps = new Ramps(this.#buckets)
    const pins = { pin: (slot: number) => this.#pin(slot, 1), unpin: (slot: number) => this.#pin(slot, -1) }
    this.#flows = new FlowTable(this.#buckets, pins, sharesMax)
    this.shares = new ShareQueue(this.#buckets, this.#flows)
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
   * @param rampEndsAtMs until then a new or lowered limit comes down from what is used (`ramps.ts`)
   */
  acquire(
    quota: string,
    dimension: string,
    key: string,
    ratePerMs: number,
    burstMs: number,
    nowMs: number,
    rampEndsAtMs = 0,
  ): number {
    const name = nameOf(quota, dimension, key)
    const slot = this.#slots.get(name)
    if (slot !== undefined) return this.#hold(slot, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    this.sweep(nowMs, SWEEP_BUCKETS)
    if (this.#hasRoom(nowMs)) return this.#open(name, quota, false, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    this.#overflows++
    const overflowName = overflowNameOf(quota, dimension, ratePerMs, burstMs)
    const overflowSlot = this.#slots.get(overflowName)
    if (overflowSlot !== undefined) return this.#hold(overflowSlot, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    return this.#open(overflowName, quota, true, ratePerMs, burstMs, nowMs, rampEndsAtMs)
  }

  /** Lets go of a slot. The bucket keeps its state until it is forgotten. */
  release(slot: number): void {
    const holders = (this.#holders[slot] ?? 0) - 1
    if (holders < 0) throw new RangeError(`slot ${slot} is released more often than it was acquired`)
    this.#holders[slot] = holders
    this.#rest(slot)
  }

  /**
   * The flow of a key in a bucket that the caller holds, for `shares`. It is held until `releaseShare`. Another weight or class than
   * the flow's own changes it for all who hold it, another minimum the bucket's.
   */
  acquireShare(slot: number, share: ShareTerms, nowMs: number): number {
    if (this.holders(slot) === 0) throw new RangeError(`nobody holds slot ${slot}`)
    return this.#flows.acquire(slot, share, nowMs)
  }

  /** Lets go of a flow. Frames of it that are still in line keep it, and its bucket. */
  releaseShare(flow: number): void {
    this.#flows.release(flow)
  }

  /** Flows in use or not yet forgotten, and how many times a key was sent to an overflow flow. */
  get flows(): number {
    return this.#flows.size
  }

  get flowOverflows(): number {
    return this.#flows.overflows
  }

  /** Moves limits that ramp in; to be called about once a second. */
  tick(nowMs: number): void {
    this.#ramps.tick(nowMs)
  }

  /** How a limit comes down, if it does. */
  rampOf(slot: number): RampView | undefined {
    return this.#ramps.of(slot)
  }

  /** Units per millisecond, now: not to be cached. */
  rate(slot: number): number {
    return this.#buckets.ratePerMs(slot)
  }

  /** Milliseconds of the rate that may go at once. */
  burst(slot: number): number {
    return this.#buckets.burstMs(slot)
  }

  /** Units charged since the bucket was opened, less what was given back. */
  usedUnits(slot: number): number {
    return this.#buckets.usedUnits(slot)
  }

  /** A key's bucket as it is, if it has one of its own. */
  peek(quota: string, dimension: string, key: string, nowMs: number): BucketView | undefined {
    const slot = this.#slots.get(nameOf(quota, dimension, key))
    return slot === undefined ? undefined : this.view(slot, nowMs)
  }

  /** All buckets, the oldest first. */
  *entries(nowMs: number): Generator<BucketView> {
    for (const slot of this.#slots.values()) yield this.view(slot, nowMs)
  }

  /** The bucket of a slot that somebody holds. */
  view(slot: number, nowMs: number): BucketView {
    return {
      ...partsOf(this.#names[slot]!),
      slot,
      balance: this.level(slot, nowMs),
      debtMs: this.debtMs(slot, nowMs),
      ratePerMs: this.rate(slot),
      burstMs: this.burst(slot),
      usedUnits: this.usedUnits(slot),
      holders: this.holders(slot),
      isOverflow: this.isOverflow(slot),
      queuedMs: this.shares.queuedMs(slot),
      ramp: this.rampOf(slot),
    }
  }

  /** Each quota's buckets together, gone through without making a view of each: there may be a hundred thousand. */
  byQuota(nowMs: number): ReadonlyMap<string, QuotaBuckets> {
    const all = new Map<string, { buckets: number; debtMs: number; level: number }>()
    for (const slot of this.#slots.values()) {
      let of = all.get(this.#quotas[slot]!)
      if (of === undefined) {
        of = { buckets: 0, debtMs: 0, level: 1 }
        all.set(this.#quotas[slot]!, of)
      }
      of.buckets++
      of.debtMs = Math.max(of.debtMs, this.#buckets.debtMs(slot, nowMs))
      const burst = this.burst(slot) * this.rate(slot)
      of.level = Math.min(of.level, this.level(slot, nowMs) / burst)
    }
    return all
  }

  /** Whether the slot is a quota's overflow bucket. */
  isOverflow(slot: number): boolean {
    return this.#isOverflow[slot] === true
  }

  /** How many hold the slot. */
  holders(slot: number): number {
    return this.#holders[slot] ?? 0
  }

  /** Looks at up to `slotsMax` idle buckets, the next of the round, and forgets those that have refilled. Returns how many. */
  sweep(nowMs: number, slotsMax: number): number {
    return this.#sweep(nowMs, slotsMax, false)
  }

  /** Charges `cost` and says when its request may start: `nowMs` if at once. Never refuses. */
  reserve(slot: number, cost: number, nowMs: number): number {
    return this.#buckets.reserve(slot, cost, nowMs)
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

  #hold(slot: number, ratePerMs: number, burstMs: number, nowMs: number, rampEndsAtMs: number): number {
    this.#ramps.change(slot, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    if (this.#holders[slot]!++ === 0) this.#idle.delete(slot)
    return slot
  }

  #pin(slot: number, by: 1 | -1): void {
    this.#pins[slot]! += by
    this.#rest(slot)
  }

  #rest(slot: number): void {
    if (this.#holders[slot] === 0 && this.#pins[slot] === 0) this.#idle.add(slot)
    else this.#idle.delete(slot)
  }

  #hasRoom(nowMs: number): boolean {
    const buckets = (): number => this.#slots.size - this.#overflowBuckets
    if (buckets() < this.#bucketsMax) return true
    this.#sweep(nowMs, SWEEP_FULL_BUCKETS, true)
    return buckets() < this.#bucketsMax
  }

  #open(
    name: string,
    quota: string,
    isOverflow: boolean,
    ratePerMs: number,
    burstMs: number,
    nowMs: number,
    rampEndsAtMs: number,
  ): number {
    const slot = this.#free.pop() ?? this.#names.length
    if (slot >= this.#buckets.slots) this.#buckets.grow(Math.max(1, this.#buckets.slots * 2))
    this.#ramps.open(slot, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    this.#slots.set(name, slot)
    this.#names[slot] = name
    this.#quotas[slot] = quota
    this.#holders[slot] = 1
    this.#pins[slot] = 0
    this.#isOverflow[slot] = isOverflow
    if (isOverflow) this.#overflowBuckets++
    return slot
  }

  #sweep(nowMs: number, slotsMax: number, isRoomShort: boolean): number {
    let forgotten = 0
    for (let left = Math.min(slotsMax, this.#idle.size); left > 0; left--) {
      const slot = this.#idle.next()!
      if (!this.#isForgettable(slot, nowMs, isRoomShort)) continue
      this.#forget(slot)
      forgotten++
    }
    return forgotten
  }

  /** A limit that ramps in would begin anew. */
  #isForgettable(slot: number, nowMs: number, isRoomShort: boolean): boolean {
    if (isRoomShort) return this.#buckets.debtMs(slot, nowMs) === 0
    return this.#buckets.isFull(slot, nowMs) && !this.#ramps.has(slot)
  }

  #forget(slot: number): void {
    this.#idle.delete(slot)
    this.#flows.forget(slot)
    this.#ramps.forget(slot)
    this.#slots.delete(this.#names[slot]!)
    this.#names[slot] = ''
    this.#quotas[slot] = ''
    if (this.#isOverflow[slot]) this.#overflowBuckets--
    this.#free.push(slot)
  }
}
