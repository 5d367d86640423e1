/** Which path answers what. One table, so that the index page and the 404 always list what there is. */
import type { SluiceStatus } from '../sluice.ts'
import type { Metrics } from '../telemetry/metrics.ts'

/** One HTTP answer. */
export interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string
}

/** What pages are made of. */
export interface PageSources {
  readonly metrics: Metrics
  readonly status: () => SluiceStatus
}

interface Page {
  readonly about: string
  answer(sources: PageSources): Answer | Promise<Answer>
}

const TEXT = 'text/plain; charset=utf-8'

const PAGES: Readonly<Record<string, Page>> = {
  '/healthz': { about: 'the process is alive', answer: () => json(200, { alive: true }) },
  '/readyz': {
    about: 'listening, and at least one broker is reachable; 503 with the reasons otherwise',
    answer: ({ status }) => {
      const { ready, reasons } = status()
      return json(ready ? 200 : 503, { ready, reasons })
    },
  },
  '/metrics': {
    about: 'Prometheus metrics',
    answer: async ({ metrics }) => ({ code: 200, type: metrics.contentType, body: await metrics.text() }),
  },
  '/api/status': {
    about: 'brokers, quotas and clients as JSON',
    answer: ({ status }) => json(200, status()),
  },
}

/** The answer to one request; throws only when a page itself fails. */
export async function answerTo(method: string, path: string, sources: PageSources): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') {
    return { code: 405, type: TEXT, body: `${method} is not possible here: everything is read-only, GET or HEAD\n` }
  }
  if (path === '/') return index(sources)
  const page = Object.hasOwn(PAGES, path) ? PAGES[path] : undefined
  if (page === undefined) {
    return { code: 404, type: TEXT, body: `no such page; there are: / ${Object.keys(PAGES).join(' ')}\n` }
  }
  return page.answer(sources)
}

function index({ status }: PageSources): Answer {
  const { ready, reasons, connections } = status()
  const state = ready ? 'ready' : `not ready: ${reasons.join('; ')}`
  const rows = Object.entries(PAGES).map(([path, { about }]) => `<li><a href="${path}">${path}</a>: ${about}</li>`)
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
