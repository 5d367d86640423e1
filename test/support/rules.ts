/** Quotas for tests, with everything that a test does not care about filled in. */
import { RATE_DIMENSIONS, type RateDimension } from '../../src/policy/dimensions.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'

/** A quota on everybody, one bucket for each client id, a burst of one second. */
export function rule(limit: QuotaRule['limit'], more: Partial<QuotaRule> = {}): QuotaRule {
  return {
    name: 'q',
    limit,
    burst: { seconds: 1 },
    match: {},
    per: ['clientId'],
    overrides: [],
    mode: 'enforce',
    ...more,
  }
}

/** What was charged, 0 in every dimension that a test does not name. */
export function used(parts: Partial<Record<RateDimension, number>>): Record<RateDimension, number> {
  const none = Object.fromEntries(RATE_DIMENSIONS.map((dimension) => [dimension, 0])) as Record<RateDimension, number>
  return { ...none, ...parts }
}
