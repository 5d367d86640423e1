/**
 * Follows the offsets that one connection asks for: what an OffsetFetch answer says is committed counts as committed, so that a group's
 * lag is known before it commits through here. Tools ask for other groups' offsets, several at a time from v8 on: what is said
 * counts for the group that it is said of, whoever asked.
 */
import type { LagBook } from '../cluster/lag-book.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import { PartitionCursor, PartitionEntries } from './partition-entries.ts'

const decoder = new TextDecoder()

export class OffsetFollower {
  /** Told of the topics of answers, and by `told` of their partitions. */
  readonly answered: PartitionCursor
  #nowMs = 0
  /** Whose offsets come is known. */
  #isNamed = false
  /** The last group that an answer named, as bytes, so that the next one that says the same makes no string. */
  #lastBytes: Uint8Array = new Uint8Array(0)
  #last = ''
  /** What was said of the partition that was named last, until its error is known. */
  #offset: number | undefined

  constructor(lags: LagBook, topics: TopicBook) {
    this.answered = new PartitionCursor(new PartitionEntries(lags, topics))
  }

  /** An answer begins. Its group is the one that was asked for, or undefined where the answer names its groups itself. */
  begin(group: string | undefined, nowMs: number): void {
    this.#nowMs = nowMs
    this.#offset = undefined
    this.#of(group)
  }

  /** What follows is of this group. */
  group(bytes: Uint8Array, offset: number, length: number): void {
    this.#of(offset < 0 || length === 0 ? undefined : this.#textOf(bytes, offset, length))
  }

  /** What is committed of a partition; −1: nothing. Of a group without a name nothing is kept. */
  told(partition: number, offset: number): void {
    this.#offset = undefined
    if (!this.#isNamed) return
    this.answered.partition(partition)
    this.#offset = offset
  }

  /** Its error. Those of a group and of the whole answer come behind its partitions and change nothing. */
  result(code: number): void {
    const { entry, nowMs } = this.answered
    const offset = this.#offset
    this.#offset = undefined
    if (entry === undefined || offset === undefined || code !== 0) return
    entry.committed = offset
    entry.heardAtMs = nowMs
  }

  #of(group: string | undefined): void {
    this.#isNamed = group !== undefined
    if (group !== undefined) this.answered.begin(group, this.#nowMs)
  }

  #textOf(bytes: Uint8Array, offset: number, length: number): string {
    const last = this.#lastBytes
    let i = 0
    while (i < length && last[i] === bytes[offset + i]) i++
    if (i < length || last.length !== length) {
      this.#lastBytes = bytes.slice(offset, offset + length)
      this.#last = decoder.decode(this.#lastBytes)
    }
    return this.#last
  }
}
