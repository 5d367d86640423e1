/** Which path answers what. One table, so that the index page and the 404 always list what there is. */
import type { ConfigReport, ReloadOutcome, SluiceStatus } from '../sluice.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { isLoopback, loopbackFault } from './loopback.ts'

/** One HTTP answer. */
export interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
  /** Of 405: what would be possible. */
  readonly allow?: string
}

/** What pages are made of. */
export interface PageSources {
  readonly metrics: Metrics
  readonly status: () => SluiceStatus
  readonly insight: InsightPages
  /** Whether the configuration file is in force; undefined: nobody knows of one. */
  readonly configReport?: (() => ConfigReport) | undefined
  /** Reads the configuration file again; undefined: there is none. */
  readonly reload?: ((peer: string) => ReloadOutcome | Promise<ReloadOutcome>) | undefined
  /** Told of who was denied a page, and why. */
  readonly denied?: ((peer: string, path: string, why: string) => void) | undefined
}

/** What `explain`, `diff` and `advise` ask for, as values for JSON. */
export interface InsightPages {
  /** Throws RangeError for a question that makes no sense. */
  explain(query: URLSearchParams): unknown
  policy(): unknown
  observed(): unknown
}

/** One request, as far as a page may want to know. */
export interface Question {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** The address that it comes from. */
  readonly peer: string
  /** The web page that sent it; undefined: a program. */
  readonly origin: string | undefined
  /** By which name it was asked for: the Host header. */
  readonly host: string | undefined
  /** It came with the token that opens /api from elsewhere. */
  readonly hasToken?: boolean
}

interface Page {
  readonly method: 'GET' | 'POST'
  readonly about: string
  /** Answers its own machine only. */
  readonly isLocal?: boolean
  answer(sources: PageSources, question: Question): Answer | Promise<Answer>
}

const TEXT = 'text/plain; charset=utf-8'

const PAGES: Readonly<Record<string, Page>> = {
  '/healthz': { method: 'GET', about: 'the process is alive', answer: () => json(200, { alive: true }) },
  '/readyz': {
    method: 'GET',
    about: 'listening, and at least one broker is reachable; 503 with the reasons otherwise',
    answer: readiness,
  },
  '/metrics': {
    method: 'GET',
    about: 'Prometheus metrics',
    answer: async ({ metrics }) => ({ code: 200, type: metrics.contentType, body: await metrics.text() }),
  },
  '/api/status': {
    method: 'GET',
    about: 'brokers, quotas and clients as JSON; from this machine, or with the token',
    answer: ({ status }) => json(200, status()),
  },
  '/api/explain': {
    method: 'GET',
    about: 'what applies to one client (?clientId=…) and how its buckets stand; from this machine, or with the token',
    isLocal: true,
    answer: explained,
  },
  '/api/policy': {
    method: 'GET',
    about: 'the quotas in force, as diff compares them; from this machine, or with the token',
    isLocal: true,
    answer: ({ insight }) => json(200, insight.policy()),
  },
  '/api/observed': {
    method: 'GET',
    about:
      'rates of each client since the start, from which advise makes its advice; from this machine, or with the token',
    isLocal: true,
    answer: ({ insight }) => json(200, insight.observed()),
  },
  '/api/reload': {
    method: 'POST',
    about: 'reads the configuration file again, whole or not at all; from this machine, or with the token',
    answer: reload,
  },
}

/** The answer to one request; throws only when a page itself fails. */
export async function answerTo(question: Question, sources: PageSources): Promise<Answer> {
  const { method, path } = question
  const isRead = method === 'GET' || method === 'HEAD'
  if (path === '/' && isRead) return index(sources)
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
  if (page === undefined && path !== '/') {
    return { code: 404, type: TEXT, body: `no such page; there are: / ${Object.keys(PAGES).join(' ')}\n` }
  }
  if (page !== undefined && (page.method === method || (page.method === 'GET' && isRead))) {
    return forbidden(page, question, sources) ?? page.answer(sources, question)
  }
  const allow = page?.method === 'POST' ? 'POST' : 'GET, HEAD'
  return { code: 405, type: TEXT, body: `${method} is not possible here; ${allow} is\n`, allow }
}

/** A file with faults does not make it unready: what was in force before still is, and readiness must not flap for a typing mistake. */
function readiness({ status, configReport }: PageSources): Answer {
  const { ready, reasons } = status()
  const config = configReport === undefined ? {} : { config: configReport() }
  return json(ready ? 200 : 503, { ready, reasons, ...config })
}

/** What shows or changes more than health is for this machine, and for whoever has the token. */
function forbidden({ isLocal }: Page, question: Question, { denied }: PageSources): Answer | undefined {
  const { path, peer, hasToken } = question
  if (!path.startsWith('/api/') || hasToken === true) return undefined
  const fault = isLocal === true ? loopbackFault(question) : undefined
  if (fault !== undefined) {
    denied?.(peer, path, fault)
    return { code: 403, type: TEXT, body: `${fault}\n` }
  }
  if (isLoopback(peer)) return undefined
  const reason = `only from this machine (127.0.0.1 or ::1), not from ${peer}; from elsewhere with the token of admin.tokenFile: Authorization: Bearer …`
  denied?.(peer, path, reason)
  return json(403, { reloaded: false, reason })
}

async function reload(sources: PageSources, { origin, peer, path }: Question): Promise<Answer> {
  if (origin !== undefined) {
    const reason = `not by a web page (${origin})`
    sources.denied?.(peer, path, reason)
    return json(403, { reloaded: false, reason })
  }
  const outcome = (await sources.reload?.(peer)) ?? {
    kind: 'impossible',
    reason: 'there is no configuration file to reload',
  }
  switch (outcome.kind) {
    case 'reloaded':
      return json(200, { reloaded: true, quotas: outcome.quotas })
    case 'unchanged':
      return json(200, { reloaded: false, reason: 'the file says what it said before' })
    case 'refused':
      return json(422, { reloaded: false, faults: outcome.faults })
    case 'impossible':
      return json(409, { reloaded: false, reason: outcome.reason })
  }
}

function explained({ insight }: PageSources, { query }: Question): Answer {
  try {
    return json(200, insight.explain(query))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { code: 400, type: TEXT, body: `${error.message}\n` }
  }
}

function index({ status }: PageSources): Answer {
  const { ready, reasons, connections } = status()
  const state = ready ? 'ready' : `not ready: ${reasons.join('; ')}`
  const rows = Object.entries(PAGES).map(([path, { method, about }]) =>
    method === 'GET' ? `<li><a href="${path}">${path}</a>: ${about}</li>` : `<li>${method} ${path}: ${about}</li>`,
  )
  const body = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>kafka-sluice</title>
<h1>kafka-sluice</h1>
<p>${escapeHtml(state)}. Open client connections: ${connections}.</p>
<ul>
${rows.join('\n')}
</ul>
</html>
`
  return { code: 200, type: 'text/html; charset=utf-8', body }
}

function json(code: number, value: unknown): Answer {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
