/**
 * All that one request is charged to: the buckets of the request as a whole, and those of each topic that it carries with the
 * topic's share of it. It begins with the request, waits with it, and travels through the ring until the answer has passed.
 * Objects are reused, so that a request allocates nothing once its connection is warm.
 *
 *     begin → addTopic… → reserve ─▶ held? → letGo ─▶ sent → answerBytes → answered ─▶ clear
 *                            └─ adopt (the policy changed)   └─ cutOff / unanswered (the connection ended)
 */
import type { ChargeSet } from './charge-set.ts'
import { type Costs, noCosts } from './costs.ts'

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
  readonly #parts: TopicPart[] = []
  #topics = 0

  /** Whether nothing is charged. */
  get empty(): boolean {
    return this.#base === undefined && this.#topics === 0
  }

  get topics(): number {
    return this.#topics
  }

  /** A new request; its costs are blank and are filled in by the caller. */
  begin(base: ChargeSet): void {
    blank(this.reserved)
    blank(this.actual)
    if (!base.empty) this.#base = base.retain()
  }

  /** A topic that the request carries; returns the costs to be reserved for its share. */
  addTopic(topic: string, set: ChargeSet): Costs {
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
    return part.reserved
  }

  /** The actual costs of a topic's share; undefined for one that was not added. */
  topic(topic: string): Costs | undefined {
    for (let i = 0; i < this.#topics; i++) if (this.#parts[i]!.topic === topic) return this.#parts[i]!.actual
    return undefined
  }

  /** Reserves everywhere; when the request may start. `reserved` holds the costs, and is what is cancelled or corrected later. */
  reserve(nowMs: number): number {
    let startAtMs = this.#base?.reserve(this.reserved, nowMs) ?? nowMs
    for (let i = 0; i < this.#topics; i++) {
      const { set, reserved } = this.#parts[i]!
      startAtMs = Math.max(startAtMs, set.reserve(reserved, nowMs))
    }
    return startAtMs
  }

  /** The policy has changed while the request waits: the same costs in other buckets. Returns as `reserve`. */
  adopt(base: ChargeSet, topicSet: (topic: string) => ChargeSet, nowMs: number): number {
    let startAtMs = nowMs
    const old = this.#base
    this.#base = base.retain()
    if (old === undefined) startAtMs = base.reserve(this.reserved, nowMs)
    else {
      startAtMs = base.adopt(old, this.reserved, nowMs)
      old.release()
    }
    for (let i = 0; i < this.#topics; i++) {
      const part = this.#parts[i]!
      const before = part.set
      part.set = topicSet(part.topic).retain()
      startAtMs = Math.max(startAtMs, part.set.adopt(before, part.reserved, nowMs))
      before.release()
    }
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
  cancel(nowMs: number): void {
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
  fetchBytesMax(bytesPerRecord: number): number {
    let bytesMax = this.#base?.fetchBytesMax(bytesPerRecord) ?? Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#topics; i++) {
      bytesMax = Math.min(bytesMax, this.#parts[i]!.set.fetchBytesMax(bytesPerRecord))
    }
    return bytesMax
  }

  /** Lets go of every bucket; the object is as new. */
  clear(): void {
    this.#base?.release()
    this.#base = undefined
    for (let i = 0; i < this.#topics; i++) this.#parts[i]!.set.release()
    this.#topics = 0
  }
}

function blank(costs: Costs): void {
  costs.requestBytes = 0
  costs.answerBytes = 0
  costs.producedRecords = 0
  costs.fetchedRecords = 0
  costs.mutations = 0
}
