/**
 * All client connections of a process: accepts them, bounds them, ticks them, drains them, and says in counters and log lines
 * what became of each.
 */
import type { Socket } from 'node:net'
import type { Address, BrokerEntry } from '../cluster/address-book.ts'
import { apiNameOf } from '../policy/api-classes.ts'
import { floorAdvice } from '../policy/floor-advice.ts'
import type { SessionContext } from '../session/context.ts'
import type { CloseReason } from '../session/counters.ts'
import { ENDING_EVENTS, type EndingEvent } from '../telemetry/events/connection-events.ts'
import type { LogLimiter } from '../telemetry/log-limiter.ts'
import type { Logger } from '../telemetry/logger.ts'
import { monotonicMs } from './clock.ts'
import { Connection } from './connection.ts'
import type { BelowFloor, Candidates, ConnectionEvents } from './connection-events.ts'
import { hangUp } from './hang-up.ts'
import type { Hello } from './tls-front.ts'
import type { Upstream } from './upstream.ts'

const TICK_MS = 1_000
/** How long held connections are looked at in one go after a reload. */
const REVIEW_SLICE_MS = 5

export interface GatewayOptions {
  readonly context: SessionContext
  readonly logger: Logger
  readonly limitedLog: LogLimiter
  readonly connectionsMax: number
  /** How brokers are reached; plaintext without a login if not said. */
  readonly upstream?: Upstream
  readonly dialled: (address: Address, error: Error | undefined) => void
  readonly ended: (connection: Connection) => void
}

export class Gateway implements ConnectionEvents {
  readonly #options: GatewayOptions
  readonly #connections = new Set<Connection>()
  readonly #timer: NodeJS.Timeout
  #toReview: Connection[] = []
  #draining = false
  #whenEmpty: (() => void) | undefined
  #drained: Promise<'clean' | 'deadline'> | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  get connections(): ReadonlySet<Connection> {
    return this.#connections
  }

  /** A client has connected; `candidates` are the brokers it may be given to, `hello` what a TLS handshake told. */
  accept(socket: Socket, candidates: Candidates, hello?: Hello): void {
    const { context } = this.#options
    const { counters } = context
    if (this.#draining || (this.#connections.size >= this.#options.connectionsMax && !this.#evictSilent())) {
      counters.connectionsTotal.refused++
      if (!this.#draining) this.#sayFull(socket)
      hangUp(socket)
      return
    }
    if (socket.destroyed) return
    counters.connectionsTotal.accepted++
    this.#connections.add(new Connection(socket, context, candidates, this, this.#options.upstream, hello))
    counters.connections = this.#connections.size
  }

  /** A broker's listener is up: answers that name it may go to their clients. */
  listenerReady(): void {
    for (const connection of this.#connections) connection.listenerReady()
  }

  /** A broker's listener cannot be opened: who waits for it would wait for ever. */
  listenerFailed(entry: BrokerEntry, error: Error): void {
    for (const connection of this.#connections) {
      if (connection.session.needsListener)
        connection.abort('no_broker_port', `broker ${entry.nodeId}: ${error.message}`)
    }
  }

  /**
   * The policy has changed: who is held finds out now, everybody else with the next request; who has waited longest first, as each
   * reserves in its turn. A few at a time, because each asks
   * every quota anew, and the others must not wait for ten thousand of them.
   */
  policyChanged(): void {
    this.#toReview = [...this.#connections]
      .filter((connection) => connection.session.clientBlock === 'held')
      .sort((a, b) => b.session.heldSinceMs - a.session.heldSinceMs)
    if (this.#toReview.length > 0) setImmediate(() => this.#review())
  }

  #review(): void {
    const untilMs = monotonicMs() + REVIEW_SLICE_MS
    while (monotonicMs() < untilMs) {
      const connection = this.#toReview.pop()
      if (connection === undefined) return
      connection.policyChanged()
    }
    setImmediate(() => this.#review())
  }

  /** Releases what is held and waits until every connection has delivered what was in flight. The first deadline stands. */
  drain(deadlineMs: number): Promise<'clean' | 'deadline'> {
    this.#drained ??= this.#drain(deadlineMs)
    return this.#drained
  }

  async #drain(deadlineMs: number): Promise<'clean' | 'deadline'> {
    this.#draining = true
    for (const connection of this.#connections) connection.drain()
    if (this.#connections.size === 0) return 'clean'
    return new Promise((resolve) => {
      const timeout = setTimeout(() => {
        this.kill('drain_deadline', 'the drain deadline is over')
        resolve('deadline')
      }, deadlineMs)
      this.#whenEmpty = () => {
        clearTimeout(timeout)
        resolve('clean')
      }
    })
  }

  kill(reason: CloseReason = 'drained', detail = 'stopped at once'): void {
    this.#draining = true
    for (const connection of this.#connections) connection.abort(reason, detail)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  // ConnectionEvents

  identified(connection: Connection): void {
    const { clientId, principal, software, softwareVersion } = connection.session.identity
    this.#options.logger.log(
      'client_identified',
      { peer: connection.peer, connection: connection.number, clientId, principal, software, softwareVersion },
      `${connection.peer} is ${software === '' ? 'an unnamed library' : `${software} ${softwareVersion}`}`,
    )
  }

  belowFloor(connection: Connection, { quota, apiKey, frameBytes, heldMs }: BelowFloor): void {
    const { clientId, software } = connection.session.identity
    const { library } = this.#options.context.behaviourOf(software)
    const settings = floorAdvice(library, apiKey)
    const advice = settings === undefined ? '' : `; in the client: ${settings}; or fewer connections`
    this.#options.limitedLog.log(
      'floor_exceeded',
      clientId,
      {
        quota,
        clientId,
        connection: connection.number,
        api: apiNameOf(apiKey),
        frameBytes,
        heldMs: Math.round(heldMs),
      },
      `quota ${quota} is below what client "${clientId}" (${library}) can be held to: a request of ${frameBytes} bytes was let go ` +
        `after ${Math.round(heldMs)} ms, as longer would risk its time-outs. Smaller requests make the limit reachable${advice}`,
    )
  }

  mutationRefused(connection: Connection, quota: string, apiKey: number, topicsRefused: number): void {
    const { peer, number, session } = connection
    const { clientId, principal } = session.identity
    const api = apiNameOf(apiKey)
    this.#options.limitedLog.log(
      'mutation_refused',
      `${quota} ${clientId}`,
      { quota, clientId, principal, peer, connection: number, api, topicsRefused },
      `quota ${quota} has refused ${topicsRefused} of the topics that client "${clientId}" names in ${api}; it is told when to try again`,
    )
  }

  dialled(address: Address, error: Error | undefined): void {
    this.#options.dialled(address, error)
  }

  ended(connection: Connection, reason: CloseReason, detail: string): void {
    const { counters } = this.#options.context
    this.#connections.delete(connection)
    counters.connections = this.#connections.size
    counters.disconnects[reason]++
    this.#options.ended(connection)
    this.#sayEnded(connection, reason, detail)
    if (this.#connections.size === 0) this.#whenEmpty?.()
  }

  #sayEnded(connection: Connection, reason: CloseReason, detail: string): void {
    const { peer, number, session } = connection
    const { clientId, software } = session.identity
    const fields = { peer, reason, connection: number, clientId, software }
    const host = peer.slice(0, peer.lastIndexOf(':'))
    const { logger, limitedLog } = this.#options
    const message = detail === '' ? `connection of ${host} closed` : detail
    if (reason === 'internal_error') {
      const ourBug = 'our bug: a session was closed by an unexpected error; please report the stack'
      logger.log('internal_error', { ...fields, stack: detail }, ourBug)
    } else if (reason === 'connection_quota') {
      const quota = session.refusedBy ?? ''
      limitedLog.log('connection_quota', `${host} ${clientId}`, { ...fields, quota }, message)
    } else if (isWarned(reason)) {
      limitedLog.log(reason, host, fields, message)
    } else {
      logger.log('disconnected', { ...fields, detail }, `${peer} is gone: ${reason}`)
    }
  }

  /** A client came no further than the door: no connection was made of it. */
  turnedAway(host: string, reason: CloseReason, detail: string): void {
    const { counters } = this.#options.context
    counters.connectionsTotal.refused++
    counters.disconnects[reason]++
    const fields = { peer: host, reason }
    if (isWarned(reason)) this.#options.limitedLog.log(reason, host, fields, detail)
    else this.#options.logger.log('disconnected', fields, `${host} is gone: ${reason}`)
  }

  #sayFull(socket: Socket): void {
    const max = this.#options.connectionsMax
    const peer = socket.remoteAddress ?? '?'
    this.#options.context.counters.disconnects.connection_limit++
    this.#options.limitedLog.log(
      'connection_limit',
      peer,
      { peer, reason: 'connection_limit' },
      `${max} connections are open, a new one was refused (limits.connectionsMax)`,
    )
  }

  /** Makes room by closing the oldest connection that never sent a request, or has not logged in where it must; false if there is none. */
  #evictSilent(): boolean {
    for (const connection of this.#connections) {
      if (!connection.isSilent) continue
      connection.abort('connection_limit', 'closed for a newer connection: it had sent no request, or no login')
      this.#connections.delete(connection)
      return true
    }
    return false
  }

  #tick(): void {
    const nowMs = monotonicMs()
    for (const connection of this.#connections) connection.tick(nowMs)
  }
}

function isWarned(reason: CloseReason): reason is CloseReason & EndingEvent {
  return Object.hasOwn(ENDING_EVENTS, reason)
}
