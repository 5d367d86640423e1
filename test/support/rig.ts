/**
 * A session on a fake clock, with everything it asked for written down. Two `Side`s offer bytes as `net/pipe.ts` does: what is
 * not taken stays in front and is offered again with what follows, or when the clock reaches the session's wake time.
 */

import { GROUP_CLIENTS_MAX, TOPICS_MAX } from '../../src/bounds.ts'
import { AddressBook } from '../../src/cluster/address-book.ts'
import { GroupBook } from '../../src/cluster/group-book.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { LevelTable } from '../../src/limiter/level-table.ts'
import { behaviourOf, type ClientOverride } from '../../src/policy/client-libraries.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import type { Origin } from '../../src/session/client-facts.ts'
import type { Verifier } from '../../src/session/client-login.ts'
import type { SessionContext } from '../../src/session/context.ts'
import { type CloseReason, Counters } from '../../src/session/counters.ts'
import type { Outbox } from '../../src/session/outbox.ts'
import type { LoginTokens } from '../../src/session/own-login.ts'
import { DEFAULT_SERIES, SeriesBooks, type SeriesLimits } from '../../src/session/series-books.ts'
import { Session } from '../../src/session/session.ts'

export interface RigOptions {
  readonly rules?: readonly QuotaRule[]
  readonly observe?: boolean
  /** Share clock, buckets and counters with another rig: two connections of one process. */
  readonly beside?: Rig
  /** Brokers with a listener: node id → local port (on 127.0.0.1). */
  readonly brokers?: Readonly<Record<number, number>>
  readonly frameBytesMax?: number
  /** Brokers that the address book has room for. */
  readonly brokersMax?: number
  /** Rows of `clients:` in the configuration. */
  readonly clients?: readonly ClientOverride[]
  readonly origin?: Partial<Origin>
  readonly labels?: Readonly<Record<string, string>>
  /** We log in at the broker; tell it with `connected`. */
  readonly login?: LoginTokens
  readonly verifier?: Verifier
  readonly series?: SeriesLimits
}

/** What rigs of one process share. */
interface Clock {
  nowMs: number
  /** Those whose client's bytes are to be offered again, as `net/connection.ts` does soon after. */
  readonly toResume: Set<Rig>
}

/** The rig's clock begins at this time of day, in milliseconds since 1970. */
export const EPOCH_MS = 1_700_000_000_000

const POISON = 0xa5
const NOTHING = new Uint8Array(0)

/** Bytes that wait on one side, offered to the session. */
class Side {
  left: Uint8Array = NOTHING
  readonly #offer: (bytes: Uint8Array, view: DataView, from: number, to: number) => number

  constructor(offer: (bytes: Uint8Array, view: DataView, from: number, to: number) => number) {
    this.#offer = offer
  }

  /** Adds `bytes` behind what is left and offers all of it, at an odd origin so that offsets cannot be confused. */
  offer(bytes: Uint8Array): void {
    const origin = 7
    const all = new Uint8Array(origin + this.left.length + bytes.length)
    all.set(this.left, origin)
    all.set(bytes, origin + this.left.length)
    const at = this.#offer(all, new DataView(all.buffer), origin, all.length)
    if (at < origin || at > all.length) throw new RangeError(`took up to ${at} of [${origin}, ${all.length})`)
    this.left = all.slice(at)
    all.fill(POISON) // whoever keeps a chunk gives itself away
  }
}

export class Rig implements Outbox {
  readonly context: SessionContext
  readonly session: Session
  readonly #clock: Clock
  readonly #client: Side
  readonly #broker: Side
  readonly #toBroker: Uint8Array[] = []
  readonly #toClient: Uint8Array[] = []
  closed: { reason: CloseReason; detail: string } | undefined
  /** How often the session said that it knows more of its client. */
  timesIdentified = 0

  constructor(options: RigOptions = {}) {
    this.#clock = options.beside?.clock ?? { nowMs: 1_000, toResume: new Set() }
    this.context = options.beside?.context ?? contextOf(options)
    this.session = new Session(this.context, this, { address: '127.0.0.1', sni: '', ...options.origin }, this.nowMs)
    this.#client = new Side((b, v, from, to) => this.session.clientBytes(b, v, from, to, this.nowMs))
    this.#broker = new Side((b, v, from, to) => this.session.brokerBytes(b, v, from, to, this.nowMs))
  }

  get clock(): Clock {
    return this.#clock
  }

  get nowMs(): number {
    return this.#clock.nowMs
  }

  get counters(): Counters {
    return this.context.counters
  }

  /** Bytes that the client writes now, in one chunk or in several. They are fresh: nothing waited in a kernel's buffer. */
  client(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      if (this.#client.left.length === 0) this.session.clientCaughtUp(this.nowMs)
      this.#client.offer(chunk)
    }
    return this.#resumed()
  }

  /** As `client`, for bytes that may have waited in the kernel: nobody knows when they were written. */
  clientBacklog(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) this.#client.offer(chunk)
    return this.#resumed()
  }

  /** Bytes from the broker. An answer may open the client's window, as in `net/connection.ts`. */
  broker(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      this.#broker.offer(chunk)
      if (this.session.clientBlock === 'window_full') this.#client.offer(NOTHING)
    }
    return this.#resumed()
  }

  /** The broker is there. */
  connected(): this {
    const broker = this.context.series.brokers.at({ host: 'broker.example', port: 9092 })
    this.session.brokerConnected(broker, this.nowMs)
    return this.#resumed()
  }

  /** Once a second. */
  tick(): this {
    this.session.tick(this.nowMs)
    return this.#resumed()
  }

  /** Whatever was asked to be looked at again, outside of a call, is. */
  resumed(): this {
    return this.#resumed()
  }

  /** A listener has come up: the broker's bytes are offered again. */
  listenerReady(): this {
    return this.broker(NOTHING)
  }

  /** The clock goes on; a held frame is offered again when its time has come, as often as that happens on the way. */
  pass(ms: number): this {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`no time passes in ${ms} ms`)
    const endMs = this.nowMs + ms
    while (this.session.clientBlock === 'held' && this.session.wakeAtMs <= endMs) {
      this.#clock.nowMs = Math.max(this.nowMs, this.session.wakeAtMs)
      this.#client.offer(NOTHING)
    }
    this.#clock.nowMs = endMs
    return this.#resumed()
  }

  /** A reload: other quotas from now on, for every session that shares the context. */
  policy(rules: readonly QuotaRule[]): this {
    this.context.policy = new PolicySet(rules)
    return this.reoffered()
  }

  /** What is held is offered again before its time, as after a reload. */
  reoffered(): this {
    if (this.session.clientBlock === 'held') this.#client.offer(NOTHING)
    return this.#resumed()
  }

  /** The connection ends. */
  end(): this {
    this.session.closed(this.nowMs)
    return this.#resumed()
  }

  /** Bytes of the client that the session has not taken. */
  get heldBytes(): number {
    return this.#client.left.length
  }

  get brokerLeftBytes(): number {
    return this.#broker.left.length
  }

  /** Everything forwarded to the broker since the last call. */
  sentToBroker(): Uint8Array {
    return join(this.#toBroker)
  }

  /** Everything sent to the client since the last call. */
  sentToClient(): Uint8Array {
    return join(this.#toClient)
  }

  // Outbox
  toBroker(bytes: Uint8Array, from: number, to: number): void {
    if (this.closed !== undefined) throw new Error('bytes for the broker after the end')
    this.#toBroker.push(bytes.slice(from, to))
  }

  toClient(bytes: Uint8Array, from: number, to: number): void {
    if (this.closed !== undefined) throw new Error('bytes for the client after the end')
    this.#toClient.push(bytes.slice(from, to))
  }

  /** Mutations that quotas refused. */
  readonly refusals: string[] = []

  /** Quotas whose limit was below the floor of a request. */
  readonly floors: string[] = []

  mutationRefused(quota: string, _apiKey: number, topicsRefused: number): void {
    this.refusals.push(`${quota} refused ${topicsRefused}`)
  }

  belowFloor(quota: string): void {
    this.floors.push(quota)
  }

  /** Why the broker does not let us in. */
  brokerRefusal: string | undefined

  brokerRefused(detail: string): void {
    this.brokerRefusal = detail
    this.#clock.toResume.add(this)
  }

  identified(): void {
    this.timesIdentified++
  }

  close(reason: CloseReason, detail: string): void {
    if (this.closed !== undefined) throw new Error(`closed twice: ${this.closed.reason}, then ${reason}`)
    this.closed = { reason, detail }
  }

  /** Why the session wants to end once everything was delivered. */
  left: { reason: CloseReason; detail: string } | undefined

  leave(reason: CloseReason, detail: string): void {
    this.left ??= { reason, detail }
  }

  /** The broker has not taken yet what it was given: nothing is offered until it has, as in `net/pipe.ts`. */
  isBrokerSlow = false

  resume(): boolean {
    this.#clock.toResume.add(this)
    return !this.isBrokerSlow
  }

  #resumed(): this {
    for (const rig of this.#clock.toResume) {
      if (rig.isBrokerSlow) continue
      this.#clock.toResume.delete(rig)
      if (rig.session.state !== 'closed') rig.#client.offer(NOTHING)
    }
    return this
  }
}

function contextOf({
  rules = [],
  observe = false,
  brokers = {},
  brokersMax = 100,
  clients = [],
  frameBytesMax = 104_857_600,
  labels = {},
  series = DEFAULT_SERIES,
  login,
  verifier,
}: RigOptions): SessionContext {
  const book = new AddressBook(brokersMax)
  for (const [nodeId, port] of Object.entries(brokers)) {
    const entry = book.learn(Number(nodeId), 'broker.example', 9092)
    if (entry !== undefined) entry.local = { host: '127.0.0.1', port }
  }
  return {
    policy: new PolicySet(rules, { observe }),
    buckets: new BucketTable(1_000),
    levels: new LevelTable(),
    topics: new TopicBook(TOPICS_MAX),
    groups: new GroupBook(GROUP_CLIENTS_MAX),
    series: new SeriesBooks(series, book),
    counters: new Counters(),
    book,
    behaviourOf: (software) => behaviourOf(software, clients),
    frameBytesMax,
    epochMs: EPOCH_MS,
    labels,
    login,
    verifier,
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  const all = Buffer.concat(parts)
  parts.length = 0
  return new Uint8Array(all)
}
