/**
 * The topics of a Produce request that is not taken yet, as far as it is visible: what a decision to hold it can go by. The skim
 * steps over records that are still to come, so of a frame that is larger than the read buffer the first topics are seen.
 */
import { API_KEY, Skim, type SkimSink } from 'kafka-protocol-codec'
import { FRAME_TOPICS_MAX } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'
import { sharesPlan, W_SHARE_ID, W_SHARE_NAME, W_SHARE_TOPICS } from './topic-shares.ts'

export class TopicPeek implements SkimSink {
  /** Whether the topics seen are all that the request has. */
  complete = false
  readonly #keys: TopicKeys
  readonly #skim: Skim = new Skim()
  readonly #found: number[] = []
  /** By key, the look that found it last. */
  readonly #foundIn: Int32Array = new Int32Array(FRAME_TOPICS_MAX)
  #look = 0
  #topicsLeft = NO_TOPIC

  constructor(book: TopicBook) {
    this.#keys = new TopicKeys(book, FRAME_TOPICS_MAX)
  }

  /** How many different topics were seen. */
  get count(): number {
    return this.#found.length
  }

  /** The name of one of them; undefined for an id that nobody has named. */
  nameAt(place: number): string | undefined {
    return this.#keys.nameOf(this.#found[place] ?? NO_TOPIC)
  }

  /**
   * Looks at the body of a Produce request of `bodyBytes` bytes that starts at `from` and is visible up to `to`. Nothing is taken.
   * @throws ProtocolError for what is no Produce request
   */
  look(version: number, bytes: Uint8Array, view: DataView, from: number, to: number, bodyBytes: number): void {
    if (this.#keys.full) this.#keys.clear()
    this.#found.length = 0
    this.#look = (this.#look + 1) | 0
    this.#topicsLeft = NO_TOPIC
    this.#skim.start(sharesPlan(API_KEY.Produce, version), bodyBytes)
    this.#skim.run(bytes, view, from, to, this)
    this.complete = this.#topicsLeft === 0
  }

  value(field: number, value: number): void {
    if (field === W_SHARE_TOPICS) this.#topicsLeft = Math.max(0, value)
  }

  text(field: number, bytes: Uint8Array, offset: number, length: number): void {
    if (field !== W_SHARE_NAME && field !== W_SHARE_ID) return
    this.#topicsLeft--
    if (offset < 0) return
    const key = this.#keys.add(bytes, offset, length, field === W_SHARE_ID)
    if (key === NO_TOPIC || this.#foundIn[key] === this.#look) return
    this.#foundIn[key] = this.#look
    this.#found.push(key)
  }

  tag(): void {}

  batch(): void {}
}
