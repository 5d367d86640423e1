/**
 * The buckets that one kind of request of one client is charged to: what `policy` resolved, bound to the slots of the
 * limiter. Made once for each identity and API, shared by the frames that follow, counted by reference because an answer
 * may outlive the identity it was asked under.
 */
import { DEBT_MAX_MS, FETCH_LEAST_MS } from '../bounds.ts'
import type { BucketTable } from '../limiter/bucket-table.ts'
import type { Applicable } from '../policy/policy-set.ts'
import type { Counters, QuotaCounts } from './counters.ts'

interface Line {
  readonly quota: string
  readonly slot: number
  readonly dimension: Applicable['dimension']
  readonly enforced: boolean
  readonly ratePerMs: number
  readonly burstMs: number
  readonly counts: QuotaCounts
  /** When the request reserved last may start, by this bucket alone. */
  startAtMs: number
  /** Delay that was counted and given back since. */
  givenBackMs: number
}

export class ChargeSet {
  readonly #buckets: BucketTable
  readonly #lines: readonly Line[]
  #references = 1
  /** By how much the last charge prolonged the client's waiting, told or held, over all enforced buckets. */
  addedDelayMs = 0

  constructor(applicable: readonly Applicable[], buckets: BucketTable, counters: Counters, nowMs: number) {
    this.#buckets = buckets
    this.#lines = applicable.map((a) => ({
      quota: a.quota,
      slot: buckets.acquire(a.quota, a.dimension, a.key, a.ratePerMs, a.burstMs, nowMs),
      dimension: a.dimension,
      enforced: a.mode === 'enforce',
      ratePerMs: a.ratePerMs,
      burstMs: a.burstMs,
      counts: counters.quota(a.quota),
      startAtMs: nowMs,
      givenBackMs: 0,
    }))
  }

  get empty(): boolean {
    return this.#lines.length === 0
  }

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    if (--this.#references > 0) return
    for (const line of this.#lines) this.#buckets.release(line.slot)
  }

  /** Reserves one request in every bucket; the latest start of those that are enforced, `nowMs` if none makes it wait. */
  reserve(requestBytes: number, answerBytes: number, nowMs: number): number {
    let startAtMs = nowMs
    this.addedDelayMs = 0
    for (const line of this.#lines) {
      const cost = costOf(line, requestBytes, answerBytes)
      line.startAtMs = this.#buckets.reserve(line.slot, cost, nowMs)
      const debtMs = this.#buckets.debtMs(line.slot, nowMs)
      if (debtMs > 0) this.#delayed(line, debtMs - Math.max(0, line.startAtMs - nowMs)) // the start tells the debt before
      if (!line.enforced) {
        if (line.dimension !== 'fetchBytes') this.#observe(line, nowMs) // a Fetch is known when its answer is
      } else if (line.startAtMs > nowMs) {
        line.counts.heldRequests++
        startAtMs = Math.max(startAtMs, line.startAtMs)
      }
    }
    return startAtMs
  }

  /** Gives back what `reserve` took, for a request that was never forwarded. */
  cancel(requestBytes: number, answerBytes: number, nowMs: number): void {
    for (const line of this.#lines) {
      this.#buckets.cancel(line.slot, costOf(line, requestBytes, answerBytes), nowMs)
    }
  }

  /** The request was forwarded: what it used is counted. An answer's bytes are counted when they are settled. */
  sent(requestBytes: number): void {
    for (const line of this.#lines) line.counts.used[line.dimension] += costOf(line, requestBytes, 0)
  }

  /** The connection ended inside a request: what it has not sent is given back, and what was reserved for its answer. */
  cutOff(requestBytes: number, unsentBytes: number, answerBytes: number, nowMs: number): void {
    this.sent(requestBytes - unsentBytes)
    for (const line of this.#lines) {
      if (line.dimension === 'produceBytes') this.#buckets.cancel(line.slot, unsentBytes, nowMs)
    }
    this.settle(answerBytes, 0, nowMs)
  }

  /** Corrects the charge for an answer from what was reserved for it to its size. */
  settle(reservedBytes: number, answerBytes: number, nowMs: number): void {
    this.addedDelayMs = 0
    for (const line of this.#lines) {
      if (line.dimension !== 'fetchBytes') continue
      const debtBeforeMs = this.#buckets.debtMs(line.slot, nowMs)
      this.#buckets.settle(line.slot, answerBytes - reservedBytes, nowMs)
      line.counts.used.fetchBytes += answerBytes
      this.#delayed(line, this.#buckets.debtMs(line.slot, nowMs) - debtBeforeMs)
      if (!line.enforced) this.#observe(line, nowMs)
    }
  }

  /** How long the client should stay away: the deepest debt of the enforced buckets, in milliseconds. */
  debtMs(nowMs: number): number {
    let debtMs = 0
    for (const line of this.#lines) {
      if (line.enforced) debtMs = Math.max(debtMs, this.#buckets.debtMs(line.slot, nowMs))
    }
    return debtMs
  }

  /** Counts an answer that carries our throttle_time_ms. */
  countStamped(nowMs: number): void {
    for (const line of this.#lines) {
      if (line.enforced && this.#buckets.debtMs(line.slot, nowMs) > 0) line.counts.stampedRequests++
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
   * answers, and with a whole second's worth each, eight would wait as long as a Fetch may be held.
   */
  fetchBytesMax(): number {
    let bytesMax = Number.POSITIVE_INFINITY
    for (const line of this.#lines) {
      if (!line.enforced || line.dimension !== 'fetchBytes') continue
      const shareMs = Math.max(line.burstMs, 1000) / this.#buckets.holders(line.slot)
      bytesMax = Math.min(bytesMax, Math.floor(line.ratePerMs * Math.max(shareMs, FETCH_LEAST_MS)))
    }
    return Math.max(1, bytesMax)
  }

  /** Counts the debt that a charge has added. What a settlement gave back is taken off the next: a counter never falls. */
  #delayed(line: Line, debtAddedMs: number): void {
    const delayMs = debtAddedMs - line.givenBackMs
    line.givenBackMs = Math.max(0, -delayMs)
    if (delayMs <= 0) return
    line.counts.throttleMs += delayMs
    if (line.enforced && delayMs > this.addedDelayMs) this.addedDelayMs = delayMs
  }

  #observe(line: Line, nowMs: number): void {
    if (this.#buckets.debtMs(line.slot, nowMs) <= 0) return
    line.counts.observedRequests++
    this.#buckets.capDebt(line.slot, DEBT_MAX_MS, nowMs) // nobody repays it: the client is not slowed
  }
}

function costOf(line: Line, requestBytes: number, answerBytes: number): number {
  if (line.dimension === 'produceBytes') return requestBytes
  return line.dimension === 'fetchBytes' ? answerBytes : 1
}
