/** Collects what the skim finds in an answer: the throttle field, errors, records, the addresses of brokers, and what it says of topics. */
import { batchMagic, int64At, isControl, type SkimSink } from 'kafka-protocol-codec'
import type { TopicBook } from '../cluster/topic-book.ts'
import type { CommitFollower } from './commit-follower.ts'
import type { FetchFollower } from './fetch-follower.ts'
import type { GroupSeries } from './group-series.ts'
import { PartitionLearner } from './learn-partitions.ts'
import { TopicLearner } from './learn-topics.ts'
import type { OffsetFollower } from './offset-follower.ts'
import type { PartitionBook } from './partition-book.ts'
import type { PartitionCursor } from './partition-entries.ts'
import {
  W_ANSWER_GROUP,
  W_ANSWER_ROW,
  W_ANSWER_TOPIC,
  W_ANSWER_TOPIC_ID,
  W_ASSIGNMENT,
  W_CREATED_PARTITIONS,
  W_ENDPOINT_TYPE,
  W_ERROR,
  W_GENERATION,
  W_GONE_NAME,
  W_HOST,
  W_IN_SYNC,
  W_LEADER,
  W_LEADER_EPOCH,
  W_MARKER,
  W_MEMBER,
  W_NODE_ID,
  W_NODES,
  W_OFFSET_ROW,
  W_PARTITION,
  W_PORT,
  W_RECORDS,
  W_REPLICAS,
  W_THROTTLE,
  W_TOPIC_ID,
  W_TOPIC_NAME,
  W_TOPIC_PARTITIONS,
} from './response-plan.ts'
import { type AnswerTopics, dataRecords } from './topic-shares.ts'

const CONTROLLERS = 2
const decoder = new TextDecoder()

/** A broker's address in an answer, with the place of what must change. */
export interface Endpoint {
  nodeId: number
  host: string
  hostAt: number
  hostBytes: number
  port: number
  portAt: number
}

export class AnswerSink implements SkimSink {
  /** Where `throttle_time_ms` sits in the present chunk, −1 if it was not seen in it. */
  throttleAt = -1
  throttleMs = 0
  readonly endpoints: Endpoint[] = []
  /** The list of brokers is complete: the field after it was seen. */
  markerSeen = false
  /** Addresses of controllers are no addresses of brokers (KIP-919). */
  controllers = false
  /** Where the list is a tagged field: the place of its tag number in the present chunk (−1: not seen in it) and its size. */
  tagAt = -1
  tagBytes = 0
  /** The place of the list's count in the present chunk, −1 if it was not seen in it, and the count. */
  countAt = -1
  count = 0
  /** Errors are counted by the caller only once the answer is sure to be taken. */
  readonly errors: number[] = []
  /** Records, likewise; those that were asked for, where `answerTopics` knows, and no transaction markers. */
  records = 0
  /** Who is told of the topics of an answer whose plan reports them; set before the answer begins. */
  answerTopics: AnswerTopics | undefined
  /** Of an answer to a Fetch, an OffsetFetch or a commit that is followed: who is told of its topics and partitions. */
  cursor: PartitionCursor | undefined
  fetches: FetchFollower | undefined
  commits: CommitFollower | undefined
  offsets: OffsetFollower | undefined
  /** Of an answer to a member of a group. */
  error = 0
  generation = 0
  assigns = false
  member = ''
  readonly #partitions: PartitionLearner | undefined
  /** Of an answer with data: whose group is told how old it is, by this clock. */
  group: GroupSeries | undefined
  wallMs = 0
  nowMs = 0
  readonly #topics: TopicLearner | undefined

  /** Where to write down what answers say of topics, and of their partitions. */
  constructor(topics?: TopicBook, partitions?: PartitionBook) {
    this.#topics = topics === undefined ? undefined : new TopicLearner(topics)
    this.#partitions = partitions === undefined ? undefined : new PartitionLearner(partitions)
  }

  /** For a new answer, or one that is looked at again from its start. */
  reset(): void {
    this.throttleAt = -1
    this.throttleMs = 0
    if (this.endpoints.length > 0) this.endpoints.length = 0 // setting it costs more than asking
    if (this.errors.length > 0) this.errors.length = 0
    this.records = 0
    this.markerSeen = false
    this.controllers = false
    this.tagAt = -1
    this.countAt = -1
    this.count = 0
    this.error = 0
    this.generation = 0
    this.assigns = false
    this.#topics?.reset()
    this.#partitions?.reset()
  }

  /** The next answer may be to something that is not followed. */
  forgetFollowers(): void {
    this.cursor = undefined
    this.fetches = undefined
    this.commits = undefined
    this.offsets = undefined
  }

  value(field: number, value: number, offset: number): void {
    switch (field) {
      case W_THROTTLE:
        this.throttleAt = offset
        this.throttleMs = value
        return
      case W_ERROR:
        this.#errorCode(value)
        return
      case W_NODE_ID:
        if (!this.markerSeen) this.#endpoint(value)
        return
      case W_PORT:
        if (!this.markerSeen) this.#port(value, offset)
        return
      case W_NODES:
        this.countAt = offset
        this.count = value
        return
      case W_MARKER:
        this.markerSeen = true
        return
      case W_ENDPOINT_TYPE:
        this.controllers = value === CONTROLLERS
        return
      case W_TOPIC_PARTITIONS:
        this.#topics?.partitions(value)
        return
      case W_CREATED_PARTITIONS:
        this.#topics?.created(value)
        return
      case W_GENERATION:
        this.generation = value
        return
      case W_ASSIGNMENT:
        this.assigns = value >= 0
        return
      default:
        this.#ofPartition(field, value)
    }
  }

  #errorCode(code: number): void {
    if (code !== 0) {
      this.errors.push(code)
      if (this.error === 0) this.error = code
    }
    this.#topics?.error(code)
    this.#partitions?.error(code)
    this.commits?.result(code)
    this.offsets?.result(code)
  }

  row(field: number, view: DataView, at: number, places: readonly number[]): void {
    if (field === W_OFFSET_ROW) {
      this.offsets?.told(view.getInt32(at), int64At(view, at + places[1]!))
      return
    }
    if (field !== W_ANSWER_ROW) return
    const partition = view.getInt32(at)
    this.answerTopics?.partition(partition)
    this.cursor?.partition(partition)
    this.#errorCode(view.getInt16(at + places[1]!))
    this.fetches?.highWatermark(int64At(view, at + places[2]!))
  }

  #ofPartition(field: number, value: number): void {
    switch (field) {
      case W_PARTITION:
        this.#partitions?.partition(value)
        return
      case W_LEADER:
        this.#partitions?.leader(value)
        return
      case W_LEADER_EPOCH:
        this.#partitions?.epoch(value)
        return
      case W_REPLICAS:
        this.#partitions?.replicas(value)
        return
      case W_IN_SYNC:
        this.#partitions?.inSync(value, this.nowMs)
        return
      default:
    }
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number, view: DataView): void {
    switch (field) {
      case W_HOST:
        this.#host(bytes, offset, length)
        return
      case W_TOPIC_NAME:
        this.#topics?.name(bytes, offset, length)
        this.#partitions?.topic(bytes, offset, length)
        return
      case W_TOPIC_ID:
        this.#topics?.id(bytes, offset)
        return
      case W_GONE_NAME:
        this.#topics?.goneName(bytes, offset, length)
        return
      case W_MEMBER:
        this.member = decoder.decode(bytes.subarray(offset, offset + length))
        return
      case W_ANSWER_GROUP:
        this.offsets?.group(bytes, offset, length)
        return
      case W_ANSWER_TOPIC:
      case W_ANSWER_TOPIC_ID:
        this.answerTopics?.topic(bytes, offset, length, field === W_ANSWER_TOPIC_ID)
        this.cursor?.topic(bytes, view, offset, length, field === W_ANSWER_TOPIC_ID)
        return
      default:
    }
  }

  #host(bytes: Uint8Array, offset: number, length: number): void {
    const endpoint = this.endpoints.at(-1)
    if (endpoint === undefined || offset < 0) return
    endpoint.host = decoder.decode(bytes.subarray(offset, offset + length))
    endpoint.hostAt = offset
    endpoint.hostBytes = length
  }

  tag(field: number, offset: number, sizeBytes: number): void {
    if (field !== W_NODES) return
    this.tagAt = offset
    this.tagBytes = sizeBytes
  }

  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number, view: DataView): void {
    if (field !== W_RECORDS) return
    if (batchMagic(bytes, offset) === 2) {
      this.fetches?.delivered(view, offset)
      if (!isControl(bytes, offset)) this.group?.fetched(bytes, offset, this.wallMs)
    }
    this.records += this.answerTopics?.records(bytes, offset, sizeBytes) ?? dataRecords(bytes, offset, sizeBytes)
  }

  #endpoint(nodeId: number): void {
    this.endpoints.push({ nodeId, host: '', hostAt: -1, hostBytes: 0, port: -1, portAt: -1 })
  }

  #port(port: number, offset: number): void {
    const endpoint = this.endpoints.at(-1)
    if (endpoint === undefined) return
    endpoint.port = port
    endpoint.portAt = offset
  }
}
