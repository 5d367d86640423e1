/**
 * How a connection ends: why, since when, and that the first reason stands. A goodbye takes its time (both sides are let finish what
 * is under way); it is over once nothing may pass any more.
 */
import { LINGER_MS } from '../bounds.ts'
import type { CloseReason } from '../session/counters.ts'

export class Farewell {
  #reason: CloseReason | undefined
  #detail = ''
  #sinceMs: number | undefined
  #isOver = false

  /** One side has said goodbye; what remains is to see both ends close. */
  get isUnderWay(): boolean {
    return this.#sinceMs !== undefined
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get reason(): CloseReason {
    return this.#reason ?? 'client_closed'
  }

  get detail(): string {
    return this.#detail
  }

  begin(reason: CloseReason, detail: string, nowMs: number): void {
    if (this.#sinceMs !== undefined) return
    this.#sinceMs = nowMs
    this.#because(reason, detail)
  }

  /** Nothing may pass any more. @returns false if that was so already */
  conclude(reason: CloseReason, detail: string): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#because(reason, detail)
    return true
  }

  /** @param lastReadAtMs when there last was something to deliver: who still reads is given more time */
  isTooLong(nowMs: number, lastReadAtMs: number): boolean {
    return this.#sinceMs !== undefined && nowMs - Math.max(this.#sinceMs, lastReadAtMs) > LINGER_MS
  }

  #because(reason: CloseReason, detail: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#detail = detail
  }
}
