/** A quota as written: what it measures, whom it matches, what shares a bucket, how strict it is (design.md §6). Types only. */

/** What is measured. Produce costs the size of its request frame, Fetch that of its answer, as the broker's quotas do. */
export type Dimension = 'produceBytes' | 'fetchBytes' | 'requests'

export const DIMENSIONS: readonly Dimension[] = ['produceBytes', 'fetchBytes', 'requests']

/** `observe` computes everything, changes nothing and reports what it would have done. */
export type Mode = 'enforce' | 'observe'

/** What may be asked about a request. */
export type MatchField = 'clientId' | 'principal' | 'software' | 'api'

export const MATCH_FIELDS: readonly MatchField[] = ['clientId', 'principal', 'software', 'api']

/** Units a second, by dimension. In an override, Infinity lifts the limit. */
export type Limit = Readonly<Partial<Record<Dimension, number>>>

/** What may go at once: seconds of the rate, or an amount in the unit of the limit. */
export type Burst = { readonly seconds: number } | { readonly amount: number }

/** Patterns by field: any pattern of a field may match, every field must. A field that is absent matches everything. */
export type Match = Readonly<Partial<Record<MatchField, readonly string[]>>>

/** A rate of their own for particular keys of a quota. */
interface QuotaOverride {
  readonly match: Match
  /** Dimensions that are absent keep the quota's own limit. */
  readonly limit: Limit
  readonly burst?: Burst | undefined
}

export interface QuotaRule {
  readonly name: string
  readonly limit: Limit
  readonly burst: Burst
  readonly match: Match
  /** One bucket for each combination of values; empty: one bucket for all that match. */
  readonly per: readonly MatchField[]
  /** The most specific one that matches counts, whatever their order. */
  readonly overrides: readonly QuotaOverride[]
  readonly mode: Mode
}
