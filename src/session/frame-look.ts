/**
 * What must be known of a request before it may go, beyond its head: the group that it names and whether it joins it, and, where a
 * quota tells topics apart, the topics that it carries. Nothing is taken: what is looked at lies in the read buffer. Of a request
 * that is longer than the buffer lets see, the visible part counts.
 */

import { API_KEY, type RequestHead } from 'kafka-protocol-codec'
import { INSPECT_BYTES_MAX } from '../bounds.ts'
import { isFetch } from '../policy/api-classes.ts'
import type { FetchFollower } from './fetch-follower.ts'
import { FetchLimits } from './fetch-limits.ts'
import { GroupPeek, namesGroup } from './group-of-request.ts'
import type { Mutation } from './mutations.ts'
import type { SessionParts } from './session-parts.ts'
import { TopicTracking } from './topic-tracking.ts'

export class FrameLook {
  /** The group that the request names as its own; undefined if none, or several. */
  group: string | undefined
  /** It joins that group anew. */
  isJoin = false
  /** Its topics are told apart, and those of its answer. */
  tellsTopics = false
  /** Of a Fetch that is walked through: how much of the frame has been looked at, for good. */
  fetchSeenBytes = 0
  /** Of a Fetch: what it may bring. */
  readonly fetchLimits: FetchLimits = new FetchLimits()
  /** What it creates or deletes, where a quota limits that. */
  mutation: Mutation | undefined

  /** Bytes in sight at which the group, or the topics of a Produce, are looked for again; Infinity: they have been seen. */
  #groupAgainBytes = 0
  #topicsAgainBytes = 0
  readonly #parts: SessionParts
  /** What is seen of a request that names its group. */
  readonly groups: GroupPeek = new GroupPeek()

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** The request has gone; the next one is another. */
  passed(): void {
    this.group = undefined
    this.isJoin = false
    this.tellsTopics = false
    this.fetchSeenBytes = 0
    this.fetchLimits.forget()
    this.mutation = undefined
    this.#groupAgainBytes = 0
    this.#topicsAgainBytes = 0
  }

  /** Looks at the request at `from`, visible up to `to`. False: more of it must be there first. May be called again for the same one. */
  look(head: RequestHead, bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    const { apiKey, bodyOffset } = head
    if (bodyOffset < 0) return true
    if (namesGroup(apiKey) && !this.#lookAtGroup(head, bytes, view, from, to, nowMs)) return false
    if (apiKey === API_KEY.Produce) return this.#lookAtProduce(head, bytes, view, from, to, nowMs)
    if (isFetch(apiKey)) return this.#lookAtFetch(head, bytes, view, from, to, nowMs)
    return this.#lookAtMutation(head, bytes, from, to, nowMs)
  }

  /** Such requests are short; of one that is not, nothing is charged for its mutations. */
  #lookAtMutation(head: RequestHead, bytes: Uint8Array, from: number, to: number, nowMs: number): boolean {
    const { mutations } = this.#parts
    if (this.mutation !== undefined || !mutations.concerns(head, nowMs)) return true
    if (!isEnough(from, to, head.frameBytes)) return false
    const frameEnd = from + head.frameBytes
    if (to >= frameEnd) this.mutation = mutations.read(bytes.slice(from, frameEnd))
    return true
  }

  #lookAtGroup(head: RequestHead, bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    const { apiKey, apiVersion, bodyOffset, frameBytes } = head
    if (to - from < this.#groupAgainBytes) return this.#groupAgainBytes === Number.POSITIVE_INFINITY
    const frameEnd = from + frameBytes
    const visibleEnd = Math.min(to, frameEnd)
    const seen = this.groups.look(apiKey, apiVersion, bytes, view, bodyOffset, visibleEnd, frameEnd - bodyOffset)
    const { complete, group } = this.groups
    this.#groupAgainBytes = againBytes(seen === 'none' || complete, from, to, frameBytes)
    if (this.#groupAgainBytes < Number.POSITIVE_INFINITY) return false
    if (seen !== 'seen') return true
    if (complete && group !== '') this.group = group
    this.isJoin = this.groups.isJoin
    this.#parts.facts.sawGroups(this.groups.groups, this.groups.isLeave, nowMs)
    return true
  }

  #lookAtProduce(
    head: RequestHead,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    nowMs: number,
  ): boolean {
    const { bodyOffset, frameBytes } = head
    this.tellsTopics = this.#parts.facts.asksForTopics(API_KEY.Produce, nowMs)
    if (!this.tellsTopics) return true
    if (to - from >= this.#topicsAgainBytes) {
      const frameEnd = from + frameBytes
      const all = this.#tracking().look(head, bytes, view, Math.min(to, frameEnd), frameEnd - bodyOffset)
      this.#topicsAgainBytes = againBytes(all, from, to, frameBytes)
    }
    return this.#topicsAgainBytes === Number.POSITIVE_INFINITY
  }

  /**
   * A Fetch is looked at up to its limits, or whole where its topics are told apart. Positions are followed request by request, so
   * each is walked through once, and what is in sight already when it is looked at.
   */
  #lookAtFetch(head: RequestHead, bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    const { apiKey, frameBytes } = head
    if (!this.tellsTopics && this.#tellsFetched(apiKey, nowMs)) {
      this.tellsTopics = true
      this.fetchSeenBytes = 0 // after a reload while it waits: all of it lies here still
    }
    if (this.tellsTopics) return this.fetchSeenBytes > 0 || this.#lookAtPositions(head, bytes, view, from, to, nowMs)
    if (this.fetchLimits.seen) return true
    const follower = apiKey === API_KEY.Fetch ? this.#parts.following.ofFetches() : undefined
    if (follower === undefined) this.#findLimits(head, bytes, view, from, to)
    else this.#follow(follower, head, bytes, view, from, to, nowMs)
    return this.fetchLimits.seen || isEnough(from, to, frameBytes)
  }

  #tellsFetched(apiKey: number, nowMs: number): boolean {
    const { facts } = this.#parts
    return facts.asksForTopics(apiKey, nowMs) || facts.chargesFor(apiKey, nowMs).measures('fetchRecords')
  }

  #findLimits(head: RequestHead, bytes: Uint8Array, view: DataView, from: number, to: number): void {
    const { apiKey, apiVersion, bodyOffset, frameBytes } = head
    const frameEnd = from + frameBytes
    const visibleEnd = Math.min(to, frameEnd)
    this.fetchLimits.find(apiKey, apiVersion, bytes, view, from, bodyOffset, visibleEnd, frameEnd - bodyOffset)
  }

  /** For lag: the limits are seen on the way. */
  #follow(
    follower: FetchFollower,
    { apiVersion, bodyOffset, frameBytes }: RequestHead,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    nowMs: number,
  ): void {
    const frameEnd = from + frameBytes
    const { group } = this.#parts.facts.identity
    if (this.fetchSeenBytes === 0) follower.begin(apiVersion, frameEnd - bodyOffset, group, nowMs)
    const at = Math.max(bodyOffset, from + this.fetchSeenBytes)
    this.fetchSeenBytes = follower.look(bytes, view, at, Math.min(to, frameEnd)) - from
    if (follower.limitsAt >= 0) this.fetchLimits.found(follower.limitsAt - from, follower.limitPlaces)
  }

  /** For quotas on topics, and for lag as well. */
  #lookAtPositions(
    head: RequestHead,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    nowMs: number,
  ): boolean {
    const { apiKey, apiVersion, bodyOffset, frameBytes } = head
    if (!isEnough(from, to, frameBytes)) return false
    this.#findLimits(head, bytes, view, from, to)
    const { fetchSkim, positions } = this.#tracking()
    const { facts, following } = this.#parts
    positions.also = apiKey === API_KEY.Fetch ? following.ofFetches() : undefined
    positions.also?.asked.begin(facts.identity.group, nowMs)
    const frameEnd = from + frameBytes
    fetchSkim.start(positions.begin(apiKey, apiVersion), frameEnd - bodyOffset)
    this.fetchSeenBytes = fetchSkim.run(bytes, view, bodyOffset, Math.min(to, frameEnd), positions) - from
    if (fetchSkim.done) positions.end()
    return true
  }

  #tracking(): TopicTracking {
    this.#parts.tracking ??= new TopicTracking(this.#parts.context.topics, this.#parts.facts)
    return this.#parts.tracking
  }
}

/** Whether no more will be seen of a request: it is here whole, or as much of it as is waited for. */
function isEnough(from: number, to: number, frameBytes: number): boolean {
  return to - from >= Math.min(frameBytes, INSPECT_BYTES_MAX)
}

/** From which size on a request is looked at again: of one that comes byte by byte not at each, or it would cost the square of its size. */
function againBytes(isSeen: boolean, from: number, to: number, frameBytes: number): number {
  if (isSeen || isEnough(from, to, frameBytes)) return Number.POSITIVE_INFINITY
  return Math.min(2 * (to - from), frameBytes, INSPECT_BYTES_MAX)
}
