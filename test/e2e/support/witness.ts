/**
 * Stands between the sluice and a broker and notes every request with its answer: who asked, when its first byte came, how
 * large both were. It shares no code with what is tested; the few bytes of Kafka are read by hand. Only where records are to be
 * counted whole frames are kept for a moment and read with the codec.
 * (`test/support/tap.ts` is its plainer sister: it watches requests only, and does not look at client ids.)
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Address, standBetween } from '../../support/between.ts'
import { recordsInAnswer, recordsInRequest } from './record-count.ts'

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
  readonly apiVersion: number
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
  /** Of a Produce's request or a Fetch's answer, where records are counted; 0 until it has come whole. */
  records: number
}

export interface WitnessOptions {
  /** Whether to count the records of what this client sends and gets. */
  readonly countsRecordsOf?: (clientId: string) => boolean
}

/** Watches any number of brokers, each by a port of its own. */
export class Witness {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  /** By API key and client id, in the order of their coming. */
  readonly #exchanges = new Map<string, Exchange[]>()
  readonly #countsRecordsOf: (clientId: string) => boolean
  #connections = 0

  constructor({ countsRecordsOf = () => false }: WitnessOptions = {}) {
    this.#countsRecordsOf = countsRecordsOf
  }

  /** Stands before one broker; returns the port to come by. */
  async watch(broker: Address): Promise<number> {
    const server = createServer({ allowHalfOpen: true })
    server.on('connection', (client) => this.#accept(client, broker))
    this.#servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** The requests of one API that one client id has sent, in the order of their coming. */
  of(apiKey: number, clientId: string): readonly Exchange[] {
    return this.#exchanges.get(`${apiKey} ${clientId}`) ?? []
  }

  /** As `of`, of several client ids. */
  ofAll(apiKey: number, clientIds: readonly string[]): readonly Exchange[] {
    return clientIds.flatMap((clientId) => this.of(apiKey, clientId)).sort((a, b) => a.startMs - b.startMs)
  }

  /** Forgets a client's requests: a run of many clients would keep them all. */
  forget(apiKey: number, clientId: string): void {
    this.#exchanges.delete(`${apiKey} ${clientId}`)
  }

  async close(): Promise<void> {
    const closed = this.#servers.filter((server) => server.listening).map((server) => once(server, 'close'))
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
  }

  #accept(client: Socket, target: Address): void {
    const connection = this.#connections++
    const pending: Exchange[] = []
    const requests = new FrameHeads(REQUEST_HEAD_BYTES, clientIdBytes, (head, startMs) => {
      const exchange = exchangeOf(connection, head, startMs)
      this.#note(exchange)
      pending.push(exchange)
      if (exchange.apiKey !== PRODUCE || !this.#countsRecordsOf(exchange.clientId)) return undefined
      return (frame) => {
        exchange.records = recordsInRequest(frame)
      }
    })
    const answers = new FrameHeads(
      ANSWER_HEAD_BYTES,
      () => 0,
      (head, startMs) => {
        const exchange = answered(pending, head, startMs)
        if (exchange?.apiKey !== FETCH || !this.#countsRecordsOf(exchange.clientId)) return undefined
        return (frame) => {
          exchange.records = recordsInAnswer(frame, exchange.apiVersion)
        }
      },
    )
    standBetween(client, target, this.#sockets, {
      toBroker: (chunk) => requests.bytes(chunk),
      toClient: (chunk) => answers.bytes(chunk),
    })
  }

  #note(exchange: Exchange): void {
    const key = `${exchange.apiKey} ${exchange.clientId}`
    const noted = this.#exchanges.get(key)
    if (noted === undefined) this.#exchanges.set(key, [exchange])
    else noted.push(exchange)
  }
}

function clientIdBytes(head: Buffer): number {
  return Math.max(0, head.readInt16BE(12))
}

function exchangeOf(connection: number, head: Buffer, startMs: number): Exchange {
  return {
    connection,
    apiKey: head.readInt16BE(4),
    apiVersion: head.readInt16BE(6),
    correlationId: head.readInt32BE(8),
    clientId: head.toString('utf8', REQUEST_HEAD_BYTES),
    startMs,
    requestBytes: head.readInt32BE(0) + SIZE_BYTES,
    answerBytes: 0,
    answerMs: Number.POSITIVE_INFINITY,
    records: 0,
  }
}

/** Answers come in the order of the requests; one that was passed over has none (acks 0). */
function answered(pending: Exchange[], head: Buffer, startMs: number): Exchange | undefined {
  const correlationId = head.readInt32BE(4)
  for (let exchange = pending.shift(); exchange !== undefined; exchange = pending.shift()) {
    if (exchange.correlationId !== correlationId) continue
    exchange.answerBytes = head.readInt32BE(0) + SIZE_BYTES
    exchange.answerMs = startMs
    return exchange
  }
  return undefined
}

/** What is wanted of a frame beyond its head: all of it, once it is there. */
type WholeFrame = ((frame: Buffer) => void) | undefined

/** Finds the frames' heads in a stream that comes in any chunks. */
class FrameHeads {
  readonly #fixedBytes: number
  readonly #moreBytes: (fixed: Buffer) => number
  readonly #found: (head: Buffer, startMs: number) => WholeFrame
  #head = Buffer.alloc(0)
  #startMs = 0
  /** Of the frame's body, what is still to pass after the head. */
  #restBytes = 0
  #wanted: WholeFrame
  #parts: Buffer[] = []

  /** @param moreBytes how much longer than `fixedBytes` a head is, told from its fixed part */
  constructor(
    fixedBytes: number,
    moreBytes: (fixed: Buffer) => number,
    found: (head: Buffer, startMs: number) => WholeFrame,
  ) {
    this.#fixedBytes = fixedBytes
    this.#moreBytes = moreBytes
    this.#found = found
  }

  bytes(chunk: Buffer): void {
    const nowMs = performance.now()
    let at = 0
    while (at < chunk.length) {
      const passed = Math.min(this.#restBytes, chunk.length - at)
      if (passed > 0) this.#pass(chunk.subarray(at, at + passed))
      at += passed
      if (at < chunk.length) at += this.#takeHead(chunk.subarray(at), nowMs)
    }
  }

  #pass(part: Buffer): void {
    this.#restBytes -= part.length
    if (this.#wanted === undefined) return
    this.#parts.push(part)
    if (this.#restBytes > 0) return
    this.#wanted(Buffer.concat(this.#parts))
    this.#parts = []
  }

  #takeHead(rest: Buffer, nowMs: number): number {
    if (this.#head.length === 0) this.#startMs = nowMs
    const wanted = this.#wantedBytes() - this.#head.length
    const taken = rest.subarray(0, wanted)
    this.#head = Buffer.concat([this.#head, taken])
    // The fixed part says how long the head is; only then can it be known to be whole.
    if (this.#head.length === this.#wantedBytes()) {
      this.#restBytes = this.#head.readInt32BE(0) + SIZE_BYTES - this.#head.length
      this.#wanted = this.#found(this.#head, this.#startMs)
      if (this.#wanted !== undefined) this.#parts.push(this.#head)
      this.#head = Buffer.alloc(0)
    }
    return taken.length
  }

  #wantedBytes(): number {
    return this.#fixedBytes + (this.#head.length < this.#fixedBytes ? 0 : this.#moreBytes(this.#head))
  }
}
