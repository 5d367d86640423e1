/**
 * Limits that come down step by step (`rampIn` of a quota), so that a new or lowered one breaks nobody who was above it.
 *
 *     rate  old, or none ────────┐ the most that was used in a second
 *                                └──┐
 *                                   └──┐ equal steps in time, each by the same factor
 *           limit ─ ─ ─ ─ ─ ─ ─ ─ ─ ─  └─────────
 *           begins    observed              ends
 *
 * While it is observed the bucket is as it was before, without limit if it is new. Where no more is used than the limit, it is in
 * force as soon as that is known. What ramps is the rate; balances are kept at every step.
 */
import { RAMP_OBSERVE_MAX_MS, RAMP_OBSERVE_PART, RAMP_STEPS, RAMP_WINDOW_MS, RATE_MAX_PER_SECOND } from '../bounds.ts'
import type { TokenBuckets } from './token-buckets.ts'

/** The rate of a bucket that nothing limits yet. */
const UNLIMITED_PER_MS = RATE_MAX_PER_SECOND / 1000

/** A ramp as people see it. While the bucket is observed, `from` is what it had before: `RATE_MAX_PER_SECOND` for none. */
export interface RampView {
  readonly fromRatePerMs: number
  readonly ratePerMs: number
  readonly limitPerMs: number
  readonly isObserving: boolean
  readonly endsAtMs: number
}

interface Ramp {
  limitPerMs: number
  burstMs: number
  /** As the policy says it, in the caller's time. */
  endsAtMs: number
  /** Steady times. */
  beginsDownAt: number
  endsAt: number
  fromPerMs: number
  peakPerMs: number
  /** Since when, and from which `usedUnits`, the use of a window is measured. */
  windowAt: number
  windowUsed: number
  /** Steps taken; -1 while it is observed. */
  step: number
}

export class Ramps {
  readonly #buckets: TokenBuckets
  readonly #ramps = new Map<number, Ramp>()

  constructor(buckets: TokenBuckets) {
    this.#buckets = buckets
  }

  has(slot: number): boolean {
    return this.#ramps.has(slot)
  }

  of(slot: number): RampView | undefined {
    const ramp = this.#ramps.get(slot)
    if (ramp === undefined) return undefined
    return {
      fromRatePerMs: ramp.fromPerMs,
      ratePerMs: this.#buckets.ratePerMs(slot),
      limitPerMs: ramp.limitPerMs,
      isObserving: ramp.step < 0,
      endsAtMs: ramp.endsAtMs,
    }
  }

  /** Opens a bucket whose limit is in force from `endsAtMs` on. */
  open(slot: number, limitPerMs: number, burstMs: number, nowMs: number, endsAtMs: number): void {
    this.#buckets.open(slot, limitPerMs, burstMs, nowMs)
    if (!isAhead(endsAtMs, nowMs) || limitPerMs >= UNLIMITED_PER_MS) return
    this.#buckets.open(slot, UNLIMITED_PER_MS, burstMs, nowMs)
    this.#begin(slot, limitPerMs, burstMs, nowMs, endsAtMs)
  }

  /** Gives a bucket another limit, at once where it is higher. The same once more changes nothing. */
  change(slot: number, limitPerMs: number, burstMs: number, nowMs: number, endsAtMs: number): void {
    const ramp = this.#ramps.get(slot)
    if (ramp?.limitPerMs === limitPerMs && ramp.burstMs === burstMs && ramp.endsAtMs === endsAtMs) return
    const ratePerMs = this.#buckets.ratePerMs(slot)
    const isLowered = limitPerMs > 0 && limitPerMs < ratePerMs
    if (!isAhead(endsAtMs, nowMs) || !isLowered) {
      this.#ramps.delete(slot)
      this.#buckets.setRate(slot, limitPerMs, burstMs, nowMs)
    } else {
      this.#buckets.setRate(slot, ratePerMs, burstMs, nowMs)
      this.#begin(slot, limitPerMs, burstMs, nowMs, endsAtMs)
    }
  }

  /** The bucket is forgotten. */
  forget(slot: number): void {
    this.#ramps.delete(slot)
  }

  /** Measures and takes steps; to be called about once a second. */
  tick(nowMs: number): void {
    const steadyMs = this.#buckets.steadyMs(nowMs)
    for (const [slot, ramp] of this.#ramps) {
      if (ramp.step < 0) this.#observe(slot, ramp, steadyMs, nowMs)
      if (ramp.step >= 0) this.#comeDown(slot, ramp, steadyMs, nowMs)
    }
  }

  #begin(slot: number, limitPerMs: number, burstMs: number, nowMs: number, endsAtMs: number): void {
    const steadyMs = this.#buckets.steadyMs(nowMs)
    const leftMs = endsAtMs - nowMs
    this.#ramps.set(slot, {
      limitPerMs,
      burstMs,
      endsAtMs,
      beginsDownAt: steadyMs + Math.min(leftMs * RAMP_OBSERVE_PART, RAMP_OBSERVE_MAX_MS),
      endsAt: steadyMs + leftMs,
      fromPerMs: this.#buckets.ratePerMs(slot),
      peakPerMs: Number.NEGATIVE_INFINITY,
      windowAt: steadyMs,
      windowUsed: this.#buckets.usedUnits(slot),
      step: -1,
    })
  }

  #observe(slot: number, ramp: Ramp, steadyMs: number, nowMs: number): void {
    const isOver = steadyMs >= ramp.beginsDownAt
    const windowMs = steadyMs - ramp.windowAt
    // A window that is cut short counts only where there is no other.
    if (windowMs >= RAMP_WINDOW_MS || (isOver && windowMs > 0 && ramp.peakPerMs < 0)) {
      const usedUnits = this.#buckets.usedUnits(slot)
      ramp.peakPerMs = Math.max(ramp.peakPerMs, (usedUnits - ramp.windowUsed) / windowMs)
      ramp.windowAt = steadyMs
      ramp.windowUsed = usedUnits
    }
    if (!isOver) return
    ramp.fromPerMs = Math.min(ramp.fromPerMs, Math.max(ramp.limitPerMs, ramp.peakPerMs))
    ramp.step = ramp.fromPerMs > ramp.limitPerMs ? 0 : RAMP_STEPS
    this.#buckets.setRate(slot, ramp.fromPerMs, ramp.burstMs, nowMs)
  }

  #comeDown(slot: number, ramp: Ramp, steadyMs: number, nowMs: number): void {
    const passed = (steadyMs - ramp.beginsDownAt) / (ramp.endsAt - ramp.beginsDownAt)
    ramp.step = Math.max(ramp.step, Math.floor(passed * RAMP_STEPS))
    const isDown = ramp.step >= RAMP_STEPS
    if (isDown) this.#ramps.delete(slot)
    const ratePerMs = ramp.fromPerMs * (ramp.limitPerMs / ramp.fromPerMs) ** (ramp.step / RAMP_STEPS)
    this.#buckets.setRate(slot, isDown ? ramp.limitPerMs : ratePerMs, ramp.burstMs, nowMs)
  }
}

/** 0 is no ramp, even to a clock that was set back below it. */
function isAhead(endsAtMs: number, nowMs: number): boolean {
  return endsAtMs > 0 && nowMs < endsAtMs
}
