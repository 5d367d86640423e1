/**
 * Broker bytes on their way to the client: match each answer with what was asked, settle its charge, stamp its
 * throttle_time_ms, put our listeners' addresses where the brokers' were. Everything else streams; an answer is sent on at
 * once, never delayed (KIP-219). What must be seen whole first is simply not taken until it is: the read buffer holds it.
 */
import { API_KEY, describeFirstBytes, ProtocolError, responseBodyOffset, Skim } from 'kafka-protocol-codec'
import { REWRITE_BYTES_MAX, TAIL_ADDRESSES_BYTES_MAX } from '../bounds.ts'
import { type Address, isDialable } from '../cluster/address-book.ts'
import { AnswerSink } from './answer-sink.ts'
import { lowerApiVersions } from './api-versions.ts'
import { apiSlot } from './counters.ts'
import type { Expected } from './in-flight.ts'
import type { JudgedMutation } from './mutation-gate.ts'
import { mergeAnswer, mergeHead } from './mutations.ts'
import { type ResponsePlan, responsePlan } from './response-plan.ts'
import { BLANK_LIST_BYTES, blankListedNodes, blankTaggedNodes, replaceAddresses } from './rewrite.ts'
import type { SessionParts } from './session-parts.ts'
import type { TopicShares } from './topic-shares.ts'

/** Why the stream took no more: bytes are missing, or the listener of a broker that the answer names is not up yet. */
export type AnswerStop = 'needs_more' | 'needs_listener'

export class ResponseStream {
  stop: AnswerStop = 'needs_more'

  readonly #parts: SessionParts
  readonly #sink: AnswerSink
  readonly #skim: Skim = new Skim()

  // The answer that is passing.
  #bodyLeft = 0
  #skimming = false
  #stampMs = 0
  #slot = 0
  #frameBytes = 0
  /** The shares of an answer whose topics are told apart. */
  #shares: TopicShares | undefined
  #records = 0
  #blankTail = false

  /** Bytes of the present chunk before this position are sent or replaced. */
  #runFrom = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#sink = new AnswerSink(parts.context.topics)
  }

  /** Whether an answer has begun to pass and is not yet through. */
  get midFrame(): boolean {
    return this.#bodyLeft > 0
  }

  /** Passes what may pass of `[from, to)` and returns where it stopped; `stop` says why. */
  take(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    let at = from
    this.#runFrom = from
    this.stop = 'needs_more'
    while (at < to) {
      const next =
        this.#bodyLeft > 0 ? this.#passBody(bytes, view, at, to, nowMs) : this.#begin(bytes, view, at, to, nowMs)
      if (next === at) break
      at = next
      if (this.#bodyLeft === 0 && this.#parts.inFlight.peek()?.reply !== undefined) this.#flushRun(bytes, at, nowMs)
    }
    this.#flushRun(bytes, at, nowMs)
    return at
  }

  /** Sends the answers of our own whose turn has come. */
  #flushRun(bytes: Uint8Array, to: number, nowMs: number): void {
    if (to > this.#runFrom) this.#parts.outbox.toClient(bytes, this.#runFrom, to)
    this.#runFrom = to
    this.sendReplies(nowMs)
  }

  sendReplies(nowMs: number): void {
    if (this.#bodyLeft > 0) return
    for (let head = this.#parts.inFlight.peek(); head?.reply !== undefined; head = this.#parts.inFlight.peek()) {
      this.#parts.outbox.toClient(head.reply, 0, head.reply.length)
      if (head.mutation !== undefined) {
        this.#parts.mutations.finish(head.mutation, undefined, nowMs)
        this.#parts.age.answerDelivered(nowMs)
      }
      const { ending } = head
      this.#parts.inFlight.shift()
      if (ending !== undefined) this.#parts.outbox.leave('client_login_failed', ending)
    }
  }

  #begin(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const expected = this.#parts.inFlight.peek()
    if (expected === undefined) return this.#unasked(bytes, view, from, to)
    if (isTlsAlert(bytes, from, to)) throw new ProtocolError('bad_value', NO_KAFKA_ANSWER + SPEAKS_TLS)
    if (to - from < 8) return from
    const size = view.getInt32(from)
    const correlationId = view.getInt32(from + 4)
    if (size < 4 || correlationId !== expected.correlationId) {
      throw new ProtocolError('bad_value', this.#mismatch(bytes, from, to, size, correlationId, expected))
    }
    const frameBytes = size + 4
    const visibleEnd = Math.min(to, from + frameBytes)
    if (expected.isOwn) return this.#own(bytes, from, visibleEnd, frameBytes, expected, nowMs)
    if (expected.apiKey === API_KEY.ApiVersions)
      return this.#apiVersions(bytes, from, visibleEnd, frameBytes, expected, nowMs)
    const plan = responsePlan(expected.apiKey, expected.version, expected.tellsTopics)
    if (plan === undefined) return this.#pass(expected, frameBytes, from, visibleEnd, nowMs)
    const bodyAt = responseBodyOffset(bytes, from, visibleEnd, expected.apiKey, expected.version)
    if (bodyAt < 0) return from
    if (isSasl(expected.apiKey)) {
      const whole = visibleEnd - from === frameBytes
      if (!whole && frameBytes <= REWRITE_BYTES_MAX) return from
      if (whole)
        this.#parts.sasl.sawAnswer(
          expected.saslStep,
          expected.apiKey,
          expected.version,
          bytes,
          bodyAt,
          visibleEnd,
          nowMs,
        )
    }
    return this.#planned(plan, expected, bytes, view, from, bodyAt, visibleEnd, frameBytes, nowMs)
  }

  /** The answer to a login of our own: the client sees nothing of it. */
  #own(
    bytes: Uint8Array,
    from: number,
    visibleEnd: number,
    frameBytes: number,
    { apiKey, version }: Expected,
    nowMs: number,
  ): number {
    if (frameBytes > REWRITE_BYTES_MAX)
      throw new ProtocolError('bad_length', 'an answer to our login out of all proportion')
    if (visibleEnd - from < frameBytes) return from
    if (from > this.#runFrom) this.#parts.outbox.toClient(bytes, this.#runFrom, from)
    this.#runFrom = visibleEnd
    const bodyAt = responseBodyOffset(bytes, from, visibleEnd, apiKey, version)
    this.#parts.inFlight.shift()
    this.#parts.ownLogin.answered(apiKey, version, bytes.slice(bodyAt, visibleEnd), nowMs)
    return visibleEnd
  }

  /** An answer whose fields are known: skim it, and if it names brokers, not before their part is in sight. */
  #planned(
    plan: ResponsePlan,
    expected: Expected,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    bodyAt: number,
    visibleEnd: number,
    frameBytes: number,
    nowMs: number,
  ): number {
    const whole = visibleEnd - from === frameBytes
    if (!whole && mustBeWhole(plan, expected, frameBytes)) return from
    const bodyBytes = frameBytes - (bodyAt - from)
    this.#sink.reset()
    this.#shares = expected.tellsTopics ? this.#parts.tracking?.fetched : undefined
    this.#sink.answerTopics = this.#shares
    this.#shares?.begin(frameBytes)
    this.#skim.start(plan.skim, bodyBytes)
    if (expected.mutation !== undefined) {
      return this.#mutated(expected, expected.mutation, bytes, view, from, bodyAt, visibleEnd, frameBytes, nowMs)
    }
    if (plan.addresses === 'none' || !(whole || plan.addresses === 'head')) {
      // Streams: the body's first part is looked at by #passBody, like the rest.
      this.#accept(expected, frameBytes, nowMs)
      this.#blankTail = plan.addresses !== 'none'
      this.#bodyLeft = bodyBytes
      this.#skimming = !this.#skim.done
      if (bodyBytes === 0) this.#finish(nowMs)
      return bodyAt
    }
    this.#shares?.chunk(from, 0)
    const seenTo = this.#skim.run(bytes, view, bodyAt, visibleEnd, this.#sink)
    if (!whole && !this.#sink.markerSeen) return this.#headUnseen(from, visibleEnd)
    const addresses = this.#localAddresses()
    if (addresses === undefined) {
      this.stop = 'needs_listener'
      return from
    }
    this.#accept(expected, frameBytes, nowMs)
    this.#noticed(view, nowMs)
    this.#blankTail = false
    const at = whole ? visibleEnd : seenTo
    this.#replace(plan, bytes, from, at, addresses)
    this.#bodyLeft = frameBytes - (at - from)
    this.#skimming = !whole && !this.#skim.done
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** The answer to what creates or deletes partitions: refused topics are put where the broker would have put them. */
  #mutated(
    expected: Expected,
    mutation: JudgedMutation,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    bodyAt: number,
    visibleEnd: number,
    frameBytes: number,
    nowMs: number,
  ): number {
    const whole = visibleEnd - from === frameBytes
    const { split, throttleMs } = mutation
    const merged = whole || split.refusedCount === 0 ? undefined : mergeHead(split, bytes, from, visibleEnd, throttleMs)
    if (!whole && split.refusedCount > 0 && merged === undefined) return from
    const seenTo = this.#skim.run(bytes, view, bodyAt, visibleEnd, this.#sink)
    this.#accept(expected, frameBytes, nowMs)
    this.#noticed(view, nowMs)
    const answer = whole ? bytes.slice(from, visibleEnd) : undefined
    this.#parts.mutations.finish(mutation, answer, nowMs)
    expected.mutation = undefined
    const at = whole ? visibleEnd : (merged?.upTo ?? seenTo)
    const head = answer !== undefined && split.refusedCount > 0 ? mergeAnswer(split, answer, throttleMs) : merged?.head
    if (head !== undefined) {
      if (from > this.#runFrom) this.#parts.outbox.toClient(bytes, this.#runFrom, from)
      this.#parts.outbox.toClient(head, 0, head.length)
      this.#runFrom = at
    }
    this.#bodyLeft = frameBytes - (at - from)
    this.#skimming = false
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  #headUnseen(from: number, visibleEnd: number): number {
    if (visibleEnd - from >= REWRITE_BYTES_MAX) {
      throw new ProtocolError('bad_length', `the broker list of an answer is longer than ${REWRITE_BYTES_MAX} bytes`)
    }
    return from
  }

  #replace(plan: ResponsePlan, bytes: Uint8Array, from: number, to: number, addresses: readonly Address[]): void {
    const { endpoints, tagAt, tagBytes } = this.#sink
    if (endpoints.length === 0) return
    if (from > this.#runFrom) this.#parts.outbox.toClient(bytes, this.#runFrom, from)
    const tagged = tagAt < 0 ? undefined : { at: tagAt, sizeBytes: tagBytes }
    const head = replaceAddresses(bytes, from, to, endpoints, addresses, plan.flexible, tagged)
    this.#parts.outbox.toClient(head, 0, head.length)
    this.#runFrom = to
  }

  /**
   * The local address for each endpoint seen; those that name no broker (an error's −1) or no address that could be dialled
   * are taken out of the list. Undefined when a listener is still missing.
   */
  #localAddresses(): Address[] | undefined {
    const { endpoints, controllers } = this.#sink
    const addresses: Address[] = []
    let missing = false
    let kept = 0
    for (const endpoint of endpoints) {
      if (controllers || endpoint.nodeId < 0 || !isDialable(endpoint)) continue
      const entry = this.#parts.context.book.learn(endpoint.nodeId, endpoint.host, endpoint.port)
      if (entry === undefined) throw new ProtocolError('bad_count', 'the cluster has more brokers than we keep')
      endpoints[kept++] = endpoint
      if (entry.local === undefined) missing = true
      else addresses.push(entry.local)
    }
    endpoints.length = kept
    return missing ? undefined : addresses
  }

  #passBody(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const end = Math.min(to, from + this.#bodyLeft)
    let at = end
    if (this.#skimming) {
      this.#sink.throttleAt = -1
      this.#sink.tagAt = -1
      this.#sink.countAt = -1
      this.#shares?.chunk(from, this.#frameBytes - this.#bodyLeft)
      at = this.#skim.run(bytes, view, from, this.#skimEnd(from, end), this.#sink)
      this.#noticed(view, nowMs)
      if (this.#blankTail) this.#blank(bytes, from + this.#bodyLeft)
      if (this.#skim.done || !this.#skimming) {
        this.#skimming = false
        at = end
      } else if (at === from) return from
    }
    this.#bodyLeft -= at - from
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return at
  }

  /** A list that may have to be blanked must have its first bytes in sight when the skim comes upon it. */
  #skimEnd(from: number, end: number): number {
    return this.#blankTail && end < from + this.#bodyLeft ? Math.max(from, end - BLANK_LIST_BYTES) : end
  }

  /** Blanks a list of nodes that comes after data whose size has been sent. */
  #blank(bytes: Uint8Array, frameEnd: number): void {
    const { tagAt, countAt, count } = this.#sink
    if (tagAt >= 0) blankTaggedNodes(bytes, tagAt)
    else if (countAt >= 0 && count > 0) blankListedNodes(bytes, countAt, frameEnd - countAt)
    else return
    this.#skimming = false // nothing else is wanted behind the list
  }

  /** What the skim found in the part just seen: stamps the throttle, counts errors and records. */
  #noticed(view: DataView, nowMs: number): void {
    const { throttleAt, throttleMs, errors } = this.#sink
    const { counters } = this.#parts.context
    this.#records += this.#sink.records
    this.#sink.records = 0
    if (errors.length > 0) {
      for (const code of errors) counters.countError(this.#slot, code)
      errors.length = 0
    }
    if (throttleAt < 0) return
    counters.brokerThrottleMs[this.#slot] = (counters.brokerThrottleMs[this.#slot] as number) + Math.max(0, throttleMs)
    if (this.#stampMs === 0 || this.#stampMs <= throttleMs) return
    view.setInt32(throttleAt, this.#stampMs)
    this.#parts.inFlight.peek()?.charge.countStamped(nowMs)
  }

  /** The answer goes: settle its charge, decide the stamp, count it. */
  #accept(expected: Expected, frameBytes: number, nowMs: number): void {
    const { counters } = this.#parts.context
    const slot = apiSlot(expected.apiKey)
    this.#slot = slot
    this.#stampMs = 0
    counters.responseBytes[slot] = (counters.responseBytes[slot] as number) + frameBytes
    counters.brokerLatency.observeMs(slot, nowMs - expected.sentAtMs)
    this.#records = 0
    this.#frameBytes = frameBytes
    const { charge } = expected
    if (isFetch(expected.apiKey)) {
      this.#parts.estimates.fetchedBytes = frameBytes
      this.#parts.totals.fetchedBytes += frameBytes
      if (!charge.empty) {
        charge.answerBytes(frameBytes, nowMs)
        this.#parts.totals.throttleMs += charge.addedDelayMs
      }
    }
    if (charge.empty) return
    const debtMs = Math.ceil(charge.debtMs(nowMs))
    this.#stampMs = Math.min(debtMs, this.#parts.facts.behaviour.stampMs(expected.apiKey))
  }

  #finish(nowMs: number): void {
    const expected = this.#parts.inFlight.peek()
    if (expected !== undefined && isFetch(expected.apiKey)) this.#fetched(expected, nowMs)
    this.#parts.inFlight.shift()
    this.#parts.age.answerDelivered(nowMs)
  }

  /** A Fetch answer has passed whole: its records are known. */
  #fetched({ apiKey, charge }: Expected, nowMs: number): void {
    const { totals, estimates, context } = this.#parts
    context.counters.fetchedRecords += this.#records
    totals.fetchRequests++
    totals.fetchedRecords += this.#records
    estimates.fetchedRecords = this.#records
    totals.largestFetchBytes = Math.max(totals.largestFetchBytes, this.#frameBytes)
    if (this.#records > 0) estimates.bytesPerFetchedRecord = this.#frameBytes / this.#records
    if (charge.empty) return
    charge.actual.fetchedRecords = this.#records
    if (this.#shares !== undefined) {
      this.#shares.finish()
      this.#parts.tracking?.settleFetched(charge, apiKey, nowMs)
    }
    charge.answered(nowMs)
    totals.throttleMs += charge.addedDelayMs
  }

  /** An answer of an API or a version that the codec does not know passes as it is. */
  #pass(expected: Expected, frameBytes: number, from: number, visibleEnd: number, nowMs: number): number {
    this.#accept(expected, frameBytes, nowMs)
    this.#skimming = false
    this.#bodyLeft = frameBytes - (visibleEnd - from)
    if (this.#bodyLeft === 0) this.#finish(nowMs)
    return visibleEnd
  }

  #apiVersions(
    bytes: Uint8Array,
    from: number,
    visibleEnd: number,
    frameBytes: number,
    expected: Expected,
    nowMs: number,
  ): number {
    if (frameBytes > REWRITE_BYTES_MAX)
      throw new ProtocolError('bad_length', 'an ApiVersions answer out of all proportion')
    if (visibleEnd - from < frameBytes) return from
    const lowered = lowerApiVersions(bytes.subarray(from, visibleEnd), expected.version, expected.correlationId)
    this.#accept(expected, frameBytes, nowMs)
    if (from > this.#runFrom) this.#parts.outbox.toClient(bytes, this.#runFrom, from)
    this.#parts.outbox.toClient(lowered, 0, lowered.length)
    this.#runFrom = visibleEnd
    this.#finish(nowMs)
    return visibleEnd
  }

  /** Bytes from the broker while nothing is owed: a raw SASL challenge, or not Kafka's protocol. */
  #unasked(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    if (!this.#parts.sasl.rawTokens) {
      throw new ProtocolError('bad_value', `the broker sent what nobody asked for${hint(bytes, from, to)}`)
    }
    if (to - from < 4) return from
    const size = view.getInt32(from)
    if (size < 0 || size > REWRITE_BYTES_MAX) throw new ProtocolError('bad_length', `a SASL challenge of ${size} bytes`)
    if (to - from < 4 + size) return from
    this.#parts.sasl.sawRawChallenge(bytes, from + 4, from + 4 + size)
    return from + 4 + size
  }

  #mismatch(
    bytes: Uint8Array,
    from: number,
    to: number,
    size: number,
    correlationId: number,
    expected: Expected,
  ): string {
    const looks = hint(bytes, from, to)
    if (looks !== '') return NO_KAFKA_ANSWER + looks
    return `the broker answered ${correlationId} (${size} bytes) where ${expected.correlationId} was due`
  }
}

const NO_KAFKA_ANSWER = "the broker's answer is not Kafka's protocol"
const SPEAKS_TLS = ': it speaks TLS; configure upstream.tls, or point --upstream at a plaintext listener'

/** What a TLS server says to plain bytes: a record of two bytes, level and description. 7 bytes in all, less than an answer's head. */
function isTlsAlert(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 5 || to - from > 7 || bytes[from] !== 0x15 || bytes[from + 1] !== 0x03) return false
  return bytes[from + 3] === 0 && bytes[from + 4] === 2
}

function hint(bytes: Uint8Array, from: number, to: number): string {
  const looks = describeFirstBytes(bytes, from, to)
  if (looks === 'tls' || (bytes[from] === 0x15 && bytes[from + 1] === 0x03)) return SPEAKS_TLS
  return looks === 'http' ? ': it speaks HTTP; is --upstream a Kafka listener?' : ''
}

function isFetch(apiKey: number): boolean {
  return apiKey === API_KEY.Fetch || apiKey === API_KEY.ShareFetch
}

function isSasl(apiKey: number): boolean {
  return apiKey === API_KEY.SaslHandshake || apiKey === API_KEY.SaslAuthenticate
}

/** Whether the answer must be in sight whole before any of it may go. */
function mustBeWhole(plan: ResponsePlan, { apiKey, mutation }: Expected, frameBytes: number): boolean {
  if (mutation !== undefined) return frameBytes <= REWRITE_BYTES_MAX
  switch (plan.addresses) {
    case 'whole':
      if (frameBytes <= REWRITE_BYTES_MAX) return true
      if (apiKey === API_KEY.FindCoordinator || apiKey === API_KEY.DescribeCluster) {
        throw new ProtocolError('bad_length', `an answer with addresses is longer than ${REWRITE_BYTES_MAX} bytes`)
      }
      return false
    case 'tail':
      return frameBytes <= TAIL_ADDRESSES_BYTES_MAX
    default:
      return false
  }
}
