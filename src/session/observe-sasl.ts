/**
 * A SASL exchange passing by, untouched: who logs in, believed only after the broker's success (protocol-facts B.3).
 *
 * SaslHandshake v1: tokens travel in SaslAuthenticate. v0 (and Kerberos tokens as the very first bytes): tokens travel raw,
 * a size and bytes without any Kafka header, until the client sends a Kafka request again. Client and broker take turns
 * there, so nothing else is in flight meanwhile.
 */
import { API_KEY, apiSchema, decode, saslUser } from 'kafka-protocol-codec'

/** API key, version, correlation id, and a client id that is null. */
const REQUEST_HEADER_BYTES_MIN = 10

/** What one SASL request says; it counts only when its own answer has come. */
export interface SaslStep {
  /** Of SaslHandshake, '' of SaslAuthenticate. */
  readonly mechanism: string
  /** Whom the token names, if it names anybody. */
  readonly user: string | undefined
}

export class SaslObserver {
  /** The client may send raw tokens now. */
  rawTokens = false
  /** When the broker will close the connection on the next request that is no login (KIP-368). */
  expiresAtMs: number = Number.POSITIVE_INFINITY
  /** As the client asked for last, and as the broker agreed to last: requests may be pipelined. */
  #askedMechanism = ''
  #mechanism = ''
  #candidate: string | undefined
  readonly #believe: (principal: string) => void

  constructor(believe: (principal: string) => void) {
    this.#believe = believe
  }

  /** A connection that opens with a Kerberos token, as Kafka 0.9's did. */
  firstBytesAreToken(): void {
    this.rawTokens = true
    this.#askedMechanism = this.#mechanism = 'GSSAPI'
  }

  /** SaslHandshake or SaslAuthenticate, whole. The caller keeps the step until the answer. */
  sawRequest(apiKey: number, version: number, bytes: Uint8Array, from: number, to: number): SaslStep | undefined {
    const schema = apiSchema(apiKey)?.request
    if (schema === undefined) return undefined
    const { value } = decode(schema, version, bytes.subarray(from, to))
    if (apiKey === API_KEY.SaslAuthenticate) {
      return { mechanism: '', user: saslUser(this.#askedMechanism, value['authBytes'] as Uint8Array) }
    }
    this.#askedMechanism = String(value['mechanism'])
    this.rawTokens = version === 0
    return { mechanism: this.#askedMechanism, user: undefined }
  }

  /** The broker's answer to SaslHandshake or SaslAuthenticate, whole. */
  sawAnswer(
    step: SaslStep | undefined,
    apiKey: number,
    version: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    nowMs: number,
  ): void {
    const schema = apiSchema(apiKey)?.response
    if (schema === undefined) return
    const { value } = decode(schema, version, bytes.subarray(from, to))
    if (value['errorCode'] !== 0 || step === undefined) {
      this.#candidate = undefined
      this.rawTokens = false
    } else if (apiKey === API_KEY.SaslHandshake) {
      this.#candidate = undefined
      this.#mechanism = step.mechanism
    } else {
      this.#candidate ??= step.user
      this.#sawChallenge(value['authBytes'] as Uint8Array)
      const lifetimeMs = Number(value['sessionLifetimeMs'] ?? 0)
      this.expiresAtMs = lifetimeMs > 0 ? nowMs + lifetimeMs : Number.POSITIVE_INFINITY
    }
  }

  sawRawToken(bytes: Uint8Array, from: number, to: number): void {
    this.#candidate ??= saslUser(this.#mechanism, bytes.subarray(from, to))
  }

  sawRawChallenge(bytes: Uint8Array, from: number, to: number): void {
    this.#sawChallenge(bytes.subarray(from, to))
  }

  /** Whether the frame at `from` (12 bytes of it are here) is a request with a header and no raw token. */
  looksLikeRequest(view: DataView, from: number): boolean {
    const api = apiSchema(view.getInt16(from + 4))
    const version = view.getInt16(from + 6)
    if (view.getInt32(from) < REQUEST_HEADER_BYTES_MIN) return false
    return api !== undefined && version >= 0 && version <= api.request.versions[1]
  }

  /** The client is past the exchange: a Kafka request came. */
  requestCame(): void {
    this.rawTokens = false
  }

  #sawChallenge(challenge: Uint8Array): void {
    if (this.#candidate === undefined || !this.#isSuccess(challenge)) return
    this.#believe(this.#candidate)
    this.#candidate = undefined
  }

  /** PLAIN and OAUTHBEARER end with an empty challenge, SCRAM with the server's signature (RFC 5802). */
  #isSuccess(challenge: Uint8Array): boolean {
    if (this.#mechanism.startsWith('SCRAM-')) return challenge[0] === 0x76 && challenge[1] === 0x3d // v=
    return challenge.length === 0
  }
}
