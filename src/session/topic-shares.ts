/**
 * What part of a frame each topic is: of a Produce request, or of the answer to a Fetch or ShareFetch. The frame streams past; its
 * skim tells where topics begin and which batches they hold.
 *
 *     head │ topic a … batches … │ topic b … batches … │ topic a again … │ tail
 *     └─────────── a ────────────┴────────── b ────────┴────────── a ────────┘
 *
 * A topic's share goes from its name or id to the next one's; the first has the head too and the last the tail, so that the shares
 * sum to the frame's bytes exactly. How the frame was cut into chunks makes no difference. Nothing is allocated for a frame that
 * speaks of topics that were seen before.
 */
import {
  API_KEY,
  apiSchema,
  compileSkim,
  inRange,
  isControl,
  ProtocolError,
  recordsInBatch,
  type SkimPlan,
  type SkimSink,
} from 'kafka-protocol-codec'
import { FRAME_TOPICS_MAX } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'

/** What is told of the topics in an answer as it streams past, in the order of the wire. */
export interface AnswerTopics {
  /** A topic begins: its name, or its id of 16 bytes. Offset −1: a name that is too long to be one. */
  topic(bytes: Uint8Array, offset: number, length: number, isId: boolean): void
  partition(index: number): void
  /** A batch of that partition; returns how many records it counts for. */
  records(bytes: Uint8Array, offset: number, sizeBytes: number): number
}

/** Indexes of the wanted fields in the plans of this file. */
export const W_SHARE_ACKS = 0
export const W_SHARE_RECORDS = 1
/** How many topics the frame has. */
export const W_SHARE_TOPICS = 2
export const W_SHARE_NAME = 3
export const W_SHARE_ID = 4
export const W_SHARE_PARTITION = 5

/** A Produce request, by the indexes above. */
const PRODUCE_WANTED = [
  'acks',
  'topicData.partitionData.records',
  'topicData',
  'topicData.name',
  'topicData.topicId',
  'topicData.partitionData.index',
]
/** The answer to a Fetch or ShareFetch. */
const FETCH_WANTED = [
  '',
  'responses.partitions.records',
  'responses',
  'responses.topic',
  'responses.topicId',
  'responses.partitions.partitionIndex',
]

/** By API and version; compiled at first use. */
const plans: SkimPlan[][] = []

/**
 * The plan for a Produce request, or for the answer to a Fetch or ShareFetch.
 * @throws ProtocolError for a version that the codec does not know
 */
export function sharesPlan(apiKey: number, version: number): SkimPlan {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const api = apiSchema(apiKey)
  const schema = apiKey === API_KEY.Produce ? api?.request : api?.response
  if (schema === undefined || !inRange(version, schema.versions)) {
    throw new ProtocolError('unknown_version', `API key ${apiKey} has no known version ${version}`)
  }
  const plan = compileSkim(schema, version, apiKey === API_KEY.Produce ? PRODUCE_WANTED : FETCH_WANTED)
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}

/** The records of a batch that carry data: transaction markers are none. Any magic. */
export function dataRecords(bytes: Uint8Array, offset: number, sizeBytes: number): number {
  if (bytes[offset + 16] === 2 && isControl(bytes, offset)) return 0
  return recordsInBatch(bytes, offset, sizeBytes)
}

export class TopicShares implements SkimSink, AnswerTopics {
  readonly #keys: TopicKeys
  /** Counts the records of an answer where a fetch position is known. */
  readonly #positions: AnswerTopics | undefined
  #frameBytes = 0
  /** What must be added to an index into the present chunk to get a place in the frame. */
  #shift = 0
  #startsAt = 0
  #current = NO_TOPIC
  /** The topics of the frame, in the order in which they came. */
  #count = 0
  readonly #keyOf: number[] = []
  readonly #bytes: number[] = []
  readonly #records: number[] = []
  /** By key, its place among the topics of the frame `#frame`. The last entry stands for topics that there was no room for. */
  readonly #placeOf: Int32Array = new Int32Array(FRAME_TOPICS_MAX + 1)
  readonly #frameOf: Int32Array = new Int32Array(FRAME_TOPICS_MAX + 1)
  #frame = 0

  constructor(book: TopicBook, positions?: AnswerTopics) {
    this.#keys = new TopicKeys(book, FRAME_TOPICS_MAX)
    this.#positions = positions
  }

  /** How many topics the frame has brought so far. */
  get count(): number {
    return this.#count
  }

  /** Begins a frame of `frameBytes` bytes, its size prefix included. */
  begin(frameBytes: number): void {
    if (this.#keys.full) this.#keys.clear()
    this.#frame = (this.#frame + 1) | 0
    if (this.#frame === 0) this.#frameOf.fill(-1) // after 2³² frames a number comes again
    this.#frameBytes = frameBytes
    this.#current = NO_TOPIC
    this.#startsAt = 0
    this.#count = 0
  }

  /** Before each run of the skim: `bytes[index]` of the present chunk is byte `framePlace` of the frame. */
  chunk(index: number, framePlace: number): void {
    this.#shift = framePlace - index
  }

  /** The frame is through. `endsAt`: how far it came, where it was cut off. */
  finish(endsAt: number = this.#frameBytes): void {
    if (this.#current === NO_TOPIC) return
    this.#bytes[this.#current] = this.#bytes[this.#current]! + endsAt - this.#startsAt
    this.#startsAt = endsAt
  }

  /** The name of the topic at `place`; undefined for an id that nobody has named. */
  nameAt(place: number): string | undefined {
    return this.#keys.nameOf(this.#keyOf[place] ?? NO_TOPIC)
  }

  bytesAt(place: number): number {
    return this.#bytes[place] ?? 0
  }

  recordsAt(place: number): number {
    return this.#records[place] ?? 0
  }

  topic(bytes: Uint8Array, offset: number, length: number, isId: boolean): void {
    this.#positions?.topic(bytes, offset, length, isId)
    // No topic has such a name: what is said of it counts for the one before.
    if (offset < 0 && this.#current !== NO_TOPIC) return
    const key = offset < 0 ? NO_TOPIC : this.#keys.add(bytes, offset, length, isId)
    if (this.#current !== NO_TOPIC) {
      const at = offset + this.#shift
      this.#bytes[this.#current] = this.#bytes[this.#current]! + at - this.#startsAt
      this.#startsAt = at
    }
    this.#current = this.#placeFor(key)
  }

  partition(index: number): void {
    this.#positions?.partition(index)
  }

  records(bytes: Uint8Array, offset: number, sizeBytes: number): number {
    const records = this.#positions?.records(bytes, offset, sizeBytes) ?? dataRecords(bytes, offset, sizeBytes)
    if (this.#current !== NO_TOPIC) this.#records[this.#current] = this.#records[this.#current]! + records
    return records
  }

  // SkimSink, for the plans of this file.
  value(field: number, value: number): void {
    if (field === W_SHARE_PARTITION) this.partition(value)
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    if (field === W_SHARE_NAME || field === W_SHARE_ID) this.topic(bytes, offset, length, field === W_SHARE_ID)
  }

  tag(): void {}

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (field === W_SHARE_RECORDS) this.records(bytes, offset, sizeBytes)
  }

  #placeFor(key: number): number {
    const at = key === NO_TOPIC ? FRAME_TOPICS_MAX : key
    if (this.#frameOf[at] === this.#frame) return this.#placeOf[at]!
    const place = this.#count++
    this.#frameOf[at] = this.#frame
    this.#placeOf[at] = place
    this.#keyOf[place] = key
    this.#bytes[place] = 0
    this.#records[place] = 0
    return place
  }
}
