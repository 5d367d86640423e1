/**
 * Which flow is whose: a bounded map from (bucket, key) to the flows of `share-line.ts`, counted by reference, as `BucketTable`
 * has it for buckets. A flow that nobody holds stays until the others have caught up with it, so that to reconnect is not to
 * start afresh. When there is no room, further keys share the overflow flow of their bucket, weight and class.
 */
import { SWEEP_BUCKETS, SWEEP_FULL_BUCKETS } from '../bounds.ts'
import { type Flow, newFlow } from './flow.ts'
import { HIGH, LOW, NORMAL, type Rank } from './rank-tree.ts'
import { Rounds } from './rounds.ts'
import { ShareLine } from './share-line.ts'
import type { TokenBuckets } from './token-buckets.ts'

/** Which part of a bucket is meant. Structurally `ShareOf` of `policy`. */
export interface ShareTerms {
  readonly key: string
  readonly weight: number
  readonly priority: 'high' | 'normal' | 'low'
  /** Part of the rate that the lower classes together are sure of. */
  readonly minimum: number
}

/** Keeps a bucket from being forgotten. */
export interface Pins {
  pin(slot: number): void
  unpin(slot: number): void
}

const RANKS: Readonly<Record<ShareTerms['priority'], Rank>> = { high: HIGH, normal: NORMAL, low: LOW }

export class FlowTable {
  readonly #buckets: TokenBuckets
  readonly #pins: Pins
  readonly #flowsMax: number
  readonly #lines: (ShareLine | undefined)[] = []
  readonly #flows: (Flow | undefined)[] = []
  readonly #freeFlows: number[] = []
  /** Flows that nobody holds and that have no frames. */
  readonly #idle = new Rounds<Flow>()
  #flowCount = 0
  #overflowFlows = 0
  #overflows = 0

  /** @param flowsMax flows kept at a time, not counting one overflow flow for each bucket, weight and class. */
  constructor(buckets: TokenBuckets, pins: Pins, flowsMax: number) {
    this.#buckets = buckets
    this.#pins = pins
    this.#flowsMax = flowsMax
  }

  /** Flows in use or not yet forgotten. */
  get size(): number {
    return this.#flowCount
  }

  /** How many times a key was sent to an overflow flow because there was no room. */
  get overflows(): number {
    return this.#overflows
  }

  /**
   * The flow of a key in a bucket that the caller holds. It is held until `release`. Another weight or class than the flow's own
   * changes it for all who hold it, another minimum the bucket's.
   */
  acquire(slot: number, terms: ShareTerms, nowMs: number): number {
    checkTerms(terms)
    const line = this.#lineOf(slot)
    line.minimum = terms.minimum
    const name = `key\0${terms.key}`
    const flow = line.flows.get(name)
    if (flow !== undefined) return this.#hold(flow, terms)
    this.sweep(nowMs, SWEEP_BUCKETS)
    if (this.#hasRoom(nowMs)) return this.#hold(this.#open(line, name, false, terms), terms)
    this.#overflows++
    const overflowName = `overflow\0${terms.priority}\0${terms.weight}`
    return this.#hold(line.flows.get(overflowName) ?? this.#open(line, overflowName, true, terms), terms)
  }

  /** Lets go of a flow. Frames of it that are still in line keep it. */
  release(flow: number): void {
    const held = this.at(flow)
    if (held.holders === 0) throw new RangeError(`flow ${flow} is released more often than it was acquired`)
    held.holders--
    this.rest(held)
  }

  /** The flow of a handle. */
  at(flow: number): Flow {
    const known = this.#flows[flow]
    if (known === undefined) throw new RangeError(`there is no flow ${flow}`)
    return known
  }

  /** The line before a bucket, if it was ever divided. */
  lineAt(slot: number): ShareLine | undefined {
    return this.#lines[slot]
  }

  /** A flow without holders and frames may be forgotten when its time has come, and no longer keeps its bucket. */
  rest(flow: Flow): void {
    if (flow.holders > 0 || flow.tickets > 0) return
    this.#idle.add(flow)
    this.#pins.unpin(flow.line.slot)
  }

  /** Looks at up to `flowsMax` idle flows and forgets those that may be forgotten. Returns how many. */
  sweep(nowMs: number, flowsMax: number): number {
    return this.#sweep(nowMs, flowsMax, false)
  }

  /** The bucket is forgotten, and with it its flows, which are all idle. Called by `BucketTable`. */
  forget(slot: number): void {
    const line = this.#lines[slot]
    if (line === undefined) return
    for (const flow of line.flows.values()) this.#forgetFlow(flow)
    this.#lines[slot] = undefined
  }

  #lineOf(slot: number): ShareLine {
    const known = this.#lines[slot]
    if (known !== undefined) return known
    const line = new ShareLine(slot)
    this.#lines[slot] = line
    return line
  }

  #hold(flow: Flow, { weight, priority }: ShareTerms): number {
    flow.line.change(flow, weight, RANKS[priority])
    if (flow.holders === 0 && flow.tickets === 0) {
      this.#idle.delete(flow)
      this.#pins.pin(flow.line.slot)
    }
    flow.holders++
    return flow.id
  }

  #open(line: ShareLine, name: string, isOverflow: boolean, { weight, priority }: ShareTerms): Flow {
    const id = this.#freeFlows.pop() ?? this.#flows.length
    const flow = newFlow(id, line, name, isOverflow, weight, RANKS[priority])
    this.#flows[id] = flow
    line.flows.set(name, flow)
    this.#flowCount++
    if (isOverflow) this.#overflowFlows++
    return flow
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#flowCount - this.#overflowFlows < this.#flowsMax) return true
    this.#sweep(nowMs, SWEEP_FULL_BUCKETS, true)
    return this.#flowCount - this.#overflowFlows < this.#flowsMax
  }

  #sweep(nowMs: number, flowsMax: number, isRoomShort: boolean): number {
    let forgotten = 0
    for (let left = Math.min(flowsMax, this.#idle.size); left > 0; left--) {
      const flow = this.#idle.next()!
      if (!this.#isForgettable(flow, nowMs, isRoomShort)) continue
      flow.line.forget(flow)
      this.#forgetFlow(flow)
      forgotten++
    }
    return forgotten
  }

  /** The others have caught up with it, or the bucket has had nothing to do since. */
  #isForgettable(flow: Flow, nowMs: number, isRoomShort: boolean): boolean {
    const { line } = flow
    if (line.isForgettable(flow)) return true
    if (line.queued > 0) return false
    return isRoomShort ? this.#buckets.debtMs(line.slot, nowMs) === 0 : this.#buckets.isFull(line.slot, nowMs)
  }

  #forgetFlow(flow: Flow): void {
    this.#idle.delete(flow)
    this.#flows[flow.id] = undefined
    this.#freeFlows.push(flow.id)
    this.#flowCount--
    if (flow.isOverflow) this.#overflowFlows--
  }
}

function checkTerms({ weight, minimum }: ShareTerms): void {
  if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) throw new RangeError(`weight ${weight} is no weight`)
  if (!(minimum >= 0 && minimum < 1)) throw new RangeError(`minimum ${minimum} is no part of a rate`)
}
