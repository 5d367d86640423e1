/** Quotas for tests, with everything that a test does not care about filled in. */
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
