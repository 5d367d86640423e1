/** Bursts: a time, or an amount in the unit of the limit; what they mean depends on the limit beside them. */
import { BURST_MAX_MS, BURST_MIN_MS } from '../bounds.ts'
import { type Dimension, RATE_DIMENSIONS, UNITS } from '../policy/dimensions.ts'
import type { Burst } from '../policy/quota-rule.ts'
import { isDuration, parseAmount, parseDuration } from './units.ts'

/** The burst of a quota that names none. */
export const DEFAULT_BURST: Burst = { seconds: 1 }

/**
 * A burst as written: a time, or an amount in the unit of the limit.
 * @throws RangeError if it is neither, or no sensible one for these limits
 */
export function parseBurst(
  written: string | number,
  limit: { readonly [Of in Dimension]?: number | undefined },
): Burst {
  const text = String(written)
  if (isDuration(text)) {
    const burstMs = parseDuration(text)
    checkBurstMs(burstMs, text)
    return { seconds: burstMs / 1000 }
  }
  const known = RATE_DIMENSIONS.filter((dimension) => limit[dimension] !== undefined)
  const limited = known.filter((dimension) => Number.isFinite(limit[dimension]))
  // Where all are unlimited the amount is for the overrides.
  const [unit, other] = new Set((limited.length > 0 ? limited : known).map((dimension) => UNITS[dimension]))
  if (unit === undefined) return DEFAULT_BURST // the limit itself is at fault
  if (other !== undefined) {
    throw new RangeError(`"${text}" fits either the ${unit} or the ${other}; write a time like 2s, or make two quotas`)
  }
  if (unit === 'bytes' && /^\s*[\d.]+\s*$/u.test(text)) {
    throw new RangeError(`${text} has no unit; write ${text}s of the rate, or an amount like ${text} MB`)
  }
  const amount = parseAmount(text, unit)
  for (const dimension of limited) checkBurstMs((amount / limit[dimension]!) * 1000, text)
  return { amount }
}

function checkBurstMs(burstMs: number, text: string): void {
  if (burstMs < BURST_MIN_MS) {
    throw new RangeError(
      `"${text}" is less than ${BURST_MIN_MS}ms of the rate, too little to keep the rate evenly; write 1s`,
    )
  }
  if (burstMs > BURST_MAX_MS) throw new RangeError(`"${text}" is more than an hour of the rate`)
}
