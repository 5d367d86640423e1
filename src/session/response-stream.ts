/**
 * Broker bytes on their way to the client: match each answer with what was asked, settle its charge, stamp its
 * throttle_time_ms, put our listeners' addresses where the brokers' were. Everything else streams; an answer is sent on at
 * once, never delayed (KIP-219). What must be seen whole first is simply not taken until it is: the read buffer holds it.
 *
 *     take(chunk) ─▶ frame boundary? ─ no ─▶ pass the body, watched by the skim where something is wanted of it
 *                          │ yes
 *                          ▼
 *                  head matches the ring ─▶ our own login / ApiVersions / mutation / addresses ─▶ their files
 *                          └─ all others: accept, pass
 */
import { API_KEY, ProtocolError, responseBodyOffset } from 'kafka-protocol-codec'
import { REWRITE_BYTES_MAX, TAIL_ADDRESSES_BYTES_MAX } from '../bounds.ts'
import { AddressAnswers } from './address-answers.ts'
import { AnswerAccount } from './answer-account.ts'
import { AnswerAtHand, type AnswerStop } from './answer-at-hand.ts'
import { isSasl } from './api-kinds.ts'
import { lowerApiVersions } from './api-versions.ts'
import { describeMismatch, describeUnasked, isTlsAlert, TLS_ANSWER } from './foreign-answers.ts'
import { MutationAnswers } from './mutation-answers.ts'
import { type ResponsePlan, responsePlan } from './response-plan.ts'
import type { SessionParts } from './session-parts.ts'

export class ResponseStream {
  readonly #parts: SessionParts
  readonly #answer: AnswerAtHand
  readonly #account: AnswerAccount
  readonly #addresses: AddressAnswers
  readonly #mutations: MutationAnswers

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#answer = new AnswerAtHand(parts)
    this.#account = new AnswerAccount(parts, this.#answer)
    this.#addresses = new AddressAnswers(parts, this.#answer, this.#account)
    this.#mutations = new MutationAnswers(parts, this.#answer, this.#account)
  }

  get stop(): AnswerStop {
    return this.#answer.stop
  }

  /** Whether an answer has begun to pass and is not yet through. */
  get midFrame(): boolean {
    return this.#answer.bodyLeft > 0
  }

  /** Passes what may pass of `[from, to)` and returns where it stopped; `stop` says why. */
  take(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const answer = this.#answer
    answer.openChunk(bytes, view, from, nowMs)
    let at = from
    while (at < to) {
      const next = answer.bodyLeft > 0 ? this.#passBody(at, to) : this.#begin(at, to)
      if (next === at) break
      at = next
      if (answer.bodyLeft === 0 && this.#parts.inFlight.peek()?.reply !== undefined) {
        answer.flush(at)
        this.sendReplies(nowMs)
      }
    }
    answer.flush(at)
    answer.closeChunk()
    this.sendReplies(nowMs)
    return at
  }

  /** Sends the answers of our own whose turn has come. */
  sendReplies(nowMs: number): void {
    if (this.#answer.bodyLeft > 0) return
    for (let head = this.#parts.inFlight.peek(); head?.reply !== undefined; head = this.#parts.inFlight.peek()) {
      if (head.reply.length > 0) this.#parts.outbox.toClient(head.reply, 0, head.reply.length)
      if (head.mutation !== undefined) {
        this.#parts.mutations.finish(head.mutation, undefined, nowMs)
        this.#parts.age.answerDelivered(nowMs)
      }
      const { ending } = head
      this.#parts.inFlight.shift()
      if (ending !== undefined) this.#parts.outbox.leave(ending.reason, ending.detail)
    }
  }

  #begin(from: number, to: number): number {
    const answer = this.#answer
    const { bytes, view } = answer
    const expected = this.#parts.inFlight.peek()
    if (expected === undefined) return this.#unasked(from, to)
    if (isTlsAlert(bytes, from, to)) throw new ProtocolError('bad_value', TLS_ANSWER)
    if (to - from < 8) return from
    const size = view.getInt32(from)
    if (size < 4 || view.getInt32(from + 4) !== expected.correlationId) {
      throw new ProtocolError('bad_value', describeMismatch(bytes, view, from, to, expected.correlationId))
    }
    answer.begin(expected, from, to, size + 4)
    if (expected.isOwn) return this.#parts.ownLogin.takeAnswer(answer)
    if (expected.apiKey === API_KEY.ApiVersions) return this.#apiVersions()
    const plan = responsePlan(expected.apiKey, expected.version, expected.tellsTopics || expected.isFollowed)
    if (plan === undefined) return this.#pass()
    answer.bodyAt = responseBodyOffset(bytes, from, answer.visibleEnd, expected.apiKey, expected.version)
    if (answer.bodyAt < 0) return from
    if (isSasl(expected.apiKey) && !this.#sasl()) return from
    return this.#planned(plan)
  }

  /** An answer whose fields are known: skim it, and if it names brokers, not before their part is in sight. */
  #planned(plan: ResponsePlan): number {
    const answer = this.#answer
    const { mutation } = answer.expected
    const { whole } = answer
    if (!whole && mustBeWhole(plan, answer)) return answer.from
    answer.lookFor(plan)
    if (mutation !== undefined) return this.#mutations.take(mutation)
    if (plan.addresses === 'head' || (whole && plan.addresses !== 'none')) return this.#addresses.take(plan)
    // Streams: the body's first part is looked at by #passBody, like the rest.
    this.#account.accept()
    this.#addresses.blankTail = plan.addresses !== 'none'
    answer.skimming = !answer.skim.done
    return this.#account.passedTo(answer.bodyAt)
  }

  #passBody(from: number, to: number): number {
    const answer = this.#answer
    const end = Math.min(to, from + answer.bodyLeft)
    let at = end
    if (answer.skimming) {
      at = this.#skim(from, end)
      if (at === from) return from
    }
    answer.bodyLeft -= at - from
    if (answer.bodyLeft === 0) this.#account.finish()
    return at
  }

  /** Runs the skim over the next part of the body; returns up to where that may go. */
  #skim(from: number, end: number): number {
    const answer = this.#answer
    const { sink, skim, bodyLeft } = answer
    sink.throttleAt = -1
    sink.tagAt = -1
    sink.countAt = -1
    answer.shares?.chunk(from, answer.frameBytes - bodyLeft)
    const at = skim.run(answer.bytes, answer.view, from, this.#addresses.skimEnd(from, end), sink)
    this.#account.noticed()
    if (this.#addresses.blankTail) this.#addresses.blank(from + bodyLeft)
    if (answer.skimming && !skim.done) return at
    answer.skimming = false
    return end
  }

  /** An answer of an API or a version that the codec does not know passes as it is. */
  #pass(): number {
    this.#account.accept()
    this.#answer.skimming = false
    return this.#account.passedTo(this.#answer.visibleEnd)
  }

  #apiVersions(): number {
    const answer = this.#answer
    const { expected, from, visibleEnd } = answer
    if (answer.frameBytes > REWRITE_BYTES_MAX)
      throw new ProtocolError('bad_length', 'an ApiVersions answer out of all proportion')
    if (!answer.whole) return from
    const frame = answer.bytes.subarray(from, visibleEnd)
    const lowered = lowerApiVersions(frame, expected.version, expected.correlationId)
    this.#account.accept()
    answer.replace(visibleEnd, lowered)
    return this.#account.passedTo(visibleEnd)
  }

  /** The answer to a login that passes by is looked at; false: it must be here whole first. */
  #sasl(): boolean {
    const { expected, bytes, bodyAt, visibleEnd, whole, frameBytes, nowMs } = this.#answer
    if (!whole) return frameBytes > REWRITE_BYTES_MAX
    const { saslStep, apiKey, version } = expected
    this.#parts.sasl.sawAnswer(saslStep, apiKey, version, bytes, bodyAt, visibleEnd, nowMs)
    return true
  }

  /** Bytes from the broker while nothing is owed: a raw SASL challenge, or not Kafka's protocol. */
  #unasked(from: number, to: number): number {
    const { bytes, view } = this.#answer
    if (!this.#parts.sasl.rawTokens) throw new ProtocolError('bad_value', describeUnasked(bytes, from, to))
    if (to - from < 4) return from
    const size = view.getInt32(from)
    if (size < 0 || size > REWRITE_BYTES_MAX) throw new ProtocolError('bad_length', `a SASL challenge of ${size} bytes`)
    if (to - from < 4 + size) return from
    this.#parts.sasl.sawRawChallenge(bytes, from + 4, from + 4 + size)
    return from + 4 + size
  }
}

/** Whether the answer must be in sight whole before any of it may go. */
function mustBeWhole(plan: ResponsePlan, { expected, frameBytes }: AnswerAtHand): boolean {
  const { apiKey, mutation } = expected
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
