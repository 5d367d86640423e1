/**
 * The buckets that one kind of request of one client is charged to: what `policy` resolved, bound to the slots of the
 * limiter. Made once for each identity and API (and topic), shared by the frames that follow, counted by reference because an
 * answer may outlive the identity it was asked under. One frame at a time waits in it: the one at the head of its connection.
 */
import { DEBT_MAX_MS, FETCH_CROWDED_MS, FETCH_LEAST_MS } from '../bounds.ts'
import type { BucketTable } from '../limiter/bucket-table.ts'
import type { Waiter } from '../limiter/level-table.ts'
import type { RateDimension } from '../policy/dimensions.ts'
import type { Applicable } from '../policy/policy-set.ts'
import { type Costs, costOf, isOfAnswer } from './costs.ts'
import type { Counters, QuotaCounts } from './counters.ts'

/** What one kind of request draws from one bucket, for whoever watches. */
export interface Draw {
  readonly quota: string
  readonly slot: number
  readonly dimension: RateDimension
  readonly enforced: boolean
  /** Charged, and delay met by it (or what it would have been), since whoever watches last set them to 0. */
  unseenUnits: number
  unseenDelayMs: number
}

interface Line extends Draw {
  readonly counts: QuotaCounts
  /** Where the bucket is divided: our part of it, else `NONE`; observed ones are not divided, as nobody waits. */
  readonly flow: number
  /** The place in line of the request at the head of the connection, else `NONE`. */
  ticket: number
  /** When the request reserved last may start, by this bucket alone, and the rate by which that was told. */
  startAtMs: number
  ratePerMs: number
  /** Delay that was counted and given back since. */
  givenBackMs: number
}

const NONE = -1

export class ChargeSet {
  readonly #buckets: BucketTable
  readonly #lines: readonly Line[]
  #references = 1
  /** By how much the last charge prolonged the client's waiting, told or held, over all enforced buckets. */
  addedDelayMs = 0

  constructor(applicable: readonly Applicable[], buckets: BucketTable, counters: Counters, nowMs: number) {
    this.#buckets = buckets
    this.#lines = applicable.map((a) => {
      const slot = buckets.acquire(a.quota, a.dimension, a.key, a.ratePerMs, a.burstMs, nowMs, a.rampEndsAtMs)
      const enforced = a.mode === 'enforce'
      return {
        quota: a.quota,
        slot,
        flow: enforced && a.share !== undefined ? buckets.acquireShare(slot, a.share, nowMs) : NONE,
        ticket: NONE,
        dimension: a.dimension,
        enforced,
        counts: counters.quota(a.quota),
        unseenUnits: 0,
        unseenDelayMs: 0,
        startAtMs: nowMs,
        ratePerMs: a.ratePerMs,
        givenBackMs: 0,
      }
    })
  }

  get empty(): boolean {
    return this.#lines.length === 0
  }

  get draws(): readonly Draw[] {
    return this.#lines
  }

  /** Whether something is charged in this dimension. */
  measures(dimension: RateDimension): boolean {
    for (const line of this.#lines) if (line.dimension === dimension) return true
    return false
  }

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    if (--this.#references > 0) return
    for (const { slot, flow } of this.#lines) {
      if (flow !== NONE) this.#buckets.releaseShare(flow)
      this.#buckets.release(slot)
    }
  }

  /**
   * Reserves one request in every bucket; the latest start of those that are enforced, `nowMs` if none makes it wait. Where a
   * bucket is divided the start is not known beforehand: `startAtMs` tells whether its turn has come, and `waiter` is told.
   */
  reserve(costs: Costs, waiter: Waiter, nowMs: number): number {
    let startAtMs = nowMs
    this.addedDelayMs = 0
    for (const line of this.#lines) startAtMs = Math.max(startAtMs, this.#reserveLine(line, costs, waiter, nowMs))
    return startAtMs
  }

  /** Until when the buckets that are not divided keep the request back. */
  plainStartAtMs(nowMs: number): number {
    let startAtMs = nowMs
    for (const line of this.#lines) {
      if (line.enforced && line.flow === NONE && line.startAtMs > startAtMs) startAtMs = line.startAtMs
    }
    return startAtMs
  }

  /** Until `atMs` the request is kept back elsewhere: meanwhile it blocks nobody where it stands in line. */
  keepBack(atMs: number, nowMs: number): void {
    for (const { ticket } of this.#lines) if (ticket !== NONE) this.#buckets.shares.setNotBefore(ticket, atMs, nowMs)
  }

  /** When the request that was reserved last may start, or when to ask again. */
  startAtMs(nowMs: number): number {
    let startAtMs = nowMs
    for (const line of this.#lines) {
      if (line.ticket !== NONE) line.startAtMs = this.#buckets.shares.startAtMs(line.ticket, nowMs)
      if (line.enforced && line.startAtMs > startAtMs) startAtMs = line.startAtMs
    }
    return startAtMs
  }

  /** The request goes, in its turn or before it. */
  go(nowMs: number): void {
    for (const line of this.#lines) {
      if (line.ticket === NONE) continue
      const debtBeforeMs = this.#buckets.debtMs(line.slot, nowMs)
      this.#buckets.shares.start(line.ticket, nowMs)
      line.ticket = NONE
      this.#delayed(line, this.#buckets.debtMs(line.slot, nowMs) - debtBeforeMs)
    }
  }

  /**
   * Takes over the reservation of `old`, because the policy has changed while the request waits: buckets that both have keep
   * its place in line, at their new rate; those that are gone give back, new ones reserve. Returns as `reserve`.
   */
  adopt(old: ChargeSet, costs: Costs, waiter: Waiter, nowMs: number): number {
    let startAtMs = nowMs
    this.addedDelayMs = 0
    for (const line of this.#lines) {
      const before = old.#lines.find(({ slot }) => slot === line.slot)
      if (before === undefined) {
        startAtMs = Math.max(startAtMs, this.#reserveLine(line, costs, waiter, nowMs))
        continue
      }
      startAtMs = Math.max(startAtMs, this.#adoptLine(line, before, costs, waiter, nowMs))
    }
    for (const line of old.#lines) {
      if (!this.#lines.some(({ slot }) => slot === line.slot)) this.#cancelLine(line, costs, nowMs)
    }
    return startAtMs
  }

  /** Gives back what `reserve` took, for a request that was never forwarded. */
  cancel(costs: Costs, nowMs: number): void {
    for (const line of this.#lines) this.#cancelLine(line, costs, nowMs)
  }

  /** The request was forwarded and its costs are known, but for those of its answer: corrects what was reserved for it. */
  sent(reserved: Costs, actual: Costs, nowMs: number): void {
    for (const line of this.#lines) {
      if (isOfAnswer(line.dimension)) continue
      this.#settleLine(line, reserved, actual, nowMs)
      this.#judge(line, actual.requestBytes, nowMs)
    }
  }

  /** The answer has come, or its size is known (`fetchBytes`), or its records are (`fetchRecords`): corrects what was reserved. */
  answered(dimension: 'fetchBytes' | 'fetchRecords', reserved: Costs, actual: Costs, nowMs: number): void {
    this.addedDelayMs = 0
    for (const line of this.#lines) {
      if (line.dimension !== dimension) continue
      this.#settleLine(line, reserved, actual, nowMs)
      this.#judge(line, actual.answerBytes, nowMs)
    }
  }

  /** Counts a request of which something was refused, in the quotas that refuse it. */
  countRefused(nowMs: number): string[] {
    const refusing = this.#lines.filter((line) => line.enforced && this.#debtMs(line, nowMs) > 0)
    for (const { counts } of refusing) counts.refusedRequests++
    return refusing.map(({ quota }) => quota)
  }

  /** How long the client should stay away: the deepest debt of the enforced buckets, in milliseconds. */
  debtMs(nowMs: number): number {
    let debtMs = 0
    for (const line of this.#lines) {
      if (line.enforced) debtMs = Math.max(debtMs, this.#debtMs(line, nowMs))
    }
    return debtMs
  }

  /** Counts an answer that carries our throttle_time_ms. */
  countStamped(nowMs: number): void {
    for (const line of this.#lines) {
      if (line.enforced && this.#debtMs(line, nowMs) > 0) line.counts.stampedRequests++
    }
  }

  /**
   * A request is let go before its time, because holding it longer would break the client: the limit is below the floor.
   * The debt stays, but no deeper than `DEBT_MAX_MS`, so that the client is not locked out for long afterwards.
   * @returns the name of the quota that would have held it longest
   */
  letGo(nowMs: number): string {
    let startAtMs = nowMs
    let quota = ''
    for (const line of this.#lines) {
      if (!line.enforced || line.startAtMs <= nowMs) continue
      line.counts.floorExceeded++
      this.#buckets.capDebt(line.slot, DEBT_MAX_MS, nowMs)
      if (line.startAtMs > startAtMs) {
        startAtMs = line.startAtMs
        quota = line.quota
      }
    }
    return quota
  }

  /**
   * The most that one Fetch may ask for, so that a single answer stays within what its buckets can bear; Infinity if none is limited.
   * That is a burst, a second's worth at least, divided among the connections that share the bucket: they wait for each other's
   * answers, and with a whole second's worth each, eight would wait as long as a Fetch may be held. Where few of those connections
   * fetch, the bucket is not in debt, and each may have more than that part.
   * @param bytesPerRecord of the answers so far; 0 while there was none
   */
  fetchBytesMax(bytesPerRecord: number, nowMs: number): number {
    let bytesMax = Number.POSITIVE_INFINITY
    for (const line of this.#lines) {
      if (!line.enforced || !isOfAnswer(line.dimension)) continue
      const unitBytes = line.dimension === 'fetchBytes' ? 1 : bytesPerRecord
      if (unitBytes === 0) continue
      const shareMs = Math.max(this.#buckets.burst(line.slot), 1000) / this.#buckets.holders(line.slot)
      const crowd = Math.min(Math.max(this.#debtMs(line, nowMs) / FETCH_CROWDED_MS - 1, 0), 1)
      const units = this.#buckets.rate(line.slot) * Math.max(shareMs, FETCH_LEAST_MS * (1 - crowd))
      bytesMax = Math.min(bytesMax, Math.floor(units * unitBytes))
    }
    return Math.max(1, bytesMax)
  }

  /** Reserves in one bucket; when the request may start by it, `nowMs` where it is only observed. */
  #reserveLine(line: Line, costs: Costs, waiter: Waiter, nowMs: number): number {
    const cost = costOf(line.dimension, costs)
    line.ratePerMs = this.#buckets.rate(line.slot)
    if (line.flow !== NONE) {
      line.ticket = this.#buckets.shares.enqueue(line.flow, cost, nowMs, waiter)
      line.startAtMs = this.#buckets.shares.startAtMs(line.ticket, nowMs)
      if (line.startAtMs > nowMs) line.counts.heldRequests++
      return line.startAtMs
    }
    line.startAtMs = this.#buckets.reserve(line.slot, cost, nowMs)
    const debtMs = this.#buckets.debtMs(line.slot, nowMs)
    if (debtMs > 0) this.#delayed(line, debtMs - Math.max(0, line.startAtMs - nowMs)) // the start tells the debt before
    if (!line.enforced || line.startAtMs <= nowMs) return nowMs
    line.counts.heldRequests++
    return line.startAtMs
  }

  /** What `before` has reserved in the same bucket, at the new rate. */
  #adoptLine(line: Line, before: Line, costs: Costs, waiter: Waiter, nowMs: number): number {
    if (line.flow !== before.flow) {
      this.#cancelLine(before, costs, nowMs)
      return this.#reserveLine(line, costs, waiter, nowMs)
    }
    line.givenBackMs = before.givenBackMs
    line.ticket = before.ticket
    before.ticket = NONE
    line.ratePerMs = this.#buckets.rate(line.slot)
    line.startAtMs =
      line.ticket === NONE
        ? nowMs + (Math.max(0, before.startAtMs - nowMs) * before.ratePerMs) / line.ratePerMs
        : this.#buckets.shares.startAtMs(line.ticket, nowMs)
    return line.enforced ? line.startAtMs : nowMs
  }

  #cancelLine(line: Line, costs: Costs, nowMs: number): void {
    if (line.ticket === NONE) this.#buckets.cancel(line.slot, costOf(line.dimension, costs), nowMs)
    else this.#buckets.shares.cancel(line.ticket, nowMs)
    line.ticket = NONE
  }

  /** How long a request that came now would wait by this bucket. */
  #debtMs({ slot, flow }: Line, nowMs: number): number {
    return flow === NONE ? this.#buckets.debtMs(slot, nowMs) : this.#buckets.shares.waitMs(flow, nowMs)
  }

  #settleLine(line: Line, reserved: Costs, actual: Costs, nowMs: number): void {
    const cost = costOf(line.dimension, actual)
    line.counts.used[line.dimension] += cost
    line.unseenUnits += cost
    const difference = cost - costOf(line.dimension, reserved)
    if (difference === 0) return
    const debtBeforeMs = this.#buckets.debtMs(line.slot, nowMs)
    if (line.flow === NONE) this.#buckets.settle(line.slot, difference, nowMs)
    else this.#buckets.shares.settle(line.flow, difference, nowMs)
    this.#delayed(line, this.#buckets.debtMs(line.slot, nowMs) - debtBeforeMs)
  }

  /** All that a request costs in this bucket is known: was it one that met the limit? */
  #judge(line: Line, bytes: number, nowMs: number): void {
    if (this.#buckets.debtMs(line.slot, nowMs) <= 0) return
    line.counts.throttledBytes += bytes
    if (line.enforced) return
    line.counts.observedRequests++
    this.#buckets.capDebt(line.slot, DEBT_MAX_MS, nowMs) // nobody repays it: the client is not slowed
  }

  /** Counts the debt that a charge has added. What a settlement gave back is taken off the next: a counter never falls. */
  #delayed(line: Line, debtAddedMs: number): void {
    const delayMs = debtAddedMs - line.givenBackMs
    line.givenBackMs = Math.max(0, -delayMs)
    if (delayMs <= 0) return
    line.counts.throttleMs += delayMs
    line.unseenDelayMs += delayMs
    if (line.enforced && delayMs > this.addedDelayMs) this.addedDelayMs = delayMs
  }
}
