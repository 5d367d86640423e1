/**
 * Limits on connections: how many at a time (`connections`), and how many new ones (`newConnections`). A connection is accepted
 * at once, because clients give a connect little time; its first request waits for its place, and when that takes longer than
 * clients bear, the connection is closed, as the broker does (KIP-612). Who it is becomes known bit by bit (client id, library,
 * user): each time the quotas are asked anew, and what it was let in by before stays.
 */
import { API_KEY } from 'kafka-protocol-codec'
import { CONNECTION_HOLD_MS, PAID_KEYS_MAX } from '../bounds.ts'
import type { Waiter } from '../limiter/level-table.ts'
import type { Applicable, LevelApplicable } from '../policy/policy-set.ts'
import type { ClientFacts } from './client-facts.ts'
import type { SessionContext } from './context.ts'
import type { QuotaCounts } from './counters.ts'
import { ClientRefused } from './foreign-bytes.ts'

/** What one quota has to say about the connection. */
interface Claim {
  readonly slot: number
  readonly quota: string
  readonly enforced: boolean
  readonly counts: QuotaCounts
  /** What the quota allows, for the log. */
  readonly allows: string
}

/** A place in a gauge. */
interface Place extends Claim {
  /** It is counted. */
  inside: boolean
}

/** A token of a bucket. `none`: it would come too late, so it was not taken; `spent`: the connection was let in with it. */
interface Token extends Claim {
  state: 'none' | 'reserved' | 'spent'
  /** When it may be spent, and the rate by which that was told. */
  startAtMs: number
  readonly ratePerMs: number
}

/** Before these have passed, who a client is may not be known yet: its library, its user. */
const GREETINGS: ReadonlySet<number> = new Set([API_KEY.ApiVersions, API_KEY.SaslHandshake, API_KEY.SaslAuthenticate])

export class ConnectionGate implements Waiter {
  /** Until when the request at the head is held; meaningful after `mayPass` said no. */
  heldUntilMs = 0
  readonly #context: SessionContext
  readonly #facts: ClientFacts
  readonly #resume: () => boolean
  #identityVersion = -1
  #policyVersion = -1
  /** Everything has been granted. */
  #open = false
  #waitingSinceMs = 0
  /** A request has come that is none of the greetings: what is not known of the client now will not be. */
  #isGreeted = false
  #tokens = new Map<string, Token>()
  /** The buckets in which it has paid, whoever it says it is now; the oldest first. */
  readonly #paid = new Set<string>()
  #places = new Map<string, Place>()

  /** @param resume asks that the client's bytes be offered again */
  constructor(context: SessionContext, facts: ClientFacts, resume: () => boolean) {
    this.#context = context
    this.#facts = facts
    this.#resume = resume
  }

  /** A place has become free. */
  ready(): boolean {
    return this.#resume()
  }

  /**
   * Whether the connection's next request may go on, as far as its connection is concerned.
   * @throws ClientRefused when it has waited for its place as long as clients bear
   */
  mayPass(apiKey: number, nowMs: number, draining: boolean): boolean {
    if (!this.#isUpToDate(apiKey)) this.#resolve(nowMs)
    if (this.#open || draining) return true
    const startAtMs = Math.max(nowMs, ...[...this.#tokens.values()].map((token) => token.startAtMs))
    const missing = startAtMs > nowMs ? undefined : this.#enterAll()
    if (startAtMs <= nowMs && missing === undefined) {
      for (const [name, token] of this.#tokens) this.#spend(name, token)
      this.#open = true
      return true
    }
    const closeAtMs = this.#waitingSinceMs + CONNECTION_HOLD_MS
    if (nowMs >= closeAtMs) this.#refuse(missing ?? this.#latest())
    this.heldUntilMs = startAtMs > nowMs ? Math.min(startAtMs, closeAtMs) : closeAtMs
    return false
  }

  #isUpToDate(apiKey: number): boolean {
    const isNewlyGreeted = !this.#isGreeted && !GREETINGS.has(apiKey)
    if (isNewlyGreeted) this.#isGreeted = true
    return (
      !isNewlyGreeted &&
      this.#identityVersion === this.#facts.identityVersion &&
      this.#policyVersion === this.#context.policy.version
    )
  }

  /**
   * The connection has ended. If it was not let in it gives its tokens back, whoever ended it: clients that come again and again
   * must not lock themselves out.
   */
  close(nowMs: number): void {
    for (const { slot, state } of this.#tokens.values()) {
      if (state === 'reserved') this.#context.buckets.cancel(slot, 1, nowMs)
      this.#context.buckets.release(slot)
    }
    for (const place of this.#places.values()) this.#leave(place)
    this.#tokens = new Map()
    this.#places = new Map()
  }

  #resolve(nowMs: number): void {
    this.#identityVersion = this.#facts.identityVersion
    this.#policyVersion = this.#context.policy.version
    const { rates, levels } = this.#context.policy.resolveConnection(this.#facts.identity, !this.#isGreeted)
    const tokens = new Map(rates.map((rate) => this.#token(rate, nowMs)))
    const places = new Map(levels.map((level) => this.#place(level)))
    // The new ones are there already, so what both have is never without a holder.
    for (const [name, { slot, state }] of this.#tokens) {
      if (state === 'reserved' && !tokens.has(name)) this.#context.buckets.cancel(slot, 1, nowMs)
      this.#context.buckets.release(slot)
    }
    for (const [name, place] of this.#places) if (places.get(name) !== place) this.#leave(place)
    this.#tokens = tokens
    this.#places = places
    this.#open = false
    this.#waitingSinceMs = nowMs
  }

  #token(rate: Applicable, nowMs: number): [string, Token] {
    const { quota, dimension, key, burstMs, rampEndsAtMs, mode } = rate
    const { buckets, counters } = this.#context
    const name = `${quota}\0${key}`
    const slot = buckets.acquire(quota, dimension, key, rate.ratePerMs, burstMs, nowMs, rampEndsAtMs)
    const ratePerMs = buckets.rate(slot)
    const allows = `${rate.ratePerMs * 1000} new connections a second`
    const claim = { slot, quota, enforced: mode === 'enforce', counts: counters.quota(quota), allows, ratePerMs }
    const known = this.#tokens.get(name)
    const token: Token = { ...claim, state: 'none', startAtMs: nowMs }
    if (this.#paid.has(name)) this.#spend(name, token)
    else if (known?.state === 'reserved') {
      token.state = 'reserved'
      token.startAtMs = nowMs + (Math.max(0, known.startAtMs - nowMs) * known.ratePerMs) / ratePerMs
    } else this.#take(token, nowMs)
    if (!token.enforced) this.#spend(name, token)
    return [name, token]
  }

  /** A connection pays once in each bucket, however often its client changes its name. */
  #spend(name: string, token: Token): void {
    token.state = 'spent'
    token.startAtMs = 0
    this.#paid.delete(name)
    this.#paid.add(name)
    const [oldest] = this.#paid
    if (this.#paid.size > PAID_KEYS_MAX) this.#paid.delete(oldest!)
  }

  /** A token that would come later than the connection may wait is not taken, or those that are turned away would keep all others out. */
  #take(token: Token, nowMs: number): void {
    const { slot, counts, enforced } = token
    token.startAtMs = this.#context.buckets.reserve(slot, 1, nowMs)
    const waitMs = token.startAtMs - nowMs
    if (waitMs > 0) {
      if (enforced) counts.heldRequests++
      else counts.observedRequests++
      counts.throttleMs += Math.min(waitMs, CONNECTION_HOLD_MS)
    }
    if (waitMs <= CONNECTION_HOLD_MS) {
      token.state = 'reserved'
      counts.used.newConnections++
    } else {
      this.#context.buckets.cancel(slot, 1, nowMs)
    }
  }

  #place({ quota, dimension, key, max, mode }: LevelApplicable): [string, Place] {
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
    const claim = { slot, quota, enforced, counts: counters.quota(quota), allows, inside: false }
    if (enforced) return [name, claim]
    if (levels.count(slot) >= max) claim.counts.observedRequests++
    levels.enter(slot)
    claim.inside = true
    return [name, claim]
  }

  /** Enters the gauges in their order; the first without a place for us. */
  #enterAll(): Place | undefined {
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

  #leave(claim: Place): void {
    if (claim.inside) this.#context.levels.leave(claim.slot)
    else this.#context.levels.unwait(claim.slot, this)
    this.#context.levels.release(claim.slot)
  }

  #latest(): Token {
    return [...this.#tokens.values()].reduce((latest, token) => (token.startAtMs > latest.startAtMs ? token : latest))
  }

  #refuse({ quota, counts, allows }: Claim): never {
    counts.refusedRequests++
    const { clientId } = this.#facts.identity
    throw new ClientRefused(
      'connection_quota',
      `quota ${quota} allows ${allows}; a connection of client "${clientId}" was closed after ${CONNECTION_HOLD_MS / 1000} s`,
      quota,
    )
  }
}
