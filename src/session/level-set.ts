/**
 * The gauges that one kind of request of one client is counted in while it waits at the broker (`inFlight`): what `policy`
 * resolved, bound to the slots of the limiter. Shared and counted by reference as a `ChargeSet`. A request enters them in
 * their order, which is the same for everybody, so that no two wait for each other.
 */
import type { LevelTable, Waiter } from '../limiter/level-table.ts'
import type { LevelApplicable } from '../policy/policy-set.ts'
import type { Counters, QuotaCounts } from './counters.ts'

interface Line {
  readonly quota: string
  readonly slot: number
  readonly enforced: boolean
  readonly counts: QuotaCounts
  /** Since when the request at the head of the connection waits for a place. */
  waitingSinceMs: number
}

/** Not waiting. */
const NOT = -1

export class LevelSet {
  readonly #levels: LevelTable
  readonly #lines: readonly Line[]
  #references = 1

  constructor(applicable: readonly LevelApplicable[], levels: LevelTable, counters: Counters) {
    this.#levels = levels
    this.#lines = applicable.map(({ quota, dimension, key, max, mode }) => ({
      quota,
      slot: levels.acquire(quota, dimension, key, max),
      enforced: mode === 'enforce',
      counts: counters.quota(quota),
      waitingSinceMs: NOT,
    }))
  }

  /** How many gauges there are. */
  get size(): number {
    return this.#lines.length
  }

  retain(): this {
    this.#references++
    return this
  }

  release(): void {
    if (--this.#references > 0) return
    for (const line of this.#lines) this.#levels.release(line.slot)
  }

  /**
   * Enters the gauges from number `from` on, as far as there are places; `waiter` stands in line where there is none.
   * @returns how many have been entered in all; `size` when the request may go
   */
  enter(from: number, waiter: Waiter, nowMs: number): number {
    for (let i = from; i < this.#lines.length; i++) {
      const line = this.#lines[i]!
      if (!line.enforced) this.#observe(line)
      else if (!this.#levels.tryEnter(line.slot, waiter)) {
        this.#wait(line, waiter, nowMs)
        return i
      } else this.#entered(line, nowMs)
    }
    return this.#lines.length
  }

  /** Enters the rest whether there are places or not: the request may not be held longer. Returns the quota that held it. */
  force(from: number, waiter: Waiter, nowMs: number): string {
    for (let i = from; i < this.#lines.length; i++) {
      const line = this.#lines[i]!
      if (line.enforced && this.#levels.count(line.slot) >= this.#levels.max(line.slot)) line.counts.floorExceeded++
      this.#levels.enter(line.slot, waiter)
      this.#entered(line, nowMs)
    }
    return this.#lines[from]?.quota ?? ''
  }

  /** Gives up waiting for the gauge number `at`. */
  unwait(at: number, waiter: Waiter): void {
    const line = this.#lines[at]
    if (line === undefined) return
    this.#levels.unwait(line.slot, waiter)
    line.waitingSinceMs = NOT
  }

  /**
   * The policy has changed: takes over the places of `old`, of whose gauges the first `entered` have been entered and the next may be
   * waited for. A gauge that both have keeps the place in it, or in line for it; the others are given up.
   * @returns how many have been entered
   */
  adopt(old: LevelSet, entered: number, waiter: Waiter): number {
    let kept = 0
    while (kept < entered && this.#lines[kept]?.slot === old.#lines[kept]!.slot) kept++
    for (let i = kept; i < entered; i++) this.#levels.leave(old.#lines[i]!.slot)
    const awaited = old.#lines[entered]
    const next = this.#lines[kept]
    if (awaited === undefined) return kept
    if (next?.slot === awaited.slot && next.enforced) next.waitingSinceMs = awaited.waitingSinceMs
    else this.#levels.unwait(awaited.slot, waiter)
    awaited.waitingSinceMs = NOT
    return kept
  }

  /** Leaves the first `count` gauges: the answer has come, or never will. */
  leave(count: number): void {
    for (let i = 0; i < count; i++) this.#levels.leave(this.#lines[i]!.slot)
  }

  #wait(line: Line, waiter: Waiter, nowMs: number): void {
    if (line.waitingSinceMs === NOT) {
      line.waitingSinceMs = nowMs
      line.counts.heldRequests++
    }
    this.#levels.wait(line.slot, waiter)
  }

  #entered(line: Line, nowMs: number): void {
    if (line.waitingSinceMs !== NOT) line.counts.throttleMs += nowMs - line.waitingSinceMs
    line.waitingSinceMs = NOT
  }

  #observe(line: Line): void {
    if (this.#levels.count(line.slot) >= this.#levels.max(line.slot)) line.counts.observedRequests++
    this.#levels.enter(line.slot)
  }
}
