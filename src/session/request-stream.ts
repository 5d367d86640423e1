/**
 * Client bytes on their way to the broker: find the frames, learn who asks for what, charge, hold, patch, count.
 * Nothing is collected: a frame that must wait, or whose head is not all here yet, is simply not taken (design.md §4).
 *
 *     take(chunk) ─▶ frame boundary? ─ no ─▶ pass the body, watched by the skim where somebody wants to know
 *                          │ yes
 *                          ▼
 *                  head complete? ─ no ─▶ needs more bytes
 *                          ▼
 *                  identity → charges → reserve ─▶ may start? ─ no ─▶ held until `heldUntilMs`
 *                          ▼ yes
 *                  patch, count, pass
 */

import { API_KEY, ProtocolError, RequestHead, readRequestHead } from 'kafka-protocol-codec'
import { isFetch } from '../policy/api-classes.ts'
import { Admission } from './admission.ts'
import { commitsOffsets } from './api-kinds.ts'
import { BodyWatch } from './body-watch.ts'
import type { ClientSeries } from './client-book.ts'
import { apiSlot } from './counters.ts'
import { ClientRefused, FIRST_BYTES, refuseForeign, refuseTooLarge } from './foreign-bytes.ts'
import { FrameLook } from './frame-look.ts'
import type { Expected } from './in-flight.ts'
import type { Mutation } from './mutations.ts'
import type { SessionParts } from './session-parts.ts'
import { isHereWhole, isInspected, WholeRequests } from './whole-requests.ts'

/** Why a stream took no more. */
export type Stop = 'needs_more' | 'held' | 'window_full' | 'logging_in'

const NOT_HELD = -1

export class RequestStream {
  /** Set once the first frame was forwarded. */
  started = false
  /** ApiVersions that were forwarded: once, or twice where the broker did not know the first version. */
  greetings = 0
  stop: Stop = 'needs_more'

  readonly #parts: SessionParts
  readonly #admission: Admission
  readonly #head: RequestHead = new RequestHead()
  readonly #look: FrameLook
  readonly #watch: BodyWatch
  readonly #wholes: WholeRequests

  // The frame that is passing.
  #bodyLeft = 0
  #swallowed = false
  #client: ClientSeries | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#look = new FrameLook(parts)
    this.#watch = new BodyWatch(parts)
    this.#wholes = new WholeRequests(parts)
    this.#admission = new Admission(parts, this.#look)
  }

  /** Since when, and until when, the frame at the head is held; meaningful after a stop of `held`. */
  heldSinceMs: number = NOT_HELD
  heldUntilMs = 0

  /** Whether the frame at the head may go: its connection first, then itself. */
  #mayGo(nowMs: number): boolean {
    if (!this.#mayConnect(nowMs)) return false
    if (this.#admission.mayGo(this.#head, nowMs)) {
      this.heldSinceMs = NOT_HELD
      return true
    }
    this.#held(this.#admission.heldUntilMs, nowMs)
    return false
  }

  #mayConnect(nowMs: number): boolean {
    const { gate } = this.#parts
    if (gate.mayPass(this.#head.apiKey, nowMs, this.#admission.draining)) return true
    this.#held(gate.heldUntilMs, nowMs)
    return false
  }

  #held(untilMs: number, nowMs: number): void {
    this.stop = 'held'
    this.heldUntilMs = untilMs
    if (this.heldSinceMs === NOT_HELD) this.heldSinceMs = nowMs
  }

  /** SIGTERM: nothing is held any more. */
  drain(): void {
    this.#admission.draining = true
  }

  /** Whether a frame has begun to pass and is not yet through. */
  get midFrame(): boolean {
    return this.#bodyLeft > 0
  }

  /**
   * Passes what may pass of `[from, to)`, patched, in one write for the whole run of frames, and returns where it
   * stopped; `stop` says why.
   */
  take(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    let at = from
    let runFrom = from
    this.stop = 'needs_more'
    while (at < to) {
      const next =
        this.#bodyLeft > 0 ? this.#passBody(bytes, view, at, to, nowMs) : this.#begin(bytes, view, at, to, nowMs)
      if (next === at) break
      if (this.#swallowed) {
        this.#swallowed = false
        if (at > runFrom) this.#parts.outbox.toBroker(bytes, runFrom, at)
        runFrom = next
        this.#wholes.sendReplacement()
      }
      at = next
    }
    if (at > runFrom) this.#parts.outbox.toBroker(bytes, runFrom, at)
    if ((this.stop as Stop) === 'logging_in') this.#parts.ownLogin.beginIfDue(nowMs)
    this.#parts.age.bytesForwarded(at - from, nowMs)
    return at
  }

  /** The session ends: what is reserved and was not sent goes back. */
  abandon(nowMs: number): void {
    this.#admission.abandon(nowMs)
    const { charge } = this.#admission
    if (charge.empty) return
    charge.actual.producedRecords = 0 // the broker drops half a request
    charge.cutOff(this.#bodyLeft, nowMs)
  }

  #passBody(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const end = Math.min(to, from + this.#bodyLeft)
    let at = end
    if (this.#watch.watching) {
      at = this.#watch.run(bytes, view, from, end, this.#head.frameBytes - this.#bodyLeft)
      if (at === from) return from
    }
    this.#bodyLeft -= at - from
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** The frame went out whole: its answer is expected from now on. */
  #finish(nowMs: number): void {
    const { charge } = this.#admission
    const { watching, answered } = this.#watch
    if (watching) throw new ProtocolError('truncated', 'a request ends before its fields do')
    if (this.#head.apiKey === API_KEY.Produce) {
      this.#admission.producesUnanswered = !answered
      this.#watch.produced(this.#head, charge, nowMs)
    }
    if (!charge.empty) charge.sent(nowMs)
    if (!answered) {
      this.#look.passed()
      charge.clear()
      return
    }
    const expected = this.#parts.inFlight.push()
    expected.apiKey = this.#head.apiKey
    expected.version = this.#head.apiVersion
    expected.correlationId = this.#head.correlationId
    expected.sentAtMs = nowMs
    expected.tellsTopics = this.#look.tellsTopics
    this.#admission.charge = expected.charge
    expected.charge = charge
    expected.client = this.#client
    expected.isFollowed = this.#watch.isFollowed
    const { group } = this.#look
    expected.group = group
    if (group !== undefined) this.#asked(expected, nowMs)
    expected.reply = undefined
    this.#look.passed()
    this.#parts.age.requestForwarded()
  }

  /** It names its group: what that tells of the group's turns. */
  #asked(expected: Expected, nowMs: number): void {
    const { groups } = this.#look
    expected.member = groups.member
    this.#parts.groupWatch.asks(expected.apiKey, groups, nowMs)
  }

  /** At a frame boundary: everything up to the decision to let the frame pass. Returns `from` if it does not. */
  #begin(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    if (!this.started) {
      if (to - from < FIRST_BYTES) return from
      this.#screen(bytes, from, to)
    }
    if (this.#parts.ownLogin.blocks(nowMs) || this.#parts.clientLogin.busy) {
      this.stop = 'logging_in'
      return from
    }
    const afterToken = this.#takeToken(bytes, view, from, to, nowMs)
    if (afterToken !== undefined) return afterToken
    const hasHead = readRequestHead(bytes, view, from, to, this.#head)
    refuseTooLarge(view, from, to, this.#parts.context.frameBytesMax)
    if (!hasHead) return from
    if (this.#parts.inFlight.full) {
      this.stop = 'window_full'
      return from
    }
    if (!this.#wholeEnough(from, to)) return from
    const refusal = this.#parts.clientLogin.refusal(this.#head.apiKey)
    if (refusal !== undefined) throw new ClientRefused('client_login_failed', refusal)
    if (this.#parts.clientLogin.barred !== undefined) return this.#bar(bytes, from, to, nowMs)
    this.#parts.facts.sawClientId(bytes, this.#head.clientIdOffset, this.#head.clientIdLength)
    if (!this.#look.look(this.#head, bytes, view, from, to, nowMs)) return from
    if (!this.#mayGo(nowMs)) return from
    return this.#pass(bytes, view, from, to, nowMs)
  }

  /** A token without a header, where one is due: taken here, or passed. Undefined where a request is due. */
  #takeToken(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number | undefined {
    if (this.#parts.clientLogin.takesRawTokens) {
      const at = this.#wholes.takeRawToken(bytes, view, from, to, nowMs)
      this.#swallowed = at > from
      return at
    }
    if (!this.#parts.sasl.rawTokens || this.#wholes.tokensAreOver(view, from, to)) return undefined
    const at = this.#wholes.rawToken(bytes, view, from, to)
    if (at > from) this.started = true
    return at
  }

  /** The broker does not let us in: the request goes nowhere. */
  #bar(bytes: Uint8Array, from: number, to: number, nowMs: number): number {
    const frameEnd = from + this.#head.frameBytes
    if (frameEnd > to) throw new ClientRefused('broker_login_failed', this.#parts.clientLogin.barred ?? '')
    this.started = true
    this.#swallowed = true
    this.#wholes.bar(this.#head, bytes, frameEnd, nowMs)
    return frameEnd
  }

  /**
   * Before there is a broker: whether the first request is Kafka's, as far as its head tells, and its connection may be.
   * @throws ClientRefused when it is not, or may not
   */
  screen(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    this.stop = 'needs_more'
    if (to - from < FIRST_BYTES) return false
    this.#screen(bytes, from, to)
    if (this.#parts.sasl.rawTokens) return true
    const hasHead = readRequestHead(bytes, view, from, to, this.#head)
    refuseTooLarge(view, from, to, this.#parts.context.frameBytesMax)
    if (!hasHead) return false
    this.#parts.facts.sawClientId(bytes, this.#head.clientIdOffset, this.#head.clientIdLength)
    return this.#mayConnect(nowMs)
  }

  #screen(bytes: Uint8Array, from: number, to: number): void {
    if (refuseForeign(bytes, from, to) !== 'sasl') return
    const { clientLogin, sasl } = this.#parts
    if (clientLogin.mode !== 'pass') throw new ClientRefused('client_login_failed', clientLogin.kerberosRefusal)
    sasl.firstBytesAreToken()
  }

  /** Some short requests are looked into whole before they go on. */
  #wholeEnough(from: number, to: number): boolean {
    return !isInspected(this.#head.apiKey) || isHereWhole(this.#head, to - from)
  }

  /** The frame goes: count it, patch it, set up what watches its body, and take its head. */
  #pass(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const head = this.#head
    const frameEnd = from + head.frameBytes
    const slot = apiSlot(head.apiKey)
    const { counters } = this.#parts.context
    counters.requests[slot] = (counters.requests[slot] as number) + 1
    counters.requestBytes[slot] = (counters.requestBytes[slot] as number) + head.frameBytes
    this.started = true
    this.#watch.reset()
    const at = head.bodyOffset >= 0 ? head.bodyOffset : Math.min(to, frameEnd)
    this.#bodyLeft = frameEnd - at
    const client = this.#parts.meter.of(this.#parts.facts.identity, nowMs)
    this.#client = client
    this.#parts.totals.requests++
    if (head.apiKey === API_KEY.Produce) this.#watch.produce(head, this.#bodyLeft, this.#look.tellsTopics, client)
    else if (isFetch(head.apiKey)) return this.#passFetch(view, from, at, Math.min(to, frameEnd), nowMs)
    else if (isInspected(head.apiKey)) return this.#inspect(bytes, frameEnd, nowMs)
    else if (this.#look.mutation !== undefined) return this.#mutate(this.#look.mutation, frameEnd, nowMs)
    else if (commitsOffsets(head.apiKey)) this.#watch.commit(head, this.#bodyLeft, this.#look.group, nowMs)
    else if (head.apiKey === API_KEY.OffsetFetch) this.#watch.fetchOffsets()
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** A Fetch goes, with what has been looked at of it, and what nobody looks at; returns up to where. */
  #passFetch(view: DataView, from: number, bodyAt: number, visibleEnd: number, nowMs: number): number {
    const { fetchSeenBytes, tellsTopics } = this.#look
    this.#lowerFetch(view, from, nowMs)
    if (fetchSeenBytes > 0) this.#watch.fetch(this.#head.apiKey, tellsTopics)
    const at = this.#watch.watching ? Math.max(bodyAt, from + fetchSeenBytes) : visibleEnd
    this.#bodyLeft = from + this.#head.frameBytes - at
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  #lowerFetch(view: DataView, from: number, nowMs: number): void {
    const { charge } = this.#admission
    const { fetchLimits } = this.#look
    if (charge.empty || !fetchLimits.seen) return
    const { estimates } = this.#parts
    estimates.fetchBytesMax = charge.fetchBytesMax(estimates.bytesPerFetchedRecord, nowMs)
    fetchLimits.lower(view, from, estimates.fetchBytesMax, this.#admission.heldMs(nowMs))
  }

  /** A short request that is here whole: ApiVersions and the SASL ones. */
  #inspect(bytes: Uint8Array, frameEnd: number, nowMs: number): number {
    this.#bodyLeft = 0
    const remembered = this.#wholes.take(this.#head, bytes, frameEnd, nowMs)
    if (remembered === 'swallowed') {
      this.#swallowed = true
      return frameEnd
    }
    this.#finish(nowMs)
    this.#parts.inFlight.last().saslStep = remembered
    if (this.#head.apiKey === API_KEY.ApiVersions) this.greetings++
    return frameEnd
  }

  /** What creates or deletes partitions, and is here whole. */
  #mutate(mutation: Mutation, frameEnd: number, nowMs: number): number {
    this.#bodyLeft = 0
    this.#finish(nowMs)
    this.#swallowed = this.#wholes.judge(mutation, nowMs)
    return frameEnd
  }
}
