/**
 * The connections to the admin port, bounded whoever holds them: probes must come through while somebody opens connections and
 * leaves them, or asks for long answers and does not read them. Who came first has to go, and is gone for long where it is served.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** A scraper, two probes, a person with a browser: more at once is a mistake, and sockets are memory. */
const CONNECTIONS_MAX = 64
/** Answers that nobody has read yet, of all connections: some scrapes of many clients. */
const UNREAD_BYTES_MAX = 8_388_608
/** Nothing has moved on the connection: longer than its answers need, longer than it may be kept alive. */
const STILL_TIMEOUT_MS = 30_000

export class Visitors {
  /** The oldest first. */
  readonly #sockets = new Set<Socket>()

  constructor(server: Server) {
    server.setTimeout(STILL_TIMEOUT_MS)
    server.on('connection', (socket) => this.#came(socket))
  }

  /** An answer to `socket` is on its way. */
  answered(socket: Socket): void {
    let unreadBytes = 0
    for (const { writableLength } of this.#sockets) unreadBytes += writableLength
    for (const other of this.#sockets) {
      if (unreadBytes <= UNREAD_BYTES_MAX) return
      if (other === socket || other.writableLength === 0) continue
      unreadBytes -= other.writableLength
      other.destroy()
    }
  }

  #came(socket: Socket): void {
    const [oldest] = this.#sockets
    if (this.#sockets.size >= CONNECTIONS_MAX) {
      this.#sockets.delete(oldest!)
      oldest!.destroy()
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
