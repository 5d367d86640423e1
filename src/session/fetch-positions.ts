/**
 * What one connection fetches, and from where: topics, partitions and offsets, through full and incremental fetch sessions (KIP-227).
 * An incremental Fetch names only what changed; its topics are those of the whole set. And a broker returns whole batches: of the
 * first one, the records before the offset asked for were had already and do not count.
 *
 *   no session, epoch 0 or −1   the request is the whole set
 *   epoch > 0                   the request adds and moves partitions, and names those that are forgotten
 *
 * The request streams past; nothing of it is kept but numbers. Made when the policy first needs it, which may be in the middle of a
 * session: until the next full request, `complete` is false and the set is what was named since.
 * Not for clients that have several Fetches on the way at a time: a position is that of the last request, whichever is answered.
 */
import {
  API_KEY,
  apiSchema,
  baseOffset,
  compileSkim,
  inRange,
  isControl,
  lastOffsetDelta,
  ProtocolError,
  recordsInBatch,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import { FETCH_PARTITIONS_MAX } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import type { FetchFollower } from './fetch-follower.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'
import type { AnswerTopics } from './topic-shares.ts'

const W_EPOCH = 0
const W_NAME = 1
const W_ID = 2
const W_PARTITION = 3
const W_OFFSET = 4
const W_FORGOTTEN_NAME = 5
const W_FORGOTTEN_ID = 6
const W_FORGOTTEN_PARTITION = 7

const FORGOTTEN = ['forgottenTopicsData.topic', 'forgottenTopicsData.topicId', 'forgottenTopicsData.partitions[]']
const FETCH_WANTED = [
  ...['sessionEpoch', 'topics.topic', 'topics.topicId', 'topics.partitions.partition'],
  ...['topics.partitions.fetchOffset', ...FORGOTTEN],
]
/** A ShareFetch has no offsets: the broker decides what comes. */
const SHARE_FETCH_WANTED = [
  ...['shareSessionEpoch', '', 'topics.topicId', 'topics.partitions.partitionIndex'],
  ...['', ...FORGOTTEN],
]

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

function planOf(apiKey: number, version: number): SkimPlan {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)?.request
  if (schema === undefined || !inRange(version, schema.versions)) {
    throw new ProtocolError('unknown_version', `API key ${apiKey} has no known version ${version}`)
  }
  const plan = compileSkim(schema, version, apiKey === API_KEY.Fetch ? FETCH_WANTED : SHARE_FETCH_WANTED)
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

/** Everything counts: no offset was asked for, or none that is known. */
const ANY_OFFSET = -1
const NO_PLACE = -1
const FIRST_PLACES = 16

/** By partition, its place in the arrays of `FetchPositions`. */
type Partitions = Map<number, number>

export class FetchPositions implements SkimSink, AnswerTopics {
  /** Grows when the set of topics changes. */
  version = 1
  /** Whether the set is all that this connection fetches. */
  complete = false
  readonly #keys: TopicKeys
  readonly #book: TopicBook
  /** By key. */
  readonly #topics: (Partitions | undefined)[] = []
  /** By place: the offset asked for, and the number of the request that named it last. */
  #offsets: Float64Array = new Float64Array(FIRST_PLACES)
  #namedBy: Int32Array = new Int32Array(FIRST_PLACES)
  readonly #free: number[] = []
  /** Places ever given out, and partitions in the set. */
  #places = 0
  #size = 0
  #topicCount = 0

  /** Is told the same of each request, for the lag of its group. */
  also: FetchFollower | undefined

  // The request that passes.
  #request = 0
  #isFull = true
  #isOver = false
  #named = 0
  #key = NO_TOPIC
  #place = NO_PLACE

  // The answer that passes.
  #answered: Partitions | undefined
  #askedOffset = ANY_OFFSET

  // What `topics` said last.
  #names: readonly string[] = []
  #unnamed = 0
  #namesOf = 0
  #bookVersion = 0

  constructor(book: TopicBook) {
    this.#book = book
    this.#keys = new TopicKeys(book, FETCH_PARTITIONS_MAX)
  }

  /** The names of all topics in the set, each once; `unnamed` more have an id that nobody has named. The same array until something changes. */
  topics(): readonly string[] {
    if (this.#namesOf !== this.version || this.#bookVersion !== this.#book.version) {
      this.#namesOf = this.version
      this.#bookVersion = this.#book.version
      const keys = [...this.#topics.keys()].filter((key) => this.#topics[key] !== undefined)
      const names = keys.flatMap((key) => this.#keys.nameOf(key) ?? [])
      this.#names = [...new Set(names)] // who fetches by name and by id may mean one topic twice
      this.#unnamed = keys.length - names.length
    }
    return this.#names
  }

  get unnamed(): number {
    this.topics()
    return this.#unnamed
  }

  /**
   * A Fetch or ShareFetch request begins. The plan is for a skim over its body with this object as the sink.
   * @throws ProtocolError for a version that the codec does not know
   */
  begin(apiKey: number, version: number): SkimPlan {
    const plan = planOf(apiKey, version)
    this.#request = (this.#request + 1) | 0
    this.#isFull = true // a version without sessions
    this.#isOver = false
    this.#named = 0
    this.#key = NO_TOPIC
    this.#place = NO_PLACE
    if (this.#keys.full && this.#topicCount < this.#keys.size) this.#forgetAll() // full of topics that are fetched no more
    return plan
  }

  /** The request is through. */
  end(): void {
    if (this.#isOver || !this.#isFull) return
    this.complete = true
    if (this.#named < this.#size) this.#forgetUnnamed()
  }

  // SkimSink, over a request.
  value(field: number, value: number): void {
    switch (field) {
      case W_EPOCH:
        this.#isFull = value <= 0
        return
      case W_PARTITION:
        this.#addPartition(value)
        this.also?.asked.partition(value)
        return
      case W_OFFSET:
        this.also?.offset(value)
        if (this.#place !== NO_PLACE) this.#offsets[this.#place] = value
        return
      case W_FORGOTTEN_PARTITION:
        this.#forgetPartition(value)
        return
      default:
    }
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number, view: DataView): void {
    if (field === W_NAME || field === W_ID) {
      this.#addTopic(bytes, offset, length, field === W_ID)
      this.also?.asked.topic(bytes, view, offset, length, field === W_ID)
    } else if (field === W_FORGOTTEN_NAME || field === W_FORGOTTEN_ID) {
      this.#key = offset < 0 ? NO_TOPIC : this.#keys.find(bytes, offset, length, field === W_FORGOTTEN_ID)
    }
  }

  tag(): void {}

  batch(): void {}

  // AnswerTopics
  topic(bytes: Uint8Array, offset: number, length: number, isId: boolean): void {
    this.#answered = offset < 0 ? undefined : this.#topics[this.#keys.find(bytes, offset, length, isId)]
    this.#askedOffset = ANY_OFFSET
  }

  partition(index: number): void {
    const place = this.#answered?.get(index)
    this.#askedOffset = place === undefined ? ANY_OFFSET : this.#offsets[place]!
  }

  records(bytes: Uint8Array, offset: number, sizeBytes: number): number {
    return recordsFrom(this.#askedOffset, bytes, offset, sizeBytes)
  }

  #addTopic(bytes: Uint8Array, offset: number, length: number, isId: boolean): void {
    this.#key = NO_TOPIC
    if (this.#isOver || offset < 0) return
    this.#key = this.#keys.add(bytes, offset, length, isId)
    if (this.#key === NO_TOPIC) this.#giveUp()
  }

  #addPartition(partition: number): void {
    this.#place = NO_PLACE
    if (this.#key === NO_TOPIC) return
    const place = this.#topics[this.#key]?.get(partition) ?? this.#newPlace(partition)
    if (place === NO_PLACE) return
    if (this.#namedBy[place] !== this.#request) this.#named++
    this.#namedBy[place] = this.#request
    this.#offsets[place] = ANY_OFFSET
    this.#place = place
  }

  #newPlace(partition: number): number {
    if (this.#size >= FETCH_PARTITIONS_MAX) {
      this.#giveUp()
      return NO_PLACE
    }
    let partitions = this.#topics[this.#key]
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics[this.#key] = partitions
      this.#topicCount++
      this.version++
    }
    const place = this.#freePlace()
    partitions.set(partition, place)
    this.#size++
    this.#namedBy[place] = this.#request - 1
    return place
  }

  #forgetPartition(partition: number): void {
    const place = this.#topics[this.#key]?.get(partition)
    if (place === undefined || this.#isFull) return
    this.#drop(this.#key, partition, place)
  }

  #forgetUnnamed(): void {
    for (const [key, partitions = []] of this.#topics.entries()) {
      for (const [partition, place] of partitions) {
        if (this.#namedBy[place] !== this.#request) this.#drop(key, partition, place)
      }
    }
  }

  #drop(key: number, partition: number, place: number): void {
    this.#topics[key]?.delete(partition)
    this.#free.push(place)
    this.#size--
    if (this.#topics[key]?.size !== 0) return
    this.#topics[key] = undefined
    this.#topicCount--
    this.version++
  }

  /** More than is kept for one connection: nothing is known until the next full request that is smaller. */
  #giveUp(): void {
    this.#isOver = true
    this.#forgetAll()
  }

  #forgetAll(): void {
    this.complete = false
    this.#keys.clear()
    this.#topics.length = 0
    this.#free.length = 0
    this.#places = 0
    this.#size = 0
    this.#topicCount = 0
    this.#key = NO_TOPIC
    this.#answered = undefined
    this.#askedOffset = ANY_OFFSET
    this.version++
  }

  #freePlace(): number {
    const freed = this.#free.pop()
    if (freed !== undefined) return freed
    const place = this.#places++
    if (place >= this.#offsets.length) {
      const offsets = new Float64Array(this.#offsets.length * 2)
      const namedBy = new Int32Array(offsets.length)
      offsets.set(this.#offsets)
      namedBy.set(this.#namedBy)
      this.#offsets = offsets
      this.#namedBy = namedBy
    }
    return place
  }
}

/**
 * The records of a batch that lie at or after the offset asked for. A header tells the first and the last offset and how many records
 * there are, not which: where a compacted topic has gaps, as many are counted as may lie there. Transaction markers are no records.
 * Offsets are exact up to 2⁵³, which no partition reaches.
 */
export function recordsFrom(askedOffset: number, bytes: Uint8Array, at: number, sizeBytes: number): number {
  const first = baseOffset(bytes, at)
  // A message set entry of old has one offset; a compressed one that of its last message.
  if (bytes[at + 16] !== 2) return first >= askedOffset ? recordsInBatch(bytes, at, sizeBytes) : 0
  if (isControl(bytes, at)) return 0
  const records = recordsInBatch(bytes, at, sizeBytes)
  if (first >= askedOffset) return records
  return Math.max(0, Math.min(records, first + lastOffsetDelta(bytes, at) - askedOffset + 1))
}
