/** One divided bucket for tests, with its flows and frames. */
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import type { ShareTerms } from '../../src/limiter/flow-table.ts'
import type { ShareQueue } from '../../src/limiter/share-queue.ts'

export interface Divided {
  readonly table: BucketTable
  readonly shares: ShareQueue
  readonly slot: number
  flow(key: string, terms?: Partial<ShareTerms>): number
  /** Frames of 10 units each unless told otherwise. */
  frames(flow: number, count: number, cost?: number, nowMs?: number): number[]
  /** Which of these have their turn by then. */
  due(tickets: readonly number[], nowMs: number): number[]
}

/** A bucket of 1 unit per ms and a burst of 100 ms, with a debt. */
export function divided(debtMs = 0, burstMs = 100): Divided {
  const table = new BucketTable(10)
  const slot = table.acquire('q', 'produceBytes', '', 1, burstMs, 0)
  if (debtMs > 0) table.reserve(slot, burstMs + debtMs, 0)
  const { shares } = table
  let lastMs = 0
  return {
    table,
    shares,
    slot,
    flow: (key, terms = {}) =>
      table.acquireShare(slot, { key, weight: 1, priority: 'normal', minimum: 0.1, ...terms }, lastMs),
    frames: (flow, count, cost = 10, nowMs = lastMs) =>
      Array.from({ length: count }, () => shares.enqueue(flow, cost, nowMs)),
    due: (tickets, nowMs) => {
      lastMs = nowMs
      return tickets.filter((ticket) => shares.startAtMs(ticket, nowMs) === nowMs)
    },
  }
}
