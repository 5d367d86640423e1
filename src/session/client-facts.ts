/**
 * Who is on the other end of one connection, as far as the wire has told: client id (it may change with every request),
 * library, SASL user, group. Keeps the buckets that follow from it, until identity or policy change.
 */

import { SESSION_GROUPS_MAX, SESSION_TOPICS_MAX } from '../bounds.ts'
import type { ClientBehaviour } from '../policy/client-libraries.ts'
import type { RateDimension } from '../policy/dimensions.ts'
import { type Identity, NOBODY } from '../policy/identity.ts'
import { ChargeSet, type Draw } from './charge-set.ts'
import type { SessionContext } from './context.ts'
import { API_SLOTS, apiSlot } from './counters.ts'
import { LevelSet } from './level-set.ts'

const decoder = new TextDecoder()

/** Where a connection comes from. */
export interface Origin {
  /** As `Identity.address`. */
  readonly address: string
  readonly sni: string
  /** Of the client's certificate; a SASL login says it anew. */
  readonly principal?: string
}

export class ClientFacts {
  /** Grows with every change of the identity. */
  identityVersion = 0
  /** Grows whenever buckets are let go of: who has kept some asks again. */
  chargesVersion = 0
  readonly #context: SessionContext
  #identity: Identity
  #clientIdBytes: Uint8Array = new Uint8Array(0)
  #behaviour: ClientBehaviour
  #policyVersion: number
  /** Of the group book, when it was asked last. */
  #groupsVersion = -1
  readonly #charges: (ChargeSet | undefined)[] = new Array<ChargeSet | undefined>(API_SLOTS).fill(undefined)
  readonly #levels: (LevelSet | undefined)[] = new Array<LevelSet | undefined>(API_SLOTS).fill(undefined)
  readonly #asksForTopics: (boolean | undefined)[] = new Array<boolean | undefined>(API_SLOTS).fill(undefined)
  /** By API and topic, and by API and a group that a request names. The oldest makes room. */
  readonly #topicCharges = new Map<string, ChargeSet>()
  readonly #groupCharges = new Map<string, ChargeSet>()
  readonly #mutationCharges = new Map<string, ChargeSet>()

  constructor(context: SessionContext, { address, sni, principal = '' }: Origin) {
    this.#context = context
    this.#identity = { ...NOBODY, address, sni, principal, labels: context.labels }
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

  /** A request names groups as its own, or leaves them. */
  sawGroups(groups: readonly string[], leaves: boolean, nowMs: number): void {
    const { clientId, principal } = this.#identity
    for (const group of groups) {
      if (leaves) this.#context.groups.left(clientId, principal, group, nowMs)
      else this.#context.groups.learn(clientId, principal, group, nowMs)
    }
  }

  /** The buckets for one API, resolved at first use. */
  chargesFor(apiKey: number, nowMs: number): ChargeSet {
    this.#refresh(nowMs)
    const slot = apiSlot(apiKey)
    let charges = this.#charges[slot]
    if (charges === undefined) {
      charges = this.#resolve(this.#identity, apiKey, nowMs)
      this.#charges[slot] = charges
    }
    return charges
  }

  /** Of a mutating API, the buckets of its mutations alone. */
  chargesForMutations(apiKey: number, nowMs: number): ChargeSet {
    return this.#chargesWhere(apiKey, 'mutations', (dimension) => dimension === 'mutations', nowMs)
  }

  /** And all others. */
  chargesBesideMutations(apiKey: number, nowMs: number): ChargeSet {
    return this.#chargesWhere(apiKey, 'beside mutations', (dimension) => dimension !== 'mutations', nowMs)
  }

  /** The gauges for one API. */
  levelsFor(apiKey: number, nowMs: number): LevelSet {
    this.#refresh(nowMs)
    const slot = apiSlot(apiKey)
    const { policy, levels, counters } = this.#context
    this.#levels[slot] ??= new LevelSet(policy.resolveInFlight(this.#identity, apiKey), levels, counters)
    return this.#levels[slot]
  }

  /** The buckets for a request that names its group, which may be another than the one this client is known to be in. */
  chargesForGroup(apiKey: number, group: string, nowMs: number): ChargeSet {
    this.#refresh(nowMs)
    if (group === this.#identity.group) return this.chargesFor(apiKey, nowMs)
    return cached(this.#groupCharges, `${apiKey} ${group}`, SESSION_GROUPS_MAX, () =>
      this.#resolve({ ...this.#identity, group }, apiKey, nowMs),
    )
  }

  /** Whether some quota tells the topics of such requests apart. */
  asksForTopics(apiKey: number, nowMs: number): boolean {
    this.#refresh(nowMs)
    const slot = apiSlot(apiKey)
    this.#asksForTopics[slot] ??= this.#context.policy.asksForTopics(this.#identity, apiKey)
    return this.#asksForTopics[slot]
  }

  /** The buckets for what a request has of one topic. */
  chargesForTopic(apiKey: number, topic: string, nowMs: number): ChargeSet {
    this.#refresh(nowMs)
    return cached(this.#topicCharges, `${apiKey} ${topic}`, SESSION_TOPICS_MAX, () => {
      const applicable = this.#context.policy.resolveTopic(this.#identity, apiKey, topic)
      return new ChargeSet(applicable, this.#context.buckets, this.#context.counters, nowMs)
    })
  }

  /** Calls `visit` with every bucket that its requests draw from now, once for each kind of request. */
  eachDraw(visit: (draw: Draw) => void): void {
    for (let i = 0; i < API_SLOTS; i++) this.#charges[i]?.draws.forEach(visit)
    for (const sets of [this.#topicCharges, this.#groupCharges, this.#mutationCharges]) {
      for (const charges of sets.values()) charges.draws.forEach(visit)
    }
  }

  /** Lets go of every bucket: the identity or the policy changed, or the session ends. */
  forget(): void {
    this.chargesVersion++
    for (let i = 0; i < API_SLOTS; i++) {
      this.#charges[i]?.release()
      this.#charges[i] = undefined
      this.#levels[i]?.release()
      this.#levels[i] = undefined
      this.#asksForTopics[i] = undefined
    }
    for (const sets of [this.#topicCharges, this.#groupCharges, this.#mutationCharges]) {
      for (const charges of sets.values()) charges.release()
      sets.clear()
    }
    this.#policyVersion = this.#context.policy.version
  }

  /** Looks whether the policy has changed, or which group the client is in. */
  #refresh(nowMs: number): void {
    if (this.#groupsVersion !== this.#context.groups.version) this.#findGroup(nowMs)
    if (this.#policyVersion === this.#context.policy.version) return
    this.forget()
    this.#behaviour = this.#context.behaviourOf(this.#identity.software)
  }

  /** In several groups is in none that is known. */
  #findGroup(nowMs: number): void {
    const { groups } = this.#context
    const { clientId, principal } = this.#identity
    const answer = groups.groupOf(clientId, principal, nowMs)
    this.#groupsVersion = groups.version
    const group = answer.state === 'one' ? answer.group : ''
    if (group !== this.#identity.group) this.#become({ ...this.#identity, group })
  }

  #chargesWhere(apiKey: number, name: string, wanted: (dimension: RateDimension) => boolean, nowMs: number): ChargeSet {
    this.#refresh(nowMs)
    const { policy, buckets, counters } = this.#context
    return cached(this.#mutationCharges, `${apiKey} ${name}`, SESSION_GROUPS_MAX, () => {
      const applicable = policy.resolve(this.#identity, apiKey).filter(({ dimension }) => wanted(dimension))
      return new ChargeSet(applicable, buckets, counters, nowMs)
    })
  }

  #resolve(identity: Identity, apiKey: number, nowMs: number): ChargeSet {
    const { policy, buckets, counters } = this.#context
    return new ChargeSet(policy.resolve(identity, apiKey), buckets, counters, nowMs)
  }

  #become(identity: Identity): void {
    const isSomebodyElse =
      identity.clientId !== this.#identity.clientId || identity.principal !== this.#identity.principal
    if (isSomebodyElse) this.#groupsVersion = -1
    this.#identity = identity
    this.identityVersion++
    this.forget()
  }

  #sameClientId(bytes: Uint8Array, from: number, size: number): boolean {
    if (size !== this.#clientIdBytes.length) return false
    for (let i = 0; i < size; i++) if (bytes[from + i] !== this.#clientIdBytes[i]) return false
    return true
  }
}

function cached(sets: Map<string, ChargeSet>, key: string, max: number, make: () => ChargeSet): ChargeSet {
  let set = sets.get(key)
  if (set !== undefined) return set
  if (sets.size >= max) {
    for (const [oldestKey, oldest] of sets) {
      sets.delete(oldestKey)
      oldest.release()
      break
    }
  }
  set = make()
  sets.set(key, set)
  return set
}
