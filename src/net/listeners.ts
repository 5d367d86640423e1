/**
 * Where clients connect: one listener for bootstrap, one for each broker (design.md §7). A broker keeps its port for the life
 * of the process; the port is the range's start plus the node id where that is free, so it survives restarts too.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { type Address, type AddressBook, type BrokerEntry, portCandidates } from '../cluster/address-book.ts'

/** Ports for broker listeners: an inclusive range, or whatever is free. */
export type BrokerPorts = { readonly first: number; readonly last: number } | 'any'

/** Every port of the range is taken. */
export class NoPortLeft extends Error {
  constructor(nodeId: number, first: number, last: number) {
    super(`no port between ${first} and ${last} is free for broker ${nodeId}; widen listen.brokerPorts`)
    this.name = 'NoPortLeft'
  }
}

/** Opens a server on `host:port`; rejects with the system's error. */
export function listen(host: string, port: number, accept: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ pauseOnConnect: true, noDelay: true, keepAlive: true, allowHalfOpen: true }, accept)
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      server.on('error', () => {}) // an accept that failed: that connection is lost, the listener goes on
      resolve(server)
    })
  })
}

/** The port that a server got. */
export function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener')
  return address.port
}

export interface BrokerListenersOptions {
  /** Listened on. */
  readonly host: string
  /** Told to clients. */
  readonly advertisedHost: string
  readonly ports: BrokerPorts
  readonly book: AddressBook
  readonly accept: (socket: Socket, entry: BrokerEntry) => void
  /** A listener came up (no error), or cannot. */
  readonly outcome: (entry: BrokerEntry, error: Error | undefined) => void
}

/** The listeners that stand for brokers; opened as brokers become known. */
export class BrokerListeners {
  readonly #options: BrokerListenersOptions
  readonly #servers = new Map<number, Server>()
  /** One after the other, so that brokers whose ports collide get the same ones at every start. */
  #opening: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: BrokerListenersOptions) {
    this.#options = options
  }

  /** Opens the listener of a broker, after those asked for before; never rejects. */
  open(entry: BrokerEntry): Promise<void> {
    this.#opening = this.#opening.then(() => this.#open(entry))
    return this.#opening
  }

  /** From now on connections are refused; those that there are stay. The broker keeps its port for `reopen`. */
  shut({ nodeId }: BrokerEntry): void {
    this.#servers.get(nodeId)?.close()
    this.#servers.delete(nodeId)
  }

  /** Listens again where it did; resolves with what is against it, never rejects. */
  async reopen(entry: BrokerEntry): Promise<Error | undefined> {
    const { host, accept } = this.#options
    if (this.#closed || entry.local === undefined || this.#servers.has(entry.nodeId)) return undefined
    try {
      const server = await listen(host, entry.local.port, (socket) => accept(socket, entry))
      if (this.#closed || this.#servers.has(entry.nodeId)) server.close()
      else this.#servers.set(entry.nodeId, server)
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  close(): void {
    this.#closed = true
    for (const server of this.#servers.values()) server.close()
  }

  async #open(entry: BrokerEntry): Promise<void> {
    if (this.#closed || entry.local !== undefined) return
    try {
      const server = await this.#listenFor(entry)
      if (this.#closed) {
        server.close()
        return
      }
      this.#servers.set(entry.nodeId, server)
      entry.local = { host: this.#options.advertisedHost, port: portOf(server) } satisfies Address
      this.#options.outcome(entry, undefined)
    } catch (error) {
      this.#options.outcome(entry, error instanceof Error ? error : new Error(String(error)))
    }
  }

  async #listenFor(entry: BrokerEntry): Promise<Server> {
    const { host, ports, accept } = this.#options
    const onSocket = (socket: Socket): void => accept(socket, entry)
    if (ports === 'any') return listen(host, 0, onSocket)
    for (const port of portCandidates(entry.nodeId, ports.first, ports.last)) {
      try {
        return await listen(host, port, onSocket)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      }
    }
    throw new NoPortLeft(entry.nodeId, ports.first, ports.last)
  }
}
