/**
 * Limits on mutations (KIP-599) on one connection: what a CreateTopics, DeleteTopics or CreatePartitions costs, which of its topics
 * are refused where the version may carry a refusal, and what its answer becomes. Below those versions a request is charged,
 * stamped and held like any other.
 */
import type { RequestHead } from 'kafka-protocol-codec'
import { MUTATION_THROTTLE_MAX_MS } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'
import type { Waiter } from '../limiter/level-table.ts'
import { isMutating } from '../policy/dimensions.ts'
import type { ChargeSet } from './charge-set.ts'
import type { ClientFacts } from './client-facts.ts'
import { noCosts } from './costs.ts'
import { mayRefuse } from './mutation-costs.ts'
import { costDifference, type Mutation, type MutationSplit, readMutation, refusal, splitMutation } from './mutations.ts'

/** What waits for the answer of a request that was charged for its mutations. */
export interface JudgedMutation {
  readonly split: MutationSplit
  readonly set: ChargeSet
  /** What the refused topics' answer tells the client to wait. */
  readonly throttleMs: number
}

/** What becomes of a request. */
export interface MutationVerdict {
  readonly judged: JudgedMutation
  /** What goes to the broker in its place; undefined when the request itself goes, or nothing. */
  readonly replacement: Uint8Array | undefined
  /** The whole answer, where every topic is refused and nothing goes to the broker. */
  readonly reply: Uint8Array | undefined
  /** The quotas because of which topics are refused. */
  readonly refusedBy: readonly string[]
}

/** Nobody waits for a turn: what may not start is refused. */
const NOBODY: Waiter = { ready: () => false }

export class MutationGate {
  readonly #facts: ClientFacts
  readonly #topics: TopicBook

  constructor(facts: ClientFacts, topics: TopicBook) {
    this.#facts = facts
    this.#topics = topics
  }

  /** Whether some quota limits the mutations of such requests. */
  concerns({ apiKey }: RequestHead, nowMs: number): boolean {
    return isMutating(apiKey) && this.#facts.chargesFor(apiKey, nowMs).measures('mutations')
  }

  /** @param frame exactly the request, in bytes of its own */
  read(frame: Uint8Array): Mutation {
    return readMutation(frame, this.#topics)
  }

  /** Judges the topics of a request whose version may carry refusals, and charges those that pass. Undefined for other versions. */
  judge(mutation: Mutation, nowMs: number): MutationVerdict | undefined {
    if (!mayRefuse(mutation.apiKey, mutation.version)) return undefined
    const set = this.#facts.chargesForMutations(mutation.apiKey, nowMs).retain()
    const { split, forward } = splitMutation(mutation, (cost) => this.#take(set, cost, nowMs))
    const refusedBy = split.refusedCount > 0 ? set.countRefused(nowMs) : []
    const throttleMs = split.refusedCount === 0 ? 0 : Math.min(Math.ceil(set.debtMs(nowMs)), MUTATION_THROTTLE_MAX_MS)
    return {
      judged: { split, set, throttleMs },
      replacement: forward === mutation.frame ? undefined : forward,
      reply: forward === undefined ? refusal(split, throttleMs) : undefined,
      refusedBy,
    }
  }

  /**
   * The answer has come, or will not. Topics that failed at the broker cost nothing: they are given back.
   * @param answer exactly the answer's frame; undefined if there is none, or it was too long to be seen whole
   */
  finish({ split, set }: JudgedMutation, answer: Uint8Array | undefined, nowMs: number): void {
    const reserved = { ...noCosts(), mutations: split.cost }
    const difference = answer === undefined ? 0 : costDifference(split, answer)
    if (split.cost > 0) set.sent(reserved, { ...reserved, mutations: split.cost + difference }, nowMs)
    set.release()
  }

  /** As the broker: a topic passes while the bucket is not in debt, however much it costs. */
  #take(set: ChargeSet, cost: number, nowMs: number): boolean {
    if (set.debtMs(nowMs) > 0) return false
    set.reserve({ ...noCosts(), mutations: cost }, NOBODY, nowMs)
    set.go(nowMs)
    return true
  }
}
