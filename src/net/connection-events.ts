/**
 * What a connection tells its surroundings, and what it asks them. Types only.
 */
import type { Address } from '../cluster/address-book.ts'
import type { CloseReason } from '../session/counters.ts'
import type { Connection } from './connection.ts'

/** A request that went before its time. */
export interface BelowFloor {
  readonly quota: string
  readonly apiKey: number
  readonly frameBytes: number
  readonly heldMs: number
}

/** What a connection tells its surroundings. */
export interface ConnectionEvents {
  identified(connection: Connection): void
  belowFloor(connection: Connection, what: BelowFloor): void
  /** Topics of a request were refused because of a quota. */
  mutationRefused(connection: Connection, quota: string, apiKey: number, topicsRefused: number): void
  /** The outcome of dialling one address. */
  dialled(address: Address, error: Error | undefined): void
  ended(connection: Connection, reason: CloseReason, detail: string): void
}

/** Addresses to try, in order. */
export type Candidates = () => readonly Address[]
