/** Teaches the book of partitions what a Metadata answer says of them, field by field as it streams past. */
import type { PartitionBook, PartitionReport } from './partition-book.ts'
import { NO_TOPIC } from './topic-keys.ts'

export class PartitionLearner {
  readonly #book: PartitionBook
  readonly #report: PartitionReport = { error: 0, index: 0, leader: -1, epoch: -1, replicas: 0, inSync: 0 }
  #topic = NO_TOPIC

  constructor(book: PartitionBook) {
    this.#book = book
  }

  /** For a new answer, or one that is looked at again from its start. */
  reset(): void {
    this.#topic = NO_TOPIC
  }

  topic(bytes: Uint8Array, offset: number, length: number): void {
    this.#topic = this.#book.topic(bytes, offset, length)
  }

  /** An error code has come: the partition's own, if one follows. */
  error(code: number): void {
    this.#report.error = code
  }

  partition(index: number): void {
    this.#report.index = index
    this.#report.epoch = -1
  }

  leader(node: number): void {
    this.#report.leader = node
  }

  epoch(epoch: number): void {
    this.#report.epoch = epoch
  }

  replicas(count: number): void {
    this.#report.replicas = count
  }

  /** The last field: the report is complete. */
  inSync(count: number, nowMs: number): void {
    this.#report.inSync = count
    this.#book.told(this.#topic, this.#report, nowMs)
  }
}
