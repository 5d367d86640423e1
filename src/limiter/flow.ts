/** What stands in the line of `share-line.ts`: the flows, which are keys, and their frames. Plain data, made once and used again. */
import type { HeapItem } from './keyed-heap.ts'
import type { Waiter } from './level-table.ts'
import type { Rank } from './rank-tree.ts'
import type { ShareLine } from './share-line.ts'

/** Where the first frame of a flow that waits starts. */
export interface Start extends HeapItem {
  readonly flow: Flow
}

/**
 * One key of a divided bucket. While it waits or is awaited it is in a heap of its class: `key` is where its first frame would end,
 * or from where it is awaited.
 */
export interface Flow extends HeapItem {
  readonly id: number
  readonly line: ShareLine
  readonly name: string
  readonly isOverflow: boolean
  weight: number
  rank: Rank
  finish: number
  readonly start: Start
  /** It is in its class without a frame. */
  isAwaited: boolean
  /** What its last turn cost. */
  lastCost: number
  /** Its frames that may go and wait for their turn, the first and the last; none while it is awaited. */
  head: Ticket | undefined
  tail: Ticket | undefined
  /** Units that joined its queue and that left it since it was empty: their difference waits. */
  joinedUnits: number
  leftUnits: number
  /** Frames whose turn has come and that were not fetched yet, and until when (steady) the line waits for the next one. */
  due: number
  awaitedUntil: number
  /** Sessions that hold the flow. */
  holders: number
  /** Frames of it that have a ticket. */
  tickets: number
}

/** `held`: another quota keeps the frame back; `waiting`: in its flow's queue; `due`: its turn has come and it is charged. */
export type TicketState = 'free' | 'held' | 'waiting' | 'due'

/** One frame. `key` is, while it is held, when it may go (steady milliseconds). */
export interface Ticket extends HeapItem {
  readonly id: number
  state: TicketState
  flow: Flow | undefined
  cost: number
  /** Told when its turn has come. */
  waiter: Waiter | undefined
  next: Ticket | undefined
  previous: Ticket | undefined
  /** `joinedUnits` of its flow before it. */
  mark: number
}

export function newFlow(
  id: number,
  line: ShareLine,
  name: string,
  isOverflow: boolean,
  weight: number,
  rank: Rank,
): Flow {
  const flow: Omit<Flow, 'start'> = {
    id,
    line,
    name,
    isOverflow,
    weight,
    rank,
    finish: 0,
    isAwaited: false,
    lastCost: 0,
    head: undefined,
    tail: undefined,
    joinedUnits: 0,
    leftUnits: 0,
    due: 0,
    awaitedUntil: Number.NEGATIVE_INFINITY,
    holders: 0,
    tickets: 0,
    key: 0,
    order: 0,
    place: -1,
  }
  return Object.assign(flow, { start: { flow: flow as Flow, key: 0, order: 0, place: -1 } })
}

export function newTicket(id: number): Ticket {
  const nobody = { flow: undefined, waiter: undefined, next: undefined, previous: undefined }
  return { id, state: 'free', cost: 0, mark: 0, key: 0, order: 0, place: -1, ...nobody }
}
