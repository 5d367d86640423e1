/** Dials a broker for one client: the addresses one after the other, each for so long, until one answers or all have failed. */
import type { Socket } from 'node:net'
import { DIAL_TIMEOUT_MS } from '../bounds.ts'
import { type Address, formatAddress } from '../cluster/address-book.ts'
import { dialBroker } from './adopt.ts'
import { deadline } from './deadline.ts'
import type { Pipe } from './pipe.ts'
import type { Upstream } from './upstream.ts'

export interface DialEvents {
  /** The outcome of one address. */
  dialled(address: Address, error: Error | undefined): void
  connected(broker: Socket, address: Address): void
  /** None is left; `tried` is for the log. */
  failed(tried: string): void
}

export class Dial {
  readonly #addresses: readonly Address[]
  readonly #pipe: Pipe
  readonly #upstream: Upstream
  readonly #events: DialEvents
  /** Gives up the attempt that is under way. */
  #stop: (() => void) | undefined
  #stopped = false

  /** @param pipe what the broker sends goes into it */
  constructor(addresses: readonly Address[], pipe: Pipe, upstream: Upstream, events: DialEvents) {
    this.#addresses = addresses
    this.#pipe = pipe
    this.#upstream = upstream
    this.#events = events
    this.#try(0)
  }

  /** Nothing more comes of it. */
  stop(): void {
    this.#stopped = true
    this.#stop?.()
  }

  #try(index: number): void {
    const address = this.#addresses[index]
    if (address === undefined) {
      this.#events.failed(this.#addresses.map(formatAddress).join(', '))
      return
    }
    const { tls } = this.#upstream
    const socket = dialBroker(address, this.#pipe, tls)
    let isOver = false
    const stop = (): void => {
      isOver = true
      clearTimeout(timeout)
      socket.on('error', () => undefined)
      socket.destroy()
    }
    const failed = (error: Error): void => {
      stop()
      this.#events.dialled(address, tls === undefined ? error : new Error(tls.fault(error, address), { cause: error }))
      if (!this.#stopped) this.#try(index + 1)
    }
    const timeout = deadline(DIAL_TIMEOUT_MS, () => {
      if (!isOver) failed(new Error(`no connection within ${DIAL_TIMEOUT_MS / 1000} s`))
    })
    this.#stop = stop
    socket.once('error', failed)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      isOver = true
      clearTimeout(timeout)
      socket.off('error', failed)
      this.#events.dialled(address, undefined)
      this.#events.connected(socket, address)
    })
  }
}
