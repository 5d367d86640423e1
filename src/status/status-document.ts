/** What `/api/status` answers, plain enough for JSON; the status page and `top` are made of it. Types only; docs/status.md tells them. */
import type { Dimension } from '../policy/dimensions.ts'
import type { Mode } from '../policy/quota-rule.ts'
import type { BrokerStatus, ClientStatus, ConfigReport, QuotaStatus } from '../sluice.ts'

export interface StatusDocument {
  /** When this was, in ISO 8601. */
  readonly at: string
  readonly version: string
  /** The newest Kafka release whose protocol is known. */
  readonly kafkaProtocol: string
  readonly uptimeMs: number
  /** Where applications connect. */
  readonly listen: string
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly mode: Mode
  readonly config: ConfigNow
  readonly brokers: readonly BrokerStatus[]
  readonly connections: number
  /** Of them, those whose next request is held right now. */
  readonly heldConnections: number
  readonly totals: TotalRates
  readonly quotas: readonly QuotaNow[]
  readonly clients: readonly ClientNow[]
  /** Those that wait most, or would, a few, whatever was asked for. */
  readonly mostLimited: readonly ClientNow[]
  /** The one that was asked for by its id, if it is known. */
  readonly client?: ClientNow
  readonly counts: ClientCounts
  /** Asked for with `history`. */
  readonly history?: StatusHistory
}

/** Clients: all that are known, by state, and how many were asked for. */
export interface ClientCounts {
  readonly known: number
  readonly limited: number
  readonly observed: number
  readonly active: number
  /** After filter; before `skip` and `top`. */
  readonly matching: number
}

/** Whether the file is in force, and how reloads went; `report` is null where there is no file. */
export interface ConfigNow {
  readonly report: ConfigReport | null
  readonly reloads: { readonly ok: number; readonly failed: number }
}

/** A second, over the last ten. */
export interface TotalRates {
  readonly producedBytes: number
  readonly fetchedBytes: number
  readonly requests: number
  /** Delay that clients met, told or held, by quotas that are enforced. */
  readonly throttleMs: number
}

/** One limit of one quota, as it is used by everybody. */
export interface QuotaNow extends QuotaStatus {
  /** What has a bucket of its own; empty: one for all. */
  readonly per: readonly string[]
  /** By all buckets together; null of what is counted at a time. */
  readonly usedPerSecond: number | null
  readonly throttleMsPerSecond: number
  /** Buckets that open connections draw from, and of them those in debt. */
  readonly buckets: number
  readonly bucketsInDebt: number
  /** The bucket nearest to its limit, or furthest over it: used ÷ limit; null where none is drawn from. */
  readonly fullest: number | null
  /** Clients that meet a delay by it now; in observe mode, that would. */
  readonly limitedClients: number
  /** Of `connections` and `inFlight`: how many there are, and how many wait for a place. */
  readonly level: { readonly count: number; readonly waiting: number } | null
  /** Requests so far, by what was done. */
  readonly requests: {
    readonly stamped: number
    readonly held: number
    readonly refused: number
    readonly observed: number
    readonly belowFloor: number
  }
}

/**
 * `limited`: a quota makes it wait; `observed`: one would, if it were enforced; `active`: neither; `idle`: no request for ten
 * seconds; `gone`: no connection is open.
 */
export type ClientState = 'limited' | 'observed' | 'active' | 'idle' | 'gone'

export interface ClientNow extends ClientStatus {
  /** Short and stable, for links and questions. */
  readonly id: string
  readonly state: ClientState
  /** The limit that delays it most; null where none does. */
  readonly limitedBy: { readonly quota: string; readonly dimension: Dimension } | null
  /** Of its open connections. */
  readonly softwareVersions: readonly string[]
  readonly addresses: readonly string[]
  readonly groups: readonly string[]
  /** Of its groups, all their members together; null where it is in none, or nothing is known. */
  readonly lag: LagNow | null
  readonly heldConnections: number
  readonly rates: {
    readonly producedBytes: number
    readonly fetchedBytes: number
    readonly producedRecords: number
    readonly fetchedRecords: number
    readonly requests: number
    readonly throttleMs: number
    readonly heldMs: number
  }
  readonly idleMs: number | null
  /** Buckets that its connections draw from, the one that delays it most first. */
  readonly limits: readonly LimitNow[]
}

/** Records that a group is behind: by what it fetched last, by what it committed last; null while that is not known. */
export interface LagNow {
  readonly records: number | null
  readonly committedRecords: number | null
}

/** One bucket, and what one client draws from it. */
export interface LimitNow {
  readonly quota: string
  readonly dimension: Dimension
  readonly mode: Mode
  /** What shares the bucket; '' where all that match do. */
  readonly key: string
  readonly limitPerSecond: number
  /** By this client, and by all that share the bucket. */
  readonly usedPerSecond: number
  readonly bucketPerSecond: number
  /** Delay that this client meets here in a second. */
  readonly throttleMsPerSecond: number
  /** Credit in units; debt where it is negative, and how long it lasts. */
  readonly balance: number
  readonly debtMs: number
  /** The least rate that this client can be held to; null where it is not known. */
  readonly floorPerSecond: number | null
  /** False: the limit is below the floor. */
  readonly canBeKept: boolean
  /** Table full: all that came too late share this one. */
  readonly isOverflow: boolean
}

/** Rates of the last quarter of an hour, the oldest first, a point every `stepMs`. */
export interface StatusHistory {
  readonly stepMs: number
  readonly totals: Readonly<Record<keyof TotalRates, readonly number[]>>
  readonly quotas: readonly {
    readonly name: string
    readonly dimension: string
    readonly used: readonly number[]
    readonly throttleMs: readonly number[]
  }[]
  /** Of the client that was asked for. */
  readonly client?: {
    readonly producedBytes: readonly number[]
    readonly fetchedBytes: readonly number[]
    readonly requests: readonly number[]
    readonly throttleMs: readonly number[]
  }
}
