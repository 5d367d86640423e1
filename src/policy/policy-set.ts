/**
 * The quotas of a configuration, compiled: who is asked about gets every bucket that applies. Immutable; a reload makes a new
 * one with a new `version`, and sessions resolve again when they see it.
 */
import { RECALL_MATCHERS_MIN } from '../bounds.ts'
import { apiNameOf } from './api-classes.ts'
import { type CompiledOverride, type CompiledRule, compileRule, mayLimit } from './compiled-rule.ts'
import {
  type Dimension,
  isLevel,
  isOfConnection,
  isOfTopic,
  LEVEL_DIMENSIONS,
  type LevelDimension,
  measures,
  RATE_DIMENSIONS,
  type RateDimension,
} from './dimensions.ts'
import type { Identity } from './identity.ts'
import type { Facts } from './match.ts'
import type { Burst, MatchField, Mode, Priority, QuotaRule, Share } from './quota-rule.ts'
import { Recall } from './recall.ts'
import { shorten } from './shorten.ts'

/** One bucket that a request of this client is charged to. */
export interface Applicable {
  readonly quota: string
  readonly dimension: RateDimension
  /** What shares the bucket: `clientId=checkout-7`; '' where the quota has one bucket for all. */
  readonly key: string
  /** Units (bytes, records, requests …) per millisecond. */
  readonly ratePerMs: number
  /** What may go at once, as milliseconds of the rate. */
  readonly burstMs: number
  readonly mode: Mode
  /** What matched, for people: `clientId "checkout-*"; override clientId "checkout-batch"`. */
  readonly why: string
  /** Until when the limit comes down to `ratePerMs`; 0: it is in force. */
  readonly rampEndsAtMs: number
  /** Which part of a divided bucket is meant; undefined where whoever comes first is served first. */
  readonly share?: ShareOf | undefined
}

/** One key of a divided bucket. */
export interface ShareOf {
  readonly key: string
  readonly weight: number
  readonly priority: Priority
  /** As `Share.minimum`. */
  readonly minimum: number
}

/** One gauge that a request or connection is counted in. */
export interface LevelApplicable {
  readonly quota: string
  readonly dimension: LevelDimension
  readonly key: string
  /** How many at a time. */
  readonly max: number
  readonly mode: Mode
  readonly why: string
}

/** What a quota says to one kind of request, for people. */
export interface Explained {
  readonly quota: string
  readonly applies: boolean
  /** Which clause matched or did not. */
  readonly why: string
  readonly rates: readonly Applicable[]
  readonly levels: readonly LevelApplicable[]
}

export interface PolicyOptions {
  /** Every quota only observes, whatever its own mode. */
  readonly observe?: boolean
  /** By quota: until when its limit comes down from what is used. */
  readonly rampEndsAtMs?: ReadonlyMap<string, number>
}

/** What one rule says once an override has been found, or none. */
interface Terms {
  readonly rule: QuotaRule
  readonly override: CompiledOverride | undefined
  readonly facts: Facts
  readonly why: string
}

let lastVersion = 0

/** Compiled quotas. */
export class PolicySet {
  /** Differs from that of every other set of this process, and grows. */
  readonly version: number = ++lastVersion
  readonly #requestRules: readonly CompiledRule[]
  readonly #topicRules: readonly CompiledRule[]
  readonly #rules: readonly CompiledRule[]
  readonly #isObserving: boolean
  readonly #rampEndsAtMs: ReadonlyMap<string, number>
  readonly #recall: Recall | undefined

  /** @throws RangeError for a pattern that is none; a configuration that was loaded has no such pattern */
  constructor(rules: readonly QuotaRule[], options: PolicyOptions = {}) {
    this.#rules = rules.map(compileRule)
    this.#requestRules = this.#rules.filter((compiled) => !compiled.isOfTopic)
    this.#topicRules = this.#rules.filter((compiled) => compiled.isOfTopic)
    this.#isObserving = options.observe ?? false
    this.#rampEndsAtMs = options.rampEndsAtMs ?? new Map()
    const matchers = rules.reduce((sum, { overrides }) => sum + 1 + overrides.length, 0)
    this.#recall = matchers < RECALL_MATCHERS_MIN ? undefined : new Recall()
  }

  /** Every bucket that a request of this API by this client is charged to, whatever topics it carries. */
  resolve(identity: Identity, apiKey: number): readonly Applicable[] {
    return this.#asked(`request ${apiKey}`, identity, countOf, () => {
      const facts = factsOf(identity, apiNameOf(apiKey), '')
      return this.#requestRules.flatMap((compiled) =>
        this.#rates(compiled, facts, (dimension) => !isOfConnection(dimension) && measures(dimension, apiKey)),
      )
    })
  }

  /** Whether some quota tells the topics of such requests apart: only then is it worth looking for them. */
  asksForTopics(identity: Identity, apiKey: number): boolean {
    if (this.#topicRules.length === 0) return false
    return this.#asked(
      `topics ${apiKey}`,
      identity,
      () => 0,
      () => {
        const facts = factsOf(identity, apiNameOf(apiKey), '')
        return this.#topicRules.some(
          ({ rule, matcher }) =>
            RATE_DIMENSIONS.some((dimension) => mayLimit(rule, dimension) && measuresTopic(dimension, apiKey)) &&
            matcher.matches(facts, 'topic'),
        )
      },
    )
  }

  /** The buckets for the part of a request that is of this topic. */
  resolveTopic(identity: Identity, apiKey: number, topic: string): readonly Applicable[] {
    return this.#asked(`topic ${apiKey} ${topic}`, identity, countOf, () => {
      const facts = factsOf(identity, apiNameOf(apiKey), topic)
      return this.#topicRules.flatMap((compiled) =>
        this.#rates(compiled, facts, (dimension) => measuresTopic(dimension, apiKey)),
      )
    })
  }

  /** The gauges of requests waiting at the broker. */
  resolveInFlight(identity: Identity, apiKey: number): readonly LevelApplicable[] {
    if (!measures('inFlight', apiKey)) return []
    return this.#asked(`inFlight ${apiKey}`, identity, countOf, () => {
      const facts = factsOf(identity, apiNameOf(apiKey), '')
      return this.#requestRules.flatMap((compiled) => this.#levels(compiled, facts, ['inFlight']))
    })
  }

  /**
   * What a connection as a whole is counted in.
   * @param isGreeting library and user may still become known: quotas that ask about them have nothing to say yet, or all newcomers
   * would share the limit of the nameless
   */
  resolveConnection(
    identity: Identity,
    isGreeting = false,
  ): {
    readonly rates: readonly Applicable[]
    readonly levels: readonly LevelApplicable[]
  } {
    const ungrouped = identity.group === '' ? identity : { ...identity, group: '' }
    return this.#asked(
      isGreeting ? 'greeting' : 'connection',
      ungrouped,
      ({ rates, levels }) => rates.length + levels.length,
      () => {
        const facts = factsOf(ungrouped, '', '')
        const rules = isGreeting ? this.#requestRules.filter(({ isOfLogin }) => !isOfLogin) : this.#requestRules
        return {
          rates: rules.flatMap((compiled) =>
            this.#rates(compiled, facts, (dimension) => dimension === 'newConnections'),
          ),
          levels: rules.flatMap((compiled) => this.#levels(compiled, facts, ['connections'])),
        }
      },
    )
  }

  /** What every quota says to such a request, those that do not apply included. `topic` '': none in particular. */
  explain(identity: Identity, apiKey: number, topic: string): readonly Explained[] {
    const facts = factsOf(identity, apiNameOf(apiKey), topic)
    return this.#rules.map((compiled) => {
      const { matched, why } = compiled.matcher.explain(facts)
      const wanted = (dimension: Dimension): boolean =>
        isOfConnection(dimension) ||
        (compiled.isOfTopic ? measuresTopic(dimension, apiKey) : measures(dimension, apiKey))
      const rates = this.#rates(compiled, facts, wanted)
      const levels = this.#levels(compiled, facts, LEVEL_DIMENSIONS.filter(wanted))
      const applies = rates.length + levels.length > 0
      return {
        quota: compiled.rule.name,
        applies,
        why: applies ? (rates[0] ?? levels[0])!.why : matched ? this.#idleWhy(compiled, facts) : why,
        rates,
        levels,
      }
    })
  }

  #asked<T>(question: string, identity: Identity, itemsOf: (answer: T) => number, find: () => T): T {
    return this.#recall === undefined ? find() : this.#recall.get(question, identity, find, itemsOf)
  }

  /** Why a quota that matches limits nothing. */
  #idleWhy(compiled: CompiledRule, facts: Facts): string {
    const { override } = this.#terms(compiled, facts) ?? {}
    const limited = Object.keys({ ...compiled.rule.limit, ...override?.limit })
    return `matches, but limits ${limited.join(', ')}, which ${facts('api')} does not use or which is lifted`
  }

  #terms({ rule, matcher, overrides }: CompiledRule, facts: Facts): Terms | undefined {
    if (!matcher.matches(facts)) return undefined
    const override = overrides.find((candidate) => candidate.matcher.matches(facts))
    const { why } = matcher.explain(facts)
    if (override === undefined) return { rule, override, facts, why }
    return { rule, override, facts, why: `${why}; override ${override.matcher.explain(facts).why}` }
  }

  #rates(compiled: CompiledRule, facts: Facts, wanted: (dimension: RateDimension) => boolean): Applicable[] {
    const terms = this.#terms(compiled, facts)
    if (terms === undefined) return []
    const applicable: Applicable[] = []
    for (const dimension of RATE_DIMENSIONS) {
      const perSecond = limitOf(terms, dimension)
      if (perSecond === undefined || !wanted(dimension)) continue
      applicable.push({
        quota: terms.rule.name,
        dimension,
        key: keyOf(terms),
        ratePerMs: perSecond / 1000,
        burstMs: burstMsOf(terms.override?.burst ?? terms.rule.burst, perSecond),
        mode: this.#isObserving ? 'observe' : terms.rule.mode,
        why: terms.why,
        rampEndsAtMs: this.#rampEndsAtMs.get(terms.rule.name) ?? 0,
        share: terms.rule.share === undefined ? undefined : shareOf(terms.rule.share, terms),
      })
    }
    return applicable
  }

  #levels(compiled: CompiledRule, facts: Facts, wanted: readonly LevelDimension[]): LevelApplicable[] {
    const terms = wanted.length === 0 ? undefined : this.#terms(compiled, facts)
    if (terms === undefined) return []
    return wanted.flatMap((dimension) => {
      const max = limitOf(terms, dimension)
      if (max === undefined) return []
      const mode = this.#isObserving ? 'observe' : terms.rule.mode
      return [{ quota: terms.rule.name, dimension, key: keyOf(terms), max, mode, why: terms.why }]
    })
  }
}

function countOf({ length }: readonly unknown[]): number {
  return length
}

/** A request counts once for each topic that it carries. */
function measuresTopic(dimension: Dimension, apiKey: number): boolean {
  if (isLevel(dimension)) return false
  return (
    measures(dimension, apiKey) && (isOfTopic(dimension) ? true : dimension === 'requests' && carriesTopics(apiKey))
  )
}

function carriesTopics(apiKey: number): boolean {
  return measures('produceBytes', apiKey) || measures('fetchBytes', apiKey)
}

function factsOf(identity: Identity, api: string, topic: string): Facts {
  return (field) => {
    if (field === 'api') return api
    if (field === 'topic') return topic
    if (field.startsWith('labels.')) return identity.labels[field.slice('labels.'.length)] ?? ''
    return identity[field as Exclude<keyof Identity, 'labels'>]
  }
}

function limitOf({ rule, override }: Terms, dimension: Dimension): number | undefined {
  const limit = override?.limit[dimension] ?? rule.limit[dimension]
  return limit === Number.POSITIVE_INFINITY ? undefined : limit
}

function keyOf({ rule, override, facts }: Terms): string {
  if (override?.per === undefined) return bucketKey(rule.per, facts)
  const key = bucketKey(override.per, facts)
  return shorten(key === '' ? override.label : `${override.label} ${key}`)
}

function shareOf(share: Share, { override, facts }: Terms): ShareOf {
  return {
    key: bucketKey(share.by, facts),
    weight: override?.weight ?? share.weight,
    priority: override?.priority ?? share.priority,
    minimum: share.minimum,
  }
}

function burstMsOf(burst: Burst, perSecond: number): number {
  return 'seconds' in burst ? burst.seconds * 1000 : (burst.amount / perSecond) * 1000
}

/** Two combinations of values never have the same key, whatever characters they have: with several fields lengths are told. */
function bucketKey(per: readonly MatchField[], facts: Facts): string {
  const [only] = per
  if (only === undefined) return ''
  if (per.length === 1) return shorten(`${only}=${facts(only)}`)
  return shorten(per.map((field) => `${field}(${facts(field).length})=${facts(field)}`).join(' '))
}
