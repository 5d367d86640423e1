/** What was observed of clients, plain enough for JSON: the answer of `/api/observed`, from which `advise` makes its advice. */
import type { ClientTotals } from '../sluice.ts'

/** What is watched as a rate. */
export type Metric = 'producedBytes' | 'fetchedBytes' | 'producedRecords' | 'fetchedRecords' | 'requests'

export const METRICS: readonly Metric[] = [
  'producedBytes',
  'fetchedBytes',
  'producedRecords',
  'fetchedRecords',
  'requests',
]

/** Rates of one metric, in units a second, over the seconds in which there was any. */
export interface ObservedRates {
  readonly activeSeconds: number
  /** Over one second. */
  readonly p50: number
  readonly p99: number
  readonly peak: number
  /** Over ten. */
  readonly p99Of10s: number
  readonly peakOf10s: number
}

/** One client: client id, library and SASL user together. */
export interface ObservedClient {
  readonly clientId: string
  readonly software: string
  readonly principal: string
  /** How long it has been watched, and how long ago it last did something. */
  readonly watchedMs: number
  readonly idleMs: number
  /** Open now, and the most at a time. */
  readonly connections: number
  readonly connectionsMax: number
  /** Metrics without any activity are absent. */
  readonly rates: Readonly<Partial<Record<Metric, ObservedRates>>>
  /** What it has done while it was watched; largest frames are of all its time. */
  readonly totals: ClientTotals
}

export interface Observation {
  readonly observedMs: number
  readonly clients: readonly ObservedClient[]
  /** Clients that were left out because too many were active at a time. */
  readonly unwatched: number
}
