/** What we log in at the brokers with: a password, or a token out of a file or from a token endpoint. Contents change with their files. */
import { TOKEN_REFUSED_AGE_MS } from '../bounds.ts'
import type { UpstreamSasl } from '../config/security.ts'
import type { SaslCredentials, SaslMechanism } from './sasl-login.ts'
import { SaslError } from './sasl-login.ts'
import { askToken, type Token, type TokenQuestion } from './token-endpoint.ts'
import type { Credentials } from './upstream.ts'

/** A password or a token as a file has it. */
export class FileCredentials implements Credentials {
  readonly mechanism: SaslMechanism
  readonly #user: string
  #secret = ''

  constructor({ mechanism, username }: Pick<UpstreamSasl, 'mechanism' | 'username'>) {
    this.mechanism = mechanism
    this.#user = username
  }

  replace(text: string): void {
    this.#secret = secretOf(text)
  }

  current(): Promise<SaslCredentials> {
    return Promise.resolve({ mechanism: this.mechanism, user: this.#user, password: this.#secret })
  }
}

/** Part of a token's life after which another one is asked for: a login with it should not end at once. */
const TOKEN_LIFE_PART = 0.8

/** Tokens from an endpoint: one is kept and used by every login until it grows old. */
export class EndpointCredentials implements Credentials {
  readonly mechanism = 'OAUTHBEARER'
  readonly #question: Omit<TokenQuestion, 'secret' | 'ca'>
  readonly #nowMs: () => number
  #secret = ''
  #ca: string | undefined
  #token: Token | undefined
  #askedAtMs = 0
  #oldAtMs = 0
  #asking: Promise<Token> | undefined

  constructor(question: Omit<TokenQuestion, 'secret' | 'ca'>, nowMs: () => number) {
    this.#question = question
    this.#nowMs = nowMs
  }

  replace(secret: string, ca: string | undefined): void {
    this.#secret = secretOf(secret)
    this.#ca = ca
    this.#token = undefined
  }

  async current(): Promise<SaslCredentials> {
    if (this.#token === undefined || this.#nowMs() >= this.#oldAtMs) {
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined
      })
      await this.#asking
    }
    return { mechanism: this.mechanism, user: '', password: this.#token?.text ?? '' }
  }

  /** Whoever signs tokens may have other keys by now. A new one that is refused as well is not at once asked for again. */
  refused(): void {
    if (this.#nowMs() - this.#askedAtMs >= TOKEN_REFUSED_AGE_MS) this.#token = undefined
  }

  async #ask(): Promise<Token> {
    const askedAtMs = this.#nowMs()
    try {
      const token = await askToken({ ...this.#question, secret: this.#secret, ca: this.#ca })
      this.#token = token
      this.#askedAtMs = askedAtMs
      this.#oldAtMs = askedAtMs + token.lifetimeMs * TOKEN_LIFE_PART
      return token
    } catch (error) {
      if (error instanceof RangeError) throw new SaslError(error.message)
      throw error
    }
  }
}

/** Without the end of the line that editors and echo put behind it. @throws RangeError that shows nothing of it */
export function secretOf(text: string): string {
  const secret = text.replace(/(?:\r?\n)+$/u, '')
  if (secret === '') throw new RangeError('the file has nothing but an empty line')
  if (/[\r\n]/u.test(secret)) throw new RangeError('the file has more than one line: which one is the secret?')
  return secret
}
