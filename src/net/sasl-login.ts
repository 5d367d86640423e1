/**
 * The client's side of a SASL login: PLAIN (RFC 4616), SCRAM-SHA-256, SCRAM-SHA-512 (RFC 5802, 7677) and OAUTHBEARER (RFC 7628). Tokens in, tokens out: no
 * socket, no clock, no randomness of its own. Stretching the password takes milliseconds, so it is asked for (`derive`) instead
 * of done here; whoever owns the login does it off the event loop.
 *
 *     PLAIN   start ──token──▶ sent ──empty answer──▶ done
 *     OAUTH   start ──auth=Bearer …──▶ sent ──empty answer──▶ done; ──{"status":…}──▶ refused, which is answered once
 *     SCRAM   start ──n=,r=──▶ first ──r=,s=,i=──▶ (derive) ──c=,r=,p=──▶ final ──v=──▶ done
 *
 * As Kafka, names and passwords are taken as UTF-8 and not prepared (RFC 4013), and fewer than 4096 iterations are refused.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { SASL_TOKEN_BYTES_MAX, SCRAM_ITERATIONS_MAX } from '../bounds.ts'

/** What this client speaks, and what of it takes a password. */
export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
export const SASL_MECHANISMS: readonly SaslMechanism[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']

/** Who logs in, and how. */
export interface SaslCredentials {
  readonly mechanism: SaslMechanism
  /** Of OAUTHBEARER empty: the token says it. */
  readonly user: string
  /** Of OAUTHBEARER: the token. */
  readonly password: string
}

/** PBKDF2 with HMAC: what the password has to be stretched with. */
export interface KeyDerivation {
  readonly password: string
  readonly salt: Uint8Array
  readonly iterations: number
  readonly keyBytes: number
  readonly digest: Digest
}

/** What is to be done next. */
export type SaslStep =
  | { readonly kind: 'send'; readonly token: Uint8Array }
  | { readonly kind: 'derive'; readonly derivation: KeyDerivation }
  | { readonly kind: 'done' }

/** The other side is not who it should be, refuses, or does not speak the mechanism. The message has no secrets. */
export class SaslError extends Error {}

type Digest = 'sha256' | 'sha512'
const DIGEST_BYTES: Readonly<Record<Digest, number>> = { sha256: 32, sha512: 64 }
/** RFC 7677, and the least that Kafka sets and takes. */
const ITERATIONS_MIN = 4096
/** `n,,` in base64: no channel binding, no other identity. */
const GS2_HEADER = 'n,,'
const NO_CHANNEL_BINDING = 'biws'

/** One login. */
export interface SaslLogin {
  start(): SaslStep
  /** The server's answer to what was sent last. @throws SaslError */
  receive(token: Uint8Array): SaslStep
  /** The stretched password. */
  derived(saltedPassword: Uint8Array): SaslStep
}

/** @param nonce printable and without commas; another one at every login */
export function saslLogin({ mechanism, user, password }: SaslCredentials, nonce: string): SaslLogin {
  if (mechanism === 'PLAIN') return new PlainLogin(user, password)
  if (mechanism === 'OAUTHBEARER') return new BearerLogin(password)
  return new ScramLogin(user, password, nonce, mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512')
}

class PlainLogin implements SaslLogin {
  readonly #user: string
  readonly #password: string

  constructor(user: string, password: string) {
    this.#user = user
    this.#password = password
  }

  start(): SaslStep {
    if (`${this.#user}${this.#password}`.includes('\0')) {
      throw new SaslError('PLAIN takes no user or password with a NUL character in it')
    }
    return { kind: 'send', token: utf8(`\0${this.#user}\0${this.#password}`) }
  }

  receive(token: Uint8Array): SaslStep {
    if (token.length > 0) throw new SaslError('the broker goes on where PLAIN ends')
    return { kind: 'done' }
  }

  derived(): SaslStep {
    throw new Error('PLAIN derives nothing')
  }
}

/** The characters of a bearer token (RFC 6750). */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/u

class BearerLogin implements SaslLogin {
  readonly #token: string
  #isRefused = false

  constructor(token: string) {
    this.#token = token
  }

  start(): SaslStep {
    if (!BEARER_TOKEN.test(this.#token)) throw new SaslError('the token has characters that no bearer token has')
    return { kind: 'send', token: utf8(`${GS2_HEADER}\u0001auth=Bearer ${this.#token}\u0001\u0001`) }
  }

  /** The broker says why it refuses only after that was acknowledged. */
  receive(token: Uint8Array): SaslStep {
    if (token.length === 0 && !this.#isRefused) return { kind: 'done' }
    if (this.#isRefused) throw new SaslError('the broker goes on where OAUTHBEARER ends')
    this.#isRefused = true
    return { kind: 'send', token: utf8('\u0001') }
  }

  derived(): SaslStep {
    throw new Error('OAUTHBEARER derives nothing')
  }
}

type ScramState = 'start' | 'first' | 'deriving' | 'final' | 'done'

class ScramLogin implements SaslLogin {
  readonly #password: string
  readonly #nonce: string
  readonly #digest: Digest
  readonly #firstBare: string
  #state: ScramState = 'start'
  #serverFirst = ''
  #serverNonce = ''
  #serverSignature: Uint8Array = new Uint8Array(0)

  constructor(user: string, password: string, nonce: string, digest: Digest) {
    this.#password = password
    this.#nonce = nonce
    this.#digest = digest
    this.#firstBare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  start(): SaslStep {
    this.#enter('start', 'first')
    return { kind: 'send', token: utf8(`${GS2_HEADER}${this.#firstBare}`) }
  }

  receive(token: Uint8Array): SaslStep {
    if (token.length > SASL_TOKEN_BYTES_MAX)
      throw new SaslError(`an answer of ${token.length} bytes is no SCRAM message`)
    const text = new TextDecoder().decode(token)
    return this.#state === 'first' ? this.#receiveFirst(text) : this.#receiveFinal(text)
  }

  derived(saltedPassword: Uint8Array): SaslStep {
    this.#enter('deriving', 'final')
    const withoutProof = `c=${NO_CHANNEL_BINDING},r=${this.#serverNonce}`
    const signed = `${this.#firstBare},${this.#serverFirst},${withoutProof}`
    const clientKey = this.#hmac(saltedPassword, 'Client Key')
    const signature = this.#hmac(createHash(this.#digest).update(clientKey).digest(), signed)
    const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
    this.#serverSignature = this.#hmac(this.#hmac(saltedPassword, 'Server Key'), signed)
    return { kind: 'send', token: utf8(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`) }
  }

  #receiveFirst(text: string): SaslStep {
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d{1,9})(?:,|$)/u.exec(text) ?? []
    if (nonce === '') throw new SaslError(refusal(text) ?? "the broker's first SCRAM message cannot be read")
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw new SaslError("the broker's nonce does not go on from ours: this is no answer to our login")
    }
    const count = Number(iterations)
    if (count < ITERATIONS_MIN || count > SCRAM_ITERATIONS_MAX) {
      throw new SaslError(
        `the broker asks for ${count} SCRAM iterations; ${ITERATIONS_MIN} to ${SCRAM_ITERATIONS_MAX} are taken`,
      )
    }
    this.#enter('first', 'deriving')
    this.#serverFirst = text
    this.#serverNonce = nonce
    const [digest, password] = [this.#digest, this.#password]
    const keyBytes = DIGEST_BYTES[digest]
    const derivation = { password, salt: Buffer.from(salt, 'base64'), iterations: count, keyBytes, digest }
    return { kind: 'derive', derivation }
  }

  #receiveFinal(text: string): SaslStep {
    this.#enter('final', 'done')
    const [, signature] = /^v=([^,]+)(?:,|$)/u.exec(text) ?? []
    if (signature === undefined) throw new SaslError(refusal(text) ?? "the broker's last SCRAM message cannot be read")
    const theirs = Buffer.from(signature, 'base64')
    if (theirs.length !== this.#serverSignature.length || !timingSafeEqual(theirs, this.#serverSignature)) {
      throw new SaslError('the broker does not know the password: it may not be the broker that it seems to be')
    }
    return { kind: 'done' }
  }

  #enter(from: ScramState, to: ScramState): void {
    if (this.#state !== from) throw new SaslError('the broker goes on where SCRAM ends')
    this.#state = to
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#digest, key).update(text).digest()
  }
}

/** `e=invalid-proof` and the like. */
function refusal(text: string): string | undefined {
  const [, error] = /^e=([\w-]{1,100})/u.exec(text) ?? []
  return error === undefined ? undefined : `the broker refuses the login: ${error}`
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
