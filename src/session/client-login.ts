/**
 * The login of a client, where it does not go through to the broker: verified by us (`listen.sasl`), or refused, because we log in
 * at the broker ourselves and ask nobody who they are. The answers are Kafka's own, and wait their turn in the ring.
 *
 *     SaslHandshake ──▶ agreed ── SaslAuthenticate ──▶ (verify) ── challenge ──▶ … ──▶ known
 *                                                         └── refused: answered, then the connection ends
 *
 * Where the broker has refused our own login (`bar`), the client is told so in the answer to its ApiVersions, or to its login once that
 * has been verified; nothing else has a place for it.
 */
import { API_KEY, apiSchema, decode, ERROR_CODE, encodeResponse, type Struct } from 'kafka-protocol-codec'
import { isSasl } from './api-kinds.ts'
import type { Ending, InFlight } from './in-flight.ts'

/** What a verification comes to. */
export type VerifyStep =
  | { readonly kind: 'challenge'; readonly token: Uint8Array }
  | { readonly kind: 'accepted'; readonly token: Uint8Array; readonly principal: string }
  /** `message` is for the client and tells nothing that it should not know. */
  | { readonly kind: 'refused'; readonly message: string }

/** One login under way. */
export interface Verification {
  /** A token of the client; `step` is told at once or later, once. */
  receive(token: Uint8Array, step: (step: VerifyStep, nowMs: number) => void): void
  /** Its client has left: nobody asks any more. */
  abandon(): void
}

/** Who verifies, for every session. */
export interface Verifier {
  readonly mechanisms: readonly string[]
  begin(mechanism: string): Verification
}

/** `pass`: logins are the broker's affair. */
export type LoginMode = 'pass' | 'verify' | 'refuse'

/** What a session lets its client's login do. */
export interface LoginActions {
  /** Sends the answers of ours whose turn has come. */
  replied(nowMs: number): void
  believed(principal: string): void
  /** A verification is over: the client's next bytes may be looked at. */
  resume(): void
}

const NOTHING = new Uint8Array(0)

export class ClientLogin {
  readonly mode: LoginMode
  readonly #verifier: Verifier | undefined
  readonly #inFlight: InFlight
  readonly #actions: LoginActions
  #verification: Verification | undefined
  #mechanism = ''
  #principal: string | undefined
  #isVerifying = false
  /** It was refused: nothing more is taken, and the connection ends with the answer. */
  #isRefused = false
  #isOver = false
  /** Tokens come and go without Kafka's headers (SaslHandshake v0). */
  #isRaw = false
  /** Why the broker does not let us in; undefined: it does, or has not said yet. */
  #barred: string | undefined

  constructor(mode: LoginMode, verifier: Verifier | undefined, inFlight: InFlight, actions: LoginActions) {
    this.mode = mode
    this.#verifier = verifier
    this.#inFlight = inFlight
    this.#actions = actions
  }

  /** The client's next request waits. */
  get busy(): boolean {
    return this.#isVerifying || this.#isRefused
  }

  /** The next bytes are a token without a header. */
  get takesRawTokens(): boolean {
    return this.#isRaw && this.#verification !== undefined
  }

  /** Why nothing can go to the broker; undefined where it can. */
  get barred(): string | undefined {
    return this.#barred
  }

  /** The broker has refused our own login. */
  bar(detail: string): void {
    this.#barred = detail
  }

  /** Why a request may not go to the broker; undefined where it may. */
  refusal(apiKey: number): string | undefined {
    if (this.mode !== 'verify' || this.#principal !== undefined || apiKey === API_KEY.ApiVersions || isSasl(apiKey)) {
      return undefined
    }
    const api = apiSchema(apiKey)?.name ?? `API ${apiKey}`
    return `a client asks for ${api} without a login (listen.sasl): set security.protocol to SASL_SSL or SASL_PLAINTEXT in it, with a user of the file`
  }

  /** Why a connection may not begin with a token instead of a request, as Kerberos does in clients made for Kafka 0.9. */
  get kerberosRefusal(): string {
    if (this.mode === 'refuse') return WE_LOG_IN
    return `a client begins with a Kerberos token; listen.sasl takes ${this.#mechanisms.join(', ')}`
  }

  /** The client has begun, and has yet to log in here. */
  get isAwaited(): boolean {
    return this.mode === 'verify' && this.#principal === undefined && !this.busy
  }

  get #mechanisms(): readonly string[] {
    return this.#verifier?.mechanisms ?? []
  }

  /** SaslHandshake or SaslAuthenticate, whole; answered here, now or later. */
  take(apiKey: number, version: number, correlationId: number, body: Uint8Array, nowMs: number): void {
    const schema = apiSchema(apiKey)
    if (schema === undefined) throw new Error('no SASL request')
    const answer: Answer = (value, ending) =>
      this.#reply(apiKey, encodeResponse(apiKey, version, correlationId, value), ending)
    const { value } = decode(schema.request, version, body)
    if (apiKey === API_KEY.SaslHandshake) this.#shakeHands(version, String(value['mechanism']), answer)
    else this.#authenticate(value['authBytes'] as Uint8Array, answer)
    if (!this.#isVerifying) this.#actions.replied(nowMs)
  }

  /** A token of SaslHandshake v0: its answer has no header either, and a refusal is the end of the connection alone. */
  takeRaw(token: Uint8Array, nowMs: number): void {
    this.#authenticate(token, ({ errorCode, authBytes }, ending) => {
      const answer = authBytes as Uint8Array
      this.#reply(API_KEY.SaslAuthenticate, errorCode === ERROR_CODE.NONE ? sized(answer) : NOTHING, ending)
    })
    if (!this.#isVerifying) this.#actions.replied(nowMs)
  }

  /** ApiVersions while the broker does not let us in: what a login needs, where there is to be one; else Kafka's own error. */
  answerVersions(version: number, correlationId: number, nowMs: number): void {
    const isToLogIn = this.mode === 'verify' && this.#principal === undefined
    const apiKeys = isToLogIn ? LOGIN_APIS : []
    const errorCode = isToLogIn ? ERROR_CODE.NONE : ERROR_CODE.SASL_AUTHENTICATION_FAILED
    const ending = isToLogIn ? undefined : this.#barredEnding()
    const reply = encodeResponse(API_KEY.ApiVersions, version, correlationId, { errorCode, apiKeys })
    this.#reply(API_KEY.ApiVersions, reply, ending)
    this.#actions.replied(nowMs)
  }

  #barredEnding(): Ending {
    return { reason: 'broker_login_failed', detail: this.#barred ?? '' }
  }

  #reply(apiKey: number, reply: Uint8Array, ending: Ending | undefined): void {
    const expected = this.#inFlight.push()
    expected.apiKey = apiKey
    expected.reply = reply
    expected.ending = ending
    this.#isRefused ||= ending !== undefined
  }

  /** The connection is over. */
  close(): void {
    this.#isOver = true
    this.#verification?.abandon()
    this.#verification = undefined
  }

  #shakeHands(version: number, mechanism: string, answer: Answer): void {
    const mechanisms = [...this.#mechanisms]
    if (this.mode === 'refuse') {
      answer({ errorCode: ERROR_CODE.ILLEGAL_SASL_STATE, mechanisms }, byClient(WE_LOG_IN))
    } else if (!mechanisms.includes(mechanism)) {
      const detail = `a client wants to log in by ${mechanism.slice(0, 50)}; listen.sasl takes ${mechanisms.join(', ')}`
      answer({ errorCode: ERROR_CODE.UNSUPPORTED_SASL_MECHANISM, mechanisms }, byClient(detail))
    } else {
      this.#isRaw = version === 0
      this.#mechanism = mechanism
      this.#verification = this.#verifier?.begin(mechanism)
      answer({ errorCode: ERROR_CODE.NONE, mechanisms })
    }
  }

  #authenticate(token: Uint8Array, answer: Answer): void {
    const verification = this.#verification
    if (verification === undefined) {
      const detail = this.mode === 'refuse' ? WE_LOG_IN : 'a client sends a SASL token before it has named a mechanism'
      answer(
        refused(ERROR_CODE.ILLEGAL_SASL_STATE, 'SaslAuthenticate request received without a handshake'),
        byClient(detail),
      )
      return
    }
    this.#isVerifying = true
    verification.receive(token, (step, nowMs) => {
      if (this.#isOver) return
      this.#isVerifying = false
      this.#answer(step, answer)
      this.#actions.replied(nowMs)
      this.#actions.resume()
    })
  }

  #answer(step: VerifyStep, answer: Answer): void {
    if (step.kind === 'challenge') {
      answer({ errorCode: ERROR_CODE.NONE, errorMessage: null, authBytes: step.token })
      return
    }
    this.#verification = undefined
    if (step.kind === 'accepted' && this.#barred !== undefined) {
      const message = `the sluice cannot log in at the broker for this client: ${this.#barred}`
      answer(refused(ERROR_CODE.SASL_AUTHENTICATION_FAILED, message), this.#barredEnding())
      return
    }
    const known = this.#principal
    // As Kafka: a client may log in again, and only as the same user.
    if (step.kind === 'accepted' && (known ?? step.principal) === step.principal) {
      if (known === undefined) this.#actions.believed(step.principal)
      this.#principal = step.principal
      answer({ errorCode: ERROR_CODE.NONE, errorMessage: null, authBytes: step.token })
      return
    }
    const message = step.kind === 'refused' ? step.message : 'Cannot change principals during re-authentication'
    const detail = `a login by ${this.#mechanism} was refused: ${step.kind === 'refused' ? WRONG_LOGIN : ANOTHER_USER}`
    answer(refused(ERROR_CODE.SASL_AUTHENTICATION_FAILED, message), byClient(detail))
  }
}

type Answer = (value: Struct, ending?: Ending) => void

function byClient(detail: string): Ending {
  return { reason: 'client_login_failed', detail }
}

/** A token as it travels without a header. */
function sized(token: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + token.length)
  new DataView(bytes.buffer).setInt32(0, token.length)
  bytes.set(token, 4)
  return bytes
}

/** What a client needs to know of us to log in. */
const LOGIN_APIS: Struct[] = [API_KEY.SaslHandshake, API_KEY.ApiVersions, API_KEY.SaslAuthenticate].map((apiKey) => {
  const [minVersion, maxVersion] = apiSchema(apiKey)?.request.versions ?? [0, 0]
  return { apiKey, minVersion, maxVersion }
})

const WRONG_LOGIN = 'the user is not in listen.sasl.usersFile, or the password is another'
const ANOTHER_USER = 'the connection is logged in as another user already; as another one a client has to connect anew'

const WE_LOG_IN =
  'a client logs in itself, but the sluice does that for it (upstream.sasl) and takes no logins: set security.protocol to PLAINTEXT or SSL in the client, or configure listen.sasl'

function refused(errorCode: number, errorMessage: string): Struct {
  return { errorCode, errorMessage, authBytes: NOTHING }
}
