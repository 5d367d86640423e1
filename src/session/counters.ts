/**
 * What the data path counts: plain numbers in typed arrays, about 5 ns a bump. `telemetry/` folds them into Prometheus
 * series when it is scraped; nothing here knows labels or text formats (design.md §9).
 */

import { LATENCY_BOUNDS_SECONDS, latencyBucket, Sizes } from '../histogram.ts'
import { RATE_DIMENSIONS, type RateDimension } from '../policy/dimensions.ts'

/** API keys 0–126 have a slot of their own; every other key shares the last one, shown as `unknown`. */
export const API_SLOTS = 128
export const UNKNOWN_API_SLOT = 127

/** Kafka error codes −1…158 have a slot of their own; later ones share the last. */
export const ERROR_SLOTS = 160

/** Compression codecs by the low three bits of a batch's attributes. */
export const CODEC_SLOTS = 8

/** Why a session ended: at once the log word and the metric label. */
export const CLOSE_REASONS = [
  'client_closed', // the client said goodbye, everything was delivered
  'broker_closed', // the broker said goodbye
  'broker_closed_early', // and had answered nothing but greetings of a client without a login
  'client_reset',
  'broker_reset',
  'broker_unreachable', // no connection to the broker came about
  'no_broker_port', // no local port is left for a broker that an answer names
  'client_tls', // a TLS hello on a plaintext port
  'client_plaintext', // no TLS hello on a TLS port
  'client_tls_failed', // a TLS handshake that came to nothing: its version, its certificate, its time
  'client_login_failed', // a login that we verify, and that is wrong or missing
  'broker_login_failed', // the broker does not let us in
  'client_http', // an HTTP request on the Kafka port
  'client_garbage', // the first bytes are no Kafka frame
  'client_bad_frame', // a frame in mid-connection that cannot be Kafka's
  'client_frame_too_large',
  'client_frame_stalled', // a frame began and its rest never came
  'connection_quota', // a quota allows no more connections, or no more new ones
  'client_silent', // connected and never sent a frame
  'client_not_reading', // it has not taken what it was sent for too long
  'broker_not_reading', // likewise
  'broker_bad_frame', // an answer that does not parse, or to nothing that was asked
  'connection_limit', // bounds.ts: more connections than we keep
  'drained', // SIGTERM: nothing was left to deliver
  'drain_deadline', // SIGTERM: the deadline cut it off
  'internal_error', // our bug; the log has the stack
] as const
export type CloseReason = (typeof CLOSE_REASONS)[number]

/** The counts of one quota. `…Requests` count requests, `throttleMs` adds up the delay that a request met (or would have met). */
export interface QuotaCounts {
  /** Answers that carried a throttle_time_ms of ours. */
  stampedRequests: number
  /** Requests that were held. */
  heldRequests: number
  /** Requests (of `mutations`) and connections that were turned away. */
  refusedRequests: number
  /** Requests that would have been held, stamped or refused, in observe mode. */
  observedRequests: number
  throttleMs: number
  /** Bytes, request or answer, of the requests that met (or would have met) a delay. */
  throttledBytes: number
  /** Charged so far, by what the quota limits; bytes and requests do not add up. */
  readonly used: Record<RateDimension, number>
  /** Requests let go before their time because holding longer would have broken the client. */
  floorExceeded: number
}

/** Cumulative counts per API of a latency: one row of buckets an API. */
export class LatencyCounts {
  readonly #width: number = LATENCY_BOUNDS_SECONDS.length + 1
  /** `buckets[api * width + i]`: observations in bucket i (not cumulated). */
  readonly buckets: Float64Array = new Float64Array(API_SLOTS * this.#width)
  readonly sumSeconds: Float64Array = new Float64Array(API_SLOTS)

  /** Observations of one API in bucket `i`. */
  at(api: number, i: number): number {
    return this.buckets[api * this.#width + i] as number
  }

  /** Returns the bucket that it fell into. */
  observeMs(api: number, ms: number): number {
    const seconds = ms / 1000
    const bucket = latencyBucket(seconds)
    const at = api * this.#width + bucket
    this.buckets[at] = (this.buckets[at] as number) + 1
    this.sumSeconds[api] = (this.sumSeconds[api] as number) + seconds
    return bucket
  }
}

/** Every count of one process. One instance, shared by all sessions. */
export class Counters {
  readonly requests: Float64Array = new Float64Array(API_SLOTS)
  readonly requestBytes: Float64Array = new Float64Array(API_SLOTS)
  readonly responseBytes: Float64Array = new Float64Array(API_SLOTS)
  readonly brokerThrottleMs: Float64Array = new Float64Array(API_SLOTS)
  /** `errors[api * ERROR_SLOTS + code + 1]`; code 0 (no error) is not counted. */
  readonly errors: Float64Array = new Float64Array(API_SLOTS * ERROR_SLOTS)
  readonly brokerLatency: LatencyCounts = new LatencyCounts()
  readonly hold: LatencyCounts = new LatencyCounts()
  /** Record batches of Produce requests, and the requests: their sizes, and the codecs by number. */
  readonly batchBytes: Sizes = new Sizes(8, 24)
  readonly batchRecords: Sizes = new Sizes(0, 14)
  readonly requestRecords: Sizes = new Sizes(0, 14)
  readonly batches: Float64Array = new Float64Array(CODEC_SLOTS)
  producedRecords = 0
  fetchedRecords = 0
  connections = 0
  readonly connectionsTotal: { accepted: number; refused: number } = { accepted: 0, refused: 0 }
  readonly disconnects: Record<CloseReason, number> = Object.fromEntries(CLOSE_REASONS.map((r) => [r, 0])) as Record<
    CloseReason,
    number
  >
  readonly configReloads: { ok: number; failed: number } = { ok: 0, failed: 0 }
  /** Certificates, keys, passwords, tokens and lists of users that were read again because their files changed. */
  readonly secretReloads: { ok: number; failed: number } = { ok: 0, failed: 0 }
  /** Certificates, passwords and the like whose files have a fault now. */
  secretsFaulty = 0
  /** Questions for the cluster's own quotas, where they are followed. */
  readonly quotaPolls: { ok: number; failed: number } = { ok: 0, failed: 0 }
  /** Pushes of metrics by OTLP, where they are pushed. */
  readonly otlpPushes: { ok: number; failed: number } = { ok: 0, failed: 0 }
  /** Questions for pages of /api that were denied. */
  adminForbidden = 0
  readonly #quotas = new Map<string, QuotaCounts>()

  /** The counts of a quota, made at first use; they outlive reloads. */
  quota(name: string): QuotaCounts {
    let counts = this.#quotas.get(name)
    if (counts === undefined) {
      counts = {
        stampedRequests: 0,
        heldRequests: 0,
        refusedRequests: 0,
        observedRequests: 0,
        throttleMs: 0,
        throttledBytes: 0,
        used: Object.fromEntries(RATE_DIMENSIONS.map((d) => [d, 0])) as Record<RateDimension, number>,
        floorExceeded: 0,
      }
      this.#quotas.set(name, counts)
    }
    return counts
  }

  quotas(): ReadonlyMap<string, QuotaCounts> {
    return this.#quotas
  }

  countError(api: number, code: number): void {
    if (code === 0) return
    const slot = code < -1 || code + 1 >= ERROR_SLOTS ? ERROR_SLOTS - 1 : code + 1
    const at = api * ERROR_SLOTS + slot
    this.errors[at] = (this.errors[at] as number) + 1
  }
}

/** The slot of an API key. */
export function apiSlot(apiKey: number): number {
  return apiKey >= 0 && apiKey < UNKNOWN_API_SLOT ? apiKey : UNKNOWN_API_SLOT
}
