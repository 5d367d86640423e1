/**
 * Dividing one bucket among keys when they want more than there is: by weight, by class, and with what one does not use going
 * to the others (`share-line.ts` says who is next). While the bucket is out of debt and nobody waits, a frame starts at once.
 *
 *     enqueue ─▶ held ──(its time has come)──▶ waiting ──(out of debt, and the first in line)──▶ due ──▶ start
 *                                                  └──────────────── start, forced ─────────────────────▶
 *
 * A frame is charged when its turn comes, not while it waits. Turns are dealt out whenever somebody asks: all that are due by
 * then, each to whom it belongs, so nobody waits for a session that is late to ask, and no rate is lost by it as long as
 * somebody asks within the burst. A turn is kept: a frame that is due and still held by another quota has paid here, as it has
 * in a plain bucket; two divided buckets that took turns back would wait for each other.
 *
 * Frames are few: one for each connection, so tickets need no bound of their own. They are reused; a frame allocates nothing.
 */
import { SHARE_ASK_MAX_MS, SHARE_ASK_MIN_MS, SHARE_ASKS_PER_MS } from '../bounds.ts'
import { type Flow, newTicket, type Ticket } from './flow.ts'
import type { FlowTable, ShareTerms } from './flow-table.ts'
import type { Waiter } from './level-table.ts'
import type { ShareLine } from './share-line.ts'
import type { TokenBuckets } from './token-buckets.ts'

/** A flow as people see it. */
export interface FlowView {
  readonly key: string
  readonly weight: number
  readonly priority: ShareTerms['priority']
  readonly isOverflow: boolean
  readonly holders: number
  /** Units of its frames in line. */
  readonly queuedUnits: number
  /** How long a frame of it that came now would wait: about. */
  readonly waitMs: number
}

const PRIORITIES = ['high', 'normal', 'low'] as const
export class ShareQueue {
  readonly #buckets: TokenBuckets
  readonly #flows: FlowTable
  readonly #tickets: Ticket[] = []
  readonly #freeTickets: number[] = []

  constructor(buckets: TokenBuckets, flows: FlowTable) {
    this.#buckets = buckets
    this.#flows = flows
  }

  /**
   * Puts a frame in line and returns its ticket, which `start` or `cancel` takes back.
   * @param waiter told when its turn has come because somebody else asked; it need not wait for the time that `startAtMs` said
   */
  enqueue(flow: number, cost: number, nowMs: number, waiter?: Waiter): number {
    const owner = this.#flows.at(flow)
    if (owner.holders === 0) throw new RangeError(`nobody holds flow ${flow}`)
    owner.tickets++
    const ticket = this.#newTicket()
    ticket.flow = owner
    ticket.cost = cost
    ticket.waiter = waiter
    owner.line.hold(ticket, this.#buckets.steadyMs(nowMs))
    return ticket.id
  }

  /**
   * Another quota keeps the frame back until `atMs`. Until then it is not in line and blocks nobody; then it joins the end of
   * its flow's queue. To be called between `enqueue` and the first `startAtMs`, and when that time changes; a frame that is
   * due keeps its turn.
   */
  setNotBefore(ticket: number, atMs: number, nowMs: number): void {
    const frame = this.#ticketOf(ticket)
    if (frame.state === 'due' || (frame.state === 'waiting' && atMs <= nowMs)) return
    frame.flow!.line.hold(frame, this.#buckets.steadyMs(nowMs) + atMs - nowMs)
  }

  /** When the frame may start: `nowMs` if now, else when to ask again. */
  startAtMs(ticket: number, nowMs: number): number {
    const frame = this.#ticketOf(ticket)
    const flow = frame.flow!
    this.#deal(flow.line, nowMs, frame)
    if (frame.state === 'due') return nowMs
    if (frame.state === 'held') return nowMs + frame.key - this.#buckets.steadyMs(nowMs)
    const waitMs = this.#waitMs(flow, Math.max(0, frame.mark - flow.leftUnits), frame.cost, nowMs)
    const askMaxMs = Math.max(SHARE_ASK_MAX_MS, flow.line.queued / SHARE_ASKS_PER_MS)
    return nowMs + Math.min(Math.max(waitMs, SHARE_ASK_MIN_MS), askMaxMs)
  }

  /** The frame goes, now: in its turn, or forced before it, which deepens the debt. */
  start(ticket: number, nowMs: number): void {
    const frame = this.#ticketOf(ticket)
    const flow = frame.flow!
    const { line } = flow
    this.#deal(line, nowMs, frame)
    if (frame.state === 'due') {
      line.fetched(flow, this.#buckets.steadyMs(nowMs))
    } else {
      line.drop(frame)
      line.force(flow, frame.cost, this.#buckets.ratePerMs(line.slot))
      this.#buckets.reserve(line.slot, frame.cost, nowMs)
    }
    this.#free(frame)
  }

  /** The frame will not go. If its turn had come, it gets back what it paid. */
  cancel(ticket: number, nowMs: number): void {
    const frame = this.#ticketOf(ticket)
    const flow = frame.flow!
    if (frame.state === 'due') {
      flow.line.fetched(flow, Number.NEGATIVE_INFINITY)
      this.#settle(flow, -frame.cost, nowMs)
    } else {
      flow.line.drop(frame)
    }
    this.#free(frame)
  }

  /** Corrects the charge of a frame that has started by a difference known only now, in the bucket and for its flow. */
  settle(flow: number, costDifference: number, nowMs: number): void {
    this.#settle(this.#flows.at(flow), costDifference, nowMs)
  }

  /** What waits in line, as time at the bucket's rate. */
  queuedMs(slot: number): number {
    return (this.#flows.lineAt(slot)?.queuedUnits ?? 0) / this.#buckets.ratePerMs(slot)
  }

  /** How long a frame of this flow that came now would wait, about: the bucket's debt and the flow's part of the line. */
  waitMs(flow: number, nowMs: number): number {
    const asked = this.#flows.at(flow)
    this.#deal(asked.line, nowMs)
    return this.#waitMs(asked, queuedUnits(asked), asked.lastCost, nowMs)
  }

  /** The flows of a bucket, for people. */
  *entries(slot: number, nowMs: number): Generator<FlowView> {
    const line = this.#flows.lineAt(slot)
    if (line === undefined) return
    for (const flow of line.flows.values()) {
      yield {
        key: flow.isOverflow ? '' : flow.name.slice('key\0'.length),
        weight: flow.weight,
        priority: PRIORITIES[flow.rank],
        isOverflow: flow.isOverflow,
        holders: flow.holders,
        queuedUnits: queuedUnits(flow),
        waitMs: this.#waitMs(flow, queuedUnits(flow), flow.lastCost, nowMs),
      }
    }
  }

  /** Deals out the turns that are due by now, and tells all whose turn it is but `asking`. */
  #deal(line: ShareLine, nowMs: number, asking?: Ticket): void {
    const steadyMs = this.#buckets.steadyMs(nowMs)
    line.admit(steadyMs)
    while (line.queued > 0 && this.#buckets.debtMs(line.slot, nowMs) === 0) {
      const ticket = line.serve(steadyMs)
      if (ticket === undefined) return
      this.#buckets.reserve(line.slot, ticket.cost, nowMs)
      if (ticket !== asking) ticket.waiter?.ready()
    }
  }

  #waitMs(flow: Flow, aheadUnits: number, cost: number, nowMs: number): number {
    const { line } = flow
    return (
      this.#buckets.debtMs(line.slot, nowMs) +
      line.unitsBefore(flow, aheadUnits, cost) / this.#buckets.ratePerMs(line.slot)
    )
  }

  #settle(flow: Flow, costDifference: number, nowMs: number): void {
    flow.line.settle(flow, costDifference)
    this.#buckets.settle(flow.line.slot, costDifference, nowMs)
  }

  #ticketOf(ticket: number): Ticket {
    const known = this.#tickets[ticket]
    if (known === undefined || known.state === 'free') throw new RangeError(`there is no ticket ${ticket}`)
    return known
  }

  #newTicket(): Ticket {
    const free = this.#freeTickets.pop()
    if (free !== undefined) return this.#tickets[free]!
    const ticket = newTicket(this.#tickets.length)
    this.#tickets.push(ticket)
    return ticket
  }

  #free(ticket: Ticket): void {
    const flow = ticket.flow!
    ticket.state = 'free'
    ticket.flow = undefined
    ticket.waiter = undefined
    this.#freeTickets.push(ticket.id)
    flow.tickets--
    this.#flows.rest(flow)
  }
}

function queuedUnits(flow: Flow): number {
  return Math.max(0, flow.joinedUnits - flow.leftUnits)
}
