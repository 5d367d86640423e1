/** Asks an OAuth 2 token endpoint for a token by client credentials (RFC 6749, 4.4). Whatever it answers is bounded and told without secrets. */
import {
  TOKEN_ANSWER_BYTES_MAX,
  TOKEN_LIFETIME_DEFAULT_MS,
  TOKEN_LIFETIME_MAX_MS,
  TOKEN_TIMEOUT_MS,
} from '../bounds.ts'
import { isTlsFault } from './broker-tls.ts'
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
    throw new RangeError(`the token endpoint ${host} answers ${status}${error}${hintOf(status, answer['error'])}`)
  }
  const token = answer['access_token']
  if (typeof token !== 'string' || token === '') {
    throw new RangeError(`the token endpoint ${host} answers without an access_token; is it a token endpoint?`)
  }
  const seconds = Number(answer['expires_in'])
  const lifetimeMs = seconds > 0 ? Math.min(seconds * 1000, TOKEN_LIFETIME_MAX_MS) : TOKEN_LIFETIME_DEFAULT_MS
  return { text: token, lifetimeMs }
}

function hintOf(status: number, error: unknown): string {
  // Not followed: the secret would go to wherever it says.
  if (status >= 300 && status < 400) return ': it sends us elsewhere; give the address that it sends to in url'
  if (status === 401 || error === 'invalid_client') return '; check clientId and clientSecretFile'
  if (error === 'invalid_scope') return '; check scope'
  return status === 404 || status === 405 ? '; is url that of a token endpoint?' : ''
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
  const failed = (error: Error): void =>
    reject(new RangeError(`the token endpoint ${host} cannot be asked: ${whyNot(error)}`))
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

function whyNot(error: NodeJS.ErrnoException): string {
  const { name, code, message } = error
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${TOKEN_TIMEOUT_MS / 1000} s`
  if (code === 'EPROTO') return 'it does not speak TLS, or no version of it in common with us; see url'
  if (code === 'CERT_HAS_EXPIRED') return 'its certificate has expired'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for other names than the one in url'
  return isTlsFault(error) && code !== 'ECONNRESET'
    ? `its certificate is not taken (${code}); give the authority that signed it in caFile of tokenEndpoint`
    : message
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}
