/**
 * The line before one divided bucket: who comes next. Fair queueing, first among the classes (`rank-tree.ts`), then by weight among the
 * flows of a class, which are the keys of the quota's `share`.
 *
 * Each flow has a finish tag F, what it was served by its weight; each class a virtual time V. Who comes to wait starts at
 * F = max(V, F), without savings and without punishment. The one is served whose frame would end first, at F + cost ÷ weight, which is
 * its F then; V is the least F of those who wait. So who asks for little waits for the frame that has its turn, not for a large
 * one of each of those who flood; who took more than its part while nobody else wanted it has lost nothing; and frames of 200 bytes and
 * of 1 MB get the same bytes. As F counts only what was served, a frame that leaves the line leaves no trace, and weights may change any
 * time.
 *
 * A flow whose frames have all had their turns, and which did not come to fetch one of them yet, keeps its place: its next frame is
 * probably behind that one. When all others would start after it, the line waits for it, some milliseconds at most (the bucket saves them up meanwhile);
 * otherwise a key with one connection and small frames would lose its turns to whoever happens to be awake.
 *
 * Tags are units ÷ weight. They are set back now and then, so that a double keeps its digits.
 */
import { DEBT_MAX_MS, SHARE_AWAIT_MS, SHARE_TAG_MAX } from '../bounds.ts'
import type { Flow, Start, Ticket } from './flow.ts'
import { KeyedHeap } from './keyed-heap.ts'
import { HIGH, LOW, NORMAL, type Rank, RankTree } from './rank-tree.ts'

/** How much of the largest frame is remembered from turn to turn. */
const LARGEST_KEPT = 0.9

interface ShareClass {
  /** Those with a frame, by where it would end; the same by where it would start; those without one that are awaited, by that. */
  readonly waiting: KeyedHeap<Flow>
  readonly starts: KeyedHeap<Start>
  readonly awaited: KeyedHeap<Flow>
  /** Of all of them. */
  weight: number
  virtual: number
  /** The largest frame by its flow's weight, of late. */
  largest: number
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
      this.#joinQueue(ticket, steadyMs)
    }
  }

  /** The next frame has its turn; undefined if none waits, or the one to come is awaited. The caller charges the bucket. */
  serve(steadyMs: number): Ticket | undefined {
    for (;;) {
      const { waiting, starts, awaited } = this.#classes[this.#ranks.next(this.waiting)]!
      const flow = waiting.first
      const late = awaited.first
      if (late !== undefined && steadyMs > late.awaitedUntil) this.#leaveClass(late)
      else if (flow === undefined || (late !== undefined && late.key < starts.first!.key)) return undefined
      else return this.#serve(flow, flow.head!, steadyMs)
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
    const { virtual, weight } = this.#classes[flow.rank]!
    const leadMax = DEBT_MAX_MS * ratePerMs
    const weights = flow.place < 0 ? weight + flow.weight : weight
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
    if (isWaiting) this.#enterClass(flow)
  }

  /** Whether a flow could be forgotten and come back as new without anybody being better or worse off. */
  isForgettable(flow: Flow): boolean {
    return flow.finish <= this.#classes[flow.rank]!.virtual
  }

  /** About how many units are served before a frame of this flow that costs `cost` and has `aheadUnits` of its own before it. */
  unitsBefore(flow: Flow, aheadUnits: number, cost: number): number {
    const { virtual, weight, largest } = this.#classes[flow.rank]!
    const { waiting } = this
    const rivals = flow.place < 0 ? weight : weight - flow.weight
    // What the others have had by the end of this frame, but for the large one of theirs that would end later.
    const lead = Math.max(virtual, flow.finish) + (aheadUnits + cost) / flow.weight - virtual - largest
    const inClass = (aheadUnits + Math.max(0, lead) * rivals) / this.#ranks.partOf(flow.rank, waiting)
    return Math.max(inClass, this.#ranks.unitsBefore(flow.rank, waiting))
  }

  #serve(flow: Flow, ticket: Ticket, steadyMs: number): Ticket {
    const { rank } = flow
    const shareClass = this.#classes[rank]!
    shareClass.virtual = Math.max(shareClass.virtual, shareClass.starts.first!.key)
    shareClass.largest = Math.max(ticket.cost / flow.weight, shareClass.largest * LARGEST_KEPT)
    flow.finish += ticket.cost / flow.weight
    flow.lastCost = ticket.cost
    this.#ranks.serve(rank, ticket.cost)
    this.#unlink(ticket)
    ticket.state = 'due'
    flow.due++
    flow.awaitedUntil = steadyMs + SHARE_AWAIT_MS
    this.#place(flow)
    if (shareClass.virtual >= SHARE_TAG_MAX) this.#setBack(rank)
    return ticket
  }

  #joinQueue(ticket: Ticket, steadyMs: number): void {
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
    if (!isFirst) return
    // One that is awaited and came too late is new.
    if (flow.place >= 0 && steadyMs > flow.awaitedUntil) this.#leaveClass(flow)
    if (flow.place < 0) this.#joinClass(flow)
    else this.#place(flow)
  }

  #leaveQueue(ticket: Ticket): void {
    const flow = ticket.flow!
    const wasFirst = flow.head === ticket
    this.#unlink(ticket)
    if (flow.head === undefined) this.#leaveClass(flow)
    else if (wasFirst) this.#place(flow)
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

  /** Who comes to wait has no savings. */
  #joinClass(flow: Flow): void {
    flow.finish = Math.max(this.#classes[flow.rank]!.virtual, flow.finish)
    this.#enterClass(flow)
  }

  #enterClass(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    shareClass.weight += flow.weight
    this.#addTo(shareClass, flow)
  }

  #leaveClass(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    takeOut(shareClass, flow)
    shareClass.weight = sizeOf(shareClass) === 0 ? 0 : shareClass.weight - flow.weight
  }

  /** Puts a flow of its class where its tags say now. */
  #place(flow: Flow): void {
    const shareClass = this.#classes[flow.rank]!
    takeOut(shareClass, flow)
    this.#addTo(shareClass, flow)
  }

  /** Of equals who came first is first. */
  #addTo({ waiting, starts, awaited }: ShareClass, flow: Flow): void {
    const { head, finish, weight, start } = flow
    flow.isAwaited = head === undefined
    flow.key = head === undefined ? finish : finish + head.cost / weight
    flow.order = ++this.#lastOrder
    if (head === undefined) {
      awaited.add(flow)
      return
    }
    waiting.add(flow)
    start.key = finish
    starts.add(start)
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
      flow.start.key -= shareClass.virtual
    }
    shareClass.virtual = 0
  }
}

function newClass(): ShareClass {
  const heaps = { waiting: new KeyedHeap<Flow>(), starts: new KeyedHeap<Start>(), awaited: new KeyedHeap<Flow>() }
  return { ...heaps, weight: 0, virtual: 0, largest: 0 }
}

function takeOut({ waiting, starts, awaited }: ShareClass, flow: Flow): void {
  if (flow.isAwaited) {
    awaited.remove(flow)
    return
  }
  waiting.remove(flow)
  starts.remove(flow.start)
}

function sizeOf({ waiting, awaited }: ShareClass): number {
  return waiting.size + awaited.size
}

function bit(shareClass: ShareClass, rank: Rank): number {
  return sizeOf(shareClass) > 0 ? 1 << rank : 0
}
