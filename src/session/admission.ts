/**
 * When the request at the head of a connection may go: who asks, what it is charged to, how long it waits, and how long it may
 * be made to wait (protocol-facts D.8).
 *
 *     enter(head) ─▶ charged ─▶ may go?  ── no ─▶ waits until `heldUntilMs`, then `again`
 *                                  │ yes, or it has waited as long as its client bears
 *                                  ▼
 *                               its charge goes with it
 */

import { API_KEY, type RequestHead } from 'kafka-protocol-codec'
import { SASL_MARGIN_MS } from '../bounds.ts'
import type { Waiter } from '../limiter/level-table.ts'
import { isFetch } from '../policy/api-classes.ts'
import { isJoining } from '../policy/dimensions.ts'
import type { ChargeSet } from './charge-set.ts'
import { apiSlot } from './counters.ts'
import { FrameCharge } from './frame-charge.ts'
import type { FrameLook } from './frame-look.ts'
import { mayRefuse } from './mutation-costs.ts'
import type { SessionParts } from './session-parts.ts'

export class Admission implements Waiter {
  /** The charge of the request that waits, or was let go last until it is handed on. */
  charge: FrameCharge = new FrameCharge()
  /** Until when the request at the head is held. */
  heldUntilMs = 0
  /** Whether a request waits: it has been charged, and has not been let go. */
  waiting = false
  /** Nothing is held any more. */
  draining = false
  /** The last Produce wanted no answer (acks 0): nothing times out behind it. */
  producesUnanswered = false

  readonly #parts: SessionParts
  readonly #look: FrameLook
  #firstSeenAtMs = 0
  #startAtMs = 0
  #policyVersion = 0

  /** @param look what has been seen of the request at the head */
  constructor(parts: SessionParts, look: FrameLook) {
    this.#parts = parts
    this.#look = look
  }

  /** The request that waits has its turn in a divided bucket, or a place at the broker. */
  ready(): boolean {
    return this.#parts.outbox.resume()
  }

  /** How long the request that was let go last had been held, in whole milliseconds. */
  heldMs(nowMs: number): number {
    return Math.floor(nowMs - this.#firstSeenAtMs)
  }

  /** Whether the request with this head may go now; charges it when it is seen for the first time. */
  mayGo(head: RequestHead, nowMs: number): boolean {
    if (!this.waiting) {
      this.#firstSeenAtMs = nowMs
      this.#charge(head, nowMs)
      if (this.charge.empty) return true
      this.waiting = true
    } else if (this.#policyVersion !== this.#parts.context.policy.version) {
      this.#policyChanged(head, nowMs)
    }
    if (this.#startAtMs > this.#firstSeenAtMs) this.#startAtMs = this.charge.startAtMs(nowMs)
    const inTime = this.#startAtMs <= nowMs
    if (!(inTime && this.charge.enter(this, nowMs))) {
      const letGoAtMs = this.draining ? nowMs : this.#letGoAtMs(head)
      if (letGoAtMs > nowMs) {
        this.heldUntilMs = inTime ? letGoAtMs : Math.min(this.#startAtMs, letGoAtMs)
        return false
      }
      this.#letGo(head, nowMs)
    }
    this.charge.go(nowMs)
    this.waiting = false
    this.#counted(head, nowMs)
    return true
  }

  /** The session ends while a request waits: what was reserved for it goes back. */
  abandon(nowMs: number): void {
    if (this.waiting) this.charge.cancel(this, nowMs)
    this.waiting = false
  }

  #charge(head: RequestHead, nowMs: number): void {
    const { charge } = this
    const { facts } = this.#parts
    if (isJoining(head.apiKey) && !this.#look.isJoin) return
    charge.begin(this.#chargesFor(head, nowMs), facts.levelsFor(head.apiKey, nowMs))
    this.#policyVersion = this.#parts.context.policy.version
    charge.reserved.requestBytes = charge.actual.requestBytes = head.frameBytes
    charge.reserved.mutations = charge.actual.mutations = this.#look.mutation?.cost ?? 0
    this.#estimate(head, nowMs)
    if (this.#look.tellsTopics) this.#addTopics(head, nowMs)
    if (charge.empty) return
    this.#startAtMs = charge.reserve(this, nowMs)
    this.#parts.totals.throttleMs += charge.addedDelayMs
  }

  #addTopics({ apiKey }: RequestHead, nowMs: number): void {
    const { tracking } = this.#parts
    if (apiKey === API_KEY.Produce) tracking?.addProduced(this.charge, nowMs)
    else tracking?.addFetched(this.charge, apiKey, nowMs)
  }

  #policyChanged(head: RequestHead, nowMs: number): void {
    const { facts, context } = this.#parts
    this.#policyVersion = context.policy.version
    this.#startAtMs = this.charge.adopt(
      this.#chargesFor(head, nowMs),
      facts.levelsFor(head.apiKey, nowMs),
      (topic) => facts.chargesForTopic(head.apiKey, topic, nowMs),
      this,
      nowMs,
    )
  }

  #chargesFor({ apiKey }: RequestHead, nowMs: number): ChargeSet {
    const { facts } = this.#parts
    const { mutation } = this.#look
    // What may be refused is not held for its mutations.
    if (mutation !== undefined && mayRefuse(apiKey, mutation.version))
      return facts.chargesBesideMutations(apiKey, nowMs)
    return this.#look.group === undefined
      ? facts.chargesFor(apiKey, nowMs)
      : facts.chargesForGroup(apiKey, this.#look.group, nowMs)
  }

  /** What is known only later is expected to be as before: what a Fetch brings, how many records a Produce has. */
  #estimate({ apiKey, frameBytes }: RequestHead, nowMs: number): void {
    const { reserved } = this.charge
    const { estimates } = this.#parts
    if (apiKey === API_KEY.Produce) {
      reserved.producedRecords = Math.round(frameBytes * estimates.recordsPerProducedByte)
    } else if (isFetch(apiKey)) {
      // As much as the last, or less in the measure in which it may bring less.
      const unlimited = estimates.fetchBytesMax === Number.POSITIVE_INFINITY
      const before = unlimited ? estimates.fetchedBytes : estimates.fetchBytesMax
      const max = this.charge.fetchBytesMax(estimates.bytesPerFetchedRecord, nowMs)
      const share = before === 0 ? 1 : Math.min(1, max / before)
      reserved.answerBytes = Math.ceil(estimates.fetchedBytes * share)
      reserved.fetchedRecords = Math.ceil(estimates.fetchedRecords * share)
    }
  }

  /** The latest instant up to which this request may be held without harm to the client. */
  #letGoAtMs({ apiKey }: RequestHead): number {
    const { facts, age, sasl } = this.#parts
    const { behaviour } = facts
    const holdMs = Math.min(
      behaviour.holdMs(apiKey, this.#look.isJoin),
      sasl.expiresAtMs - SASL_MARGIN_MS - this.#firstSeenAtMs,
    )
    if (holdMs <= 0) return 0
    // Without answers there is nothing to tell an age by, and nothing that could time out but the write under way.
    if (this.producesUnanswered && apiKey === API_KEY.Produce) return this.#firstSeenAtMs + holdMs
    const ageMaxMs = behaviour.pipelineMax > 0 ? holdMs : Math.max(holdMs, behaviour.queueMs)
    return Math.min(this.#firstSeenAtMs + holdMs, age.sentNoEarlierThanMs(behaviour.pipelineMax) + ageMaxMs)
  }

  /** It has waited as long as its client bears, or nothing is held any more. */
  #letGo({ apiKey, frameBytes }: RequestHead, nowMs: number): void {
    const owing = this.#startAtMs > nowMs && !this.draining ? this.charge.letGo(nowMs) : ''
    const waiting = this.charge.enterForced(this, nowMs)
    if (this.draining) return
    this.#parts.outbox.belowFloor(owing === '' ? waiting : owing, apiKey, frameBytes, nowMs - this.#firstSeenAtMs)
  }

  #counted({ apiKey }: RequestHead, nowMs: number): void {
    const heldMs = nowMs - this.#firstSeenAtMs
    if (heldMs <= 0) return
    this.#parts.context.counters.hold.observeMs(apiSlot(apiKey), heldMs)
    this.#parts.totals.heldMs += heldMs
  }
}
