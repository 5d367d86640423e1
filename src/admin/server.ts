/**
 * The admin HTTP server: health, metrics and status, and the reload. It shares its process with the data path, so it is small
 * and strict: no bodies, short timeouts, little headers, few connections. Loopback by default (design.md §9).
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { http } from '../net/builtins.ts'
import { monotonicMs } from '../net/clock.ts'
import { FORWARDED_HEADERS } from './loopback.ts'
import { type Answer, answerTo, type PageSources, type Question } from './routes.ts'
import { SharedText } from './shared-text.ts'
import { isToken } from './token.ts'
import { Visitors } from './visitors.ts'

/** A request line and a few headers. */
const HEADER_BYTES_MAX = 8_192
/** Time to send a request; without it a socket that sends nothing would stay for ever. */
const REQUEST_TIMEOUT_MS = 5_000
/** Longer than Prometheus' usual scrape interval is useless: it reconnects for free. */
const KEEP_ALIVE_TIMEOUT_MS = 20_000

/** Where pages are served, and who answers for them. */
interface PagesOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** The token that opens /api from other machines; undefined: nothing does. */
  readonly token?: () => string | undefined
  /** Told of a page that failed: our bug, answered with 500. */
  readonly onError?: (error: unknown, path: string) => void
  readonly answer: (question: Question) => Answer | Promise<Answer>
}

/** What the server of a sluice shows, and where it listens. */
export interface AdminOptions extends PageSources, Omit<PagesOptions, 'answer'> {}

/** A listening admin server. */
export interface Admin {
  readonly host: string
  readonly port: number
  /** Stops listening and closes every connection, idle or not. */
  close(): Promise<void>
}

/** The admin address cannot be listened on: the operator's to mend, the message says with which flag. */
export class AdminListenError extends Error {
  override readonly name = 'AdminListenError'
  readonly code: string

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    const why = LISTEN_FAULTS[cause.code ?? ''] ?? cause.message
    super(
      `cannot serve health and metrics on ${host}:${port}: ${why}. Choose another address with --admin HOST:PORT, or --admin off`,
      {
        cause,
      },
    )
    this.code = cause.code ?? 'UNKNOWN'
  }
}

const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has the port',
  EACCES: 'this user may not use the port',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'the host name does not resolve',
}

/** The pages of a sluice. Rejects with `AdminListenError` when it cannot listen. */
export function startAdmin(options: AdminOptions): Promise<Admin> {
  const shared = new SharedText(() => options.metrics.text(), monotonicMs)
  const sources: PageSources = { ...options, metricsForMany: () => shared.get() }
  return startPages({ ...options, answer: (question) => answerTo(question, sources) })
}

/** Any pages; rejects with `AdminListenError` when it cannot listen. */
export async function startPages(options: PagesOptions): Promise<Admin> {
  const server = http.createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      void respond(request, response, options).then(() => visitors.answered(request.socket))
    },
  )
  const visitors = new Visitors(server)
  await listen(server, options)
  const { address, port } = server.address() as AddressInfo
  return { host: address, port, close: () => close(server) }
}

function listen(server: Server, { host, port }: PagesOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new AdminListenError(host, port, error)))
    server.listen({ host, port }, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** Never rejects: a page that fails is answered with 500, and the data path does not notice. */
async function respond(request: IncomingMessage, response: ServerResponse, options: PagesOptions): Promise<void> {
  const { url = '/' } = request
  const path = pathOf(url)
  let answer: Answer
  try {
    answer = await options.answer(questionOf(request, path, url, options.token?.()))
  } catch (error) {
    options.onError?.(error, path)
    answer = { code: 500, type: 'text/plain; charset=utf-8', body: 'this page failed; the log says why\n' }
  }
  response.writeHead(answer.code, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    ...answer.headers,
    ...(answer.allow === undefined ? {} : { allow: answer.allow }),
    // What a request carries as its body is not read.
    ...(request.method === 'GET' || request.method === 'HEAD' ? {} : { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

function questionOf(
  { method = 'GET', headers, socket }: IncomingMessage,
  path: string,
  url: string,
  token: string | undefined,
): Question {
  const { origin, host, authorization } = headers
  return {
    ...{ method, path, query: new URLSearchParams(url.slice(path.length)), origin, host },
    peer: socket.remoteAddress ?? '',
    dialled: socket.localAddress ?? '',
    isForwarded: FORWARDED_HEADERS.some((name) => headers[name] !== undefined),
    givesToken: authorization !== undefined,
    hasToken: isToken(authorization, token),
    hasTokenFile: token !== undefined,
  }
}

/** The path alone; a query is allowed on every page (cache busters), and means something to few. */
function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
