/** Answers of the admin pages: text, JSON, HTML. HTML runs nothing but our own script and loads nothing from elsewhere. */
import type { Answer } from './routes.ts'

export const TEXT = 'text/plain; charset=utf-8'

/** `style-src` without `unsafe-inline` also keeps injected style attributes from doing anything. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

export function json(code: number, value: unknown): Answer {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

export function htmlAnswer(code: number, body: string): Answer {
  return { code, type: 'text/html; charset=utf-8', body, headers: PAGE_HEADERS }
}
