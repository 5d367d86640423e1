/**
 * Who is on the other end of one connection, as far as the wire has told: client id (it may change with every request),
 * library, SASL user. Keeps the buckets that follow from it, until identity or policy change.
 */

import type { ClientBehaviour } from '../policy/client-libraries.ts'
import { type Identity, NOBODY } from '../policy/identity.ts'
import { ChargeSet } from './charge-set.ts'
import type { SessionContext } from './context.ts'
import { API_SLOTS, apiSlot } from './counters.ts'

const decoder = new TextDecoder()

export class ClientFacts {
  readonly #context: SessionContext
  #identity: Identity = NOBODY
  #clientIdBytes: Uint8Array = new Uint8Array(0)
  #behaviour: ClientBehaviour
  #policyVersion: number
  readonly #charges: (ChargeSet | undefined)[] = new Array<ChargeSet | undefined>(API_SLOTS).fill(undefined)

  constructor(context: SessionContext) {
    this.#context = context
    this.#behaviour = context.behaviourOf('')
    this.#policyVersion = context.policy.version
  }

  get identity(): Identity {
    return this.#identity
  }

  get behaviour(): ClientBehaviour {
    return this.#behaviour
  }

  /** The client id of a request header, as bytes; a string is made only when it differs from the last one. */
  sawClientId(bytes: Uint8Array, from: number, length: number): boolean {
    const size = Math.max(0, length)
    if (this.#sameClientId(bytes, from, size)) return false
    this.#clientIdBytes = bytes.slice(from, from + size)
    this.#become({ ...this.#identity, clientId: decoder.decode(this.#clientIdBytes) })
    return true
  }

  sawSoftware(software: string, softwareVersion: string): void {
    this.#behaviour = this.#context.behaviourOf(software)
    this.#become({ ...this.#identity, software, softwareVersion })
  }

  sawPrincipal(principal: string): void {
    this.#become({ ...this.#identity, principal })
  }

  /** The buckets for one API, resolved at first use. */
  chargesFor(apiKey: number, nowMs: number): ChargeSet {
    if (this.#policyVersion !== this.#context.policy.version) this.forget()
    const slot = apiSlot(apiKey)
    let charges = this.#charges[slot]
    if (charges === undefined) {
      const { policy, buckets, counters, behaviourOf } = this.#context
      this.#policyVersion = policy.version
      this.#behaviour = behaviourOf(this.#identity.software)
      charges = new ChargeSet(policy.resolve(this.#identity, apiKey), buckets, counters, nowMs)
      this.#charges[slot] = charges
    }
    return charges
  }

  /** Lets go of every bucket: the identity or the policy changed, or the session ends. */
  forget(): void {
    for (let i = 0; i < API_SLOTS; i++) {
      this.#charges[i]?.release()
      this.#charges[i] = undefined
    }
    this.#policyVersion = this.#context.policy.version
  }

  #become(identity: Identity): void {
    this.#identity = identity
    this.forget()
  }

  #sameClientId(bytes: Uint8Array, from: number, size: number): boolean {
    if (size !== this.#clientIdBytes.length) return false
    for (let i = 0; i < size; i++) if (bytes[from + i] !== this.#clientIdBytes[i]) return false
    return true
  }
}
