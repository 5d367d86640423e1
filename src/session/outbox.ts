/**
 * What a session may ask of the world: `net/connection.ts` performs it, tests record it. Calls, not returned objects:
 * as testable, and cheaper on the data path (style.md §4).
 */
import type { CloseReason } from './counters.ts'

export interface Outbox {
  /** Bytes for the broker: `[from, to)` of `bytes`, which stay untouched until the write is done. */
  toBroker(bytes: Uint8Array, from: number, to: number): void
  /** Bytes for the client. */
  toClient(bytes: Uint8Array, from: number, to: number): void
  /** The client's library or user became known, or its first frame came: for logs and the status page. */
  identified(): void
  /** A request of `frameBytes` went before its time: its quota is below what this client can be held to. For the log. */
  belowFloor(quota: string, apiKey: number, frameBytes: number, heldMs: number): void
  /** Topics of a request were refused because of a quota (KIP-599). For the log. */
  mutationRefused(quota: string, apiKey: number, topicsRefused: number): void
  /**
   * Offer the client's bytes again, soon and not from within this call: what kept them back may be over. False: that will take longer,
   * because the broker has not taken yet what it was given.
   */
  resume(): boolean
  /** The broker does not let us in: it is of no use any more, and the client is still to be told. */
  brokerRefused(detail: string): void
  /** End this session once the client has what it was given. */
  leave(reason: CloseReason, detail: string): void
  /** End this session. `detail` is for the log line, in words an operator understands. */
  close(reason: CloseReason, detail: string): void
}
