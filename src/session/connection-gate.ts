/**
 * Limits on connections: how many at a time (`connections`), and how many new ones (`newConnections`). A connection is accepted
 * at once, because clients give a connect little time; its first request waits for its place, and when that takes longer than
 * clients bear, the connection is closed, as the broker does (KIP-612). Who it is becomes known bit by bit (client id, library,
 * user): each time the quotas are asked anew, and what it was let in by before stays.
 */
import { CONNECTION_HOLD_MS } from '../bounds.ts'
import type { Waiter } from '../limiter/level-table.ts'
import type { Applicable, LevelApplicable } from '../policy/policy-set.ts'
import type { ClientFacts } from './client-facts.ts'
import type { SessionContext } from './context.ts'
import type { QuotaCounts } from './counters.ts'
import { ClientRefused } from './foreign-bytes.ts'

/** A place in a gauge, or a token of a bucket. */
interface Claim {
  readonly slot: number
  readonly quota: string
  readonly enforced: boolean
  readonly counts: QuotaCounts
  /** What the quota allows, for the log. */
  readonly allows: string
  /** Of a bucket: when it may start. */
  startAtMs: number
  /** Of a gauge: it is counted. */
  inside: boolean
}

type Claims = Map<string, Claim>

export class ConnectionGate implements Waiter {
  /** Until when the request at the head is held; meaningful after `mayPass` said no. */
  heldUntilMs = 0
  readonly #context: SessionContext
  readonly #facts: ClientFacts
  readonly #resume: () => void
  #identityVersion = -1
  #policyVersion = -1
  /** Everything has been granted. */
  #open = false
  #waitingSinceMs = 0
  #tokens: Claims = new Map()
  #places: Claims = new Map()

  /** @param resume asks that the client's bytes be offered again */
  constructor(context: SessionContext, facts: ClientFacts, resume: () => void) {
    this.#context = context
    this.#facts = facts
    this.#resume = resume
  }

  /** A place has become free. */
  ready(): void {
    this.#resume()
  }

  /**
   * Whether the connection's next request may go on, as far as its connection is concerned.
   * @throws ClientRefused when it has waited for its place as long as clients bear
   */
  mayPass(nowMs: number, draining: boolean): boolean {
    if (this.#identityVersion !== this.#facts.identityVersion || this.#policyVersion !== this.#context.policy.version) {
      this.#resolve(nowMs)
    }
    if (this.#open || draining) return true
    const startAtMs = Math.max(nowMs, ...[...this.#tokens.values()].map((claim) => claim.startAtMs))
    const missing = startAtMs > nowMs ? undefined : this.#enterAll()
    if (startAtMs <= nowMs && missing === undefined) {
      this.#open = true
      return true
    }
    const closeAtMs = this.#waitingSinceMs + CONNECTION_HOLD_MS
    if (nowMs >= closeAtMs) this.#refuse(missing ?? this.#latest(), nowMs)
    this.heldUntilMs = startAtMs > nowMs ? Math.min(startAtMs, closeAtMs) : closeAtMs
    return false
  }

  /** The connection has ended. */
  close(): void {
    for (const claim of this.#tokens.values()) this.#context.buckets.release(claim.slot)
    for (const claim of this.#places.values()) this.#leave(claim)
    this.#tokens = new Map()
    this.#places = new Map()
  }

  #resolve(nowMs: number): void {
    this.#identityVersion = this.#facts.identityVersion
    this.#policyVersion = this.#context.policy.version
    const { rates, levels } = this.#context.policy.resolveConnection(this.#facts.identity)
    const tokens = new Map(rates.map((rate) => this.#token(rate, nowMs)))
    const places = new Map(levels.map((level) => this.#place(level)))
    // The new ones are there already, so what both have is never without a holder.
    for (const [name, claim] of this.#tokens) {
      if (!tokens.has(name) || tokens.get(name) !== claim) this.#context.buckets.release(claim.slot)
    }
    for (const [name, claim] of this.#places) if (places.get(name) !== claim) this.#leave(claim)
    this.#tokens = tokens
    this.#places = places
    this.#open = false
    this.#waitingSinceMs = nowMs
  }

  #token(rate: Applicable, nowMs: number): [string, Claim] {
    const { quota, dimension, key, ratePerMs, burstMs, rampEndsAtMs, mode } = rate
    const { buckets, counters } = this.#context
    const name = `${quota}\0${key}`
    const slot = buckets.acquire(quota, dimension, key, ratePerMs, burstMs, nowMs, rampEndsAtMs)
    const known = this.#tokens.get(name)
    if (known !== undefined && known.slot === slot && known.enforced === (mode === 'enforce')) {
      buckets.release(slot)
      return [name, known]
    }
    const counts = counters.quota(quota)
    const startAtMs = known === undefined ? buckets.reserve(slot, 1, nowMs) : nowMs
    if (known === undefined) counts.used.newConnections++
    const enforced = mode === 'enforce'
    if (startAtMs > nowMs) {
      if (enforced) counts.heldRequests++
      else counts.observedRequests++
      counts.throttleMs += startAtMs - nowMs
    }
    const allows = `${ratePerMs * 1000} new connections a second`
    return [name, { slot, quota, enforced, counts, allows, startAtMs: enforced ? startAtMs : nowMs, inside: true }]
  }

  #place({ quota, dimension, key, max, mode }: LevelApplicable): [string, Claim] {
    const { levels, counters } = this.#context
    const name = `${quota}\0${key}`
    const slot = levels.acquire(quota, dimension, key, max)
    const known = this.#places.get(name)
    const enforced = mode === 'enforce'
    if (known !== undefined && known.slot === slot && known.enforced === enforced) {
      levels.release(slot)
      return [name, known]
    }
    const allows = `${max} connections at a time`
    const claim = { slot, quota, enforced, counts: counters.quota(quota), allows, startAtMs: 0, inside: false }
    if (enforced) return [name, claim]
    if (levels.count(slot) >= max) claim.counts.observedRequests++
    levels.enter(slot)
    claim.inside = true
    return [name, claim]
  }

  /** Enters the gauges in their order; the first without a place for us. */
  #enterAll(): Claim | undefined {
    for (const claim of this.#places.values()) {
      if (claim.inside) continue
      if (!this.#context.levels.tryEnter(claim.slot, this)) {
        this.#context.levels.wait(claim.slot, this)
        return claim
      }
      claim.inside = true
    }
    return undefined
  }

  #leave(claim: Claim): void {
    if (claim.inside) this.#context.levels.leave(claim.slot)
    else this.#context.levels.unwait(claim.slot, this)
    this.#context.levels.release(claim.slot)
  }

  #latest(): Claim {
    return [...this.#tokens.values()].reduce((latest, claim) => (claim.startAtMs > latest.startAtMs ? claim : latest))
  }

  /** It was not let in, so it gives its tokens back: clients that come again and again must not lock themselves out. */
  #refuse({ quota, counts, allows }: Claim, nowMs: number): never {
    counts.refusedRequests++
    for (const claim of this.#tokens.values()) this.#context.buckets.cancel(claim.slot, 1, nowMs)
    const { clientId } = this.#facts.identity
    throw new ClientRefused(
      'connection_quota',
      `quota ${quota} allows ${allows}; a connection of client "${clientId}" was closed after ${CONNECTION_HOLD_MS / 1000} s`,
    )
  }
}
