/**
 * How one group turns, as the members behind this sluice see it: how often and why, how long until they have their partitions again, and
 * how regularly they send heartbeats.
 *
 *   a sign       somebody joins or leaves, the broker says that a rebalance is under way, or that a member is not known any more
 *   a turn       a JoinGroup answer with a new generation; with KIP-848 an answer to a heartbeat with a new epoch
 *   the end      a SyncGroup answer; with KIP-848 every member has come to the new epoch, and acknowledged what it was assigned
 */
import { ERROR_CODE } from 'kafka-protocol-codec'
import { GROUP_AMBIGUITY_MS, GROUP_MEMBERS_MAX, REBALANCE_SIGN_MAX_MS } from '../bounds.ts'
import { Histogram } from '../histogram.ts'

/** Why a group turned, as far as was seen; the stronger sign counts. From the weakest on. */
export const REBALANCE_REASONS = [
  'rejoined', // a member that is known joined again: its topics changed, or it was told to
  'elsewhere', // the broker said so, and nothing behind this sluice explains it
  'member_joined',
  'member_left',
  'member_lost', // the broker did not know a member any more: its session had timed out, or another took its place
  'poll_timeout', // a member left because its application did not poll (Java says so)
] as const
export type RebalanceReason = (typeof REBALANCE_REASONS)[number]

const REBALANCE_BOUNDS_SECONDS: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const GAP_BOUNDS_SECONDS: readonly number[] = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

const NONE = -1

/** Errors that mean: the broker does not know this member, or not as it is. */
const LOST: ReadonlySet<number> = new Set([
  ERROR_CODE.UNKNOWN_MEMBER_ID,
  ERROR_CODE.ILLEGAL_GENERATION,
  ERROR_CODE.FENCED_INSTANCE_ID,
  ERROR_CODE.FENCED_MEMBER_EPOCH,
])

export interface Member {
  heardAtMs: number
  /** Of its last heartbeat; `NONE` before the first, and after a turn. */
  beatAtMs: number
  /** With KIP-848: the epoch that it was told last, whether it has just asked to join, and whether it owes word that it took what it got. */
  epoch: number
  isJoining: boolean
  owesAck: boolean
}

export class Rebalances {
  readonly counts: Record<RebalanceReason, number> = Object.fromEntries(
    REBALANCE_REASONS.map((reason) => [reason, 0]),
  ) as Record<RebalanceReason, number>
  readonly seconds: Histogram = new Histogram(REBALANCE_BOUNDS_SECONDS)
  readonly heartbeatGap: Histogram = new Histogram(GAP_BOUNDS_SECONDS)
  readonly #members = new Map<string, Member>()
  /** The last generation or epoch seen. */
  #generation = NONE
  /** The strongest sign since the last turn or its end, by its place in the list; when the first and the last came. */
  #sign = NONE
  #signAtMs = 0
  #lastSignAtMs = 0
  /** A turn was seen, and not its end; since its first sign. */
  #isTurning = false
  #turnsSinceMs = 0

  /** Members behind this sluice that were heard of lately. */
  get members(): number {
    return this.#members.size
  }

  /** Forgets members that are not heard of any more. */
  sweep(nowMs: number): void {
    for (const [id, { heardAtMs }] of this.#members) {
      if (nowMs - heardAtMs >= GROUP_AMBIGUITY_MS) this.#members.delete(id)
    }
  }

  /** A JoinGroup goes to the broker. @param id '' of one that joins anew */
  joins(id: string, nowMs: number): void {
    this.#signal(id === '' ? 'member_joined' : 'rejoined', nowMs)
    const member = this.#heard(id, nowMs)
    if (member !== undefined) member.beatAtMs = NONE // it sends none while it waits for the others
  }

  /** @param reason in the words of the client, '' if it gives none */
  leaves(id: string, reason: string, nowMs: number): void {
    this.#members.delete(id)
    this.#signal(/poll.*timeout/iu.test(reason) ? 'poll_timeout' : 'member_left', nowMs)
    if (this.#members.size === 0) this.#settle() // nobody is left who would see the end
  }

  /** A Heartbeat goes to the broker. */
  beats(id: string, nowMs: number): Member | undefined {
    const member = this.#heard(id, nowMs)
    if (member === undefined) return undefined
    if (member.beatAtMs !== NONE) this.heartbeatGap.observe((nowMs - member.beatAtMs) / 1000)
    member.beatAtMs = nowMs
    return member
  }

  /**
   * A ConsumerGroupHeartbeat (KIP-848) goes to the broker.
   * @param epoch 0: it joins; below: it leaves
   * @param tells whether it says which partitions it has: after it took an assignment, or when it joins
   */
  beatsWithEpoch(id: string, epoch: number, tells: boolean, nowMs: number): void {
    if (epoch < 0) {
      this.leaves(id, '', nowMs)
      return
    }
    const member = this.beats(id, nowMs)
    if (epoch === 0) this.#signal('member_joined', nowMs)
    if (member === undefined) return
    member.isJoining = epoch === 0
    if (tells) member.owesAck = false
  }

  /** A Heartbeat or another request of a member was answered with that error. */
  failed(id: string, code: number, nowMs: number): void {
    if (code === ERROR_CODE.REBALANCE_IN_PROGRESS) this.#signal('elsewhere', nowMs)
    else if (LOST.has(code)) {
      this.#members.delete(id)
      this.#signal('member_lost', nowMs)
    }
  }

  /** A JoinGroup was answered without an error. @param id the member's, as the broker named it */
  joined(id: string, generation: number, nowMs: number): void {
    this.#heard(id, nowMs)
    this.#turned(generation, nowMs)
  }

  /** A SyncGroup was answered without an error. */
  synced(nowMs: number): void {
    if (this.#isTurning) this.#end(nowMs)
  }

  /** A ConsumerGroupHeartbeat was answered without an error. @param assigns it hands out an assignment */
  answeredWithEpoch(id: string, epoch: number, assigns: boolean, nowMs: number): void {
    const member = this.#members.get(id)
    if (epoch < 0 || member === undefined) return // the answer to one that leaves
    // Members come to an epoch one by one. A lower one is that of the group only where it is told to one that joins: it was made anew.
    if (epoch > this.#generation || member.isJoining) this.#turned(epoch, nowMs)
    member.isJoining = false
    member.epoch = epoch
    if (!this.#isTurning) return
    if (assigns) member.owesAck = true
    for (const other of this.#members.values()) if (other.owesAck || other.epoch !== this.#generation) return
    this.#end(nowMs)
  }

  #turned(generation: number, nowMs: number): void {
    if (generation === this.#generation) return
    const isFirst = this.#generation === NONE && this.#sign === NONE // we came later than the group
    this.#generation = generation
    if (isFirst) return
    if (this.#sign === NONE) this.#signal('elsewhere', nowMs)
    this.counts[REBALANCE_REASONS[this.#sign]!]++
    if (!this.#isTurning) this.#turnsSinceMs = this.#signAtMs
    this.#isTurning = true
    this.#sign = NONE
  }

  #end(nowMs: number): void {
    this.seconds.observe((nowMs - this.#turnsSinceMs) / 1000)
    this.#settle()
  }

  #settle(): void {
    this.#sign = NONE
    this.#isTurning = false
  }

  /** One that came to nothing, long ago, explains nothing. */
  #signal(reason: RebalanceReason, nowMs: number): void {
    if (nowMs - this.#lastSignAtMs > REBALANCE_SIGN_MAX_MS) this.#settle()
    if (this.#sign === NONE) this.#signAtMs = nowMs
    this.#lastSignAtMs = nowMs
    this.#sign = Math.max(this.#sign, REBALANCE_REASONS.indexOf(reason))
  }

  #heard(id: string, nowMs: number): Member | undefined {
    if (id === '') return undefined
    let member = this.#members.get(id)
    if (member === undefined) {
      if (this.#members.size >= GROUP_MEMBERS_MAX) return undefined
      member = { heardAtMs: nowMs, beatAtMs: NONE, epoch: NONE, isJoining: false, owesAck: false }
      this.#members.set(id, member)
    }
    member.heardAtMs = nowMs
    return member
  }
}
