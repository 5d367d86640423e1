/**
 * One client connection and its one broker connection: performs what the session asks for. The broker is dialled when the
 * client's first request has come and no quota on connections keeps it back, so idle, foreign or refused ones cost it nothing.
 *
 *     client ══ up ══▶ session ══▶ broker          closes: whichever side ends first is passed on once everything before
 *     client ◀══ down ══ session ◀══ broker        it was delivered; both ends gone → one reason, counted once
 */
import type { Socket } from 'node:net'
import { IN_FLIGHT_MAX, READ_BUFFER_BYTES } from '../bounds.ts'
import type { Address } from '../cluster/address-book.ts'
import type { BrokerBook, BrokerCounts } from '../cluster/broker-book.ts'
import type { SessionContext } from '../session/context.ts'
import type { CloseReason } from '../session/counters.ts'
import type { Outbox } from '../session/outbox.ts'
import { Session } from '../session/session.ts'
import { adoptAccepted } from './adopt.ts'
import { isTlsFault } from './broker-tls.ts'
import { monotonicMs } from './clock.ts'
import type { Candidates, ConnectionEvents } from './connection-events.ts'
import { Dial } from './dial.ts'
import { Farewell } from './farewell.ts'
import { hangUp, mayTryAgain } from './hang-up.ts'
import { overdue } from './overdue.ts'
import { Pipe } from './pipe.ts'
import type { Hello } from './tls-front.ts'
import { PLAIN_UPSTREAM, type Upstream } from './upstream.ts'

let connectionsMade = 0

export class Connection implements Outbox {
  readonly session: Session
  /** Counted from the start of the process: tells which log lines belong together. */
  readonly number: number = ++connectionsMade
  readonly peer: string
  readonly openedAtMs: number
  readonly #client: Socket
  readonly #up: Pipe
  readonly #down: Pipe
  readonly #candidates: Candidates
  readonly #events: ConnectionEvents
  readonly #upstream: Upstream
  readonly #brokers: BrokerBook
  #brokerCounts: BrokerCounts | undefined
  #broker: Socket | undefined
  #brokerAddress: Address | undefined
  /** While it is under way. */
  #dial: Dial | undefined
  #wake: NodeJS.Timeout | undefined
  #clientEnded = false
  #brokerEnded = false
  /** What the broker ended the connection at, in place of answering. */
  #unansweredFirst: string | undefined
  readonly #farewell: Farewell = new Farewell()
  #clientIsGone = false
  /** It was sent something: from then on a reset could take back what it has not read. */
  #clientWasAnswered = false
  #ended = false

  /** @param hello what a TLS handshake told; undefined on plaintext */
  constructor(
    accepted: Socket,
    context: SessionContext,
    candidates: Candidates,
    events: ConnectionEvents,
    upstream: Upstream = PLAIN_UPSTREAM,
    hello?: Hello,
  ) {
    this.#upstream = upstream
    this.#brokers = context.series.brokers
    this.openedAtMs = monotonicMs()
    this.#candidates = candidates
    this.#events = events
    this.peer = `${accepted.remoteAddress ?? '?'}:${accepted.remotePort ?? 0}`
    const address = plainAddress(accepted.remoteAddress)
    this.session = new Session(context, this, { address, sni: '', ...hello }, this.openedAtMs)
    this.#up = new Pipe({
      offer: (bytes, view, from, to, nowMs) => this.#fromClient(bytes, view, from, to, nowMs),
      blocked: () => this.session.clientBlock !== 'none' || this.#noMoreRequests() || this.#clientOwesReading(),
      // In the midst of a request there is more to come: that it has not come yet tells nothing of what waits behind it.
      caughtUp: (nowMs) => {
        if (!this.session.clientMidFrame) this.session.clientCaughtUp(nowMs)
      },
      // A client that owes us nothing and is owed nothing has no request waiting in its own kernel either.
      emptied: (atMs) => {
        if (this.session.inFlight === 0 && !this.session.clientMidFrame) this.session.clientCaughtUp(atMs)
      },
      wantTarget: (bytes, view, from, to, nowMs) => this.#screen(bytes, view, from, to, nowMs),
      settled: () => this.#settled(),
    })
    this.#down = new Pipe({
      offer: (bytes, view, from, to, nowMs) => this.#fromBroker(bytes, view, from, to, nowMs),
      blocked: () => this.session.needsListener,
      caughtUp: () => {},
      emptied: () => {},
      wantTarget: () => true,
      settled: () => this.#clientSettled(),
    })
    this.#client = adoptAccepted(accepted, this.#up)
    this.#client.setNoDelay(true)
    this.#client.setKeepAlive(true)
    this.#client.on('end', () => this.#clientEnd())
    this.#client.on('error', () => this.#finish('client_reset', 'the client reset the connection'))
    this.#client.on('close', () => this.#clientGone())
    this.#down.connectTarget(this.#client)
  }

  // Outbox: what the session asks for.
  toBroker(bytes: Uint8Array, from: number, to: number): void {
    this.#up.write(bytes, from, to)
  }

  toClient(bytes: Uint8Array, from: number, to: number): void {
    this.#clientWasAnswered = true
    this.#down.write(bytes, from, to)
  }

  identified(): void {
    this.#events.identified(this)
  }

  belowFloor(quota: string, apiKey: number, frameBytes: number, heldMs: number): void {
    this.#events.belowFloor(this, { quota, apiKey, frameBytes, heldMs })
  }

  mutationRefused(quota: string, apiKey: number, topicsRefused: number): void {
    this.#events.mutationRefused(this, quota, apiKey, topicsRefused)
  }

  resume(): boolean {
    setImmediate(() => this.#up.resume())
    return !this.#up.writing
  }

  close(reason: CloseReason, detail: string): void {
    const address = this.#brokerAddress
    if (reason === 'broker_login_failed' && address !== undefined) this.#events.dialled(address, new Error(detail))
    this.#finish(reason, detail)
  }

  brokerRefused(detail: string): void {
    const broker = this.#broker
    if (broker === undefined || this.#farewell.isOver) return
    if (this.#brokerAddress !== undefined) this.#events.dialled(this.#brokerAddress, new Error(detail))
    this.#broker = undefined
    // Not from within the session's own call: it is still looking at the broker's bytes.
    setImmediate(() => {
      broker.destroy()
      this.#up.resume()
    })
  }

  leave(reason: CloseReason, detail: string): void {
    if (this.#farewell.isOver) return
    this.#farewell.begin(reason, detail, monotonicMs())
    // Not from within the session's own call: it is still looking at the bytes that this drops.
    setImmediate(() => {
      if (!this.#farewell.isOver) this.#endBoth()
    })
  }

  /** A listener has come up: answers that waited for it may go. */
  listenerReady(): void {
    if (this.session.needsListener) this.#down.resume()
  }

  /** The policy has changed: a request that is held is looked at again. */
  policyChanged(): void {
    if (this.session.clientBlock === 'held') this.#up.resume()
  }

  /** Drains; see Session.drain. Held frames go, answers are awaited, no new request is begun. */
  drain(): void {
    if (this.#farewell.isOver || this.session.state === 'closed') return
    if (this.session.drain()) {
      this.#finish('drained', 'nothing was in flight')
      return
    }
    clearTimeout(this.#wake)
    this.#up.resume()
    this.#endWhenIdle()
  }

  /** What the clock brings: called about once a second. */
  tick(nowMs: number): void {
    if (this.#farewell.isOver) return
    if (this.#farewell.isUnderWay) {
      if (this.#farewell.isTooLong(nowMs, this.#down.lastReadAtMs)) this.#finish('client_closed', '')
      return
    }
    this.session.tick(nowMs)
    const late = overdue(this, this.#up, this.#down, nowMs)
    if (late !== undefined) this.#finish(late.reason, late.detail)
  }

  /** It has sent no whole request (none went, none is held, none waits for a broker), or has yet to say who it is. */
  get isSilent(): boolean {
    if (this.session.state !== 'fresh') return this.session.awaitsLogin
    return this.session.clientBlock === 'none' && this.#dial === undefined
  }

  /** Ends at once. */
  abort(reason: CloseReason, detail: string): void {
    this.#finish(reason, detail)
  }

  #fromClient(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    let at = this.session.clientBytes(bytes, view, from, to, nowMs)
    // Answers of our own have made room again: no answer of the broker's will come to tell.
    while (this.#windowReopened() && !this.#clientOwesReading())
      at = this.session.clientBytes(bytes, view, at, to, nowMs)
    this.#wakeWhenHeld(nowMs)
    return at
  }

  #wakeWhenHeld(nowMs: number): void {
    clearTimeout(this.#wake)
    if (this.session.clientBlock !== 'held' || this.#farewell.isOver) return
    this.#wake = setTimeout(() => this.#up.resume(), Math.max(1, Math.ceil(this.session.wakeAtMs - nowMs)))
  }

  #fromBroker(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): number {
    const at = this.session.brokerBytes(bytes, view, from, to, nowMs)
    if (this.session.clientBlock === 'window_full') this.#up.resume()
    return at
  }

  #windowReopened(): boolean {
    return this.session.clientBlock === 'window_full' && this.session.inFlight < IN_FLIGHT_MAX
  }

  /** Answers of our own pile up because the client does not read: it may not ask for more. */
  #clientOwesReading(): boolean {
    return this.#client.writableLength > 2 * READ_BUFFER_BYTES
  }

  /** While draining, only what is already in hand still goes. */
  #noMoreRequests(): boolean {
    return this.session.state === 'draining' && this.#up.left === 0 && !this.session.clientMidFrame
  }

  #endWhenIdle(): void {
    if (!this.session.idle || this.#up.left > 0 || this.#up.writing || this.#client.writableLength > 0) return
    this.#farewell.begin('drained', 'everything in flight was delivered', monotonicMs())
    this.#endBoth()
  }

  /**
   * Says goodbye to both sides. Nothing passes any more, so no places are kept for it; what the client still sends is dropped, so that
   * its own goodbye is seen.
   */
  #endBoth(): void {
    this.session.closed(monotonicMs())
    this.#client.end()
    this.#broker?.end()
    this.#up.discard()
  }

  /** A side has taken what it was given: whatever waited for that goes on. */
  #settled(): void {
    if (this.#farewell.isOver) return
    if (this.#clientEnded) this.#passClientEnd(this.#up.left)
    if (this.#brokerEnded) this.#passBrokerEnd()
    if (this.session.state === 'draining') this.#endWhenIdle()
  }

  /** The client has read: more of it may be taken, if that was what it waited for. */
  #clientSettled(): void {
    this.#settled()
    if (this.session.clientBlock !== 'held') this.#up.resume()
  }

  /** The first bytes: dial if they are Kafka's, and the connection may be. */
  #screen(bytes: Uint8Array, view: DataView, from: number, to: number, nowMs: number): boolean {
    if (this.#dial !== undefined || this.#farewell.isOver) return true
    if (!this.session.screen(bytes, view, from, to, nowMs)) {
      this.#wakeWhenHeld(nowMs)
      return this.session.clientBlock === 'held'
    }
    clearTimeout(this.#wake)
    this.#dial = new Dial(this.#candidates(), this.#down, this.#upstream, {
      dialled: (address, error) => this.#events.dialled(address, error),
      connected: (broker, address) => this.#connected(broker, address),
      failed: (tried) =>
        this.#finish('broker_unreachable', `no broker could be reached${tried === '' ? '' : ` (tried ${tried})`}`),
    })
    return true
  }

  #connected(broker: Socket, address: Address): void {
    this.#dial = undefined
    this.#broker = broker
    this.#brokerAddress = address
    const isOurs = (): boolean => this.#broker === broker // no more once it has refused us
    broker.on('end', () => isOurs() && this.#brokerEnd())
    broker.on('error', (error) => isOurs() && this.#brokerFailed(error, address))
    broker.on('close', () => isOurs() && this.#brokerGone())
    this.#up.connectTarget(broker)
    const counts = this.#brokers.at(address)
    counts.connections++
    this.#brokerCounts = counts
    this.session.brokerConnected(counts, monotonicMs())
    if (this.#clientEnded) this.#passClientEnd(this.#up.left)
  }

  /** In TLS 1.3 a broker that does not like our certificate says so after the handshake. */
  #brokerFailed(error: Error, address: Address): void {
    const { tls } = this.#upstream
    if (tls === undefined || !isTlsFault(error) || (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
      this.#countReset()
      const { unansweredFirst } = this.session
      if (unansweredFirst === undefined) this.#finish('broker_reset', 'the broker reset the connection')
      else this.#finish('broker_closed_early', wantsLogin(unansweredFirst))
      return
    }
    const fault = tls.fault(error, address)
    this.#events.dialled(address, new Error(fault))
    this.#finish('broker_unreachable', fault)
  }

  #clientEnd(): void {
    this.#clientEnded = true
    if (this.#broker === undefined && this.#dial === undefined && this.session.clientBlock === 'none')
      this.#finish('client_closed', 'before any request')
    else this.#passClientEnd(this.#up.left)
  }

  /** The client's goodbye goes on once all that it sent has gone: held frames still go in their time. */
  #passClientEnd(left: number): void {
    if (this.#broker === undefined || this.#farewell.isOver || this.#broker.writableLength > 0) return
    if (left > 0 && this.session.clientBlock !== 'none') return
    this.#farewell.begin('client_closed', '', monotonicMs())
    this.#broker.end()
  }

  /** The broker ended the connection, and not because one was about to end anyway. */
  #countReset(): void {
    if (!this.#farewell.isOver && !this.#farewell.isUnderWay && this.#brokerCounts !== undefined)
      this.#brokerCounts.resets++
  }

  #brokerEnd(): void {
    if (this.session.inFlight > 0) this.#countReset()
    this.#brokerEnded = true
    this.#unansweredFirst = this.session.unansweredFirst
    this.#passBrokerEnd()
  }

  #passBrokerEnd(): void {
    if (this.#farewell.isOver || this.session.needsListener) return
    this.session.closed(monotonicMs()) // no answer comes any more, however long the client takes to read what came
    if (this.#client.writableLength > 0) return
    if (this.#unansweredFirst === undefined) {
      const detail = this.session.brokerMidFrame ? 'in the middle of an answer' : ''
      this.#farewell.begin('broker_closed', detail, monotonicMs())
    } else {
      this.#farewell.begin('broker_closed_early', wantsLogin(this.#unansweredFirst), monotonicMs())
    }
    this.#endBoth()
  }

  /** Ends both sides at once. */
  #finish(reason: CloseReason, detail: string): void {
    if (!this.#farewell.conclude(reason, detail)) return
    clearTimeout(this.#wake)
    this.#dial?.stop()
    this.session.closed(monotonicMs())
    this.#up.close()
    this.#down.close()
    if (mayTryAgain(this.#farewell.reason) && !this.#clientWasAnswered) hangUp(this.#client)
    else this.#client.destroy()
    this.#broker?.destroy()
  }

  #clientGone(): void {
    this.#clientIsGone = true
    this.#finish('client_closed', '')
    this.#endedWhenBothGone()
  }

  /** The client may still be reading what it was sent; LINGER_MS bounds that. */
  #brokerGone(): void {
    this.#broker = undefined
    if (this.#brokerCounts !== undefined) this.#brokerCounts.connections--
    if (!this.#farewell.isUnderWay) this.#finish('broker_closed', '')
    this.#endedWhenBothGone()
  }

  #endedWhenBothGone(): void {
    if (!this.#clientIsGone || this.#broker !== undefined || this.#ended) return
    this.#ended = true
    this.#up.recycle()
    this.#down.recycle()
    this.#events.ended(this, this.#farewell.reason, this.#farewell.detail)
  }
}

/** An IPv4 address that came over a socket of both families is told as such. */
function plainAddress(remoteAddress: string | undefined): string {
  return remoteAddress?.replace(/^::ffff:(?=\d+\.)/u, '') ?? ''
}

function wantsLogin(api: string): string {
  return (
    `the broker ended the connection instead of answering ${api}, the first request of a client that has not logged in: ` +
    'if that listener takes logins (SASL), let the client log in, or configure upstream.sasl'
  )
}
