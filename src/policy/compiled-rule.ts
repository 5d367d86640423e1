/** A quota, compiled: its patterns ready to match, its overrides in the order in which they are tried, and what it asks about. */
import type { Dimension } from './dimensions.ts'
import { compileMatch, type Matcher } from './match.ts'
import type { Burst, Limit, MatchField, Priority, QuotaRule } from './quota-rule.ts'

export interface CompiledOverride {
  readonly matcher: Matcher
  readonly limit: Limit
  readonly burst: Burst | undefined
  readonly per: readonly MatchField[] | undefined
  /** Keeps keys of its own `per` apart from those of the quota. */
  readonly label: string
  readonly weight: number | undefined
  readonly priority: Priority | undefined
}

export interface CompiledRule {
  readonly rule: QuotaRule
  readonly matcher: Matcher
  /** The most specific first. */
  readonly overrides: readonly CompiledOverride[]
  /** Asks about the topic somewhere: it applies to each topic that a request carries, not to the request. */
  readonly isOfTopic: boolean
  /** Asks about what the first requests of a connection tell: library and user. */
  readonly isOfLogin: boolean
}

const LOGIN_FIELDS: readonly MatchField[] = ['principal', 'software', 'softwareVersion']

/** @throws RangeError for a pattern that is none */
export function compileRule(rule: QuotaRule): CompiledRule {
  const overrides = rule.overrides
    .map(({ match, except = [], ...own }) => ({
      limit: own.limit,
      burst: own.burst,
      per: own.per,
      weight: own.weight,
      priority: own.priority,
      matcher: compileMatch(match, except),
      label: JSON.stringify(except.length === 0 ? match : [match, except]),
    }))
    .sort((a, b) => b.matcher.specificity - a.matcher.specificity)
  const matcher = compileMatch(rule.match, rule.except)
  const keyFields = [rule.per, rule.share?.by ?? [], ...overrides.map(({ per = [] }) => per)].flat()
  const matchers = [matcher, ...overrides.map((override) => override.matcher)]
  const asks = (field: MatchField): boolean => keyFields.includes(field) || matchers.some((each) => each.asks(field))
  return { rule, matcher, overrides, isOfTopic: asks('topic'), isOfLogin: LOGIN_FIELDS.some(asks) }
}

/** Whether the quota or one of its overrides limits this at all. */
export function mayLimit({ limit, overrides }: QuotaRule, dimension: Dimension): boolean {
  return [limit, ...overrides.map((override) => override.limit)].some((of) => of[dimension] !== undefined)
}
