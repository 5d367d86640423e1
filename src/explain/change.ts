/** One thing that differs between two quotas, and which way. */
import { formatDuration } from '../cli/format.ts'
import { DIMENSIONS, type Dimension, UNITS } from '../policy/dimensions.ts'
import type { Burst, Limit } from '../policy/quota-rule.ts'
import type { Effect } from './difference.ts'
import { amountWords, limitWords } from './words.ts'

export interface Change {
  /** A dimension, or a key of the quota: `burst`, `whom`, `per`, `override`, `mode` … */
  readonly what: string
  readonly effect: 'stricter' | 'looser' | 'other'
  /** In words; absent: there was none. */
  readonly from?: string | undefined
  /** In words; absent: there is none any more. */
  readonly to?: string | undefined
  /** By how much a limit changed: −20 is a fifth less. */
  readonly percent?: number | undefined
  /** Of an override: whom it is for. */
  readonly whom?: string | undefined
}

/** A limit or burst of a quota, and what it is of. */
interface Bursting {
  readonly burst: Burst
  readonly limit: Limit
}

const NO_LIMIT = Number.POSITIVE_INFINITY

/** Dimension by dimension; what is absent is unlimited. */
export function compareLimits(before: Limit, after: Limit): Change[] {
  return DIMENSIONS.flatMap((dimension) => {
    const [from, to] = [before[dimension] ?? NO_LIMIT, after[dimension] ?? NO_LIMIT]
    return from === to ? [] : [limitChange(dimension, from, to)]
  })
}

export function limitChange(dimension: Dimension, from: number, to: number): Change {
  const isBounded = from !== NO_LIMIT && to !== NO_LIMIT
  return {
    what: dimension,
    effect: to < from ? 'stricter' : 'looser',
    from: limitWords(dimension, from),
    to: limitWords(dimension, to),
    ...(isBounded ? { percent: (to / from - 1) * 100 } : {}),
  }
}

export function compareBursts(before: Bursting, after: Bursting): Change[] {
  const change = changed('burst', burstWords(before), burstWords(after))
  const [from, to] = [sizeOf(before.burst), sizeOf(after.burst)]
  // Seconds and amounts are alike only at one rate.
  if (from.unit !== to.unit) return change
  return change.map((one) => ({ ...one, effect: to.size < from.size ? 'stricter' : 'looser' }))
}

function sizeOf(burst: Burst): { readonly unit: string; readonly size: number } {
  return 'seconds' in burst ? { unit: 's', size: burst.seconds } : { unit: 'amount', size: burst.amount }
}

function burstWords({ burst, limit }: Bursting): string {
  if ('seconds' in burst) return `${formatDuration(burst.seconds * 1000)} of the rate`
  const dimension = DIMENSIONS.find((candidate) => limit[candidate] !== undefined) ?? 'requests'
  return UNITS[dimension] === 'bytes' ? amountWords(dimension, burst.amount) : amountWords('requests', burst.amount)
}

/** Nothing if both are the same. */
export function changed(what: string, from: string | undefined, to: string | undefined): Change[] {
  return from === to ? [] : [{ what, effect: 'other', from, to }]
}

/** What several changes come to. */
export function effectOf(changes: readonly Change[]): Effect {
  const effects = new Set(changes.map(({ effect }) => effect))
  if (effects.has('stricter') && effects.has('looser')) return 'mixed'
  if (effects.has('stricter')) return 'stricter'
  return effects.has('looser') ? 'looser' : 'other'
}
