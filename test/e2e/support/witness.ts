/**
 * Stands between the sluice and a broker and notes every request with its answer: who asked, when its first byte came, how
 * large both were. It shares no code with what is tested; the few bytes of Kafka are read by hand.
 * (`test/support/tap.ts` is its plainer sister: it watches requests only, and does not look at client ids.)
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const SIZE_BYTES = 4
/** Size, API key, API version, correlation id, length of the client id. */
const REQUEST_HEAD_BYTES = 14
/** Size and correlation id. */
const ANSWER_HEAD_BYTES = 8

export const PRODUCE = 0
export const FETCH = 1

export interface Exchange {
  /** Index of the connection. */
  readonly connection: number
  readonly apiKey: number
  readonly correlationId: number
  readonly clientId: string
  /** When the request's first byte came by, on performance.now()'s clock. */
  readonly startMs: number
  /** With its four bytes of size, as the answer's. */
  readonly requestBytes: number
  /** 0 until the answer has begun to come. */
  answerBytes: number
  /** When the answer's first byte came by; Infinity until then. */
  answerMs: number
}

/** A broker's address, and where its witness listens. */
export async function startWitness(target: { readonly host: string; readonly port: number }): Promise<Witness> {
  const server = createServer({ allowHalfOpen: true })
  const witness = new Witness(server, target)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return witness
}

export class Witness {
  readonly exchanges: Exchange[] = []
  #connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(server: Server, target: { readonly host: string; readonly port: number }) {
    this.#server = server
    server.on('connection', (client) => this.#accept(client, target))
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The requests of one API that one client id has sent, in the order of their coming. */
  of(apiKey: number, clientId: string): Exchange[] {
    return this.exchanges.filter((exchange) => exchange.apiKey === apiKey && exchange.clientId === clientId)
  }

  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(client: Socket, target: { readonly host: string; readonly port: number }): void {
    const broker = connect({ ...target, allowHalfOpen: true })
    const connection = this.#connections++
    const pending: Exchange[] = []
    const requests = new FrameHeads(REQUEST_HEAD_BYTES, clientIdBytes, (head, startMs) => {
      const exchange = exchangeOf(connection, head, startMs)
      this.exchanges.push(exchange)
      pending.push(exchange)
    })
    const answers = new FrameHeads(
      ANSWER_HEAD_BYTES,
      () => 0,
      (head, startMs) => answered(pending, head, startMs),
    )
    forward(client, broker, (chunk) => requests.bytes(chunk))
    forward(broker, client, (chunk) => answers.bytes(chunk))
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        broker.destroy()
      })
    }
  }
}

function forward(from: Socket, to: Socket, watch: (chunk: Buffer) => void): void {
  from.on('data', (chunk) => {
    watch(chunk)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
}

function clientIdBytes(head: Buffer): number {
  return Math.max(0, head.readInt16BE(12))
}

function exchangeOf(connection: number, head: Buffer, startMs: number): Exchange {
  return {
    connection,
    apiKey: head.readInt16BE(4),
    correlationId: head.readInt32BE(8),
    clientId: head.toString('utf8', REQUEST_HEAD_BYTES),
    startMs,
    requestBytes: head.readInt32BE(0) + SIZE_BYTES,
    answerBytes: 0,
    answerMs: Number.POSITIVE_INFINITY,
  }
}

/** Answers come in the order of the requests; one that was passed over has none (acks 0). */
function answered(pending: Exchange[], head: Buffer, startMs: number): void {
  const correlationId = head.readInt32BE(4)
  for (let exchange = pending.shift(); exchange !== undefined; exchange = pending.shift()) {
    if (exchange.correlationId !== correlationId) continue
    exchange.answerBytes = head.readInt32BE(0) + SIZE_BYTES
    exchange.answerMs = startMs
    return
  }
}

/** Finds the frames' heads in a stream that comes in any chunks. */
class FrameHeads {
  readonly #fixedBytes: number
  readonly #moreBytes: (fixed: Buffer) => number
  readonly #found: (head: Buffer, startMs: number) => void
  #head = Buffer.alloc(0)
  #startMs = 0
  /** Of the frame's body, what is still to pass after the head. */
  #restBytes = 0

  /** @param moreBytes how much longer than `fixedBytes` a head is, told from its fixed part */
  constructor(
    fixedBytes: number,
    moreBytes: (fixed: Buffer) => number,
    found: (head: Buffer, startMs: number) => void,
  ) {
    this.#fixedBytes = fixedBytes
    this.#moreBytes = moreBytes
    this.#found = found
  }

  bytes(chunk: Buffer): void {
    const nowMs = performance.now()
    let at = 0
    while (at < chunk.length) {
      const skipped = Math.min(this.#restBytes, chunk.length - at)
      this.#restBytes -= skipped
      at += skipped
      if (at < chunk.length) at += this.#takeHead(chunk.subarray(at), nowMs)
    }
  }

  #takeHead(rest: Buffer, nowMs: number): number {
    if (this.#head.length === 0) this.#startMs = nowMs
    const wanted = this.#wantedBytes() - this.#head.length
    const taken = rest.subarray(0, wanted)
    this.#head = Buffer.concat([this.#head, taken])
    // The fixed part says how long the head is; only then can it be known to be whole.
    if (this.#head.length === this.#wantedBytes()) {
      this.#restBytes = this.#head.readInt32BE(0) + SIZE_BYTES - this.#head.length
      this.#found(this.#head, this.#startMs)
      this.#head = Buffer.alloc(0)
    }
    return taken.length
  }

  #wantedBytes(): number {
    return this.#fixedBytes + (this.#head.length < this.#fixedBytes ? 0 : this.#moreBytes(this.#head))
  }
}
