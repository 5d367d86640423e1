/** Answers to what creates or deletes partitions, where a quota limits that: refused topics are put where the broker would have put them. */
import type { AnswerAccount } from './answer-account.ts'
import type { AnswerAtHand } from './answer-at-hand.ts'
import type { JudgedMutation } from './mutation-gate.ts'
import { hasHead, mergeAnswer, mergeHead } from './mutations.ts'
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
    const isRefusing = split.refusedCount > 0
    if (!whole && isRefusing && !hasHead(split, bytes, from, visibleEnd)) return from
    const seenTo = this.#answer.look()
    this.#account.accept()
    this.#account.noticed() // stamps it where it lies, so what takes its place is made of it afterwards
    const answer = whole ? bytes.slice(from, visibleEnd) : undefined
    this.#parts.mutations.finish(mutation, answer, nowMs)
    expected.mutation = undefined
    this.#answer.skimming = false
    if (!isRefusing) return this.#account.passedTo(whole ? visibleEnd : seenTo)
    const { head, upTo } =
      answer === undefined
        ? mergeHead(split, bytes, from, visibleEnd, throttleMs)
        : { head: mergeAnswer(split, answer, throttleMs), upTo: visibleEnd }
    this.#answer.replace(upTo, head)
    return this.#account.passedTo(upTo)
  }
}
