/**
 * The server's side of a SASL login: PLAIN and SCRAM (RFC 5802), against the users of a file. What is unknown takes as long as what is
 * known and wrong, comparisons take the same time whatever differs, and a refusal comes a moment late, as Kafka's does.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { LOGIN_REFUSAL_DELAY_MS, SASL_TOKEN_BYTES_MAX, VERIFICATIONS_MAX } from '../bounds.ts'
import { parseUsersFile, type ScramMechanism, type ScramVerifier, type Users } from '../config/users-file.ts'
import type { Verification, Verifier, VerifyStep } from '../session/client-login.ts'
import { derive } from './broker-login.ts'
import { monotonicMs } from './clock.ts'

type Told = (step: VerifyStep, nowMs: number) => void

const DIGEST = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const
const KEY_BYTES = { 'SCRAM-SHA-256': 32, 'SCRAM-SHA-512': 64 } as const
const ITERATIONS_DEFAULT = 8192
const SALT_BYTES = 16
const NONCE_BYTES = 24

/** Kafka's own words. */
const PLAIN_REFUSED = 'Authentication failed: Invalid username or password'
const scramRefused = (mechanism: string): string =>
  `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`

/** What is kept of a password. */
export async function verifierOf(
  mechanism: ScramMechanism,
  password: string,
  salt: Uint8Array = randomBytes(SALT_BYTES),
  iterations: number = ITERATIONS_DEFAULT,
): Promise<ScramVerifier> {
  const digest = DIGEST[mechanism]
  const salted = await derive({ password, salt, iterations, keyBytes: KEY_BYTES[mechanism], digest })
  const storedKey = createHash(digest)
    .update(hmac(digest, salted, 'Client Key'))
    .digest()
  return { mechanism, iterations, salt, storedKey, serverKey: hmac(digest, salted, 'Server Key') }
}

export class UserVerifier implements Verifier {
  readonly mechanisms: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']
  /** Makes up what an unknown user would have: always the same for one name. */
  readonly #unknownKey = randomBytes(32)
  readonly #waiting: (() => void)[] = []
  #users: Users = new Map()
  #running = 0

  /** @throws RangeError */
  replace(text: string): void {
    this.#users = parseUsersFile(text)
  }

  begin(mechanism: string): Verification {
    if (mechanism === 'PLAIN') return { receive: (token, told) => void this.#plain(token, told) }
    const scram = mechanism as ScramMechanism
    return new ScramVerification(scram, (user) => this.#entry(user, scram))
  }

  async #plain(token: Uint8Array, told: Told): Promise<void> {
    const [identity, user = '', password, ...more] = new TextDecoder().decode(token).split('\0')
    const isWellFormed = token.length <= SASL_TOKEN_BYTES_MAX && password !== undefined && more.length === 0
    if (!isWellFormed || user === '' || (identity !== '' && identity !== user)) {
      refuse(PLAIN_REFUSED, told)
      return
    }
    const known = this.#users.get(user)
    const entry = known?.find(({ mechanism }) => mechanism === 'SCRAM-SHA-512') ?? known?.[0]
    const { mechanism, salt, iterations, storedKey } = entry ?? this.#madeUp(user, 'SCRAM-SHA-512')
    const theirs = await this.#inTurn(() => verifierOf(mechanism, password, salt, iterations))
    const isRight = timingSafeEqual(theirs.storedKey, storedKey) && entry !== undefined
    if (isRight) told({ kind: 'accepted', token: new Uint8Array(0), principal: user }, monotonicMs())
    else refuse(PLAIN_REFUSED, told)
  }

  #entry(user: string, mechanism: ScramMechanism): ScramVerifier {
    return this.#users.get(user)?.find((entry) => entry.mechanism === mechanism) ?? this.#madeUp(user, mechanism)
  }

  #madeUp(user: string, mechanism: ScramMechanism): ScramVerifier {
    const seed = hmac('sha256', this.#unknownKey, user)
    const key = randomBytes(KEY_BYTES[mechanism])
    const salt = seed.subarray(0, SALT_BYTES)
    return { mechanism, iterations: ITERATIONS_DEFAULT, salt, storedKey: key, serverKey: key }
  }

  /** Stretching takes CPU: strangers shall not take all of it, nor the threads that resolve host names. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= VERIFICATIONS_MAX) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.push(resolve)
      await promise
    } else {
      this.#running++
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

class ScramVerification implements Verification {
  readonly #mechanism: ScramMechanism
  readonly #find: (user: string) => ScramVerifier
  #user = ''
  #entry: ScramVerifier | undefined
  #nonce = ''
  /** The two first messages, which the proof signs. */
  #said = ''

  constructor(mechanism: ScramMechanism, find: (user: string) => ScramVerifier) {
    this.#mechanism = mechanism
    this.#find = find
  }

  receive(token: Uint8Array, told: Told): void {
    const text = token.length > SASL_TOKEN_BYTES_MAX ? '' : new TextDecoder().decode(token)
    const step = this.#entry === undefined ? this.#first(text) : this.#final(text, this.#entry)
    if (step === undefined) refuse(scramRefused(this.#mechanism), told)
    else told(step, monotonicMs())
  }

  #first(text: string): VerifyStep | undefined {
    const [, authorization = '', bare = '', name = '', nonce = ''] =
      /^n,(?:a=([^,]*))?,(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/su.exec(text) ?? []
    const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    if (user === '' || (authorization !== '' && authorization !== name)) return undefined
    const entry = this.#find(user)
    this.#user = user
    this.#entry = entry
    this.#nonce = nonce + randomBytes(NONCE_BYTES).toString('base64url')
    const salt = Buffer.from(entry.salt).toString('base64')
    const message = `r=${this.#nonce},s=${salt},i=${entry.iterations}`
    this.#said = `${bare},${message}`
    return { kind: 'challenge', token: utf8(message) }
  }

  #final(text: string, { storedKey, serverKey }: ScramVerifier): VerifyStep | undefined {
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] =
      /^(c=([^,]+),r=([^,]+)(?:,[^p].*?)?),p=([^,]+)$/su.exec(text) ?? []
    const digest = DIGEST[this.#mechanism]
    const proof = Buffer.from(proofText, 'base64')
    const header = Buffer.from(binding, 'base64').toString()
    if (!header.startsWith('n,') || nonce !== this.#nonce || proof.length !== storedKey.length) return undefined
    const signed = `${this.#said},${withoutProof}`
    const signature = hmac(digest, storedKey, signed)
    const clientKey = proof.map((byte, i) => byte ^ signature[i]!)
    if (!timingSafeEqual(createHash(digest).update(clientKey).digest(), storedKey)) return undefined
    const success = `v=${hmac(digest, serverKey, signed).toString('base64')}`
    return { kind: 'accepted', token: utf8(success), principal: this.#user }
  }
}

function refuse(message: string, told: Told): void {
  setTimeout(() => told({ kind: 'refused', message }, monotonicMs()), LOGIN_REFUSAL_DELAY_MS)
}

function hmac(digest: 'sha256' | 'sha512', key: Uint8Array, text: string): Buffer {
  return createHmac(digest, key).update(text).digest()
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
