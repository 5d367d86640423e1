/** Asks an OAuth 2 token endpoint for a token by client credentials (RFC 6749, 4.4). Whatever it answers is bounded and told without secrets. */
import { TOKEN_ANSWER_BYTES_MAX, TOKEN_LIFETIME_DEFAULT_MS, TOKEN_TIMEOUT_MS } from '../bounds.ts'
import { http, https } from './builtins.ts'

export interface TokenQuestion {
  readonly url: string
  readonly clientId: string
  readonly secret: string
  readonly scope: string | undefined
  /** PEM of the authorities of its certificate; undefined: those that Node knows. */
  readonly ca: string | undefined
}

export interface Token {
  readonly text: string
  readonly lifetimeMs: number
}

/** @throws RangeError with what is wrong, for the operator */
export async function askToken(question: TokenQuestion): Promise<Token> {
  const { host } = new URL(question.url)
  const { status, text } = await post(question, host)
  const answer = parse(text)
  if (status !== 200) {
    const code = typeof answer['error'] === 'string' ? answer['error'] : ''
    const error = ERROR_CODE.test(code) && !code.includes(question.secret) ? `: ${code}` : ''
    const hint = status === 401 || answer['error'] === 'invalid_client' ? '; check clientId and clientSecretFile' : ''
    throw new RangeError(`the token endpoint ${host} answers ${status}${error}${hint}`)
  }
  const token = answer['access_token']
  if (typeof token !== 'string' || token === '') {
    throw new RangeError(`the token endpoint ${host} answers without an access_token; is it a token endpoint?`)
  }
  const seconds = Number(answer['expires_in'])
  return { text: token, lifetimeMs: seconds > 0 ? seconds * 1000 : TOKEN_LIFETIME_DEFAULT_MS }
}

/** One of RFC 6749, 5.2, or alike: what is no code may repeat what was asked with, secret and all. */
const ERROR_CODE = /^[a-z]+(?:_[a-z]+)*$/u

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function post(question: TokenQuestion, host: string): Promise<{ readonly status: number; readonly text: string }> {
  const { url, clientId, secret, scope, ca } = question
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) })
  const { request } = url.startsWith('https:') ? https() : http
  const asked = request(url, {
    method: 'POST',
    agent: false,
    signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    ...(ca === undefined ? {} : { ca }),
    headers: {
      // Both parts are form-encoded first (RFC 6749, 2.3.1).
      authorization: `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(secret)}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
  })
  const failed = (error: Error): void => {
    const why =
      error.name === 'TimeoutError' || error.name === 'AbortError'
        ? `no answer within ${TOKEN_TIMEOUT_MS / 1000} s`
        : error.message
    reject(new RangeError(`the token endpoint ${host} cannot be asked: ${why}`))
  }
  asked.on('error', failed)
  asked.on('response', (response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('error', failed)
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > TOKEN_ANSWER_BYTES_MAX)
        asked.destroy(new Error(`an answer of more than ${TOKEN_ANSWER_BYTES_MAX} bytes`))
      else chunks.push(chunk)
    })
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
  })
  asked.end(body.toString())
  return promise
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}
