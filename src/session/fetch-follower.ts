/**
 * Follows what one connection fetches, for the lag of its group: the offsets that its Fetch requests ask for, and what the
 * answers deliver and say of the end. An incremental session (KIP-227) leaves out what has not changed, in both: what was said last holds.
 */
import {
  API_KEY,
  apiSchema,
  baseOffset,
  compileSkim,
  inRange,
  lastOffsetDelta,
  Skim,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import type { LagBook } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { PartitionCursor, PartitionEntries } from './partition-entries.ts'

const W_NAME = 0
const W_ID = 1
const W_PARTITION = 2
const W_OFFSET = 3
const WANTED = ['topics.topic', 'topics.topicId', 'topics.partitions.partition', 'topics.partitions.fetchOffset']

/** By version; compiled at first use. */
const plans: SkimPlan[] = []

function planOf(version: number): SkimPlan | undefined {
  const known = plans[version]
  if (known !== undefined) return known
  const schema = apiSchema(API_KEY.Fetch)?.request
  if (schema === undefined || !inRange(version, schema.versions)) return undefined
  const plan = compileSkim(schema, version, WANTED)
  plans[version] = plan
  return plan
}

export class FetchFollower implements SkimSink {
  /** Over the body of a request that nobody else walks through. */
  readonly skim: Skim = new Skim()
  /** Told of the topics, partitions and offsets of requests. */
  readonly asked: PartitionCursor
  /** Told of the topics and partitions of answers. */
  readonly answered: PartitionCursor

  constructor(lags: LagBook, topics: TopicBook) {
    const entries = new PartitionEntries(lags, topics)
    this.asked = new PartitionCursor(entries)
    this.answered = new PartitionCursor(entries)
  }

  /** Makes the skim ready for a request; false for a version that the codec does not know. */
  begin(version: number, bodyBytes: number): boolean {
    const plan = planOf(version)
    if (plan !== undefined) this.skim.start(plan, bodyBytes)
    return plan !== undefined
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
  delivered(bytes: Uint8Array, offset: number): void {
    const { entry } = this.answered
    if (entry === undefined) return
    entry.position = Math.max(entry.position, baseOffset(bytes, offset) + lastOffsetDelta(bytes, offset) + 1)
  }

  // SkimSink, over a request.
  value(field: number, value: number): void {
    if (field === W_PARTITION) this.asked.partition(value)
    else if (field === W_OFFSET) this.offset(value)
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    if (field === W_NAME || field === W_ID) this.asked.topic(bytes, offset, length, field === W_ID)
  }

  tag(): void {}

  batch(): void {}
}
