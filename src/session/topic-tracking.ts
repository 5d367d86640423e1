/**
 * Topics on one connection, where some quota tells them apart: which ones a request carries, so that it can be held for them, and
 * what part of it each is, so that each bucket is charged its own. Made when the first such request comes.
 */
import { API_KEY, type RequestHead, Skim } from 'kafka-protocol-codec'
import { SESSION_TOPICS_MAX } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import type { ChargeSet } from './charge-set.ts'
import type { ClientFacts } from './client-facts.ts'
import type { Costs } from './costs.ts'
import { FetchPositions } from './fetch-positions.ts'
import type { FrameCharge } from './frame-charge.ts'
import { TopicPeek } from './topic-peek.ts'
import { TopicShares } from './topic-shares.ts'

type TopicSet = readonly [topic: string, set: ChargeSet]

/** What the last answer brought of a topic. */
interface Brought {
  readonly bytes: number
  readonly records: number
}

export class TopicTracking {
  /** The shares of the Produce that passes. */
  readonly produced: TopicShares
  /** What is fetched, and from where. */
  readonly positions: FetchPositions
  /** The shares of the answer to a Fetch that passes. */
  readonly fetched: TopicShares
  /** Over the part of a Fetch that is looked at before it goes; it goes on over the rest as that passes. */
  readonly fetchSkim: Skim = new Skim()
  readonly #facts: ClientFacts
  readonly #peek: TopicPeek
  readonly #brought = new Map<string, Brought>()
  /** The sets of the topics that are fetched, and what they were made for. */
  #fetchSets: readonly TopicSet[] = []
  #setsOf: readonly string[] = []
  #setsVersion = -1

  constructor(book: TopicBook, facts: ClientFacts) {
    this.#facts = facts
    this.#peek = new TopicPeek(book)
    this.positions = new FetchPositions(book)
    this.produced = new TopicShares(book)
    this.fetched = new TopicShares(book, this.positions)
  }

  /** Looks for the topics of a Produce that waits; true once all are seen that it has. */
  look(head: RequestHead, bytes: Uint8Array, view: DataView, to: number, bodyBytes: number): boolean {
    this.#peek.look(head.apiVersion, bytes, view, head.bodyOffset, to, bodyBytes)
    return this.#peek.complete
  }

  /** Adds the topics that were seen of a Produce, each with an equal part until more is known. */
  addProduced(charge: FrameCharge, nowMs: number): void {
    const { count } = this.#peek
    for (let i = 0; i < count; i++) {
      const topic = this.#peek.nameAt(i)
      if (topic === undefined) continue
      const set = this.#facts.chargesForTopic(API_KEY.Produce, topic, nowMs)
      if (set.empty) continue
      const reserved = charge.addTopic(topic, set)
      reserved.requestBytes = charge.reserved.requestBytes / count
      reserved.producedRecords = charge.reserved.producedRecords / count
    }
  }

  /** Adds the topics that a Fetch asks for, each with what it brought last. */
  addFetched(charge: FrameCharge, apiKey: number, nowMs: number): void {
    for (const [topic, set] of this.#setsFor(apiKey, nowMs)) {
      const reserved = charge.addTopic(topic, set)
      const brought = this.#brought.get(topic)
      reserved.answerBytes = brought?.bytes ?? 0
      reserved.fetchedRecords = brought?.records ?? 0
    }
  }

  /** A Produce has passed: what it has of each topic. */
  settleProduced(charge: FrameCharge, nowMs: number): void {
    const { produced } = this
    for (let i = 0; i < produced.count; i++) {
      const costs = this.#costsOf(charge, API_KEY.Produce, produced.nameAt(i), nowMs)
      if (costs === undefined) continue
      costs.requestBytes = produced.bytesAt(i)
      costs.producedRecords = produced.recordsAt(i)
    }
  }

  /** An answer to a Fetch has passed: what it brought of each topic. */
  settleFetched(charge: FrameCharge, apiKey: number, nowMs: number): void {
    const { fetched } = this
    for (let i = 0; i < fetched.count; i++) {
      const topic = fetched.nameAt(i)
      const costs = this.#costsOf(charge, apiKey, topic, nowMs)
      if (topic === undefined || costs === undefined) continue
      costs.answerBytes = fetched.bytesAt(i)
      costs.fetchedRecords = fetched.recordsAt(i)
      if (this.#brought.size >= SESSION_TOPICS_MAX) this.#brought.clear()
      this.#brought.set(topic, { bytes: costs.answerBytes, records: costs.fetchedRecords })
    }
  }

  /** Lets go of all buckets. */
  close(): void {
    for (const [, set] of this.#fetchSets) set.release()
    this.#fetchSets = []
    this.#setsOf = []
  }

  /** The actual costs of a topic, added now if it was not seen before; undefined where no quota is on it, or its name is not known. */
  #costsOf(charge: FrameCharge, apiKey: number, topic: string | undefined, nowMs: number): Costs | undefined {
    if (topic === undefined) return undefined
    const known = charge.topic(topic)
    if (known !== undefined) return known
    const set = this.#facts.chargesForTopic(apiKey, topic, nowMs)
    return set.empty ? undefined : charge.addLateTopic(topic, set)
  }

  /** Asked for every Fetch, and made anew only when its topics, the policy or the client are others. */
  #setsFor(apiKey: number, nowMs: number): readonly TopicSet[] {
    const topics = this.positions.topics()
    if (this.#setsOf === topics && this.#setsVersion === this.#facts.chargesVersion) return this.#fetchSets
    this.close()
    this.#fetchSets = topics.flatMap((topic) => {
      const set = this.#facts.chargesForTopic(apiKey, topic, nowMs)
      return set.empty ? [] : [[topic, set.retain()] as const]
    })
    this.#setsOf = topics
    this.#setsVersion = this.#facts.chargesVersion
    return this.#fetchSets
  }
}
