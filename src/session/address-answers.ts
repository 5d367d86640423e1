/**
 * Answers that name brokers: our listeners' addresses take the place of the brokers' (design.md §7). Those in sight are replaced,
 * and an answer that names a broker without a listener waits for it; a list behind data that has been sent is blanked in place.
 */
import { ProtocolError } from 'kafka-protocol-codec'
import { REWRITE_BYTES_MAX } from '../bounds.ts'
import { type Address, isDialable } from '../cluster/address-book.ts'
import type { AnswerAccount } from './answer-account.ts'
import type { AnswerAtHand } from './answer-at-hand.ts'
import type { ResponsePlan } from './response-plan.ts'
import { BLANK_LIST_BYTES, blankListedNodes, blankTaggedNodes, replaceAddresses } from './rewrite.ts'
import type { SessionParts } from './session-parts.ts'

export class AddressAnswers {
  /** The answer that streams may have a list of nodes at its end. */
  blankTail = false
  readonly #parts: SessionParts
  readonly #answer: AnswerAtHand
  readonly #account: AnswerAccount

  constructor(parts: SessionParts, answer: AnswerAtHand, account: AnswerAccount) {
    this.#parts = parts
    this.#answer = answer
    this.#account = account
  }

  /** An answer that is here whole, or of which the list of brokers comes first; returns up to where it went. */
  take(plan: ResponsePlan): number {
    const answer = this.#answer
    const { whole, from } = answer
    answer.shares?.chunk(from, 0)
    const seenTo = answer.look()
    if (!whole && !answer.sink.markerSeen) return this.#headUnseen()
    const addresses = this.#localAddresses()
    if (addresses === undefined) {
      answer.stop = 'needs_listener'
      return from
    }
    this.#account.accept()
    this.#account.noticed()
    this.blankTail = false
    const at = whole ? answer.visibleEnd : seenTo
    this.#replace(plan, at, addresses)
    answer.skimming = !whole && !answer.skim.done
    return this.#account.passedTo(at)
  }

  /** Up to where the skim may look: a list that may have to be blanked must have its first bytes in sight when it comes upon it. */
  skimEnd(from: number, end: number): number {
    return this.blankTail && end < from + this.#answer.bodyLeft ? Math.max(from, end - BLANK_LIST_BYTES) : end
  }

  /** Blanks a list of nodes that comes after data whose size has been sent. */
  blank(frameEnd: number): void {
    const { bytes, sink } = this.#answer
    const { tagAt, countAt, count } = sink
    if (tagAt >= 0) blankTaggedNodes(bytes, tagAt)
    else if (countAt >= 0 && count > 0) blankListedNodes(bytes, countAt, frameEnd - countAt)
    else return
    this.#answer.skimming = false // nothing else is wanted behind the list
  }

  #headUnseen(): number {
    const { from, visibleEnd } = this.#answer
    if (visibleEnd - from >= REWRITE_BYTES_MAX) {
      throw new ProtocolError('bad_length', `the broker list of an answer is longer than ${REWRITE_BYTES_MAX} bytes`)
    }
    return from
  }

  #replace({ flexible }: ResponsePlan, to: number, addresses: readonly Address[]): void {
    const { bytes, from, sink } = this.#answer
    const { endpoints, tagAt, tagBytes } = sink
    if (endpoints.length === 0) return
    const tagged = tagAt < 0 ? undefined : { at: tagAt, sizeBytes: tagBytes }
    this.#answer.replace(to, replaceAddresses(bytes, from, to, endpoints, addresses, flexible, tagged))
  }

  /**
   * The local address for each endpoint seen; those that name no broker (an error's −1) or no address that could be dialled
   * are taken out of the list. Undefined when a listener is still missing.
   */
  #localAddresses(): Address[] | undefined {
    const { endpoints, controllers } = this.#answer.sink
    const addresses: Address[] = []
    let missing = false
    let kept = 0
    for (const endpoint of endpoints) {
      if (controllers || endpoint.nodeId < 0 || !isDialable(endpoint)) continue
      const entry = this.#parts.context.book.learn(endpoint.nodeId, endpoint.host, endpoint.port)
      if (entry === undefined) throw new ProtocolError('bad_count', 'the cluster has more brokers than we keep')
      endpoints[kept++] = endpoint
      if (entry.local === undefined) missing = true
      else addresses.push(entry.local)
    }
    endpoints.length = kept
    return missing ? undefined : addresses
  }
}
