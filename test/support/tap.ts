/**
 * A recording TCP tap on plain node:net, to sit between the sluice and a broker (`advertise` of the Kafka harness puts it
 * there) or between a client and the sluice. It forwards bytes and notes what passes: a witness that shares no code with
 * what is tested. Its eight bytes of Kafka (size, key, version, correlation id) are read by hand on purpose.
 * It does not know the raw tokens that follow SaslHandshake v0; a connection that sends such loses its frame notes.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { standBetween } from './between.ts'

const PREFIX_BYTES = 4
/** Size, API key, API version, correlation id. */
const HEAD_BYTES = 12

export interface TapFrame {
  /** Index into `connections`. */
  readonly connection: number
  /** When its first byte came by, on performance.now()'s clock. */
  readonly atMs: number
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** With its four bytes of size. */
  readonly frameBytes: number
}

export interface TapConnection {
  readonly openedMs: number
  /** The port that the connecting side dialled from. */
  readonly remotePort: number
  bytesToBroker: number
  bytesToClient: number
  closed: boolean
}

export interface TapOptions {
  readonly host: string
  readonly port: number
  /** Where to listen; any free port unless given. */
  readonly listenPort?: number
}

export async function startTap(target: TapOptions): Promise<Tap> {
  const server = createServer({ allowHalfOpen: true })
  const tap = new Tap(server, target)
  server.listen(target.listenPort ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return tap
}

export class Tap {
  readonly connections: TapConnection[] = []
  readonly frames: TapFrame[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, target: TapOptions) {
    this.#server = server
    server.on('connection', (client) => this.#accept(client, target))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get bytesToBroker(): number {
    return this.connections.reduce((sum, connection) => sum + connection.bytesToBroker, 0)
  }

  get bytesToClient(): number {
    return this.connections.reduce((sum, connection) => sum + connection.bytesToClient, 0)
  }

  get open(): number {
    return this.connections.filter((connection) => !connection.closed).length
  }

  framesOf(apiKey: number): TapFrame[] {
    return this.frames.filter((frame) => frame.apiKey === apiKey)
  }

  /** Resets every connection, as a broker's death would. */
  resetConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  #accept(client: Socket, target: TapOptions): void {
    const note: TapConnection = {
      openedMs: performance.now(),
      remotePort: client.remotePort ?? 0,
      bytesToBroker: 0,
      bytesToClient: 0,
      closed: false,
    }
    const frames = new FrameNotes(this.connections.push(note) - 1, this.frames)
    standBetween(client, target, this.#sockets, {
      toBroker: (chunk) => {
        note.bytesToBroker += chunk.length
        frames.bytes(chunk)
      },
      toClient: (chunk) => {
        note.bytesToClient += chunk.length
      },
      closed: () => {
        note.closed = true
      },
    })
  }
}

/** Finds the frames in a stream that comes in any chunks. */
class FrameNotes {
  readonly #connection: number
  readonly #frames: TapFrame[]
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headBytes = 0
  #startedMs = 0
  /** Of the frame's body, what is still to pass after the head. */
  #restBytes = 0

  constructor(connection: number, frames: TapFrame[]) {
    this.#connection = connection
    this.#frames = frames
  }

  bytes(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const skipped = Math.min(this.#restBytes, chunk.length - at)
      this.#restBytes -= skipped
      at += skipped
      if (at < chunk.length) at += this.#takeHead(chunk, at)
    }
  }

  #takeHead(chunk: Buffer, at: number): number {
    if (this.#headBytes === 0) this.#startedMs = performance.now()
    const copied = chunk.copy(this.#head, this.#headBytes, at, at + HEAD_BYTES - this.#headBytes)
    this.#headBytes += copied
    if (this.#headBytes === HEAD_BYTES) this.#note()
    return copied
  }

  #note(): void {
    const frameBytes = this.#head.readInt32BE(0) + PREFIX_BYTES
    this.#headBytes = 0
    this.#restBytes = Math.max(0, frameBytes - HEAD_BYTES)
    this.#frames.push({
      connection: this.#connection,
      atMs: this.#startedMs,
      apiKey: this.#head.readInt16BE(4),
      apiVersion: this.#head.readInt16BE(6),
      correlationId: this.#head.readInt32BE(8),
      frameBytes,
    })
  }
}
