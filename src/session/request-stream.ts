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
import {
  API_KEY,
  apiSchema,
  compileSkim,
  inRange,
  ProtocolError,
  RequestHead,
  readRequestHead,
  recordsInBatch,
  Skim,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import { INSPECT_BYTES_MAX } from '../bounds.ts'
import { Admission } from './admission.ts'
import { softwareOf } from './api-versions.ts'
import { apiSlot } from './counters.ts'
import { fetchLimitsBytes, lowerFetchLimits } from './fetch-limits.ts'
import { ClientRefused, FIRST_BYTES, refuseForeign, refuseTooLarge } from './foreign-bytes.ts'
import { FrameLook } from './frame-look.ts'
import { versionMismatchReply } from './local-reply.ts'
import type { Mutation } from './mutations.ts'
import type { SaslStep } from './observe-sasl.ts'
import type { SessionParts } from './session-parts.ts'
import { sharesPlan, type TopicShares, W_SHARE_ACKS, W_SHARE_RECORDS } from './topic-shares.ts'

/** Why a stream took no more. */
export type Stop = 'needs_more' | 'held' | 'window_full' | 'logging_in'

const PRODUCE_WANTED = ['acks', 'topicData.partitionData.records'] as const // as W_SHARE_ACKS and W_SHARE_RECORDS

/** By version; compiled at first use. */
const producePlans: SkimPlan[] = []

function producePlan(version: number): SkimPlan {
  const known = producePlans[version]
  if (known !== undefined) return known
  const schema = apiSchema(API_KEY.Produce)
  if (schema === undefined || !inRange(version, schema.request.versions)) {
    throw new ProtocolError('unknown_version', `Produce v${version} was not offered to this client`)
  }
  const plan = compileSkim(schema.request, version, PRODUCE_WANTED)
  producePlans[version] = plan
  return plan
}

export class RequestStream implements SkimSink {
  /** Set once the first frame was forwarded. */
  started = false
  stop: Stop = 'needs_more'

  readonly #parts: SessionParts
  readonly #admission: Admission
  readonly #head: RequestHead = new RequestHead()
  readonly #skim: Skim = new Skim()
  readonly #look: FrameLook

  // The frame that is passing.
  #bodyLeft = 0
  /** What watches the body pass, if anything does, and over which skim. */
  #watching: 'produce' | 'fetch' | undefined
  /** The shares of a Produce whose topics are told apart. */
  #shares: TopicShares | undefined
  #answered = true
  #records = 0
  #swallowed = false
  /** What goes in place of a request that is swallowed. */
  #replacement: Uint8Array | undefined
  #saslStep: SaslStep | undefined

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#look = new FrameLook(parts)
    this.#admission = new Admission(parts, this.#look)
  }

  /** Until when the frame at the head is held; meaningful after a stop of `held`. */
  heldUntilMs = 0

  /** Whether the frame at the head may go: its connection first, then itself. */
  #mayGo(nowMs: number): boolean {
    const { gate } = this.#parts
    if (!gate.mayPass(this.#head.apiKey, nowMs, this.#admission.draining)) {
      this.heldUntilMs = gate.heldUntilMs
      return false
    }
    if (this.#admission.mayGo(this.#head, nowMs)) return true
    this.heldUntilMs = this.#admission.heldUntilMs
    return false
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
        this.#sendReplacement()
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

  // SkimSink: what the Produce skim reports.
  value(field: number, value: number): void {
    if (field === W_SHARE_ACKS && value === 0) this.#answered = false
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    this.#shares?.text(field, bytes, offset, length)
  }

  tag(): void {}

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (field !== W_SHARE_RECORDS) return
    this.#records += this.#shares?.records(bytes, offset, sizeBytes) ?? recordsInBatch(bytes, offset, sizeBytes)
  }

  #passBody(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const end = Math.min(to, from + this.#bodyLeft)
    let at = end
    if (this.#watching !== undefined) {
      at = this.#watch(this.#watching, bytes, view, from, end)
      if (at === from) return from
    }
    this.#bodyLeft -= at - from
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** Runs the skim that watches over the next part of the body; returns up to where that may go. */
  #watch(what: 'produce' | 'fetch', bytes: Uint8Array, view: DataView, from: number, end: number): number {
    const { tracking } = this.#parts
    const skim = what === 'produce' ? this.#skim : tracking!.fetchSkim
    this.#shares?.chunk(from, this.#head.frameBytes - this.#bodyLeft)
    const at = skim.run(bytes, view, from, end, what === 'produce' ? this : tracking!.positions)
    if (!skim.done) return at
    if (what === 'fetch') tracking!.positions.end()
    this.#watching = undefined
    return end
  }

  /** The frame went out whole: its answer is expected from now on. */
  #finish(nowMs: number): void {
    if (this.#watching !== undefined) throw new ProtocolError('truncated', 'a request ends before its fields do')
    if (this.#head.apiKey === API_KEY.Produce) this.#produced(nowMs)
    const { charge } = this.#admission
    if (!charge.empty) charge.sent(nowMs)
    if (!this.#answered) {
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
    expected.saslStep = this.#saslStep
    this.#saslStep = undefined
    expected.reply = undefined
    this.#look.passed()
    this.#parts.age.requestForwarded()
  }

  /** A Produce went out whole: its records are known. */
  #produced(nowMs: number): void {
    const { totals, estimates, context } = this.#parts
    const { frameBytes } = this.#head
    this.#admission.producesUnanswered = !this.#answered
    const { charge } = this.#admission
    charge.actual.producedRecords = this.#records
    if (this.#shares !== undefined) {
      this.#shares.finish()
      this.#parts.tracking?.settleProduced(charge, nowMs)
    }
    context.counters.producedRecords += this.#records
    totals.produceRequests++
    totals.producedBytes += frameBytes
    totals.producedRecords += this.#records
    estimates.recordsPerProducedByte = this.#records / frameBytes
    totals.largestProduceBytes = Math.max(totals.largestProduceBytes, frameBytes)
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
    if (this.#parts.sasl.rawTokens && !this.#tokensAreOver(view, from, to)) return this.#rawToken(bytes, view, from, to)
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
    this.#parts.facts.sawClientId(bytes, this.#head.clientIdOffset, this.#head.clientIdLength)
    if (!this.#look.look(this.#head, bytes, view, from, to, nowMs)) return from
    if (!this.#mayGo(nowMs)) {
      this.stop = 'held'
      return from
    }
    return this.#pass(bytes, view, from, to, nowMs)
  }

  /** Whether the first bytes are enough to tell that they may be Kafka's; throws when they are not. */
  screen(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < FIRST_BYTES) return false
    this.#screen(bytes, from, to)
    return to - from >= 8
  }

  #screen(bytes: Uint8Array, from: number, to: number): void {
    if (refuseForeign(bytes, from, to) === 'sasl') this.#parts.sasl.firstBytesAreToken()
  }

  /** Some requests are looked into before they go on: the short ones whole, a Fetch up to its limits. */
  #wholeEnough(from: number, to: number): boolean {
    const { apiKey, frameBytes, bodyOffset, apiVersion } = this.#head
    if (isInspected(apiKey)) return frameBytes > INSPECT_BYTES_MAX || to - from >= frameBytes
    if (apiKey === API_KEY.Fetch && bodyOffset >= 0) {
      return to - bodyOffset >= fetchLimitsBytes(apiVersion) || to - from >= frameBytes
    }
    return true
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
    this.#answered = true
    this.#watching = undefined
    this.#shares = undefined
    const at = head.bodyOffset >= 0 ? head.bodyOffset : Math.min(to, frameEnd)
    this.#bodyLeft = frameEnd - at
    this.#parts.totals.requests++
    if (head.apiKey === API_KEY.Produce) this.#watchProduce()
    else if (isFetch(head.apiKey)) return this.#passFetch(view, from, at, frameEnd, to, nowMs)
    else if (isInspected(head.apiKey) && to >= frameEnd) return this.#inspect(bytes, frameEnd, nowMs)
    else if (this.#look.mutation !== undefined) return this.#mutate(this.#look.mutation, frameEnd, nowMs)
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  #watchProduce(): void {
    const { apiVersion, frameBytes } = this.#head
    this.#watching = 'produce'
    this.#records = 0
    if (!this.#look.tellsTopics) {
      this.#skim.start(producePlan(apiVersion), this.#bodyLeft)
      return
    }
    this.#skim.start(sharesPlan(API_KEY.Produce, apiVersion), this.#bodyLeft)
    this.#shares = this.#parts.tracking?.produced
    this.#shares?.begin(frameBytes)
  }

  /** A Fetch goes, with what has been looked at of it; returns up to where. */
  #passFetch(view: DataView, from: number, bodyAt: number, frameEnd: number, to: number, nowMs: number): number {
    const { fetchSeenBytes } = this.#look
    if (this.#head.apiKey === API_KEY.Fetch) this.#patchFetch(view, frameEnd, to, nowMs)
    const at = Math.max(bodyAt, from + fetchSeenBytes)
    this.#bodyLeft = frameEnd - at
    if (fetchSeenBytes > 0 && this.#parts.tracking?.fetchSkim.done === false) this.#watching = 'fetch'
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  #patchFetch(view: DataView, frameEnd: number, to: number, nowMs: number): void {
    const { charge } = this.#admission
    const { bodyOffset, apiVersion } = this.#head
    if (charge.empty || bodyOffset < 0) return
    if (bodyOffset + fetchLimitsBytes(apiVersion) > Math.min(to, frameEnd)) return
    const { estimates } = this.#parts
    estimates.fetchBytesMax = charge.fetchBytesMax(estimates.bytesPerFetchedRecord)
    lowerFetchLimits(view, bodyOffset, apiVersion, estimates.fetchBytesMax, this.#admission.heldMs(nowMs))
  }

  /** A short request that is here whole: ApiVersions and the SASL ones. */
  #inspect(bytes: Uint8Array, frameEnd: number, nowMs: number): number {
    const head = this.#head
    if (head.apiKey === API_KEY.ApiVersions) {
      if (head.bodyOffset < 0) return this.#refuseApiVersions(frameEnd)
      const software = softwareOf(head.apiVersion, bytes, head.bodyOffset, frameEnd)
      if (software !== undefined) this.#parts.facts.sawSoftware(software.name, software.version)
    } else if (this.#parts.clientLogin.mode !== 'pass') {
      return this.#takeLogin(bytes, frameEnd, nowMs)
    } else if (head.bodyOffset >= 0) {
      this.#saslStep = this.#parts.sasl.sawRequest(head.apiKey, head.apiVersion, bytes, head.bodyOffset, frameEnd)
    }
    this.#bodyLeft = 0
    this.#finish(nowMs)
    return frameEnd
  }

  /** A login that does not go to the broker. */
  #takeLogin(bytes: Uint8Array, frameEnd: number, nowMs: number): number {
    const { apiKey, apiVersion, correlationId, bodyOffset } = this.#head
    if (bodyOffset < 0) throw new ProtocolError('unknown_version', `SASL v${apiVersion} was not offered to this client`)
    this.#bodyLeft = 0
    this.#swallowed = true
    this.#parts.clientLogin.take(apiKey, apiVersion, correlationId, bytes.slice(bodyOffset, frameEnd), nowMs)
    return frameEnd
  }

  /** What creates or deletes partitions, and is here whole: goes as it is, or without its refused topics, or not at all. */
  #mutate(mutation: Mutation, frameEnd: number, nowMs: number): number {
    const verdict = this.#parts.mutations.judge(mutation, nowMs)
    this.#bodyLeft = 0
    this.#finish(nowMs)
    if (verdict === undefined) return frameEnd
    const expected = this.#parts.inFlight.last()
    expected.mutation = verdict.judged
    expected.reply = verdict.reply
    this.#replacement = verdict.replacement
    this.#swallowed = verdict.reply !== undefined || verdict.replacement !== undefined
    return frameEnd
  }

  #sendReplacement(): void {
    const replacement = this.#replacement
    this.#replacement = undefined
    if (replacement !== undefined) this.#parts.outbox.toBroker(replacement, 0, replacement.length)
  }

  /** ApiVersions in a version that we do not know: the answer is ours (error 35 in v0 form), the request is swallowed. */
  #refuseApiVersions(frameEnd: number): number {
    const expected = this.#parts.inFlight.push()
    expected.apiKey = this.#head.apiKey
    expected.version = 0
    expected.correlationId = this.#head.correlationId
    expected.reply = versionMismatchReply(this.#head.correlationId)
    this.#bodyLeft = 0
    this.#swallowed = true
    return frameEnd
  }

  /** Whether a request with a header has come where a raw token might. */
  #tokensAreOver(view: DataView, from: number, to: number): boolean {
    if (to - from < 12 || !this.#parts.sasl.looksLikeRequest(view, from)) return false
    this.#parts.sasl.requestCame()
    return true
  }

  /** A token of SaslHandshake v0: a size and bytes, no Kafka header, passed as it is. */
  #rawToken(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    if (to - from < 4) return from
    const size = view.getInt32(from)
    if (size < 0 || size > INSPECT_BYTES_MAX) throw new ProtocolError('bad_length', `a SASL token of ${size} bytes`)
    if (to - from < 4 + size) return from
    this.#parts.sasl.sawRawToken(bytes, from + 4, from + 4 + size)
    this.started = true
    return from + 4 + size
  }
}

function isInspected(apiKey: number): boolean {
  return apiKey === API_KEY.ApiVersions || apiKey === API_KEY.SaslHandshake || apiKey === API_KEY.SaslAuthenticate
}

function isFetch(apiKey: number): boolean {
  return apiKey === API_KEY.Fetch || apiKey === API_KEY.ShareFetch
}
