/**
 * Teaches the topic book what answers say about topics: Metadata and DescribeTopicPartitions (what there is), CreateTopics (what is
 * new), DeleteTopics (what is gone). The answer streams past, and a chunk is gone when its skim returns, so the name and the id of
 * the topic at hand are copied until the field that completes it has come.
 */
import { TOPIC_NAME_CHARS_MAX, type TopicBook } from '../cluster/topic-book.ts'

const ID_BYTES = 16
const NO_NAME = -1

export class TopicLearner {
  readonly #book: TopicBook
  readonly #name: Uint8Array = new Uint8Array(TOPIC_NAME_CHARS_MAX)
  readonly #id: Uint8Array = new Uint8Array(ID_BYTES)
  #nameLength = NO_NAME
  #hasId = false
  /** The topic at hand is one that was to be deleted: its error code comes last, and decides. */
  #isGone = false

  constructor(book: TopicBook) {
    this.#book = book
  }

  /** For a new answer, or one that is looked at again from its start. */
  reset(): void {
    this.#nameLength = NO_NAME
    this.#hasId = false
    this.#isGone = false
  }

  name(bytes: Uint8Array, offset: number, length: number): void {
    const isName = offset >= 0 && length <= TOPIC_NAME_CHARS_MAX
    this.#nameLength = isName ? length : NO_NAME
    this.#hasId = false
    for (let i = 0; i < this.#nameLength; i++) this.#name[i] = bytes[offset + i]!
  }

  id(bytes: Uint8Array, offset: number): void {
    this.#hasId = true
    for (let i = 0; i < ID_BYTES; i++) this.#id[i] = bytes[offset + i]!
  }

  /** The topic is there with so many partitions; 0 where it has an error, null name or not. */
  partitions(count: number): void {
    if (count > 0) this.#learn(count)
    this.#nameLength = NO_NAME
  }

  /** As `partitions`, for a topic just made: one that has no id was only validated, or refused. */
  created(count: number): void {
    if (count > 0 && this.#hasId && this.#id.some((byte) => byte !== 0)) this.#learn(count)
    this.#nameLength = NO_NAME
  }

  /** As `name`, of a topic that was to be deleted. */
  goneName(bytes: Uint8Array, offset: number, length: number): void {
    this.name(bytes, offset, length)
    this.#isGone = true
  }

  /** An error code has come, of whatever. */
  error(code: number): void {
    if (!this.#isGone) return
    this.#isGone = false
    if (code !== 0) return
    if (this.#hasId) this.#book.forgetId(this.#id, 0)
    if (this.#nameLength > 0) this.#book.forget(new TextDecoder().decode(this.#name.subarray(0, this.#nameLength)))
  }

  #learn(partitions: number): void {
    const id = this.#hasId ? this.#id : undefined
    this.#book.learnBytes(this.#name, 0, this.#nameLength, id, 0, partitions)
  }
}
