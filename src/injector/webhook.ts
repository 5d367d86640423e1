/**
 * The HTTPS server that API servers call. Whoever reaches the port can call it: what is no review is refused with a 4xx that says
 * why, and every body, wait and connection is bounded.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { REVIEW_BYTES_MAX, REVIEW_CONNECTIONS_MAX, REVIEW_TIMEOUT_MS } from '../bounds.ts'
import { https } from '../net/builtins.ts'
import type { LogLimiter } from '../telemetry/log-limiter.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Injection } from './inject.ts'
import type { BadRequest, InjectorCounters } from './injector-counters.ts'
import { answerReview, type Review, readReview } from './review.ts'

/** Where pods that ask for the sidecar themselves are reviewed, and pods of namespaces that ask. */
export const POD_PATH = '/inject'
export const NAMESPACE_PATH = '/inject/namespace'
const KEEP_ALIVE_MS = 60_000

export interface WebhookOptions {
  readonly host: string
  readonly port: number
  readonly injection: Injection
  readonly counters: InjectorCounters
  readonly logger: Logger
  readonly limitedLog: LogLimiter
}

/** A certificate with its chain, and its key, as PEM. */
export interface ServingCertificate {
  readonly certificate: string
  readonly key: string
}

/** A request that is none of a review. */
class BadRequestError extends Error {
  override readonly name = 'BadRequestError'
  readonly code: number
  readonly reason: BadRequest

  constructor(code: number, reason: BadRequest, message: string) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

export class Webhook {
  readonly #server: Server
  readonly #options: WebhookOptions
  #closing = false

  constructor(options: WebhookOptions) {
    this.#options = options
    this.#server = https().createServer(
      {
        minVersion: 'TLSv1.2',
        headersTimeout: REVIEW_TIMEOUT_MS,
        requestTimeout: REVIEW_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: 1_000,
        handshakeTimeout: REVIEW_TIMEOUT_MS,
      },
      (request, response) => void this.#respond(request, response),
    )
    this.#server.maxConnections = REVIEW_CONNECTIONS_MAX
    // Probes connect and reset; the server goes on.
    this.#server.on('tlsClientError', (error, socket) => {
      const peer = socket.remoteAddress ?? ''
      options.limitedLog.log('webhook_tls_failed', peer, { peer }, `a TLS handshake failed: ${error.message}`)
    })
    this.#server.on('clientError', (_, socket) => {
      options.counters.badRequests.incomplete++
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
    })
  }

  /** New connections get this one; those that are open stay as they are. @throws what OpenSSL says of it */
  setCertificate({ certificate, key }: ServingCertificate): void {
    this.#server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' })
  }

  /** Rejects with the system's error. */
  listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Takes no more connections; resolves when the reviews under way are answered. */
  close(): Promise<void> {
    this.#closing = true
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }

  /** Cuts whatever is left. */
  kill(): void {
    this.#server.closeAllConnections()
  }

  /** Never rejects. */
  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const peer = request.socket.remoteAddress ?? ''
    const { counters, logger, limitedLog } = this.#options
    try {
      const isNamespace = checkHead(request)
      const review = await readBody(request)
      this.#send(response, 200, JSON.stringify(this.#answer(review, isNamespace)), 'application/json')
    } catch (error) {
      if (error instanceof BadRequestError) {
        counters.badRequests[error.reason]++
        limitedLog.log('bad_review', peer, { peer, reason: error.reason }, error.message)
        this.#send(response, error.code, `${error.message}\n`, 'text/plain; charset=utf-8', true)
        return
      }
      counters.badRequests.failed++
      logger.log('review_failed', { err: error }, 'a review failed; this is a bug')
      this.#send(
        response,
        500,
        'this review failed; the log of the injector says why\n',
        'text/plain; charset=utf-8',
        true,
      )
    }
  }

  #answer(review: Review, isNamespace: boolean): object {
    const { counters, logger, injection } = this.#options
    const { body, result, name, faults } = answerReview(review, isNamespace, injection)
    counters.reviews[result]++
    const { uid } = review
    if (result === 'refused') logger.log('pod_refused', { uid, pod: name, faults }, `refused: ${name}`)
    else if (result === 'injected') logger.log('pod_injected', { uid, pod: name }, `injected: ${name}`)
    else if (faults.length > 0) logger.log('workload_warned', { uid, pod: name, faults }, `warned: ${name}`)
    return body
  }

  #send(response: ServerResponse, code: number, text: string, type: string, isLast: boolean = this.#closing): void {
    if (response.headersSent || response.destroyed) return
    response.writeHead(code, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      ...(isLast ? { connection: 'close' } : {}),
      ...(code === 405 ? { allow: 'POST' } : {}),
    })
    response.end(text)
  }
}

/** Whether it is asked on behalf of a namespace. @throws BadRequestError */
function checkHead({ method, url = '/', headers }: IncomingMessage): boolean {
  const [path] = url.split('?') // API servers add ?timeout=10s
  if (path !== POD_PATH && path !== NAMESPACE_PATH) {
    throw new BadRequestError(404, 'path', `no such path; reviews go to ${POD_PATH} or ${NAMESPACE_PATH}`)
  }
  if (method !== 'POST') throw new BadRequestError(405, 'method', `${method} is not possible here; POST is`)
  const type = headers['content-type'] ?? ''
  if (!/^application\/json(?:\s*;|\s*$)/iu.test(type)) {
    throw new BadRequestError(415, 'content_type', `the content type is "${type}"; a review is application/json`)
  }
  if (Number(headers['content-length'] ?? 0) > REVIEW_BYTES_MAX) throw tooLarge()
  return path === NAMESPACE_PATH
}

function tooLarge(): BadRequestError {
  return new BadRequestError(413, 'too_large', `a review has at most ${REVIEW_BYTES_MAX} bytes`)
}

/** Rejects with BadRequestError. What goes beyond the bound is read and dropped, so that the answer arrives. */
async function readBody(request: IncomingMessage): Promise<Review> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= REVIEW_BYTES_MAX) chunks.push(chunk)
    else reject(tooLarge())
  })
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  const cut = ({ message }: Error): void =>
    reject(new BadRequestError(400, 'incomplete', `the body did not come whole: ${message}`))
  request.on('error', cut)
  try {
    return readReview(await promise)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new BadRequestError(400, 'not_an_admission_review', error.message)
  }
}
