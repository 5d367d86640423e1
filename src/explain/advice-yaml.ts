/**
 * Advice as a configuration file in observe mode, ready to run: one quota for each dimension, a bucket for each client, an
 * override for each that was seen. Names come from clients, so each is quoted, and made a pattern that matches nothing else.
 */
import { OVERRIDES_MAX, PATTERN_CHARS_MAX } from '../bounds.ts'
import { formatByteRate, formatDuration, formatLimit } from '../cli/format.ts'
import { type Dimension, UNITS } from '../policy/dimensions.ts'
import { exactPattern } from '../policy/match.ts'
import { type Advice, type ClientAdvice, type LimitAdvice, roundedLimit } from './advice.ts'
import { cut, shown } from './words.ts'

/** Records are a second limit on the same traffic: their rates are in the table, and no quota. */
const QUOTAS: readonly { readonly name: string; readonly dimension: Dimension }[] = [
  { name: 'advised-produce', dimension: 'produceBytes' },
  { name: 'advised-fetch', dimension: 'fetchBytes' },
  { name: 'advised-requests', dimension: 'requests' },
]

const NAME_CHARS_MAX = 60

/** All of one client id and user: several libraries under one name share a bucket. */
interface Key {
  readonly clientId: string
  readonly principal: string
  readonly libraries: string
  readonly limit: number
  readonly burstSeconds: number
  readonly p99Of10s: number
  readonly peak: number
}

/** @param upstream bootstrap addresses of the brokers */
export function adviceYaml(advice: Advice, upstream: readonly string[]): string {
  const hasUsers = advice.clients.some(({ principal }) => principal !== '')
  const lines = [
    `# Proposed by kafka-sluice advise after ${formatDuration(advice.observedMs)} of observation, ${Math.round(advice.headroom * 100)} % over what was seen.`,
    '# mode: observe slows nobody. See what it would do in sluice_throttled_requests_total{action="observed"}, then remove that line.',
    `upstream: { bootstrap: [${upstream.map((address) => JSON.stringify(address)).join(', ')}] }`,
    'mode: observe',
    'quotas:',
    ...QUOTAS.flatMap((quota) => quotaLines(quota, advice.clients, hasUsers)),
  ]
  return `${lines.join('\n')}\n`
}

function quotaLines(
  { name, dimension }: (typeof QUOTAS)[number],
  clients: readonly ClientAdvice[],
  hasUsers: boolean,
): string[] {
  const keys = keysOf(clients, dimension).toSorted((a, b) => b.limit - a.limit)
  const busiest = keys[0]
  if (busiest === undefined) return []
  const overrides = keys.slice(0, OVERRIDES_MAX).flatMap((key) => overrideLines(key, dimension, hasUsers))
  const more = keys.length - OVERRIDES_MAX
  return [
    `  - name: ${name}`,
    '    # Of clients without a line of their own: as the busiest of those seen.',
    `    limit: { ${dimension}: ${rateText(dimension, busiest.limit)} }`,
    `    burst: ${Math.max(...keys.map(({ burstSeconds }) => burstSeconds))}s`,
    `    per: [${hasUsers ? 'clientId, principal' : 'clientId'}]`,
    '    overrides:',
    ...overrides,
    ...(more > 0 ? [`      # and ${more} clients that are less busy`] : []),
  ]
}

function keysOf(clients: readonly ClientAdvice[], dimension: Dimension): Key[] {
  const keys = new Map<string, Key>()
  for (const client of clients) {
    const limit = client.limits.find((one) => one.dimension === dimension)
    if (limit === undefined) continue
    const id = JSON.stringify([client.clientId, client.principal])
    keys.set(id, joined(keys.get(id), client, limit))
  }
  return [...keys.values()]
}

function joined(key: Key | undefined, { clientId, principal, library }: ClientAdvice, limit: LimitAdvice): Key {
  return {
    clientId,
    principal,
    libraries: key === undefined ? library : `${key.libraries}, ${library}`,
    limit: key === undefined ? limit.limit : roundedLimit(key.limit + limit.limit),
    burstSeconds: Math.max(key?.burstSeconds ?? 0, limit.burstSeconds),
    p99Of10s: (key?.p99Of10s ?? 0) + limit.p99Of10s,
    peak: Math.max(key?.peak ?? 0, limit.peak),
  }
}

function overrideLines(key: Key, dimension: Dimension, hasUsers: boolean): string[] {
  const { clientId, principal, libraries, p99Of10s, peak, limit, burstSeconds } = key
  const name = `${cut(shown(clientId), NAME_CHARS_MAX)}${principal === '' ? '' : ` of ${cut(shown(principal), NAME_CHARS_MAX)}`}`
  const seen = `p99 of 10 s ${formatLimit(dimension, p99Of10s)}, peak ${formatLimit(dimension, peak)}`
  const [idPattern, userPattern] = [patternFor(clientId), patternFor(principal)]
  if (idPattern === undefined || userPattern === undefined) {
    return [`      # ${name}: ${seen}; its name is too long for a pattern, so the limit above counts`]
  }
  const fields = [
    `clientId: ${JSON.stringify(idPattern)}`,
    ...(hasUsers ? [`principal: ${JSON.stringify(userPattern)}`] : []),
  ]
  return [
    `      # ${name} (${libraries}): ${seen}`,
    `      - { ${fields.join(', ')}, limit: { ${dimension}: ${rateText(dimension, limit)} }, burst: ${burstSeconds}s }`,
  ]
}

/** A pattern that matches this name only; undefined if it would be too long. */
function patternFor(name: string): string | undefined {
  const pattern = exactPattern(name)
  return pattern.length <= PATTERN_CHARS_MAX ? pattern : undefined
}

/** As the configuration reads it: `6.5 MB/s`, `120/s`. Limits have two digits, so nothing is rounded off. */
function rateText(dimension: Dimension, perSecond: number): string {
  return UNITS[dimension] === 'bytes' ? formatByteRate(perSecond) : `${perSecond}/s`
}
