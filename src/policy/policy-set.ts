/**
 * The quotas of a configuration, compiled: who is asked about gets every bucket that applies. Immutable; a reload makes a new
 * one with a new `version`, and sessions resolve again when they see it.
 */
import { BUCKET_KEY_CHARS_MAX } from '../bounds.ts'
import { type ApiClass, apiClassOf, apiNameOf } from './api-classes.ts'
import type { Identity } from './identity.ts'
import { compileMatch, type Matcher } from './match.ts'
import {
  type Burst,
  DIMENSIONS,
  type Dimension,
  type Limit,
  type MatchField,
  type Mode,
  type QuotaRule,
} from './quota-rule.ts'

/** One bucket that a request of this client is charged to. */
export interface Applicable {
  readonly quota: string
  readonly dimension: Dimension
  /** What shares the bucket: `clientId=checkout-7`; '' where the quota has one bucket for all. */
  readonly key: string
  /** Units (bytes, requests) per millisecond. */
  readonly ratePerMs: number
  /** What may go at once, as milliseconds of the rate. */
  readonly burstMs: number
  readonly mode: Mode
  /** What matched, for people: `clientId "checkout-*"; override clientId "checkout-batch"`. */
  readonly why: string
}

interface CompiledOverride {
  readonly matcher: Matcher
  readonly limit: Limit
  readonly burst: Burst | undefined
}

interface CompiledRule {
  readonly rule: QuotaRule
  readonly matcher: Matcher
  /** The most specific first. */
  readonly overrides: readonly CompiledOverride[]
}

type Facts = Readonly<Record<MatchField, string>>

let lastVersion = 0

/** Compiled quotas. */
export class PolicySet {
  /** Differs from that of every other set of this process, and grows. */
  readonly version: number = ++lastVersion
  readonly #rules: readonly CompiledRule[]
  readonly #isObserving: boolean

  /**
   * @param options.observe every quota only observes, whatever its own mode
   * @throws RangeError for a pattern that is none; a configuration that was loaded has no such pattern
   */
  constructor(rules: readonly QuotaRule[], options: { readonly observe?: boolean } = {}) {
    this.#rules = rules.map(compileRule)
    this.#isObserving = options.observe ?? false
  }

  /** Every bucket that a request of this API by this client is charged to; empty for an API that is exempt. */
  resolve(identity: Identity, apiKey: number): readonly Applicable[] {
    const apiClass = apiClassOf(apiKey)
    if (apiClass === 'exempt') return []
    const { clientId, principal, software } = identity
    const facts: Facts = { clientId, principal, software, api: apiNameOf(apiKey) }
    return this.#rules.flatMap((compiled) => this.#resolveRule(compiled, facts, apiClass))
  }

  #resolveRule({ rule, matcher, overrides }: CompiledRule, facts: Facts, apiClass: ApiClass): Applicable[] {
    const matched = matcher.explain(facts)
    if (matched === undefined) return []
    let override: CompiledOverride | undefined
    let why = matched === '' ? 'matches everything' : matched
    for (const candidate of overrides) {
      const reason = candidate.matcher.explain(facts)
      if (reason === undefined) continue
      override = candidate
      why = `${why}; override ${reason}`
      break
    }
    const applicable: Applicable[] = []
    for (const dimension of DIMENSIONS) {
      const perSecond = override?.limit[dimension] ?? rule.limit[dimension]
      if (perSecond === undefined || perSecond === Number.POSITIVE_INFINITY || !measures(dimension, apiClass)) continue
      applicable.push({
        quota: rule.name,
        dimension,
        key: bucketKey(rule.per, facts),
        ratePerMs: perSecond / 1000,
        burstMs: burstMsOf(override?.burst ?? rule.burst, perSecond),
        mode: this.#isObserving ? 'observe' : rule.mode,
        why,
      })
    }
    return applicable
  }
}

function compileRule(rule: QuotaRule): CompiledRule {
  const overrides = rule.overrides.map(({ match, limit, burst }) => ({ matcher: compileMatch(match), limit, burst }))
  return {
    rule,
    matcher: compileMatch(rule.match),
    overrides: overrides.sort((a, b) => b.matcher.specificity - a.matcher.specificity),
  }
}

function measures(dimension: Dimension, apiClass: ApiClass): boolean {
  if (dimension === 'produceBytes') return apiClass === 'produce'
  return dimension === 'requests' || apiClass === 'fetch'
}

function burstMsOf(burst: Burst, perSecond: number): number {
  return 'seconds' in burst ? burst.seconds * 1000 : (burst.amount / perSecond) * 1000
}

/** Two combinations of values never have the same key, whatever characters they have: with several fields lengths are told. */
function bucketKey(per: readonly MatchField[], facts: Facts): string {
  const [only] = per
  if (only === undefined) return ''
  const key =
    per.length === 1
      ? `${only}=${facts[only]}`
      : per.map((field) => `${field}(${facts[field].length})=${facts[field]}`).join(' ')
  if (key.length <= BUCKET_KEY_CHARS_MAX) return key
  const tail = `…${hashOf(key, 0x811c9dc5)}${hashOf(key, 0x01000193)}`
  return key.slice(0, BUCKET_KEY_CHARS_MAX - tail.length) + tail
}

/** FNV-1a, 32 bits, as eight hex digits. */
function hashOf(text: string, seed: number): string {
  let hash = seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
