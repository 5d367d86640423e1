/**
 * The partitions that one connection speaks of, each with its entry in the book of lags. A frame names a topic, then its partitions;
 * the same ones again and again, so that finding an entry compares bytes and looks up a number. Entries are asked for anew when the
 * client is in another group, when an id may have got a name, or when the book has forgotten some.
 */
import { FETCH_PARTITIONS_MAX, PARTITION_ENTRIES_RENEW_MS } from '../bounds.ts'
import type { LagBook, LagEntry } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'

export class PartitionEntries {
  /** Grows when numbers of topics mean nothing any more. */
  renewals = 0
  readonly #lags: LagBook
  readonly #topics: TopicBook
  readonly #keys: TopicKeys
  readonly #byKey: (Map<number, LagEntry> | undefined)[] = []
  #size = 0
  #group = ''
  #lagsVersion = 0
  #topicsVersion = 0
  #renewedAtMs = 0

  constructor(lags: LagBook, topics: TopicBook) {
    this.#lags = lags
    this.#topics = topics
    this.#keys = new TopicKeys(topics, FETCH_PARTITIONS_MAX)
  }

  /** A frame begins, of a client in this group; '' while that is not known. */
  begin(group: string, nowMs: number): void {
    const isFull = this.#keys.full || this.#size >= FETCH_PARTITIONS_MAX
    if (isFull && nowMs - this.#renewedAtMs > PARTITION_ENTRIES_RENEW_MS) {
      this.#renewedAtMs = nowMs
      this.renewals++
      this.#keys.clear()
      this.#forget()
    }
    const isSame =
      group === this.#group && this.#lags.version === this.#lagsVersion && this.#topics.version === this.#topicsVersion
    if (isSame) return
    this.#group = group
    this.#lagsVersion = this.#lags.version
    this.#topicsVersion = this.#topics.version
    this.#forget()
  }

  /** The number of a topic by its name, or by its id of 16 bytes; most likely `last`, as most clients read one. */
  topic(bytes: Uint8Array, offset: number, length: number, isId: boolean, last: number): number {
    if (offset < 0) return NO_TOPIC
    if (last !== NO_TOPIC && this.#keys.is(last, bytes, offset, length, isId)) return last
    return this.#keys.add(bytes, offset, length, isId)
  }

  /** The entry of a partition; undefined where its topic has no name yet, or there are too many. */
  of(topic: number, partition: number, nowMs: number): LagEntry | undefined {
    return this.#byKey[topic]?.get(partition) ?? this.#add(topic, partition, nowMs)
  }

  #add(topic: number, partition: number, nowMs: number): LagEntry | undefined {
    const name = this.#keys.nameOf(topic)
    if (name === undefined || this.#size >= FETCH_PARTITIONS_MAX) return undefined
    const entry = this.#lags.entry(this.#group, name, partition, nowMs)
    let entries = this.#byKey[topic]
    if (entries === undefined) {
      entries = new Map()
      this.#byKey[topic] = entries
    }
    entries.set(partition, entry)
    this.#size++
    return entry
  }

  #forget(): void {
    this.#byKey.length = 0
    this.#size = 0
  }
}

/** Goes through the topics and partitions of one frame, while another may go through the other direction's. */
export class PartitionCursor {
  /** Of the partition that was named last. */
  entry: LagEntry | undefined
  nowMs = 0
  readonly #entries: PartitionEntries
  #topic = NO_TOPIC
  #renewals = 0

  constructor(entries: PartitionEntries) {
    this.#entries = entries
  }

  begin(group: string, nowMs: number): void {
    this.#entries.begin(group, nowMs)
    if (this.#renewals !== this.#entries.renewals) this.#topic = NO_TOPIC
    this.#renewals = this.#entries.renewals
    this.entry = undefined
    this.nowMs = nowMs
  }

  topic(bytes: Uint8Array, offset: number, length: number, isId: boolean): void {
    this.entry = undefined
    this.#topic = this.#entries.topic(bytes, offset, length, isId, this.#topic)
  }

  partition(index: number): void {
    this.entry = this.#isKnown() ? this.#entries.of(this.#topic, index, this.nowMs) : undefined
  }

  /** The numbers of topics may have been renewed by the other direction. */
  #isKnown(): boolean {
    return this.#topic !== NO_TOPIC && this.#renewals === this.#entries.renewals
  }
}
