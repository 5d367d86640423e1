/** Makes the tokens of our own logins for sessions: `sasl-login.ts` with the secrets, the randomness and the time that it takes. */
import { randomBytes } from 'node:crypto'
import type { LoginTokens, OnStep, TokenExchange } from '../session/own-login.ts'
import { derive } from './broker-login.ts'
import { monotonicMs } from './clock.ts'
import { SaslError, type SaslLogin, type SaslStep, saslLogin } from './sasl-login.ts'
import type { Credentials } from './upstream.ts'

const NONCE_BYTES = 24
/** Late enough to be rare, early enough for a busy connection to have done it in time: Kafka's clients take 85 to 95 %. */
const LIFETIME_PART_MIN = 0.8
const LIFETIME_PART_RANGE = 0.1

export class Logins implements LoginTokens {
  readonly user: string
  readonly #credentials: Credentials

  constructor(credentials: Credentials, user: string) {
    this.#credentials = credentials
    this.user = user
  }

  get mechanism(): string {
    return this.#credentials.mechanism
  }

  lifetimePart(): number {
    return LIFETIME_PART_MIN + Math.random() * LIFETIME_PART_RANGE
  }

  begin(onStep: OnStep): TokenExchange {
    return new Exchange(this.#credentials, onStep)
  }
}

class Exchange implements TokenExchange {
  readonly #credentials: Credentials
  readonly #onStep: OnStep
  #login: SaslLogin | undefined

  constructor(credentials: Credentials, onStep: OnStep) {
    this.#credentials = credentials
    this.#onStep = onStep
    void this.#run(async () => {
      this.#login = saslLogin(await credentials.current(), randomBytes(NONCE_BYTES).toString('base64'))
      return this.#login.start()
    })
  }

  answer(token: Uint8Array): void {
    void this.#run(() => this.#login!.receive(token))
  }

  refused(): void {
    this.#credentials.refused?.()
  }

  async #run(next: () => SaslStep | Promise<SaslStep>): Promise<void> {
    try {
      let step = await next()
      if (step.kind === 'derive') step = this.#login!.derived(await derive(step.derivation))
      if (step.kind === 'derive') throw new Error('a password is stretched once')
      this.#onStep(step, monotonicMs())
    } catch (error) {
      if (!(error instanceof SaslError)) throw error
      this.#onStep({ kind: 'failed', message: `our login at the broker: ${error.message}` }, monotonicMs())
    }
  }
}
