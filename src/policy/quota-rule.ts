/** A quota as written: what it measures, whom it matches, what shares a bucket, how strict it is (design.md §6). Types only. */
import type { Dimension } from './dimensions.ts'

/** `observe` computes everything, changes nothing and reports what it would have done. */
export type Mode = 'enforce' | 'observe'

/** What may be asked about a request: facts of the client, the API, the topic that it carries, labels of the workload. */
export type PlainField =
  | 'clientId'
  | 'principal'
  | 'group'
  | 'topic'
  | 'api'
  | 'software'
  | 'softwareVersion'
  | 'address'
  | 'sni'
export type LabelField = `labels.${string}`
export type MatchField = PlainField | LabelField

export const PLAIN_FIELDS: readonly PlainField[] = [
  'clientId',
  'principal',
  'group',
  'topic',
  'api',
  'software',
  'softwareVersion',
  'address',
  'sni',
]

/**
 * Units a second by dimension; of `connections` and `inFlight`, how many at a time. Infinity: no limit; in an override it lifts the
 * quota's, in a quota only its overrides and windows limit.
 */
export type Limit = Readonly<Partial<Record<Dimension, number>>>

/** What may go at once: seconds of the rate, or an amount in the unit of the limit. */
export type Burst = { readonly seconds: number } | { readonly amount: number }

/** Patterns by field: any pattern of a field may match, every field must. A field that is absent matches everything. */
export type Match = Readonly<Partial<Record<MatchField, readonly string[]>>>

/** Who is served first when keys that share a bucket wait for it. */
export type Priority = 'high' | 'normal' | 'low'

/** How one bucket is divided among keys when they want more than there is (`share` in the file). */
export interface Share {
  /** What makes a key. */
  readonly by: readonly MatchField[]
  /** Weight and class of keys that no override names. */
  readonly weight: number
  readonly priority: Priority
  /** Part of the rate that the lower classes together are sure of while a higher one takes all it can: 0.1. */
  readonly minimum: number
}

/** Something of their own for particular keys of a quota. */
export interface QuotaOverride {
  readonly match: Match
  /** Not those that match any of these. */
  readonly except?: readonly Match[] | undefined
  /** Dimensions that are absent keep the quota's own limit. */
  readonly limit: Limit
  readonly burst?: Burst | undefined
  /** Another bucket than the quota's `per` gives them: [] is one for all that this override matches. */
  readonly per?: readonly MatchField[] | undefined
  /** Of quotas with `share`. */
  readonly weight?: number | undefined
  readonly priority?: Priority | undefined
}

/** Other limits at certain times. */
export interface ScheduleWindow {
  /** Five cron fields: the minutes in which the window is open, `* 22-23,0-5 * * mon-fri`. */
  readonly during: string
  /** IANA name; `UTC`. */
  readonly timeZone: string
  readonly limit: Limit
  readonly burst?: Burst | undefined
}

export interface QuotaRule {
  readonly name: string
  readonly limit: Limit
  readonly burst: Burst
  readonly match: Match
  /** Not those that match any of these: the quota's `match.not` and `exempt`, and the policy's `exempt`. */
  readonly except?: readonly Match[] | undefined
  /** One bucket for each combination of values; empty: one bucket for all that match. */
  readonly per: readonly MatchField[]
  readonly share?: Share | undefined
  /** The most specific one that matches counts, whatever their order. */
  readonly overrides: readonly QuotaOverride[]
  readonly mode: Mode
  /** How long a new or lowered limit takes to come down from what was used; 0 or absent: at once. */
  readonly rampInMs?: number | undefined
  /** The first window that is open counts. `config/timetable.ts` puts its limit in place of the quota's own. */
  readonly schedule?: readonly ScheduleWindow[] | undefined
}
