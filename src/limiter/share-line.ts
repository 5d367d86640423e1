/**
 * The line before one divided bucket: who comes next. Start-time fair queueing (Goyal, Vin, Cheng 1996): first among the
 * classes (`rank-tree.ts`), then by weight among the flows of a class, which are the keys of the quota's `share`.
 *
 * Each flow has a finish tag F, each class a virtual time V. A flow that has frames waiting has the start tag
 * S = max(V, F); the least S is served: V = S, F = S + cost ÷ weight. So whoever was idle starts at V, without savings and
 * without punishment; who took more than its part while nobody else wanted it has lost nothing; and frames of 200 bytes and
 * of 1 MB get the same bytes. As F counts only what was served, a frame that leaves the line leaves no trace, and weights may change any
 * time. S need not be fixed when a frame arrives: V is the least S of those who wait, and never overtakes one.
 *
 * A flow whose frames have all had their turns, and which did not come to fetch one of them yet, keeps its place: its next frame is
 * probably behind that one. When it is first, the line waits for it, some milliseconds at most (the bucket saves them up meanwhile);
 * otherwise a key with one connection and small frames would lose its turns to whoever happens to be awake.
 *
 * Tags are units ÷ weight. They are set back now and then, so that a double keeps its digits.
 */
import { DEBT_MAX_MS, SHARE_AWAIT_MS, SHARE_TAG_MAX } from '../bounds.ts'
import type { Flow, Ticket } from './flow.ts'
import { KeyedHeap } from './keyed-heap.ts'
import { HIGH, LOW, NORMAL, type Rank, RankTree } from './rank-tree.ts'

interface ShareClass {
  readonly waiting: KeyedHeap<Flow>
  weightWaiting: number
  virtual: number
}

export class ShareLine {
  readonly slot: number
  readonly flows: Map<string, Flow> = new Map()
  readonly #classes: readonly ShareClass[] = [newClass(), newClass(), newClass()]
  readonly #ranks = new RankTree()
  readonly #held = new KeyedHeap<Ticket>()
  #lastOrder = 0
  /** The frames in the queues of flows. */
  queued = 0
  queuedUnits = 0

  constructor(slot: number) {
    this.slot = slot
  }

  set minimum(part: number) {
    this.#ranks.minimum = part
  }

  /** Bit r says whether class r has flows that wait or are awaited. */
  get waiting(): number {
    const [high, normal, low] = this.#classes as readonly [ShareClass, ShareClass, ShareClass]
    return bit(high, HIGH) | bit(normal, NORMAL) | bit(low, LOW)
  }

  /** Keeps a new frame, or one in its flow's queue, back until then. */
  hold(ticket: Ticket, steadyMs: number): void {
    if (ticket.state === 'waiting') this.#leaveQueue(ticket)
    const isNew = ticket.state !== 'held'
    ticket.state = 'held'
    ticket.key = steadyMs
    if (isNew) {
      ticket.order = ++this.#lastOrder
      this.#held.add(ticket)
    } else {
      this.#held.moved(ticket)
    }
  }

  /** Lets frames whose time has come into the queues of their flows, in the order of their times. */
  admit(steadyMs: number): void {
    for (let ticket = this.#held.first; ticket !== undefined && ticket.key <= steadyMs; ticket = this.#held.first) {
      this.#held.remove(ticket)
      this.#joinQueue(ticket)
    }
  }

  /** The next frame has its turn; undefined if none waits, or the one to come is awaited. The caller charges the bucket. */
  serve(steadyMs: number): Ticket | undefined {
    for (;;) {
      const rank = this.#ranks.next(this.waiting)
      const flow = this.#classes[rank]!.waiting.first
      if (flow === undefined) return undefined
      if (flow.head !== undefined) return this.#serve(flow, flow.head, steadyMs)
      if (steadyMs <= flow.awaitedUntil) return undefined
      this.#leaveClass(flow)
    }
  }

  /** A frame that was due is fetched. At this very moment its connection may bring the next one. */
  fetched(flow: Flow, steadyMs: number): void {
    flow.due--
    if (flow.due === 0) flow.awaitedUntil = steadyMs
  }

  /** A flow is forgotten. */
  forget(flow: Flow): void {
    this.flows.delete(flow.name)
    if (flow.place >= 0) this.#leaveClass(flow)
  }

  /** Takes a frame out of the line, whatever its state. */
  drop(ticket: Ticket): void {
    if (ticket.state === 'held') this.#held.remove(ticket)
    if (ticket.state === 'waiting') this.#leaveQueue(ticket)
    ticket.state = 'free'
  }

  /** Corrects what a flow was served by: more if positive. */
  settle(flow: Flow, costDifference: number): void {
    this.#setFinish(flow, flow.finish + costDifference / flow.weight)
    this.#ranks.settle(flow.rank, costDifference)
  }

  /**
   * Counts a frame that went before its turn. Virtual time stands still: it is the flow that pays, but for no longer than
   * `DEBT_MAX_MS`, or a limit below the floor would shut it out for ever.
   */
  force(flow: Flow, cost: number, ratePerMs: number): void {
    const { virtual, weightWaiting } = this.#classes[flow.rank]!
    const leadMax = DEBT_MAX_MS * ratePerMs
    const weights = flow.place < 0 ? weightWaiting + flow.weight : weightWaiting
    const finish = Math.max(virtual, flow.finish) + cost / flow.weight
    this.#setFinish(flow, Math.min(finish, virtual + leadMax / weights))
    this.#ranks.force(flow.rank, cost, leadMax)
  }

  /** Changes weight and class; its lead over the others of its class is taken along. */
  change(flow: Flow, weight: number, rank: Rank): void {
    if (flow.weight === weight && flow.rank === rank) return
    const isWaiting = flow.place >= 0
    const lead = flow.finish - this.#classes[flow.rank]!.virtual
    if (isWaiting) this.#leaveClass(flow)
    flow.weight = weight
    flow.finish = this.#classes[rank]!.virtual + lead
    flow.rank = rank
    if (isWaiting) this.#joinClass(flow)
  }

  /** Whether a flow could be forgotten and come back as new without anybody being better or worse off. */
  isForgettable(flow: Flow): boolean {
    return flow.finish <= this.#classes[flow.rank]!.virtual
  }

  /** About how many units are served before a frame of this flow that has `aheadUnits` of its own before it. */
  unitsBefore(flow: Flow, aheadUnits: number): number {
    const { virtual, weightWaiting } = this.#classes[flow.rank]!
    const { waiting } = this
    const rivals = flow.place < 0 ? weightWaiting : weightWaiting - flow.weight
    const lead = Math.max(virtual, flow.finish) + aheadUnits / flow.weight - virtual
    const inClass = (aheadUnits + lead * rivals) / this.#ranks.partOf(flow.rank, waiting)
    return Math.max(inClass, this.#ranks.unitsBefore(flow.rank, waiting))
  }

  #serve(flow: Flow, ticket: Ticket, steadyMs: number): Ticket {
    const { rank } = flow
    const shareClass = this.#classes[rank]!
    shareClass.virtual = Math.max(shareClass.virtual, flow.key)
    flow.finish = flow.key + ticket.cost / flow.weight
    this.#ranks.serve(rank, ticket.cost)
    this.#unlink(ticket)
    ticket.state = 'due'
    flow.due++
    flow.awaitedUntil = steadyMs + SHARE_AWAIT_MS
    this.#place(flow)
    if (shareClass.virtual >= SHARE_TAG_MAX) this.#setBack(rank)
    return ticket
  }

  #joinQueue(ticket: Ticket): void {
    const flow = ticket.flow!
    const isFirst = flow.head === undefined
    ticket.state = 'waiting'
    ticket.mark = flow.joinedUnits
    flow.joinedUnits += ticket.cost
    this.queued++
    this.queuedUnits += ticket.cost
    ticket.previous = flow.tail
    if (flow.tail === undefined) flow.head = ticket
    else flow.tail.next = ticket
    flow.tail = ticket
    if (flow.place < 0) this.#joinClass(flow)
    else if (isFirst) this.#place(flow)
  }

  #leaveQueue(ticket: Ticket): void {
    const flow = ticket.flow!
    this.#unlink(ticket)
    if (flow.head === undefined) this.#leaveClass(flow)
  }

  #unlink(ticket: Ticket): void {
    const flow = ticket.flow!
    const { next, previous } = ticket
    if (previous === undefined) flow.head = next
    else previous.next = next
    if (next === undefined) flow.tail = previous
    else next.previous = previous
    ticket.next = undefined
    ticket.previous = undefined
    flow.leftUnits += ticket.cost
    this.queued--
    this.queuedUnits = this.queued === 0 ? 0 : this.queuedUnits - ticket.cost // sums of doubles leave crumbs
    if (flow.head === undefined) {
      flow.joinedUnits = 0
      flow.leftUnits = 0
    }
  }

  #joinClass(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    flow.key = Math.max(shareClass.virtual, flow.finish)
    flow.order = this.#orderOf(flow)
    shareClass.weightWaiting += flow.weight
    shareClass.waiting.add(flow)
  }

  /** Puts a flow of its class where its tag says now; of equals who came first is first, and one that is awaited last. */
  #place(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    flow.key = Math.max(shareClass.virtual, flow.finish)
    flow.order = this.#orderOf(flow)
    shareClass.waiting.moved(flow)
  }

  #orderOf(flow: Flow): number {
    return flow.head === undefined ? Number.POSITIVE_INFINITY : ++this.#lastOrder
  }

  #leaveClass(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    shareClass.waiting.remove(flow)
    shareClass.weightWaiting = shareClass.waiting.size === 0 ? 0 : shareClass.weightWaiting - flow.weight
  }

  #setFinish(flow: Flow, finish: number): void {
    flow.finish = finish
    if (flow.place >= 0) this.#place(flow)
  }

  /** Takes as much off all tags of a class, so that they stay small. */
  #setBack(rank: Rank): void {
    const shareClass = this.#classes[rank]!
    for (const flow of this.flows.values()) {
      if (flow.rank !== rank) continue
      flow.finish -= shareClass.virtual
      flow.key -= shareClass.virtual
    }
    shareClass.virtual = 0
  }
}

function newClass(): ShareClass {
  return { waiting: new KeyedHeap(), weightWaiting: 0, virtual: 0 }
}

function bit({ waiting }: ShareClass, rank: Rank): number {
  return waiting.size > 0 ? 1 << rank : 0
}
