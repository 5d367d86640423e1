/**
 * The sans-I/O heart: one object for each client connection and its one broker connection. Bytes and time go in; bytes and
 * wishes come out through the `Outbox`. No sockets, clocks, timers or logs, and nothing here waits for anything.
 *
 * `clientBytes` and `brokerBytes` say how far they took the chunk. What they did not take is offered again, in place, with
 * more bytes behind it or at the session's wake time: a hold costs no memory, and TCP carries the pressure back.
 */
import { apiSchema, ProtocolError } from 'kafka-protocol-codec'
import { IN_FLIGHT_MAX } from '../bounds.ts'
import type { BrokerCounts } from '../cluster/broker-book.ts'
import type { Identity } from '../policy/identity.ts'
import type { Draw } from './charge-set.ts'
import { ClientFacts, type Origin } from './client-facts.ts'
import { ClientLogin } from './client-login.ts'
import { ClientMeter } from './client-meter.ts'
import { ConnectionGate } from './connection-gate.ts'
import type { SessionContext } from './context.ts'
import type { CloseReason } from './counters.ts'
import { Following } from './following.ts'
import { ClientRefused } from './foreign-bytes.ts'
import { FrameAge } from './frame-age.ts'
import { GroupWatch } from './group-watch.ts'
import { InFlight } from './in-flight.ts'
import { MutationGate } from './mutation-gate.ts'
import { SaslObserver } from './observe-sasl.ts'
import type { Outbox } from './outbox.ts'
import { OwnLogin } from './own-login.ts'
import { RequestStream } from './request-stream.ts'
import { ResponseStream } from './response-stream.ts'
import { noEstimates, noTotals, type SessionParts, type SessionTotals } from './session-parts.ts'
import { type State, transition } from './states.ts'

/** Why the client's bytes are not taken further, as far as the session is concerned. */
export type ClientBlock = 'none' | 'held' | 'window_full' | 'logging_in'

export class Session {
  readonly totals: SessionTotals = noTotals()
  readonly meter: ClientMeter
  readonly #facts: ClientFacts
  readonly #gate: ConnectionGate
  readonly #inFlight: InFlight
  readonly #age: FrameAge
  readonly #requests: RequestStream
  readonly #answers: ResponseStream
  readonly #outbox: Outbox
  readonly #parts: SessionParts
  #state: State = 'fresh'
  #software = ''
  #refusedBy: string | undefined

  constructor(context: SessionContext, outbox: Outbox, origin: Origin, nowMs: number) {
    this.#outbox = outbox
    this.#facts = new ClientFacts(context, origin)
    this.#gate = new ConnectionGate(context, this.#facts, () => outbox.resume())
    this.#inFlight = new InFlight(IN_FLIGHT_MAX)
    this.#age = new FrameAge(nowMs)
    this.meter = new ClientMeter(context.series.clients.book, this.totals)
    const sasl = new SaslObserver((principal) => {
      this.#facts.sawPrincipal(principal)
      outbox.identified()
    })
    const ownLogin = new OwnLogin(context.login, this.#inFlight, outbox, (detail, atMs, isRefusal) => {
      if (isRefusal) {
        this.#parts.clientLogin.bar(detail)
        outbox.brokerRefused(detail)
        return
      }
      this.closed(atMs)
      outbox.close('broker_login_failed', detail)
    })
    const parts: SessionParts = {
      context,
      facts: this.#facts,
      gate: this.#gate,
      inFlight: this.#inFlight,
      age: this.#age,
      sasl,
      totals: this.totals,
      estimates: noEstimates(),
      outbox,
      mutations: new MutationGate(this.#facts, context.topics),
      ownLogin,
      clientLogin: this.#clientLogin(context),
      meter: this.meter,
      following: new Following(context),
      groupWatch: new GroupWatch(context.series.groups),
      broker: undefined,
      tracking: undefined,
    }
    this.#parts = parts
    this.#requests = new RequestStream(parts)
    this.#answers = new ResponseStream(parts)
  }

  #clientLogin({ login, verifier }: SessionContext): ClientLogin {
    const mode = verifier !== undefined ? 'verify' : login === undefined ? 'pass' : 'refuse'
    return new ClientLogin(mode, verifier, this.#inFlight, {
      replied: (nowMs) => this.#answers.sendReplies(nowMs),
      believed: (principal) => {
        this.#facts.sawPrincipal(principal)
        this.#outbox.identified()
      },
      resume: () => this.#outbox.resume(),
    })
  }

  get identity(): Identity {
    return this.#facts.identity
  }

  /** The quota because of which the connection was refused; undefined where none did. */
  get refusedBy(): string | undefined {
    return this.#refusedBy
  }

  /** Every bucket that it draws from, for whoever watches. */
  eachDraw(visit: (draw: Draw) => void): void {
    this.#facts.eachDraw(visit)
  }

  get state(): State {
    return this.#state
  }

  /** What keeps the client's next frame back. */
  get clientBlock(): ClientBlock {
    const { stop } = this.#requests
    return stop === 'needs_more' || this.#state === 'closed' ? 'none' : stop
  }

  /** Since when the frame at the head is held; meaningful while `clientBlock` is `held`. */
  get heldSinceMs(): number {
    return this.#requests.heldSinceMs
  }

  /** When a held frame may go, at the latest; meaningful while `clientBlock` is `held`. */
  get wakeAtMs(): number {
    return this.#requests.heldUntilMs
  }

  /** An answer names a broker whose listener is not up yet: offer the broker's bytes again when it is. */
  get needsListener(): boolean {
    return this.#answers.stop === 'needs_listener'
  }

  /**
   * The first request after the greetings, while it has no answer and nobody has logged in, whose affair that is: a broker that wants a
   * login says goodbye to it.
   */
  get unansweredFirst(): string | undefined {
    const head = this.#inFlight.peek()
    const answered = this.totals.requests - this.#inFlight.length
    const { greetings } = this.#requests
    if (head === undefined || answered !== greetings || greetings === 0) return undefined
    const mayLogIn = this.#parts.clientLogin.mode === 'pass' && this.#facts.identity.principal === ''
    return mayLogIn ? apiSchema(head.apiKey)?.name : undefined
  }

  /** Its client has to log in here before it is served, and has not begun to. */
  get awaitsLogin(): boolean {
    return this.#state !== 'closed' && this.#parts.clientLogin.isAwaited
  }

  /** Answers that are still owed. */
  get inFlight(): number {
    return this.#inFlight.length
  }

  /** A request has begun to pass and its rest has not come. */
  get clientMidFrame(): boolean {
    return this.#requests.midFrame
  }

  get brokerMidFrame(): boolean {
    return this.#answers.midFrame
  }

  /** The broker is there: where we log in ourselves, that begins. */
  brokerConnected(broker: BrokerCounts, nowMs: number): void {
    this.#parts.broker = broker
    if (this.#state !== 'closed') this.#parts.ownLogin.connected(nowMs)
  }

  /** What the clock brings, about once a second. */
  tick(nowMs: number): void {
    const { ownLogin } = this.#parts
    ownLogin.tick(nowMs)
    if (!this.#requests.midFrame && this.#state === 'forwarding') ownLogin.beginIfDue(nowMs)
  }

  /** The client's socket had nothing for a while before these bytes: they are fresh. */
  clientCaughtUp(nowMs: number): void {
    this.#age.caughtUp(nowMs)
  }

  /**
   * The first bytes of a client, before a broker is dialled for it: whether one may be. False while they are too few, or while a quota
   * on connections keeps it back (`clientBlock`); closes what is not Kafka or not let in.
   */
  screen(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    if (this.#state === 'closed') return false
    try {
      return this.#requests.screen(bytes, view, from, to, nowMs)
    } catch (error) {
      this.#failed(error, 'client_bad_frame', nowMs)
      return false
    }
  }

  /** Bytes of the client in `[from, to)`; returns up to where they were taken. */
  clientBytes(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    if (this.#state === 'closed') return to
    try {
      const at = this.#requests.take(bytes, view, from, to, nowMs)
      if (this.#state === 'fresh' && this.#requests.started) this.#state = transition('fresh', 'firstFrame')
      if (this.#inFlight.length > 0) this.#answers.sendReplies(nowMs)
      if (this.#software !== this.#facts.identity.software) {
        this.#software = this.#facts.identity.software
        this.#outbox.identified()
      }
      return at
    } catch (error) {
      this.#failed(error, 'client_bad_frame', nowMs)
      return to
    }
  }

  /** Bytes of the broker in `[from, to)`; returns up to where they were taken. */
  brokerBytes(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    if (this.#state === 'closed') return to
    try {
      return this.#answers.take(bytes, view, from, to, nowMs)
    } catch (error) {
      this.#failed(error, 'broker_bad_frame', nowMs)
      return to
    }
  }

  /** SIGTERM: held frames go now. True when nothing is left to deliver and the session is over. */
  drain(): boolean {
    if (this.#state === 'fresh' && this.clientBlock === 'held') this.#state = transition('fresh', 'firstFrame')
    if (this.#state === 'forwarding') this.#requests.drain()
    if (this.#state === 'fresh' || this.#state === 'forwarding') this.#state = transition(this.#state, 'drain')
    return this.#state === 'closed'
  }

  /** While draining: nothing is under way in either direction. */
  get idle(): boolean {
    return this.#inFlight.length === 0 && !this.#requests.midFrame && !this.#answers.midFrame
  }

  /** The connection is over, for whatever reason: what was reserved and not sent goes back. */
  closed(nowMs: number): void {
    this.#state = 'closed'
    this.#requests.abandon(nowMs)
    const passing = this.#answers.midFrame ? this.#inFlight.peek() : undefined // its size is settled
    for (let head = this.#inFlight.peek(); head !== undefined; head = this.#inFlight.peek()) {
      head.charge.unanswered(head === passing, nowMs)
      if (head.mutation !== undefined) this.#parts.mutations.finish(head.mutation, undefined, nowMs)
      this.#inFlight.shift()
    }
    this.#gate.close(nowMs)
    this.#parts.ownLogin.close()
    this.#parts.clientLogin.close()
    this.#parts.tracking?.close()
    this.#facts.forget()
    this.meter.close(nowMs)
  }

  #failed(error: unknown, reason: CloseReason, nowMs: number): void {
    const detail = error instanceof Error ? error.message : String(error)
    const closeReason =
      error instanceof ClientRefused
        ? error.reason
        : !(error instanceof ProtocolError)
          ? 'internal_error'
          : reason === 'client_bad_frame' && !this.#requests.started
            ? 'client_garbage'
            : reason
    if (error instanceof ClientRefused) this.#refusedBy = error.quota
    this.closed(nowMs)
    this.#outbox.close(
      closeReason,
      closeReason === 'internal_error' && error instanceof Error ? (error.stack ?? detail) : detail,
    )
  }
}
