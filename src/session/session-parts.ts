/** What the two streams of one session share. */

import type { BrokerCounts } from '../cluster/broker-book.ts'
import type { ClientFacts } from './client-facts.ts'
import type { ClientLogin } from './client-login.ts'
import type { ClientMeter } from './client-meter.ts'
import type { ConnectionGate } from './connection-gate.ts'
import type { SessionContext } from './context.ts'
import type { Following } from './following.ts'
import type { FrameAge } from './frame-age.ts'
import type { GroupWatch } from './group-watch.ts'
import type { InFlight } from './in-flight.ts'
import type { MutationGate } from './mutation-gate.ts'
import type { SaslObserver } from './observe-sasl.ts'
import type { Outbox } from './outbox.ts'
import type { OwnLogin } from './own-login.ts'
import type { TopicTracking } from './topic-tracking.ts'

/** What a connection has done so far. */
export interface SessionTotals {
  /** Requests of any API, and among them the two that carry data. */
  requests: number
  produceRequests: number
  fetchRequests: number
  /** Frames of Produce requests, and of answers to Fetch. */
  producedBytes: number
  producedRecords: number
  fetchedBytes: number
  fetchedRecords: number
  /** How long its charges have made the client wait, told in throttle_time_ms or held. */
  throttleMs: number
  /** How long its requests were held. */
  heldMs: number
  /** The largest Produce request, and the largest Fetch answer. */
  largestProduceBytes: number
  largestFetchBytes: number
}

/** What is expected of requests whose costs are known late: as the last was. */
export interface Estimates {
  /** The last Fetch's answer: 0 before the first. */
  fetchedBytes: number
  fetchedRecords: number
  /** What the last Fetch was allowed to bring; 0 before the first. */
  fetchBytesMax: number
  /** Of the last answer that had records; 0 before. */
  bytesPerFetchedRecord: number
  /** Of the last Produce; 0 before the first. */
  recordsPerProducedByte: number
}

export function noTotals(): SessionTotals {
  return {
    requests: 0,
    produceRequests: 0,
    fetchRequests: 0,
    producedBytes: 0,
    producedRecords: 0,
    fetchedBytes: 0,
    fetchedRecords: 0,
    throttleMs: 0,
    heldMs: 0,
    largestProduceBytes: 0,
    largestFetchBytes: 0,
  }
}

export function noEstimates(): Estimates {
  return { fetchedBytes: 0, fetchedRecords: 0, fetchBytesMax: 0, bytesPerFetchedRecord: 0, recordsPerProducedByte: 0 }
}

/** Made once by the session; both streams work on the same objects. */
export interface SessionParts {
  readonly context: SessionContext
  readonly facts: ClientFacts
  readonly gate: ConnectionGate
  readonly inFlight: InFlight
  readonly age: FrameAge
  readonly sasl: SaslObserver
  readonly totals: SessionTotals
  readonly estimates: Estimates
  readonly outbox: Outbox
  readonly mutations: MutationGate
  readonly ownLogin: OwnLogin
  readonly clientLogin: ClientLogin
  /** Its part in what is told of its client. */
  readonly meter: ClientMeter
  /** What it fetches and commits, for the lag of its group. */
  readonly following: Following
  /** What it tells of its group's turns. */
  readonly groupWatch: GroupWatch
  /** The broker that it talks to, once it is there. */
  broker: BrokerCounts | undefined
  /** Made when a quota first asks for topics. */
  tracking: TopicTracking | undefined
}
