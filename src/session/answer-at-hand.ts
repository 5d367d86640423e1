/**
 * The answer at hand: the chunk that it lies in, where in it, what it answers, and what has left of the chunk. One object for a
 * session, filled anew for each chunk and each answer; whoever treats an answer works on it.
 *
 *     chunk  │ … sent │ … to be sent as it is … │ size │ correlation id … │ body …        │
 *                     └ the run that waits      └ from                    └ bodyAt        └ visibleEnd
 */

import { API_KEY, Skim } from 'kafka-protocol-codec'
import { isFetch } from '../policy/api-classes.ts'
import { AnswerSink } from './answer-sink.ts'
import { commitsOffsets } from './api-kinds.ts'
import { type Expected, NOTHING_EXPECTED } from './in-flight.ts'
import { type ResponsePlan, W_ANSWER_GROUP } from './response-plan.ts'
import type { SessionParts } from './session-parts.ts'
import type { TopicShares } from './topic-shares.ts'

/** Why the stream took no more: bytes are missing, or the listener of a broker that the answer names is not up yet. */
export type AnswerStop = 'needs_more' | 'needs_listener'

const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)

export class AnswerAtHand {
  stop: AnswerStop = 'needs_more'

  // The chunk, for as long as it is taken.
  bytes: Uint8Array = NO_BYTES
  view: DataView = NO_VIEW
  nowMs = 0

  // The answer, from when its head is in sight until it is through.
  expected: Expected = NOTHING_EXPECTED
  from = 0
  bodyAt = 0
  visibleEnd = 0
  frameBytes = 0
  /** What is still to pass of an answer that has begun to. */
  bodyLeft = 0

  /** What is found in it, for as long as something is looked for. */
  readonly skim: Skim = new Skim()
  readonly sink: AnswerSink
  skimming = false
  /** The shares of an answer whose topics are told apart. */
  shares: TopicShares | undefined

  readonly #parts: SessionParts
  /** Bytes of the chunk before this position are sent or replaced. */
  #runFrom = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.sink = new AnswerSink(parts.context.topics, parts.context.series.partitions)
  }

  /** A chunk is taken, from `from` on. */
  openChunk(bytes: Uint8Array, view: DataView, from: number, nowMs: number): void {
    this.stop = 'needs_more'
    this.bytes = bytes
    this.view = view
    this.nowMs = nowMs
    this.sink.nowMs = nowMs
    this.sink.wallMs = nowMs + this.#parts.context.epochMs
    this.#runFrom = from
  }

  /** The chunk is done with: buffers come and go, and an idle session keeps none alive. */
  closeChunk(): void {
    this.bytes = NO_BYTES
    this.view = NO_VIEW
  }

  /** The head of the next answer is in sight. */
  begin(expected: Expected, from: number, to: number, frameBytes: number): void {
    this.expected = expected
    this.from = from
    this.frameBytes = frameBytes
    this.visibleEnd = Math.min(to, from + frameBytes)
  }

  /** Whether all of it is in sight, while none of it has passed. */
  get whole(): boolean {
    return this.visibleEnd - this.from === this.frameBytes
  }

  /** Makes the skim ready for its body. */
  lookFor(plan: ResponsePlan): void {
    const { frameBytes, sink, expected } = this
    sink.reset()
    this.shares = expected.tellsTopics ? this.#parts.tracking?.fetched : undefined
    sink.answerTopics = this.shares
    if (sink.cursor !== undefined) sink.forgetFollowers()
    if (isFetch(expected.apiKey)) this.#lookForData()
    else if (commitsOffsets(expected.apiKey)) this.#lookForCommits()
    else if (expected.apiKey === API_KEY.OffsetFetch) this.#lookForOffsets(plan.skim.found[W_ANSWER_GROUP] === true)
    this.shares?.begin(frameBytes)
    this.skim.start(plan.skim, frameBytes - (this.bodyAt - this.from))
  }

  #lookForData(): void {
    const { sink, nowMs } = this
    const { facts, following } = this.#parts
    const { group } = facts.identity
    sink.group = following.group.of(group, nowMs)
    sink.fetches = this.expected.isFollowed ? following.fetches : undefined
    sink.cursor = sink.fetches?.answered
    sink.cursor?.begin(group, nowMs)
  }

  #lookForCommits(): void {
    const { sink, nowMs, expected } = this
    sink.commits = expected.isFollowed ? this.#parts.following.commits : undefined
    sink.cursor = sink.commits?.answered
    sink.cursor?.begin(expected.group ?? '', nowMs)
  }

  #lookForOffsets(namesGroups: boolean): void {
    const { sink, nowMs, expected } = this
    const { offsets } = this.#parts.following
    if (!expected.isFollowed || offsets === undefined) return
    sink.offsets = offsets
    sink.cursor = offsets.answered
    offsets.begin(namesGroups ? undefined : expected.group, nowMs)
  }

  /** Looks at the body as far as it is in sight; returns how far that went. */
  look(): number {
    return this.skim.run(this.bytes, this.view, this.bodyAt, this.visibleEnd, this.sink)
  }

  /** What comes before `to` and has not left yet goes as it is. */
  flush(to: number): void {
    if (to > this.#runFrom) this.#parts.outbox.toClient(this.bytes, this.#runFrom, to)
    this.#runFrom = to
  }

  /** The answer up to `to` is left out; `instead` goes in its place, if anything. */
  replace(to: number, instead?: Uint8Array): void {
    this.flush(this.from)
    if (instead !== undefined) this.#parts.outbox.toClient(instead, 0, instead.length)
    this.#runFrom = to
  }
}
