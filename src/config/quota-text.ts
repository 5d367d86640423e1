/** Rules as the configuration file writes them: the other way round from `schema.ts`, and exact. */
import { type Dimension, UNITS } from '../policy/dimensions.ts'
import type { Burst, Limit, Match, QuotaOverride, QuotaRule } from '../policy/quota-rule.ts'

/** A mapping of the file, ready for YAML or JSON. */
export type Written = Readonly<Record<string, unknown>>

/** Where two are as short, the first is taken. */
const BYTE_UNITS: readonly (readonly [string, number])[] = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['GiB', 2 ** 30],
  ['MB', 1e6],
  ['MiB', 2 ** 20],
  ['kB', 1e3],
  ['KiB', 2 ** 10],
]
const PLAIN_NUMBER = /^\d+(?:\.\d+)?$/u

/** A quota of `quotas:`. Only of what Kafka's quotas need: no share, no ramp, no schedule. */
export function writtenQuota({ name, limit, burst, match, per, overrides, mode }: QuotaRule): Written {
  return {
    name,
    limit: writtenLimit(limit),
    burst: writtenBurst(burst),
    ...(Object.keys(match).length === 0 ? {} : { match: writtenMatch(match) }),
    ...(per.length === 0 ? {} : { per: [...per] }),
    ...(mode === 'observe' ? { mode } : {}),
    ...(overrides.length === 0 ? {} : { overrides: overrides.map(writtenOverride) }),
  }
}

function writtenOverride({ match, limit, burst, per }: QuotaOverride): Written {
  return {
    ...writtenMatch(match),
    limit: writtenLimit(limit),
    ...(burst === undefined ? {} : { burst: writtenBurst(burst) }),
    ...(per === undefined ? {} : { per: [...per] }),
  }
}

function writtenMatch(match: Match): Written {
  return Object.fromEntries(
    Object.entries(match).map(([field, patterns = []]) => [field, patterns.length === 1 ? patterns[0] : [...patterns]]),
  )
}

function writtenLimit(limit: Limit): Written {
  return Object.fromEntries(
    Object.entries(limit).map(([dimension, perSecond]) => [dimension, rateText(dimension as Dimension, perSecond)]),
  )
}

function writtenBurst(burst: Burst): string | number {
  return 'seconds' in burst ? `${burst.seconds}s` : burst.amount
}

/** A rate that `parseRate` reads as exactly this number: `5 MiB/s`, `1234567 B/s`, `0.5/s`. */
export function rateText(dimension: Dimension, perSecond: number): string {
  if (perSecond === Number.POSITIVE_INFINITY) return 'unlimited'
  const isBytes = UNITS[dimension] === 'bytes'
  if (perSecond * 3600 === 1) return isBytes ? '1 B/h' : '1/h'
  return isBytes ? `${shortestBytes(perSecond)}/s` : `${perSecond}/s`
}

/** The shortest way to write it that loses nothing: `5 MiB`, `1.5 kB`, `1234567 B`. */
function shortestBytes(bytes: number): string {
  let best = `${bytes} B`
  for (const [unit, size] of BYTE_UNITS) {
    const text = String(bytes / size)
    const isExact = PLAIN_NUMBER.test(text) && bytes >= size && Number(text) * size === bytes
    if (isExact && text.length < best.indexOf(' ')) best = `${text} ${unit}`
  }
  return best
}
