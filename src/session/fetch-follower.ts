/**
 * Follows what one connection fetches, for the lag of its group: the offsets that its Fetch requests ask for, and what the
 * answers deliver and say of the end. An incremental session (KIP-227) leaves out what has not changed, in both: what was said last holds.
 */
import {
  API_KEY,
  apiSchema,
  compileSkim,
  inRange,
  int64At,
  offsetAfter,
  ProtocolError,
  Skim,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import type { LagBook } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { LIMITS_ROW } from './fetch-limits.ts'
import { PartitionCursor, PartitionEntries } from './partition-entries.ts'

const W_LIMITS = 0
const W_ID = 2
const WANTED = [LIMITS_ROW, 'topics.topic', 'topics.topicId', 'topics.partitions.{partition,fetchOffset}']

/** By version; compiled at first use. */
const plans: SkimPlan[] = []

function planOf(version: number): SkimPlan {
  const known = plans[version]
  if (known !== undefined) return known
  const schema = apiSchema(API_KEY.Fetch)?.request
  if (schema === undefined || !inRange(version, schema.versions)) {
    throw new ProtocolError('unknown_version', `Fetch has no known version ${version}`)
  }
  const plan = compileSkim(schema, version, WANTED)
  plans[version] = plan
  return plan
}

export class FetchFollower implements SkimSink {
  /** Over a request that nobody else walks through. */
  readonly skim: Skim = new Skim()
  /** Told of the topics, partitions and offsets of requests. */
  readonly asked: PartitionCursor
  /** Told of the topics and partitions of answers. */
  readonly answered: PartitionCursor
  /** Where the present chunk has the limits of the request, −1 if they were not seen in it, and how they lie there (`FetchLimits`). */
  limitsAt = -1
  limitPlaces: readonly number[] = []

  constructor(lags: LagBook, topics: TopicBook) {
    const entries = new PartitionEntries(lags, topics)
    this.asked = new PartitionCursor(entries)
    this.answered = new PartitionCursor(entries)
  }

  /**
   * A request begins, of a client in this group.
   * @throws ProtocolError for a version that the codec does not know
   */
  begin(version: number, bodyBytes: number, group: string, nowMs: number): void {
    this.skim.start(planOf(version), bodyBytes)
    this.asked.begin(group, nowMs)
  }

  /** Walks on over what is in sight of it; returns up to where. */
  look(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    this.limitsAt = -1
    return this.skim.run(bytes, view, from, to, this)
  }

  /** The offset that is asked for of the partition named last. */
  offset(offset: number): void {
    const { entry, nowMs } = this.asked
    if (entry === undefined) return
    entry.position = offset
    entry.heardAtMs = nowMs
  }

  /** The end of the partition of an answer that was named last; −1 where it has an error. */
  highWatermark(offset: number): void {
    const { entry } = this.answered
    if (entry !== undefined && offset >= 0) entry.end.highWatermark = offset
  }

  /** A batch of that partition was delivered: the next request would ask for what comes after it, but may be held for a while. */
  delivered(view: DataView, offset: number): void {
    const { entry } = this.answered
    if (entry === undefined) return
    const next = offsetAfter(view, offset)
    if (next > entry.position) entry.position = next
  }

  // SkimSink, over a request.
  row(field: number, view: DataView, at: number, places: readonly number[]): void {
    if (field === W_LIMITS) {
      this.limitsAt = at
      this.limitPlaces = places
      return
    }
    this.asked.partition(view.getInt32(at))
    this.offset(int64At(view, at + places[1]!))
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number, view: DataView): void {
    this.asked.topic(bytes, view, offset, length, field === W_ID)
  }

  value(): void {}

  tag(): void {}

  batch(): void {}
}
