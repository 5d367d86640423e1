/**
 * All that one request is charged to: the buckets of the request as a whole, and those of each topic that it carries with the
 * topic's share of it. It begins with the request, waits with it, and travels through the ring until the answer has passed.
 * Objects are reused, so that a request allocates nothing once its connection is warm.
 *
 *     begin → addTopic… → reserve ─▶ held? → letGo ─▶ sent → answerBytes → answered ─▶ clear
 *                            └─ adopt (the policy changed)   └─ cutOff / unanswered (the connection ended)
 */

import type { Waiter } from '../limiter/level-table.ts'
import type { ChargeSet } from './charge-set.ts'
import { type Costs, noCosts } from './costs.ts'
import type { LevelSet } from './level-set.ts'

/** The share of one topic. */
interface TopicPart {
  topic: string
  set: ChargeSet
  readonly reserved: Costs
  readonly actual: Costs
}

export class FrameCharge {
  /** What was reserved for the request as a whole. */
  readonly reserved: Costs = noCosts()
  /** What it has turned out to cost. */
  readonly actual: Costs = noCosts()
  #base: ChargeSet | undefined
  #levels: LevelSet | undefined
  /** Gauges of `#levels` that it is counted in. */
  #entered = 0
  readonly #parts: TopicPart[] = []
  #topics = 0
  /** The topic that was asked for last. */
  #asked = -1

  /** Whether nothing is charged. */
  get empty(): boolean {
    return this.#base === undefined && this.#topics === 0 && this.#levels === undefined
  }

  get topics(): number {
    return this.#topics
  }

  /** A new request; its costs are blank and are filled in by the caller. */
  begin(base: ChargeSet, levels: LevelSet): void {
    blank(this.reserved)
    blank(this.actual)
    this.reserved.requests = this.actual.requests = 1
    if (!base.empty) this.#base = base.retain()
    if (levels.size > 0) this.#levels = levels.retain()
  }

  /** Enters the gauges; whether it is in all of them. Where there is no place, `waiter` is told when there is. */
  enter(waiter: Waiter, nowMs: number): boolean {
    if (this.#levels === undefined) return true
    this.#entered = this.#levels.enter(this.#entered, waiter, nowMs)
    return this.#entered === this.#levels.size
  }

  /** Enters the gauges whether there are places or not; the quota that had none. */
  enterForced(waiter: Waiter, nowMs: number): string {
    if (this.#levels === undefined) return ''
    const quota = this.#levels.force(this.#entered, waiter, nowMs)
    this.#entered = this.#levels.size
    return quota
  }

  /** A topic that the request is seen to carry; returns the costs to be reserved for its share. */
  addTopic(topic: string, set: ChargeSet): Costs {
    const { reserved, actual } = this.#add(topic, set)
    reserved.requests = actual.requests = 1
    return reserved
  }

  /** A topic that turned out to be there when nothing could be reserved for it any more; returns its actual costs. */
  addLateTopic(topic: string, set: ChargeSet): Costs {
    const { actual } = this.#add(topic, set)
    actual.requests = 1
    return actual
  }

  #add(topic: string, set: ChargeSet): TopicPart {
    let part = this.#parts[this.#topics]
    if (part === undefined) {
      part = { topic, set, reserved: noCosts(), actual: noCosts() }
      this.#parts.push(part)
    } else {
      part.topic = topic
      part.set = set
      blank(part.reserved)
      blank(part.actual)
    }
    set.retain()
    this.#topics++
    return part
  }

  /** The actual costs of a topic's share; undefined for one that was not added. Asked in the order in which they were added, mostly. */
  topic(topic: string): Costs | undefined {
    for (let i = 0, at = this.#asked; i < this.#topics; i++) {
      at = at + 1 < this.#topics ? at + 1 : 0
      if (this.#parts[at]!.topic !== topic) continue
      this.#asked = at
      return this.#parts[at]!.actual
    }
    return undefined
  }

  /** Reserves everywhere; when the request may start. `reserved` holds the costs, and is what is cancelled or corrected later. */
  reserve(waiter: Waiter, nowMs: number): number {
    let startAtMs = this.#base?.reserve(this.reserved, waiter, nowMs) ?? nowMs
    for (let i = 0; i < this.#topics; i++) {
      const { set, reserved } = this.#parts[i]!
      startAtMs = Math.max(startAtMs, set.reserve(reserved, waiter, nowMs))
    }
    if (startAtMs > nowMs) this.#keepBack(nowMs)
    return startAtMs
  }

  /** When the request that waits may start, or when to ask again: where a bucket is divided, that depends on the others. */
  startAtMs(nowMs: number): number {
    let startAtMs = this.#base?.startAtMs(nowMs) ?? nowMs
    for (let i = 0; i < this.#topics; i++) startAtMs = Math.max(startAtMs, this.#parts[i]!.set.startAtMs(nowMs))
    return startAtMs
  }

  /** The request goes. */
  go(nowMs: number): void {
    this.#base?.go(nowMs)
    for (let i = 0; i < this.#topics; i++) this.#parts[i]!.set.go(nowMs)
  }

  /** The policy has changed while the request waits: the same costs in other buckets. Returns as `reserve`. */
  adopt(
    base: ChargeSet,
    levels: LevelSet,
    topicSet: (topic: string) => ChargeSet,
    waiter: Waiter,
    nowMs: number,
  ): number {
    let startAtMs = nowMs
    this.#adoptLevels(levels, waiter)
    const old = this.#base
    this.#base = base.retain()
    if (old === undefined) startAtMs = base.reserve(this.reserved, waiter, nowMs)
    else {
      startAtMs = base.adopt(old, this.reserved, waiter, nowMs)
      old.release()
    }
    for (let i = 0; i < this.#topics; i++) {
      const part = this.#parts[i]!
      const before = part.set
      part.set = topicSet(part.topic).retain()
      startAtMs = Math.max(startAtMs, part.set.adopt(before, part.reserved, waiter, nowMs))
      before.release()
    }
    if (startAtMs > nowMs) this.#keepBack(nowMs)
    return startAtMs
  }

  /** By how much the last step prolonged the client's waiting. */
  get addedDelayMs(): number {
    let delayMs = this.#base?.addedDelayMs ?? 0
    for (let i = 0; i < this.#topics; i++) delayMs = Math.max(delayMs, this.#parts[i]!.set.addedDelayMs)
    return delayMs
  }

  /** As `ChargeSet.letGo`. */
  letGo(nowMs: number): string {
    let quota = this.#base?.letGo(nowMs) ?? ''
    for (let i = 0; i < this.#topics; i++) {
      const name = this.#parts[i]!.set.letGo(nowMs)
      if (quota === '') quota = name
    }
    return quota
  }

  /** Gives everything back: the request was never forwarded. */
  cancel(waiter: Waiter, nowMs: number): void {
    this.#leave(waiter)
    this.#base?.cancel(this.reserved, nowMs)
    for (let i = 0; i < this.#topics; i++) {
      const { set, reserved } = this.#parts[i]!
      set.cancel(reserved, nowMs)
    }
    this.clear()
  }

  /** The request has gone out whole; what it and its topics cost is in the actual costs. */
  sent(nowMs: number): void {
    this.#base?.sent(this.reserved, this.actual, nowMs)
    for (let i = 0; i < this.#topics; i++) {
      const { set, reserved, actual } = this.#parts[i]!
      set.sent(reserved, actual, nowMs)
    }
  }

  /** The size of the answer is known. Its topics' shares are known only when it has passed. */
  answerBytes(bytes: number, nowMs: number): void {
    this.actual.answerBytes = bytes
    this.#base?.answered('fetchBytes', this.reserved, this.actual, nowMs)
  }

  /** The answer has passed; its records and its topics' shares are in the actual costs. */
  answered(nowMs: number): void {
    this.#base?.answered('fetchRecords', this.reserved, this.actual, nowMs)
    for (let i = 0; i < this.#topics; i++) {
      const { set, reserved, actual } = this.#parts[i]!
      set.answered('fetchBytes', reserved, actual, nowMs)
      set.answered('fetchRecords', reserved, actual, nowMs)
    }
  }

  /** No answer will come. */
  unanswered(sizeKnown: boolean, nowMs: number): void {
    if (!sizeKnown) this.answerBytes(0, nowMs)
    this.answered(nowMs)
    this.clear()
  }

  /** The connection ended inside the request, `unsentBytes` before its end. */
  cutOff(unsentBytes: number, nowMs: number): void {
    this.actual.requestBytes = Math.max(0, this.actual.requestBytes - unsentBytes)
    this.sent(nowMs)
    this.unanswered(false, nowMs)
  }

  /** The deepest debt of the enforced buckets, in milliseconds. */
  debtMs(nowMs: number): number {
    let debtMs = this.#base?.debtMs(nowMs) ?? 0
    for (let i = 0; i < this.#topics; i++) debtMs = Math.max(debtMs, this.#parts[i]!.set.debtMs(nowMs))
    return debtMs
  }

  countStamped(nowMs: number): void {
    this.#base?.countStamped(nowMs)
    for (let i = 0; i < this.#topics; i++) this.#parts[i]!.set.countStamped(nowMs)
  }

  /** As `ChargeSet.fetchBytesMax`. */
  fetchBytesMax(bytesPerRecord: number, nowMs: number): number {
    let bytesMax = this.#base?.fetchBytesMax(bytesPerRecord, nowMs) ?? Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#topics; i++) {
      bytesMax = Math.min(bytesMax, this.#parts[i]!.set.fetchBytesMax(bytesPerRecord, nowMs))
    }
    return bytesMax
  }

  #adoptLevels(levels: LevelSet, waiter: Waiter): void {
    const old = this.#levels
    this.#levels = levels.size > 0 ? levels.retain() : undefined
    if (old === undefined) return
    this.#entered = levels.adopt(old, this.#entered, waiter)
    old.release()
  }

  #leave(waiter?: Waiter): void {
    if (this.#levels === undefined) return
    if (waiter !== undefined) this.#levels.unwait(this.#entered, waiter)
    this.#levels.leave(this.#entered)
    this.#levels.release()
    this.#levels = undefined
    this.#entered = 0
  }

  /** Where it stands in line for a divided bucket, it is not in others' way while a plain one keeps it back. */
  #keepBack(nowMs: number): void {
    let untilMs = this.#base?.plainStartAtMs(nowMs) ?? nowMs
    for (let i = 0; i < this.#topics; i++) untilMs = Math.max(untilMs, this.#parts[i]!.set.plainStartAtMs(nowMs))
    if (untilMs <= nowMs) return
    this.#base?.keepBack(untilMs, nowMs)
    for (let i = 0; i < this.#topics; i++) this.#parts[i]!.set.keepBack(untilMs, nowMs)
  }

  /** Lets go of every bucket and gauge; the object is as new. */
  clear(): void {
    this.#leave()
    this.#base?.release()
    this.#base = undefined
    for (let i = 0; i < this.#topics; i++) this.#parts[i]!.set.release()
    this.#topics = 0
    this.#asked = -1
  }
}

function blank(costs: Costs): void {
  costs.requestBytes = 0
  costs.answerBytes = 0
  costs.producedRecords = 0
  costs.fetchedRecords = 0
  costs.mutations = 0
  costs.requests = 0
}
