/** What the two streams of one session share. */
import type { ClientFacts } from './client-facts.ts'
import type { SessionContext } from './context.ts'
import type { FrameAge } from './frame-age.ts'
import type { InFlight } from './in-flight.ts'
import type { SaslObserver } from './observe-sasl.ts'
import type { Outbox } from './outbox.ts'

/** What both streams of a session count and know of each other. */
export interface SessionTotals {
  producedBytes: number
  fetchedBytes: number
  /** How long its charges have made the client wait, told in throttle_time_ms or held. */
  throttleMs: number
  /** The size of the last Fetch's answer: what the next one reserves. */
  fetchEstimateBytes: number
  /** What the last Fetch was allowed to bring; 0 before the first. */
  fetchBytesMax: number
}

/** Made once by the session; both streams work on the same objects. */
export interface SessionParts {
  readonly context: SessionContext
  readonly facts: ClientFacts
  readonly inFlight: InFlight
  readonly age: FrameAge
  readonly sasl: SaslObserver
  readonly totals: SessionTotals
  readonly outbox: Outbox
}
