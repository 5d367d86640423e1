/**
 * Questions of our own to a broker, on a connection of their own (design.md §7): one request after the other, each answer whole
 * and bounded, each with a deadline. What goes wrong is told with its reason; the caller closes.
 */
import { connect, type Socket } from 'node:net'
import { apiSchema, decodeResponse, encodeRequest, ProtocolError, type Struct } from 'kafka-protocol-codec'
import { FRAME_BYTES_MAX, QUERY_BYTES_MAX, QUERY_TIMEOUT_MS } from '../bounds.ts'
import { type Address, formatAddress } from '../cluster/address-book.ts'
import { type BrokerTls, isTlsFault } from './broker-tls.ts'
import { deadline } from './deadline.ts'

/**
 * - `unreachable`: no connection · `silent`: no answer in time · `closed`: the broker ended the connection instead of answering
 * - `foreign`: what answers does not speak Kafka, as a TLS listener does not · `refused`: it answers with an error
 * - `aborted`: we gave up ourselves
 */
export type QueryReason = 'unreachable' | 'silent' | 'closed' | 'foreign' | 'refused' | 'aborted'

/** Why a question has no answer; the message is for the operator. */
export class QueryError extends Error {
  readonly reason: QueryReason

  constructor(reason: QueryReason, message: string) {
    super(message)
    this.reason = reason
  }
}

interface Waiting {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly bytesMax: number
  readonly timer: NodeJS.Timeout
  readonly resolve: (answer: Struct) => void
  readonly reject: (error: QueryError) => void
}

const CLIENT_ID = 'kafka-sluice'
const SIZE_BYTES = 4
const TLS_ALERT = 0x15
const TLS_MAJOR_VERSION = 0x03

export class BrokerConnection {
  readonly #socket: Socket
  readonly #where: string
  #chunks: Uint8Array[] = []
  #length = 0
  /** Of the answer that is coming; 0 until its size is here. */
  #frameBytes = 0
  #lastCorrelationId = 0
  #waiting: Waiting | undefined
  #ended: QueryError | undefined

  private constructor(socket: Socket, address: Address) {
    this.#socket = socket
    this.#where = formatAddress(address)
  }

  /** @throws QueryError `unreachable`, `aborted` */
  static connect(address: Address, signal: AbortSignal, tls?: BrokerTls): Promise<BrokerConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<BrokerConnection>()
    const socket = tls?.connect(address) ?? connect({ host: address.host, port: address.port, noDelay: true })
    const connection = new BrokerConnection(socket, address)
    let connected = false
    const fail = (error: QueryError): void => {
      connection.#end(error)
      reject(error)
    }
    const giveUp = (): void => fail(new QueryError('aborted', 'given up'))
    const timer = deadline(QUERY_TIMEOUT_MS, () => {
      if (!connected) fail(new QueryError('unreachable', `no connection within ${QUERY_TIMEOUT_MS / 1000} s`))
    })
    socket.on(tls === undefined ? 'connect' : 'secureConnect', () => {
      connected = true
      clearTimeout(timer)
      resolve(connection)
    })
    socket.on('data', (chunk: Uint8Array) => connection.#receive(chunk))
    socket.on('error', (error) => fail(connection.#failed(error, connected, address, tls)))
    socket.on('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      connection.#end(connection.#closed())
    })
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp)
    return promise
  }

  /** Asks, and returns the body of the answer. One at a time. @throws QueryError */
  request(apiKey: number, version: number, body: Struct, bytesMax: number = QUERY_BYTES_MAX): Promise<Struct> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (this.#waiting !== undefined) throw new Error('one request at a time')
    const { promise, resolve, reject } = Promise.withResolvers<Struct>()
    const correlationId = ++this.#lastCorrelationId
    const timer = deadline(QUERY_TIMEOUT_MS, () => {
      if (this.#waiting?.correlationId !== correlationId) return
      const what = `${this.#where} did not answer ${nameOf(apiKey)} within ${QUERY_TIMEOUT_MS / 1000} s`
      this.#end(new QueryError('silent', what))
    })
    this.#waiting = { apiKey, version, correlationId, bytesMax, timer, resolve, reject }
    this.#socket.write(encodeRequest({ apiKey, apiVersion: version, correlationId, clientId: CLIENT_ID }, body))
    return promise
  }

  close(): void {
    this.#end(new QueryError('aborted', 'the connection was closed'))
  }

  /** In TLS 1.3 a broker that does not like our certificate says so after the handshake. */
  #failed(error: NodeJS.ErrnoException, connected: boolean, address: Address, tls?: BrokerTls): QueryError {
    const words = tls?.fault(error, address) ?? error.message
    if (!connected) return new QueryError('unreachable', words)
    const isTheirs = tls === undefined || error.code === 'ECONNRESET' || !isTlsFault(error)
    return isTheirs ? this.#closed() : new QueryError('unreachable', words)
  }

  #closed(): QueryError {
    const api = this.#waiting === undefined ? 'any request' : nameOf(this.#waiting.apiKey)
    return new QueryError('closed', `${this.#where} closed the connection instead of answering ${api}`)
  }

  /** Nothing more comes of this connection. */
  #end(error: QueryError): void {
    this.#ended ??= error
    this.#chunks = []
    this.#socket.destroy()
    const waiting = this.#waiting
    this.#waiting = undefined
    clearTimeout(waiting?.timer)
    waiting?.reject(this.#ended)
  }

  #receive(chunk: Uint8Array): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#frameBytes === 0) this.#readSize(waiting)
    if (this.#frameBytes > 0 && this.#length >= this.#frameBytes) this.#answer(Buffer.concat(this.#chunks), waiting)
  }

  #readSize(waiting: Waiting): void {
    if (this.#length < SIZE_BYTES) return
    const head = Buffer.concat(this.#chunks)
    const size = head.readInt32BE(0)
    if (size < SIZE_BYTES || size > waiting.bytesMax) this.#end(this.#foreign(head, size, waiting))
    else this.#frameBytes = size + SIZE_BYTES
  }

  #answer(frame: Uint8Array, { apiKey, version, correlationId, timer, resolve }: Waiting): void {
    try {
      const { value, correlationId: theirs } = decodeResponse(apiKey, version, frame)
      if (theirs !== correlationId) throw new ProtocolError('bad_value', `answer ${theirs} to request ${correlationId}`)
      clearTimeout(timer)
      this.#waiting = undefined
      this.#chunks = []
      this.#length = this.#frameBytes = 0
      resolve(value)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const what = `the answer of ${this.#where} to ${nameOf(apiKey)} cannot be read (${error.message})`
      this.#end(new QueryError('foreign', `${what}: it may not be a Kafka broker`))
    }
  }

  #foreign(head: Uint8Array, size: number, { apiKey, bytesMax }: Waiting): QueryError {
    if (head[0] === TLS_ALERT && head[1] === TLS_MAJOR_VERSION) {
      return new QueryError(
        'foreign',
        `${this.#where} speaks TLS; configure upstream.tls, or give the address of a listener without it`,
      )
    }
    if (size > bytesMax && size <= FRAME_BYTES_MAX) {
      return new QueryError(
        'foreign',
        `${this.#where} answers ${nameOf(apiKey)} with ${size} bytes; at most ${bytesMax}`,
      )
    }
    return new QueryError('foreign', `${this.#where} does not speak Kafka's protocol`)
  }
}

function nameOf(apiKey: number): string {
  return apiSchema(apiKey)?.name ?? `API ${apiKey}`
}
