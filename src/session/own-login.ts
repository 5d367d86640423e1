/**
 * Our own login at the broker, on the connection of a client: before anything of the client goes there, and again before the
 * broker's session runs out (KIP-368). Its requests go through the ring like any other; their answers are swallowed. While it lasts
 * no request of the client begins, because the broker takes nothing but SASL then; answers to those before it still pass.
 *
 *     wanted ── connected ──▶ handshake ──▶ tokens ──▶ done ── most of the session's life is over, between two frames ──▶ handshake
 *                                 └── refused, the first time ──▶ refused: the client is told, where its protocol has a place for it
 *                                 └── anything else ──▶ the connection ends
 *
 * The tokens are made elsewhere: they take secrets, randomness and time.
 */
import {
  API_KEY,
  apiSchema,
  decode,
  encodeRequest,
  ProtocolError,
  responseBodyOffset,
  type Struct,
} from 'kafka-protocol-codec'
import { OWN_LOGIN_TIMEOUT_MS, REWRITE_BYTES_MAX } from '../bounds.ts'
import type { AnswerAtHand } from './answer-at-hand.ts'
import type { InFlight } from './in-flight.ts'
import { authenticateFault, handshakeFault } from './login-faults.ts'
import type { Outbox } from './outbox.ts'

/** What is to be said to the broker next. */
export type TokenStep =
  | { readonly kind: 'send'; readonly token: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }

/** Told of a step, at once or later. */
export type OnStep = (step: TokenStep, nowMs: number) => void

/** One login under way: each answer of the broker brings one step. */
export interface TokenExchange {
  answer(token: Uint8Array): void
  /** The broker does not let us in by what it was told. */
  refused(): void
}

/** Who makes the tokens, for every session. */
export interface LoginTokens {
  readonly mechanism: string
  /** For messages. */
  readonly user: string
  /** The first step comes by itself. */
  begin(step: OnStep): TokenExchange
  /** After which part of a session's life the next login is due; not the same for all, so that they do not come at once. */
  lifetimePart(): number
}

/** Not that of our questions for brokers, so that each can be told in a broker's log. */
const CLIENT_ID = 'kafka-sluice-login'
const HANDSHAKE_VERSION = 1
/** The first that tells how long the session lasts (Kafka 2.2). */
const AUTHENTICATE_VERSION = 1
/** Far from what clients count up to; Kafka's own clients keep these numbers for their logins too. */
const CORRELATION_ID_FIRST = 0x7fff_fbff
const CORRELATION_IDS = 1_000

type State = 'wanted' | 'handshake' | 'tokens' | 'done' | 'refused' | 'over'

/** @param isRefusal the broker has refused the first login: nothing is under way, and the client may be told */
type OnFailure = (detail: string, nowMs: number, isRefusal: boolean) => void

export class OwnLogin {
  readonly #tokens: LoginTokens | undefined
  readonly #inFlight: InFlight
  readonly #outbox: Outbox
  readonly #failed: OnFailure
  #state: State
  #exchange: TokenExchange | undefined
  #sinceMs = 0
  #dueAtMs: number = Number.POSITIVE_INFINITY
  #isFirst = true
  #lifetimeMs = 0
  #requests = 0

  constructor(tokens: LoginTokens | undefined, inFlight: InFlight, outbox: Outbox, failed: OnFailure) {
    this.#tokens = tokens
    this.#inFlight = inFlight
    this.#outbox = outbox
    this.#failed = failed
    this.#state = tokens === undefined ? 'done' : 'wanted'
  }

  /** Whether no request of the client may begin: a login is under way, or due. */
  blocks(nowMs: number): boolean {
    return (this.#state !== 'done' && this.#state !== 'refused') || nowMs >= this.#dueAtMs
  }

  /** The broker is there. */
  connected(nowMs: number): void {
    if (this.#state === 'wanted') this.#begin(nowMs)
  }

  /** Between two frames of the client, everything before was sent: begins the login that is due. */
  beginIfDue(nowMs: number): void {
    if (this.#state === 'done' && nowMs >= this.#dueAtMs && !this.#inFlight.full) this.#begin(nowMs)
  }

  /** What the clock brings. Later logins wait behind requests that may be parked, and are in nobody's way longer than those. */
  tick(nowMs: number): void {
    const isWaiting = this.#isFirst && (this.#state === 'handshake' || this.#state === 'tokens')
    if (!isWaiting || nowMs - this.#sinceMs <= OWN_LOGIN_TIMEOUT_MS) return
    this.#fail(`no answer to our login within ${OWN_LOGIN_TIMEOUT_MS / 1000} s`, nowMs)
  }

  /** The answer to a request of ours: the client sees nothing of it. Returns up to where it was taken. */
  takeAnswer(answer: AnswerAtHand): number {
    const { bytes, from, visibleEnd, whole, frameBytes, nowMs } = answer
    const { apiKey, version } = answer.expected
    if (frameBytes > REWRITE_BYTES_MAX)
      throw new ProtocolError('bad_length', 'an answer to our login out of all proportion')
    if (!whole) return from
    answer.replace(visibleEnd)
    const bodyAt = responseBodyOffset(bytes, from, visibleEnd, apiKey, version)
    this.#inFlight.shift()
    this.#answered(apiKey, version, bytes.slice(bodyAt, visibleEnd), nowMs)
    return visibleEnd
  }

  #answered(apiKey: number, version: number, body: Uint8Array, nowMs: number): void {
    const tokens = this.#tokens
    const schema = apiSchema(apiKey)
    if (tokens === undefined || schema === undefined) throw new Error('nothing was asked')
    const { value } = decode(schema.response, version, body)
    if (apiKey === API_KEY.SaslHandshake) this.#agreed(value, tokens, nowMs)
    else this.#authenticated(value, tokens, nowMs)
  }

  /** The connection is over. */
  close(): void {
    this.#state = 'over'
    this.#exchange = undefined
  }

  #begin(nowMs: number): void {
    this.#state = 'handshake'
    this.#sinceMs = nowMs
    this.#dueAtMs = Number.POSITIVE_INFINITY
    this.#ask(API_KEY.SaslHandshake, HANDSHAKE_VERSION, { mechanism: this.#tokens?.mechanism }, nowMs)
  }

  #agreed(answer: Struct, tokens: LoginTokens, nowMs: number): void {
    const fault = handshakeFault(answer, tokens.mechanism)
    if (fault !== undefined) {
      this.#fail(fault, nowMs, this.#isFirst)
      return
    }
    this.#state = 'tokens'
    this.#exchange = tokens.begin((step, atMs) => this.#step(step, atMs))
  }

  #authenticated(answer: Struct, { user, mechanism }: LoginTokens, nowMs: number): void {
    const fault = authenticateFault(answer, user === '' ? 'us' : user, mechanism)
    if (fault !== undefined) {
      this.#exchange?.refused()
      this.#fail(fault, nowMs, this.#isFirst)
      return
    }
    this.#lifetimeMs = Number(answer['sessionLifetimeMs'] ?? 0)
    this.#exchange?.answer(answer['authBytes'] as Uint8Array)
  }

  #step(step: TokenStep, nowMs: number): void {
    if (this.#state !== 'tokens') return
    if (step.kind === 'send') {
      this.#ask(API_KEY.SaslAuthenticate, AUTHENTICATE_VERSION, { authBytes: step.token }, nowMs)
    } else if (step.kind === 'failed') {
      this.#fail(step.message, nowMs)
    } else {
      this.#state = 'done'
      this.#isFirst = false
      this.#exchange = undefined
      if (this.#lifetimeMs > 0) this.#dueAtMs = nowMs + this.#lifetimeMs * (this.#tokens?.lifetimePart() ?? 1)
      this.#outbox.resume()
    }
  }

  #ask(apiKey: number, apiVersion: number, body: Struct, nowMs: number): void {
    const correlationId = CORRELATION_ID_FIRST + (this.#requests++ % CORRELATION_IDS)
    const frame = encodeRequest({ apiKey, apiVersion, correlationId, clientId: CLIENT_ID }, body)
    const expected = this.#inFlight.push()
    expected.apiKey = apiKey
    expected.version = apiVersion
    expected.correlationId = correlationId
    expected.sentAtMs = nowMs
    expected.tellsTopics = false
    expected.isOwn = true
    this.#outbox.toBroker(frame, 0, frame.length)
  }

  #fail(detail: string, nowMs: number, isRefusal = false): void {
    this.close()
    if (isRefusal) this.#state = 'refused'
    this.#failed(detail, nowMs, isRefusal)
  }
}
