/**
 * What the requests and answers of one connection tell of its group's turns: which request is which event of `rebalances.ts`. What
 * an answer says is remembered here while it passes; which group and member it is about, the ring remembers.
 */
import { API_KEY } from 'kafka-protocol-codec'
import type { SeriesBook } from '../series-book.ts'
import type { GroupPeek } from './group-of-request.ts'
import { GroupMeter, type GroupSeries } from './group-series.ts'
import type { Expected } from './in-flight.ts'

/** What is read of an answer. */
export interface GroupAnswer {
  /** The first error code that is one. */
  readonly error: number
  /** The generation of a JoinGroup, the epoch of a ConsumerGroupHeartbeat. */
  readonly generation: number
  /** Of a ConsumerGroupHeartbeat: it hands out an assignment. */
  readonly assigns: boolean
  /** As a JoinGroup's answer names the member. */
  readonly member: string
}

export class GroupWatch {
  readonly #meter: GroupMeter

  constructor(book: SeriesBook<GroupSeries>) {
    this.#meter = new GroupMeter(book)
  }

  /** A request that names its group goes to the broker. */
  asks(apiKey: number, { group, member, epoch, tells, reason, isLeave }: GroupPeek, nowMs: number): void {
    if (!isWatched(apiKey)) return
    const { rebalances } = this.#meter.of(group, nowMs)
    if (apiKey === API_KEY.JoinGroup) rebalances.joins(member, nowMs)
    else if (apiKey === API_KEY.Heartbeat) rebalances.beats(member, nowMs)
    else if (apiKey === API_KEY.ConsumerGroupHeartbeat) rebalances.beatsWithEpoch(member, epoch, tells, nowMs)
    else if (isLeave) rebalances.leaves(member, reason, nowMs)
  }

  /** It has been answered. */
  answered({ apiKey, group = '', member }: Expected, answer: GroupAnswer, nowMs: number): void {
    if (group === '' || !isWatched(apiKey)) return
    const { rebalances } = this.#meter.of(group, nowMs)
    if (answer.error !== 0) rebalances.failed(member, answer.error, nowMs)
    else if (apiKey === API_KEY.JoinGroup) rebalances.joined(answer.member, answer.generation, nowMs)
    else if (apiKey === API_KEY.SyncGroup) rebalances.synced(nowMs)
    else if (apiKey === API_KEY.ConsumerGroupHeartbeat) {
      rebalances.answeredWithEpoch(member, answer.generation, answer.assigns, nowMs)
    }
  }
}

/** Whether requests of this API tell of a group's turns. */
export function isWatched(apiKey: number): boolean {
  switch (apiKey) {
    case API_KEY.JoinGroup:
    case API_KEY.SyncGroup:
    case API_KEY.Heartbeat:
    case API_KEY.LeaveGroup:
    case API_KEY.ConsumerGroupHeartbeat:
      return true
    default:
      return false
  }
}
