/**
 * A tap that keeps every byte, of each connection and direction apart: what was said before the sluice and what was said behind it
 * can then be compared, or read with the codec. For short conversations; `witness.ts` is for floods. It shares no code with what is tested.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Address, standBetween } from '../../support/between.ts'

const SIZE_BYTES = 4

/** One connection, as it was said. */
export interface Conversation {
  toBroker(): Buffer
  toClient(): Buffer
}

export class ByteTap {
  readonly conversations: Conversation[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, target: Address) {
    this.#server = server
    server.on('connection', (client) => this.#accept(client, target))
  }

  /** Stands before `target`, at any port of this machine, or at the address given. */
  static async start(target: Address, at: Address = { host: '127.0.0.1', port: 0 }): Promise<ByteTap> {
    const server = createServer({ allowHalfOpen: true })
    const tap = new ByteTap(server, target)
    server.listen(at.port, at.host)
    await once(server, 'listening')
    return tap
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(client: Socket, target: Address): void {
    const [up, down]: Buffer[][] = [[], []]
    this.conversations.push({ toBroker: () => Buffer.concat(up!), toClient: () => Buffer.concat(down!) })
    standBetween(client, target, this.#sockets, {
      toBroker: (chunk) => up!.push(chunk),
      toClient: (chunk) => down!.push(chunk),
    })
  }
}

/** The frames of one direction, each with its four bytes of size; what is not whole at the end is left out. */
export function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at + SIZE_BYTES <= bytes.length; ) {
    const end = at + SIZE_BYTES + bytes.readInt32BE(at)
    if (end > bytes.length) break
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}
