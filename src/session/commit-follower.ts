/**
 * Follows the offsets that one connection commits: what an OffsetCommit or TxnOffsetCommit asks for counts once its answer has no error
 * for the partition. Several may be under way at a time; of one partition the last one asked for is what the next good answer confirms.
 */
import { apiSchema, compileSkim, inRange, Skim, type SkimPlan, type SkimSink } from 'kafka-protocol-codec'
import { FETCH_PARTITIONS_MAX } from '../bounds.ts'
import type { LagBook, LagEntry } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { PartitionCursor, PartitionEntries } from './partition-entries.ts'

const W_NAME = 0
const W_ID = 1
const W_PARTITION = 2
const W_OFFSET = 3
const WANTED = [
  'topics.name',
  'topics.topicId',
  'topics.partitions.partitionIndex',
  'topics.partitions.committedOffset',
]

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

function planOf(apiKey: number, version: number): SkimPlan | undefined {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)?.request
  if (schema === undefined || !inRange(version, schema.versions)) return undefined
  const plan = compileSkim(schema, version, WANTED)
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

export class CommitFollower implements SkimSink {
  readonly skim: Skim = new Skim()
  /** Told of the topics and partitions of answers. */
  readonly answered: PartitionCursor
  readonly #asked: PartitionCursor
  /** What is asked for and not confirmed yet. */
  readonly #pending = new Map<LagEntry, number>()

  constructor(lags: LagBook, topics: TopicBook) {
    const entries = new PartitionEntries(lags, topics)
    this.#asked = new PartitionCursor(entries)
    this.answered = new PartitionCursor(entries)
  }

  /** A request begins; whether its version is one that can be followed. */
  begin(apiKey: number, version: number, bodyBytes: number, group: string, nowMs: number): boolean {
    const plan = planOf(apiKey, version)
    if (plan === undefined) return false
    this.#asked.begin(group, nowMs)
    this.skim.start(plan, bodyBytes)
    return true
  }

  /** The error of the partition of an answer that was named last. */
  result(code: number): void {
    const { entry, nowMs } = this.answered
    if (entry === undefined) return
    const offset = this.#pending.get(entry)
    this.#pending.delete(entry)
    if (code !== 0 || offset === undefined) return
    entry.committed = offset
    entry.heardAtMs = nowMs
  }

  // SkimSink, over a request.
  value(field: number, value: number): void {
    if (field === W_PARTITION) this.#asked.partition(value)
    else if (field === W_OFFSET) this.#offset(value)
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number, view: DataView): void {
    if (field === W_NAME || field === W_ID) this.#asked.topic(bytes, view, offset, length, field === W_ID)
  }

  tag(): void {}

  batch(): void {}

  /** Answers that never come leave some behind: more of them than partitions that are kept are old. */
  #offset(offset: number): void {
    const { entry } = this.#asked
    if (entry === undefined) return
    if (this.#pending.size >= FETCH_PARTITIONS_MAX) this.#pending.clear()
    this.#pending.set(entry, offset)
  }
}
