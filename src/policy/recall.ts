/**
 * What a policy has answered lately. A client asks the same things on each of its connections, and again whenever it changes its
 * client id; a thousand quotas take half a millisecond to go through, and ten thousand connections come back at once when a broker
 * restarts. Bounded: when it is full it is forgotten, and begins anew.
 */
import { RECALL_ANSWERS_MAX, RECALL_KEY_CHARS_MAX } from '../bounds.ts'
import type { Identity } from './identity.ts'

export class Recall {
  readonly #answers = new Map<string, unknown>()
  /** Answers, and the items that are in them. */
  #size = 0
  /** The same object for all clients of a process. */
  #labels: Identity['labels'] | undefined

  /** What `find` said when the same was asked about the same client, else what it says now. */
  get<T>(question: string, identity: Identity, find: () => T, itemsOf: (answer: T) => number): T {
    if (this.#labels !== identity.labels) {
      this.#clear()
      this.#labels = identity.labels
    }
    const key = keyOf(question, identity)
    const known = this.#answers.get(key)
    if (known !== undefined) return known as T
    const answer = find()
    if (key.length > RECALL_KEY_CHARS_MAX) return answer
    this.#size += 1 + itemsOf(answer)
    if (this.#size > RECALL_ANSWERS_MAX) {
      this.#clear()
      this.#size = 1 + itemsOf(answer)
    }
    this.#answers.set(key, answer)
    return answer
  }

  #clear(): void {
    this.#answers.clear()
    this.#size = 0
  }
}

/** Clients choose what stands here: lengths keep one from being taken for another. */
function keyOf(question: string, identity: Identity): string {
  const { clientId, principal, group, software, softwareVersion, address, sni } = identity
  const lengths = `${question.length} ${clientId.length} ${principal.length} ${group.length} ${software.length} ${softwareVersion.length} ${address.length}`
  return `${lengths} ${question}${clientId}${principal}${group}${software}${softwareVersion}${address}${sni}`
}
