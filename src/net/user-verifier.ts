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
  readonly #turns: Turns = new Turns(VERIFICATIONS_MAX)
  #users: Users = new Map()
  #unknown: UnknownUsers = new UnknownUsers(new Map())

  /** @throws RangeError */
  replace(text: string): void {
    this.#users = parseUsersFile(text)
    this.#unknown = new UnknownUsers(this.#users)
  }

  begin(mechanism: string): Verification {
    if (mechanism === 'PLAIN') return new PlainVerification(this.#turns, (user) => this.#entryForPlain(user))
    const scram = mechanism as ScramMechanism
    return new ScramVerification(scram, (user) => this.#entry(user, scram))
  }

  #entryForPlain(user: string): Found {
    const known = entryForPlain(this.#users.get(user))
    return { isKnown: known !== undefined, entry: known ?? this.#unknown.entry(user, 'PLAIN') }
  }

  #entry(user: string, mechanism: ScramMechanism): ScramVerifier {
    const known = this.#users.get(user)?.find((entry) => entry.mechanism === mechanism)
    return known ?? this.#unknown.entry(user, mechanism)
  }
}

interface Found {
  readonly isKnown: boolean
  readonly entry: ScramVerifier
}

/** A password is held against the strongest entry that its user has. */
function entryForPlain(entries: readonly ScramVerifier[] | undefined): ScramVerifier | undefined {
  return entries?.find(({ mechanism }) => mechanism === 'SCRAM-SHA-512') ?? entries?.[0]
}

/**
 * Makes up what an unknown user would have. It looks, and takes as long, as that of somebody in the file; and it is the same for one name
 * in every process that has this file, or the salts of two would tell.
 */
class UnknownUsers {
  /** A secret that lasts: appending a user leaves it. */
  readonly #key: Uint8Array
  readonly #models: Readonly<Record<ScramMechanism | 'PLAIN', readonly ScramVerifier[]>>

  constructor(users: Users) {
    const all = [...users.values()]
    this.#key = all[0]?.[0]?.serverKey ?? randomBytes(KEY_BYTES['SCRAM-SHA-256'])
    const of = (mechanism: ScramMechanism): readonly ScramVerifier[] =>
      all.flatMap((entries) => entries.find((entry) => entry.mechanism === mechanism) ?? [])
    const forPlain = all.flatMap((entries) => entryForPlain(entries) ?? [])
    this.#models = { PLAIN: forPlain, 'SCRAM-SHA-256': of('SCRAM-SHA-256'), 'SCRAM-SHA-512': of('SCRAM-SHA-512') }
  }

  entry(user: string, method: ScramMechanism | 'PLAIN'): ScramVerifier {
    const seed = hmac('sha512', this.#key, `${method} ${user}`)
    const models = this.#models[method]
    const model = models[seed.readUInt32BE() % Math.max(1, models.length)]
    const mechanism = model?.mechanism ?? (method === 'PLAIN' ? 'SCRAM-SHA-512' : method)
    const key = randomBytes(KEY_BYTES[mechanism])
    const salt = hmac('sha512', this.#key, `salt ${method} ${user}`).subarray(0, model?.salt.length ?? SALT_BYTES)
    return { mechanism, iterations: model?.iterations ?? ITERATIONS_DEFAULT, salt, storedKey: key, serverKey: key }
  }
}

/** Stretching takes CPU: strangers shall not take all of it, nor the threads that resolve host names. */
class Turns {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#max) {
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

class PlainVerification implements Verification {
  readonly #turns: Turns
  readonly #find: (user: string) => Found
  #isAbandoned = false

  constructor(turns: Turns, find: (user: string) => Found) {
    this.#turns = turns
    this.#find = find
  }

  receive(token: Uint8Array, told: Told): void {
    void this.#verify(token, told)
  }

  /** Who sends a password and leaves shall not keep others waiting. */
  abandon(): void {
    this.#isAbandoned = true
  }

  async #verify(token: Uint8Array, told: Told): Promise<void> {
    const [identity, user = '', password, ...more] = new TextDecoder().decode(token).split('\0')
    const isWellFormed = token.length <= SASL_TOKEN_BYTES_MAX && password !== undefined && more.length === 0
    if (!isWellFormed || user === '' || (identity !== '' && identity !== user)) {
      refuse(PLAIN_REFUSED, told)
      return
    }
    const { isKnown, entry } = this.#find(user)
    const { mechanism, salt, iterations, storedKey } = entry
    const theirs = await this.#turns.take(async () =>
      this.#isAbandoned ? undefined : verifierOf(mechanism, password, salt, iterations),
    )
    if (theirs === undefined) return
    const isRight = timingSafeEqual(theirs.storedKey, storedKey) && isKnown
    if (isRight) told({ kind: 'accepted', token: new Uint8Array(0), principal: user }, monotonicMs())
    else refuse(PLAIN_REFUSED, told)
  }
}

class ScramVerification implements Verification {
  readonly #mechanism: ScramMechanism
  readonly #find: (user: string) => ScramVerifier
  #user = ''
  #entry: ScramVerifier | undefined
  #header = ''
  /** What a last message may say: ours, and what librdkafka before 2.6.1 makes of it, the client's own part once more in front. */
  #nonces: readonly string[] = []
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

  abandon(): void {
    // Nothing is under way: the client does the stretching.
  }

  #first(text: string): VerifyStep | undefined {
    const [, header = '', authorization = '', bare = '', name = '', nonce = ''] =
      /^(n,(?:a=([^,]*))?,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/su.exec(text) ?? []
    const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    if (user === '' || (authorization !== '' && authorization !== name)) return undefined
    const entry = this.#find(user)
    this.#user = user
    this.#entry = entry
    this.#header = header
    const ours = nonce + randomBytes(NONCE_BYTES).toString('base64url')
    this.#nonces = [ours, nonce + ours]
    const salt = Buffer.from(entry.salt).toString('base64')
    const message = `r=${ours},s=${salt},i=${entry.iterations}`
    this.#said = `${bare},${message}`
    return { kind: 'challenge', token: utf8(message) }
  }

  #final(text: string, { storedKey, serverKey }: ScramVerifier): VerifyStep | undefined {
    const [, withoutProof = '', binding = '', nonce = '', proofText = ''] =
      /^(c=([^,]+),r=([^,]+)(?:,[^p].*?)?),p=([^,]+)$/su.exec(text) ?? []
    const digest = DIGEST[this.#mechanism]
    const proof = Buffer.from(proofText, 'base64')
    const header = Buffer.from(binding, 'base64').toString()
    if (header !== this.#header || !this.#nonces.includes(nonce) || proof.length !== storedKey.length) return undefined
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
