/**
 * A running sluice as its surroundings see it: the admin pages, the commands and the demo on one side, `app.ts`, which
 * builds it, on the other. Types only, so that neither side has to import the other.
 */
import type { Config } from './config/config.ts'
import type { Fault } from './config/config-error.ts'
import type { Counters } from './session/counters.ts'
import type { SessionTotals } from './session/session-parts.ts'

/** One process's proxy, listening. */
export interface Sluice {
  /** Where applications point `bootstrap.servers`. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Where health and metrics are served; undefined when switched off. */
  readonly admin: { readonly host: string; readonly port: number } | undefined
  readonly counters: Counters
  status(): SluiceStatus
  /** Swaps the quotas whole, between frames; buckets keep their balance. Throws ConfigError for what a reload cannot change. */
  reload(config: Config): void
  /** Stops accepting, releases held frames, delivers in-flight answers; says whether the deadline cut it off. */
  drain(deadlineMs?: number): Promise<'clean' | 'deadline'>
  /** Destroys every socket at once. */
  kill(): void
}

/** A picture of a running sluice at one moment, plain enough for JSON. */
export interface SluiceStatus {
  readonly ready: boolean
  /** Why it is not ready, in words for an operator; empty when it is. */
  readonly reasons: readonly string[]
  readonly brokers: readonly BrokerStatus[]
  /** Client connections open now. */
  readonly connections: number
  readonly quotas: readonly QuotaStatus[]
  readonly clients: readonly ClientStatus[]
}

/** One broker, and the local port that stands for it. */
export interface BrokerStatus {
  readonly nodeId: number
  readonly host: string
  readonly port: number
  readonly localPort: number
  readonly reachable: boolean
}

/** One limit of one quota. A quota with several dimensions gives several of these. */
export interface QuotaStatus {
  readonly name: string
  readonly dimension: string
  /** Infinity (null in JSON) where only overrides limit. */
  /** Of `connections` and `inFlight` a number at a time; null where only overrides limit. */
  readonly limitPerSecond: number | null
  readonly mode: 'enforce' | 'observe'
}

/** What one client has done so far through this sluice. */
export interface ClientStatus extends ClientTotals {
  readonly clientId: string
  readonly software: string
  readonly principal: string
  /** Open now. */
  readonly connections: number
}

/** What a client's sessions have counted, all together. */
export type ClientTotals = Readonly<SessionTotals>

/** Whether the configuration file as it stands is the one in force. */
export interface ConfigReport {
  readonly valid: boolean
  /** Why it is not; empty when it is. */
  readonly faults: readonly Fault[]
  /** Since when it has been so, in ISO 8601. */
  readonly since: string
}

/** What came of a reload. */
export type ReloadOutcome =
  | { readonly kind: 'reloaded'; readonly quotas: readonly string[] }
  /** The file says what it said before. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly faults: readonly Fault[] }
  | { readonly kind: 'impossible'; readonly reason: string }
