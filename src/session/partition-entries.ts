/**
 * The partitions that one connection speaks of, each with its entry in the book of lags. A frame names a topic, then its partitions;
 * the same ones again and again, mostly in the same order: the partition that came next the last time is looked at first, and found
 * by comparing bytes and a number. Entries are asked for anew when the client is in another group, when an id may have got a name, or
 * when the book has forgotten some.
 */
import { FETCH_PARTITIONS_MAX, PARTITION_ENTRIES_RENEW_MS } from '../bounds.ts'
import type { LagBook, LagEntry } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'

/** A partition as this connection knows it. */
interface Known {
  readonly topic: number
  readonly partition: number
  readonly entry: LagEntry
  /** Which one came after it the last time. */
  next: Known | undefined
}

export class PartitionEntries {
  /** Grows when entries mean nothing any more, and when numbers of topics do not. */
  version = 1
  renewals = 0
  readonly #lags: LagBook
  readonly #topics: TopicBook
  readonly #keys: TopicKeys
  readonly #byKey: (Map<number, Known> | undefined)[] = []
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

  /** The number of a topic by its name, or by its id of 16 bytes; most likely `guess`. */
  topic(bytes: Uint8Array, view: DataView, offset: number, length: number, isId: boolean, guess: number): number {
    if (offset < 0) return NO_TOPIC
    if (guess !== NO_TOPIC && this.#keys.is(guess, view, offset, length, isId)) return guess
    return this.#keys.add(bytes, offset, length, isId)
  }

  /** A partition with its entry; undefined where its topic has no name yet, or there are too many. */
  of(topic: number, partition: number, nowMs: number): Known | undefined {
    return this.#byKey[topic]?.get(partition) ?? this.#add(topic, partition, nowMs)
  }

  #add(topic: number, partition: number, nowMs: number): Known | undefined {
    const name = this.#keys.nameOf(topic)
    if (name === undefined || this.#size >= FETCH_PARTITIONS_MAX) return undefined
    const known = { topic, partition, entry: this.#lags.entry(this.#group, name, partition, nowMs), next: undefined }
    let partitions = this.#byKey[topic]
    if (partitions === undefined) {
      partitions = new Map()
      this.#byKey[topic] = partitions
    }
    partitions.set(partition, known)
    this.#size++
    return known
  }

  #forget(): void {
    this.version++
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
  /** Of the entries that the following are of. */
  #version = 0
  /** The partition that a frame named first the last time, the one named last, and the one that most likely comes next. */
  #first: Known | undefined
  #last: Known | undefined
  #guess: Known | undefined

  constructor(entries: PartitionEntries) {
    this.#entries = entries
  }

  begin(group: string, nowMs: number): void {
    const entries = this.#entries
    entries.begin(group, nowMs)
    if (this.#version !== entries.version) this.#restart()
    this.#last = undefined
    this.#guess = this.#first
    this.entry = undefined
    this.nowMs = nowMs
  }

  topic(bytes: Uint8Array, view: DataView, offset: number, length: number, isId: boolean): void {
    this.entry = undefined
    const guess = this.#renewals === this.#entries.renewals ? (this.#guess?.topic ?? this.#topic) : NO_TOPIC
    this.#topic = this.#entries.topic(bytes, view, offset, length, isId, guess)
  }

  partition(index: number): void {
    // The other direction may have made the entries anew while this frame passes.
    const guess = this.#guess
    const isGuessed = guess !== undefined && guess.partition === index && guess.topic === this.#topic
    if (isGuessed && this.#version === this.#entries.version) this.#found(guess)
    else this.#look(index)
  }

  #found(known: Known): void {
    this.entry = known.entry
    this.#last = known
    this.#guess = known.next
  }

  #look(index: number): void {
    this.entry = undefined
    if (this.#topic === NO_TOPIC || this.#renewals !== this.#entries.renewals) return
    const known = this.#entries.of(this.#topic, index, this.nowMs)
    if (known === undefined) return
    if (this.#version !== this.#entries.version) this.#restart()
    if (this.#last === undefined) this.#first = known
    else this.#last.next = known
    this.#found(known)
  }

  #restart(): void {
    const { version, renewals } = this.#entries
    this.#version = version
    if (this.#renewals !== renewals) this.#topic = NO_TOPIC
    this.#renewals = renewals
    this.#first = undefined
    this.#last = undefined
    this.#guess = undefined
  }
}
