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
  describeFirstBytes,
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
import { softwareOf } from './api-versions.ts'
import type { ChargeSet } from './charge-set.ts'
import { apiSlot } from './counters.ts'
import { fixedOffset } from './fixed-fields.ts'
import { versionMismatchReply } from './local-reply.ts'
import type { SaslStep } from './observe-sasl.ts'
import type { SessionParts } from './session-parts.ts'

/** Why a stream took no more. */
export type Stop = 'needs_more' | 'held' | 'window_full'

/** Fewer bytes of a connection do not tell what it speaks. */
const FIRST_BYTES = 5

const W_ACKS = 0
const W_RECORDS = 1
const PRODUCE_WANTED = ['acks', 'topicData.partitionData.records'] as const

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

/** Offsets in a Fetch request's body, by version. */
interface FetchOffsets {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly end: number
}

const fetchOffsets = new Map<number, FetchOffsets>()

function fetchOffsetsOf(version: number): FetchOffsets {
  let offsets = fetchOffsets.get(version)
  if (offsets === undefined) {
    const schema = apiSchema(API_KEY.Fetch)
    if (schema === undefined) throw new Error('the codec lacks Fetch')
    const at = (name: string): number => fixedOffset(schema.request, version, name)
    offsets = { maxWaitMs: at('maxWaitMs'), minBytes: at('minBytes'), maxBytes: at('maxBytes'), end: 0 }
    offsets = { ...offsets, end: Math.max(offsets.maxWaitMs, offsets.minBytes, offsets.maxBytes) + 4 }
    fetchOffsets.set(version, offsets)
  }
  return offsets
}

export class RequestStream implements SkimSink {
  /** Until when the frame at the head is held; meaningful after a stop of `held`. */
  heldUntilMs = 0
  /** Set once the first frame was forwarded. */
  started = false
  /** Nothing is held any more, and no new frame is begun once the read buffer is empty. */
  draining = false
  stop: Stop = 'needs_more'

  readonly #parts: SessionParts
  readonly #head: RequestHead = new RequestHead()
  readonly #skim: Skim = new Skim()

  // The frame that is passing.
  #bodyLeft = 0
  #skimming = false
  #answered = true
  #frameCharges: ChargeSet | undefined
  #reservedBytes = 0
  #swallowed = false
  #saslStep: SaslStep | undefined
  /** The last Produce wanted no answer (acks 0): nothing times out behind it. */
  #producesUnanswered = false

  // The frame that waits at the head.
  #reserved: ChargeSet | undefined
  #firstSeenAtMs = 0
  #startAtMs = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
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
      }
      at = next
    }
    if (at > runFrom) this.#parts.outbox.toBroker(bytes, runFrom, at)
    this.#parts.age.bytesForwarded(at - from, nowMs)
    return at
  }

  /** The session ends: what is reserved and was not sent goes back. */
  abandon(nowMs: number): void {
    this.#frameCharges?.cutOff(this.#head.frameBytes, this.#bodyLeft, this.#reservedBytes, nowMs)
    this.#frameCharges?.release()
    this.#frameCharges = undefined
    if (this.#reserved === undefined) return
    this.#reserved.cancel(this.#head.frameBytes, this.#reservedBytes, nowMs)
    this.#reserved.release()
    this.#reserved = undefined
  }

  // SkimSink: what the Produce skim reports.
  value(field: number, value: number): void {
    if (field === W_ACKS && value === 0) this.#answered = false
  }

  text(): void {}

  tag(): void {}

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (field === W_RECORDS) this.#parts.context.counters.producedRecords += recordsInBatch(bytes, offset, sizeBytes)
  }

  #passBody(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const end = Math.min(to, from + this.#bodyLeft)
    let at = end
    if (this.#skimming) {
      at = this.#skim.run(bytes, view, from, end, this)
      if (this.#skim.done) {
        this.#skimming = false
        at = end
      } else if (at === from) return from
    }
    this.#bodyLeft -= at - from
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** The frame went out whole: its answer is expected from now on. */
  #finish(nowMs: number): void {
    if (this.#skimming) throw new ProtocolError('truncated', 'a request ends before its fields do')
    this.#frameCharges?.sent(this.#head.frameBytes)
    if (this.#head.apiKey === API_KEY.Produce) this.#producesUnanswered = !this.#answered
    if (!this.#answered) {
      this.#frameCharges?.release()
      this.#frameCharges = undefined
      return
    }
    const expected = this.#parts.inFlight.push()
    expected.apiKey = this.#head.apiKey
    expected.version = this.#head.apiVersion
    expected.correlationId = this.#head.correlationId
    expected.sentAtMs = nowMs
    expected.reservedBytes = this.#reservedBytes
    expected.charges = this.#frameCharges
    expected.saslStep = this.#saslStep
    this.#saslStep = undefined
    expected.reply = undefined
    this.#frameCharges = undefined
    this.#parts.age.requestForwarded()
  }

  /** At a frame boundary: everything up to the decision to let the frame pass. Returns `from` if it does not. */
  #begin(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    if (!this.started) {
      if (to - from < FIRST_BYTES) return from
      this.#refuseForeign(bytes, from, to)
    }
    if (this.#parts.sasl.rawTokens && !this.#tokensAreOver(view, from, to)) return this.#rawToken(bytes, view, from, to)
    if (!readRequestHead(bytes, view, from, to, this.#head)) {
      this.#refuseTooLarge(view, from, to)
      return from
    }
    this.#refuseTooLarge(view, from, to)
    if (this.#parts.inFlight.full) {
      this.stop = 'window_full'
      return from
    }
    if (!this.#wholeEnough(from, to)) return from
    if (!this.#mayStart(bytes, nowMs)) {
      this.stop = 'held'
      return from
    }
    return this.#pass(bytes, view, from, to, nowMs)
  }

  /** Whether the first bytes are enough to tell that they may be Kafka's; throws when they are not. */
  screen(bytes: Uint8Array, from: number, to: number): boolean {
    if (to - from < FIRST_BYTES) return false
    this.#refuseForeign(bytes, from, to)
    return to - from >= 8
  }

  #refuseForeign(bytes: Uint8Array, from: number, to: number): void {
    const looks = describeFirstBytes(bytes, from, to)
    if (looks === 'tls') throw new ForeignBytes('client_tls', 'a client speaks TLS to a plaintext port')
    if (looks === 'http') throw new ForeignBytes('client_http', 'an HTTP request came to the Kafka port')
    if (looks === 'sasl') {
      this.#parts.sasl.firstBytesAreToken()
      return
    }
    if (looks === 'garbage') {
      throw new ForeignBytes('client_garbage', 'the first bytes of a client are no Kafka request')
    }
    if (
      to - from >= 8 &&
      apiSchema((((bytes[from + 4] as number) << 8) | (bytes[from + 5] as number)) & 0xffff) === undefined
    ) {
      throw new ForeignBytes('client_garbage', 'the first request of a client names an API that Kafka does not have')
    }
  }

  #refuseTooLarge(view: DataView, from: number, to: number): void {
    if (to - from < 4) return
    const size = view.getInt32(from)
    if (size > this.#parts.context.frameBytesMax) {
      throw new ForeignBytes(
        'client_frame_too_large',
        `a request of ${size} bytes is over the limit of ${this.#parts.context.frameBytesMax} (limits.frameBytesMax)`,
      )
    }
  }

  /** Some requests are looked into before they go on: the short ones whole, a Fetch up to its limits. */
  #wholeEnough(from: number, to: number): boolean {
    const { apiKey, frameBytes, bodyOffset, apiVersion } = this.#head
    if (isInspected(apiKey)) return frameBytes > INSPECT_BYTES_MAX || to - from >= frameBytes
    if (apiKey === API_KEY.Fetch && bodyOffset >= 0) {
      return to - bodyOffset >= fetchOffsetsOf(apiVersion).end || to - from >= frameBytes
    }
    return true
  }

  /** Identity, charges, and the decision. */
  #mayStart(bytes: Uint8Array, nowMs: number): boolean {
    const head = this.#head
    if (this.#reserved === undefined) {
      this.#parts.facts.sawClientId(bytes, head.clientIdOffset, head.clientIdLength)
      const charges = this.#parts.facts.chargesFor(head.apiKey, nowMs)
      this.#reservedBytes = isFetch(head.apiKey) ? this.#fetchEstimateBytes(charges) : 0
      if (charges.empty) {
        this.#firstSeenAtMs = nowMs
        this.#frameCharges = undefined
        return true
      }
      this.#reserved = charges.retain()
      this.#firstSeenAtMs = nowMs
      this.#startAtMs = charges.reserve(head.frameBytes, this.#reservedBytes, nowMs)
      this.#parts.totals.throttleMs += charges.addedDelayMs
    }
    const charges = this.#reserved
    if (this.#startAtMs > nowMs && !this.draining) {
      const letGoAtMs = this.#letGoAtMs()
      if (letGoAtMs > nowMs) {
        this.heldUntilMs = Math.min(this.#startAtMs, letGoAtMs)
        return false
      }
      const quota = charges.letGo(nowMs)
      this.#parts.outbox.belowFloor(quota, head.apiKey, head.frameBytes, nowMs - this.#firstSeenAtMs)
    }
    this.#reserved = undefined
    this.#frameCharges = charges
    if (nowMs > this.#firstSeenAtMs) {
      this.#parts.context.counters.hold.observeMs(apiSlot(head.apiKey), nowMs - this.#firstSeenAtMs)
    }
    return true
  }

  /** What a Fetch is expected to bring: as much as the last, or less in the measure in which it may bring less. */
  #fetchEstimateBytes(charges: ChargeSet): number {
    const { fetchEstimateBytes, fetchBytesMax } = this.#parts.totals
    const share = charges.fetchBytesMax() / fetchBytesMax
    return share < 1 ? Math.ceil(fetchEstimateBytes * share) : fetchEstimateBytes
  }

  /** The latest instant up to which this frame may be held without harm to the client. */
  #letGoAtMs(): number {
    const behaviour = this.#parts.facts.behaviour
    const holdMs = behaviour.holdMs(this.#head.apiKey)
    if (holdMs === 0) return 0
    // Without answers there is nothing to tell an age by, and nothing that could time out but the write under way.
    if (this.#producesUnanswered && this.#head.apiKey === API_KEY.Produce) return this.#firstSeenAtMs + holdMs
    const ageMaxMs = behaviour.pipelineMax > 0 ? holdMs : Math.max(holdMs, behaviour.queueMs)
    return Math.min(this.#firstSeenAtMs + holdMs, this.#parts.age.sentNoEarlierThanMs(behaviour.pipelineMax) + ageMaxMs)
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
    this.#skimming = false
    const at = head.bodyOffset >= 0 ? head.bodyOffset : Math.min(to, frameEnd)
    this.#bodyLeft = frameEnd - at
    if (head.apiKey === API_KEY.Produce) this.#parts.totals.producedBytes += head.frameBytes
    if (head.apiKey === API_KEY.Produce) this.#watchProduce()
    else if (head.apiKey === API_KEY.Fetch) this.#patchFetch(view, frameEnd, to, nowMs)
    else if (isInspected(head.apiKey) && to >= frameEnd) return this.#inspect(bytes, frameEnd, nowMs)
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  #watchProduce(): void {
    this.#skim.start(producePlan(this.#head.apiVersion), this.#bodyLeft)
    this.#skimming = true
  }

  /** Lowers what a limited Fetch asks for to what its buckets can bear, and its wait by the time it was held. */
  #patchFetch(view: DataView, frameEnd: number, to: number, nowMs: number): void {
    const charges = this.#frameCharges
    const { bodyOffset, apiVersion } = this.#head
    if (charges === undefined || bodyOffset < 0) return
    const offsets = fetchOffsetsOf(apiVersion)
    if (bodyOffset + offsets.end > Math.min(to, frameEnd)) return
    const heldMs = Math.floor(nowMs - this.#firstSeenAtMs)
    if (heldMs > 0 && offsets.maxWaitMs >= 0) {
      const at = bodyOffset + offsets.maxWaitMs
      view.setInt32(at, Math.max(0, view.getInt32(at) - heldMs))
    }
    const bytesMax = charges.fetchBytesMax()
    this.#parts.totals.fetchBytesMax = bytesMax
    if (offsets.maxBytes >= 0) lowerInt32(view, bodyOffset + offsets.maxBytes, bytesMax)
    if (offsets.minBytes >= 0) lowerInt32(view, bodyOffset + offsets.minBytes, bytesMax)
  }

  /** A short request that is here whole: ApiVersions and the SASL ones. */
  #inspect(bytes: Uint8Array, frameEnd: number, nowMs: number): number {
    const head = this.#head
    if (head.apiKey === API_KEY.ApiVersions) {
      if (head.bodyOffset < 0) return this.#refuseApiVersions(frameEnd)
      const software = softwareOf(head.apiVersion, bytes, head.bodyOffset, frameEnd)
      if (software !== undefined) this.#parts.facts.sawSoftware(software.name, software.version)
    } else if (head.bodyOffset >= 0) {
      this.#saslStep = this.#parts.sasl.sawRequest(head.apiKey, head.apiVersion, bytes, head.bodyOffset, frameEnd)
    }
    this.#bodyLeft = 0
    this.#finish(nowMs)
    return frameEnd
  }

  /** ApiVersions in a version that we do not know: the answer is ours (error 35 in v0 form), the request is swallowed. */
  #refuseApiVersions(frameEnd: number): number {
    const expected = this.#parts.inFlight.push()
    expected.apiKey = this.#head.apiKey
    expected.version = 0
    expected.correlationId = this.#head.correlationId
    expected.reservedBytes = 0
    expected.charges = undefined
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

/** The client's bytes are not Kafka's, or not acceptable: a `ProtocolError` that knows its close reason. */
export class ForeignBytes extends Error {
  readonly reason: 'client_tls' | 'client_http' | 'client_garbage' | 'client_frame_too_large'

  constructor(reason: ForeignBytes['reason'], message: string) {
    super(message)
    this.name = 'ForeignBytes'
    this.reason = reason
  }
}

function isInspected(apiKey: number): boolean {
  return apiKey === API_KEY.ApiVersions || apiKey === API_KEY.SaslHandshake || apiKey === API_KEY.SaslAuthenticate
}

function isFetch(apiKey: number): boolean {
  return apiKey === API_KEY.Fetch || apiKey === API_KEY.ShareFetch
}

function lowerInt32(view: DataView, at: number, max: number): void {
  if (view.getInt32(at) > max) view.setInt32(at, max)
}
