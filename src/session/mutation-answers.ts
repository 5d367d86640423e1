/** Answers to what creates or deletes partitions, where a quota limits that: refused topics are put where the broker would have put them. */
import type { AnswerAccount } from './answer-account.ts'
import type { AnswerAtHand } from './answer-at-hand.ts'
import type { JudgedMutation } from './mutation-gate.ts'
import { mergeAnswer, mergeHead } from './mutations.ts'
import type { SessionParts } from './session-parts.ts'

export class MutationAnswers {
  readonly #parts: SessionParts
  readonly #answer: AnswerAtHand
  readonly #account: AnswerAccount

  constructor(parts: SessionParts, answer: AnswerAtHand, account: AnswerAccount) {
    this.#parts = parts
    this.#answer = answer
    this.#account = account
  }

  /** An answer that is here whole, or too long for that; returns up to where it went. */
  take(mutation: JudgedMutation): number {
    const { whole, from, bytes, visibleEnd, expected, nowMs } = this.#answer
    const { split, throttleMs } = mutation
    const merged = whole || split.refusedCount === 0 ? undefined : mergeHead(split, bytes, from, visibleEnd, throttleMs)
    if (!whole && split.refusedCount > 0 && merged === undefined) return from
    const seenTo = this.#answer.look()
    this.#account.accept()
    this.#account.noticed()
    const answer = whole ? bytes.slice(from, visibleEnd) : undefined
    this.#parts.mutations.finish(mutation, answer, nowMs)
    expected.mutation = undefined
    const at = whole ? visibleEnd : (merged?.upTo ?? seenTo)
    const head = answer !== undefined && split.refusedCount > 0 ? mergeAnswer(split, answer, throttleMs) : merged?.head
    if (head !== undefined) this.#answer.replace(at, head)
    this.#answer.skimming = false
    return this.#account.passedTo(at)
  }
}
