/** What `explain` finds out about one client, plain enough for JSON: the answer of `/api/explain`. Types only. */
import type { Dimension } from '../policy/dimensions.ts'
import type { Mode, Priority, ScheduleWindow } from '../policy/quota-rule.ts'

/** Whom a question is about. What is absent was not told. */
export interface Question {
  readonly clientId: string
  readonly principal?: string | undefined
  readonly group?: string | undefined
  readonly topic?: string | undefined
  /** Kafka's name of an API; absent: what carries data, and connections. */
  readonly api?: string | undefined
  readonly software?: string | undefined
  readonly softwareVersion?: string | undefined
  readonly address?: string | undefined
  readonly sni?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

export interface Explanation {
  readonly client: ExplainedClient
  readonly library: ExplainedLibrary
  readonly group: GroupKnowledge
  /** What the running sluice has seen of the client; absent for a file, and for a client that it does not know. */
  readonly seen?: SeenClient | undefined
  readonly isRunning: boolean
  readonly requests: readonly ExplainedApi[]
  /** Limits of its connections as such. */
  readonly connections: readonly ExplainedLimit[]
  /** Quotas that apply to this client's requests of other APIs only. */
  readonly elsewhere: readonly { readonly quota: string; readonly apis: readonly string[] }[]
  /** What the reader has to know about the answer, in whole sentences. */
  readonly notes: readonly string[]
}

/** The facts that the answer goes by; '' where there is none. */
export interface ExplainedClient {
  readonly clientId: string
  readonly principal: string
  readonly group: string
  readonly topic: string
  readonly software: string
  readonly softwareVersion: string
  readonly address: string
}

export interface ExplainedLibrary {
  /** The row of the table of client libraries. */
  readonly name: string
  readonly reason: string
}

/**
 * Which group a client is in. `given`: by the question; `known`: from what it has sent; `ambiguous`: it is in several, and a
 * request that names none counts as of none.
 */
export interface GroupKnowledge {
  readonly state: 'given' | 'known' | 'unknown' | 'ambiguous'
  readonly groups: readonly string[]
}

export interface SeenClient {
  readonly connections: number
  readonly producedBytes: number
  readonly fetchedBytes: number
  readonly producedRecords: number
  readonly fetchedRecords: number
  readonly throttleMs: number
  /** 0: not known yet. */
  readonly largestProduceBytes: number
  readonly largestFetchBytes: number
}

export interface ExplainedApi {
  readonly api: string
  /** Longest time that such a request may be in the sluice's hands, and longest throttle that its answer tells. */
  readonly holdMs: number
  readonly stampMs: number
  /** Why it is never held; absent where it may be. */
  readonly exempt?: string | undefined
  readonly quotas: readonly ExplainedQuota[]
}

export interface ExplainedQuota {
  readonly quota: string
  readonly applies: boolean
  /** Which clause matched or did not. */
  readonly why: string
  readonly limits: readonly ExplainedLimit[]
  readonly schedule: readonly ExplainedWindow[]
}

export interface ExplainedWindow extends Pick<ScheduleWindow, 'during' | 'timeZone'> {
  readonly limit: Readonly<Partial<Record<Dimension, number>>>
  /** Now; absent where that is not known. */
  readonly isOpen?: boolean | undefined
}

export interface ExplainedLimit {
  readonly quota: string
  readonly dimension: Dimension
  readonly mode: Mode
  readonly why: string
  /** What shares the bucket; '' where all that match do. */
  readonly key: string
  /** Units a second; of `connections` and `inFlight`, how many at a time. */
  readonly limit: number
  /** What may go at once, in units; absent where nothing is a second. */
  readonly burst?: number | undefined
  /** Of a gauge in a running sluice: how many there are now, and how many wait for a place. */
  readonly level?: number | undefined
  readonly waiting?: number | undefined
  readonly state?: ExplainedState | undefined
  readonly floor?: ExplainedFloor | undefined
  /** Which part of a divided bucket is this client's; absent where whoever comes first is served first. */
  readonly share?: ExplainedShare | undefined
}

/** The client's part of a divided bucket. */
export interface ExplainedShare {
  /** Who shares the part: `clientId=checkout-7`; '' where all that match do. */
  readonly key: string
  readonly weight: number
  readonly priority: Priority
  /** The part that lower classes are sure of. */
  readonly minimum: number
  /** As it is now; absent for a file. */
  readonly line?: ExplainedLine | undefined
}

export interface ExplainedLine {
  /** Keys that draw on the bucket, the weights of those in this client's class, and how many have requests in line. */
  readonly keys: number
  readonly weights: number
  readonly waiting: number
  /** Units in line: of all, and of this client's key. */
  readonly queuedUnits: number
  readonly ownQueuedUnits: number
  /** About how long its next request would wait. */
  readonly waitMs: number
}

/** A bucket as it is now. */
export interface ExplainedState {
  /** Credit in units; debt where it is negative. */
  readonly balance: number
  readonly debtMs: number
  /** Connections that draw from it now. */
  readonly connections: number
  /** Table full: all that came too late share this one. */
  readonly isOverflow: boolean
  /** The limit comes down: what it is now, and how long it takes yet. */
  readonly ramp?: { readonly limit: number; readonly leftMs: number } | undefined
}

/** The least rate that this client can be held to without breaking it. */
export interface ExplainedFloor {
  readonly perSecond: number
  /** Units that one request costs, at most. */
  readonly largest: number
  /** Where `largest` is from: what was seen, or the default setting of the library, or that a request is a request. */
  readonly from: 'seen' | 'default' | 'request'
  readonly holdMs: number
  readonly connections: number
  readonly canBeKept: boolean
  /** Settings of the client that make it lower; absent where there are none. */
  readonly settings?: string | undefined
}
