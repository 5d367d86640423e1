/**
 * The configuration in force, to be shown: defaults filled in, limits as a file would say them, and nothing in it that opens a
 * door. Secrets are in files, and their paths are no secret; but a URL may carry a password, a label may be a token, and what a
 * later version puts here must be hidden before anybody thinks of it.
 */
import type { Config } from '../config/config.ts'
import { rateText } from '../config/quota-text.ts'
import { DIMENSIONS, type Dimension, isLevel } from '../policy/dimensions.ts'

const MASK = '•••'
/** Keys whose values are secrets, unless they say where a secret is. */
const SECRET = /password|passwd|passphrase|secret|token|credential|private|api-?key|^key$/iu
const WHERE = /(?:File|Endpoint|Path)$/u
const URL_LIKE = /^[a-z][a-z0-9+.-]*:\/\//iu

/** Plain enough for JSON and YAML. */
export function maskedConfig(config: Config): unknown {
  return masked(config, '')
}

function masked(value: unknown, key: string): unknown {
  if (SECRET.test(key) && !WHERE.test(key)) return value === undefined ? undefined : MASK
  if (key === 'limit' && isMapping(value)) return limits(value)
  if (typeof value === 'string') return URL_LIKE.test(value) ? maskedUrl(value) : value
  if (value === Number.POSITIVE_INFINITY) return 'unlimited'
  if (Array.isArray(value)) return value.map((item) => masked(item, ''))
  if (!isMapping(value)) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([name, item]) => [name, masked(item, name)]))
}

function limits(value: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.entries(value).map(([name, limit]) => {
      const dimension = DIMENSIONS.find((known) => known === name) as Dimension
      return [name, typeof limit !== 'number' || isLevel(dimension) ? limit : rateText(dimension, limit)]
    }),
  )
}

/** Without user, password and query. */
function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return MASK
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') url.username = url.password = ''
  if (url.search !== '') url.search = '?…'
  url.hash = ''
  return decodeURI(url.href)
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
