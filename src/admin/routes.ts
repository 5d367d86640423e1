/** Which path answers what. One table, so that the index page and the 404 always list what there is. */
import type { Explanation } from '../explain/explanation.ts'
import { PageAddress } from '../page/address.ts'
import { asset } from '../page/assets.ts'
import type { ConfigReport, ReloadOutcome, SluiceStatus } from '../sluice.ts'
import type { StatusDocument } from '../status/status-document.ts'
import { type StatusQuery, statusQueryOf } from '../status/status-query.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { forbidden } from './access.ts'
import { htmlAnswer, json, TEXT } from './answer.ts'
import { type Asker, isLoopback } from './loopback.ts'

/** One HTTP answer. */
export interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
  /** Of 405: what would be possible. */
  readonly allow?: string
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>
}

/** What pages are made of. */
export interface PageSources {
  readonly metrics: Pick<Metrics, 'contentType' | 'text'>
  /** The same text for whoever asks from elsewhere, however often; absent: each gets one of its own. */
  readonly metricsForMany?: () => Promise<string>
  readonly status: () => SluiceStatus
  readonly insight: InsightPages
  /** Whether the configuration file is in force; undefined: nobody knows of one. */
  readonly configReport?: (() => ConfigReport) | undefined
  /** Reads the configuration file again; undefined: there is none. */
  readonly reload?: ((peer: string) => ReloadOutcome | Promise<ReloadOutcome>) | undefined
  /** Told of who was denied a page, and why. */
  readonly denied?: ((peer: string, path: string, why: string) => void) | undefined
}

/** What `explain`, `diff`, `advise`, `top` and the status page ask for, as values for JSON. */
export interface InsightPages {
  /** The clients to choose from, if the question does not say which. Throws RangeError for one that makes no sense. */
  explain(query: URLSearchParams): Explanation | { readonly clients: readonly unknown[] }
  policy(): unknown
  observed(): unknown
  status(query: StatusQuery): StatusDocument
  /** The configuration in force, without its secrets. */
  config(): unknown
}

/** One request, as far as a page may want to know. */
export interface Question extends Asker {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** The web page that sent it; undefined: a program. */
  readonly origin: string | undefined
  /** It came with the token that opens guarded pages from elsewhere. */
  readonly hasToken?: boolean
  /** It came with a token, right or wrong. */
  readonly givesToken?: boolean
  /** There is such a token. */
  readonly hasTokenFile?: boolean
}

export interface Page {
  readonly method: 'GET' | 'POST'
  readonly about: string
  /** Answers its own machine only, and whoever has the token. */
  readonly isGuarded?: boolean
  /** For a browser. */
  readonly isForPeople?: boolean
  answer(sources: PageSources, question: Question): Answer | Promise<Answer>
}

const PAGES: Readonly<Record<string, Page>> = {
  '/': {
    method: 'GET',
    about: 'the status page; from this machine, or with the token as the password',
    isGuarded: true,
    isForPeople: true,
    answer: page,
  },
  '/page.css': { method: 'GET', about: 'its style sheet', answer: () => file('page.css', 'text/css') },
  '/page.js': { method: 'GET', about: 'its script', answer: () => file('page.js', 'text/javascript') },
  '/healthz': { method: 'GET', about: 'the process is alive', answer: () => json(200, { alive: true }) },
  '/readyz': {
    method: 'GET',
    about: 'listening, and at least one broker is reachable; 503 with the reasons otherwise',
    answer: readiness,
  },
  '/metrics': {
    method: 'GET',
    about: 'Prometheus metrics',
    answer: scrape,
  },
  '/api/status': {
    method: 'GET',
    about: 'brokers, quotas and clients as JSON (docs/status.md); from this machine, or with the token',
    isGuarded: true,
    answer: status,
  },
  '/api/config': {
    method: 'GET',
    about: 'the configuration in force, its secrets masked; from this machine, or with the token',
    isGuarded: true,
    answer: ({ insight }) => json(200, insight.config()),
  },
  '/api/explain': {
    method: 'GET',
    about: 'what applies to one client (?clientId=…) and how its buckets stand; from this machine, or with the token',
    isGuarded: true,
    answer: explained,
  },
  '/api/policy': {
    method: 'GET',
    about: 'the quotas in force, as diff compares them; from this machine, or with the token',
    isGuarded: true,
    answer: ({ insight }) => json(200, insight.policy()),
  },
  '/api/observed': {
    method: 'GET',
    about:
      'rates of each client since the start, from which advise makes its advice; from this machine, or with the token',
    isGuarded: true,
    answer: ({ insight }) => json(200, insight.observed()),
  },
  '/api/reload': {
    method: 'POST',
    about: 'reads the configuration file again, whole or not at all; from this machine, or with the token',
    isGuarded: true,
    answer: reload,
  },
}

/** The answer to one request; throws only when a page itself fails. */
export async function answerTo(question: Question, sources: PageSources): Promise<Answer> {
  const { method, path } = question
  const isRead = method === 'GET' || method === 'HEAD'
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
  if (page === undefined) {
    return { code: 404, type: TEXT, body: `no such page; there are: ${Object.keys(PAGES).join(' ')}\n` }
  }
  if (page.method === method || (page.method === 'GET' && isRead)) {
    return forbidden(page, question, sources) ?? page.answer(sources, question)
  }
  const allow = page.method === 'POST' ? 'POST' : 'GET, HEAD'
  return { code: 405, type: TEXT, body: `${method} is not possible here; ${allow} is\n`, allow }
}

/** A file with faults does not make it unready: what was in force before still is, and readiness must not flap for a typing mistake. */
function readiness({ status, configReport }: PageSources): Answer {
  const { ready, reasons } = status()
  const config = configReport === undefined ? {} : { config: configReport() }
  return json(ready ? 200 : 503, { ready, reasons, ...config })
}

async function scrape({ metrics, metricsForMany }: PageSources, { peer }: Question): Promise<Answer> {
  const text = metricsForMany === undefined || isLoopback(peer) ? metrics.text() : metricsForMany()
  return { code: 200, type: metrics.contentType, body: await text }
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
  return asked(() => json(200, insight.explain(query)))
}

function status({ insight }: PageSources, { query }: Question): Answer {
  return asked(() => json(200, insight.status(statusQueryOf(query))))
}

/** A question that makes no sense is answered with what is wrong about it. */
function asked(answer: () => Answer): Answer {
  try {
    return answer()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { code: 400, type: TEXT, body: `${error.message}\n` }
  }
}

/** What makes the page is loaded when somebody looks at it: most sluices are never looked at, and memory is counted. */
async function page({ insight }: PageSources, { query }: Question): Promise<Answer> {
  const { statusPage } = await import('../page/page.ts')
  const address = new PageAddress(query)
  const explanation = address.question === undefined ? undefined : explanationOf(insight, address.question)
  return htmlAnswer(
    200,
    statusPage({ address, explanation, status: insight.status(address.status), config: insight.config() }),
  )
}

/** A text says why there is none. */
function explanationOf(insight: InsightPages, question: URLSearchParams): Explanation | string | undefined {
  try {
    const answer = insight.explain(question)
    return 'requests' in answer ? answer : undefined
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return error.message
  }
}

function file(name: Parameters<typeof asset>[0], type: string): Answer {
  return { code: 200, type: `${type}; charset=utf-8`, body: asset(name) }
}
