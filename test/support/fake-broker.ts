/**
 * A broker on a real socket, built on our codec, for the faults that a real one will not show on demand. It answers each
 * connection's requests in order (`fake-broker/answers.ts`), records everything it gets, and does as it is told:
 * `controlKey` answers the next request of an API with whatever the test says, once.
 *
 * What it does not do: keep records, groups or transactions (every Produce succeeds and every Fetch is empty), topics,
 * errors, TLS, raw tokens after SaslHandshake v0, versions that the codec does not know, and mute: it reads on while it answers.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import {
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  type RequestHeader,
  type Struct,
} from 'kafka-protocol-codec'
import { type BrokerAddress, defaultAnswer } from './fake-broker/answers.ts'
import { FrameSplitter } from './fake-broker/frame-splitter.ts'

export type { BrokerAddress } from './fake-broker/answers.ts'

/** A request as it came. */
export interface ReceivedRequest extends RequestHeader {
  /** The whole frame, its size included. */
  readonly frame: Uint8Array
  readonly connection: FakeConnection
  /** The decoded body. */
  value(): Struct
}

/** An answer's body, or the raw bytes to send in its place, or nothing at all. */
export type Reply = Struct | Uint8Array | undefined

/** What a test has a request answered with; a promise delays this answer and those behind it. */
export type Hook = (request: ReceivedRequest) => Reply | Promise<Reply>

export interface FakeBrokerOptions {
  readonly nodeId?: number
  readonly host?: string
  readonly port?: number
  /** Connections are accepted and never read from. */
  readonly deaf?: boolean
}

export async function startFakeBroker(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const { nodeId = 0, host = '127.0.0.1', port = 0 } = options
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
  server.listen({ host, port, backlog: 1024 })
  await once(server, 'listening')
  return new FakeBroker(server, { nodeId, host, port: (server.address() as AddressInfo).port }, options.deaf ?? false)
}

export class FakeBroker {
  readonly self: BrokerAddress
  /** Whom Metadata names; itself only, until a test says otherwise. */
  brokers: readonly BrokerAddress[]
  readonly connections: FakeConnection[] = []
  readonly #server: Server
  readonly #hooks = new Map<number, Hook[]>()

  constructor(server: Server, self: BrokerAddress, deaf: boolean) {
    this.self = self
    this.brokers = [self]
    this.#server = server
    server.on('connection', (socket: Socket) => {
      const connection = new FakeConnection(socket, (request) => this.#answer(request))
      this.connections.push(connection)
      if (!deaf) socket.resume()
    })
  }

  get port(): number {
    return this.self.port
  }

  /** As `upstream.bootstrap` names it. */
  get address(): { readonly host: string; readonly port: number } {
    return { host: this.self.host, port: this.self.port }
  }

  get open(): number {
    return this.connections.filter((connection) => !connection.closed).length
  }

  /** Connections that a client's requests came over: the sluice's own questions for brokers use others. */
  get clientConnections(): FakeConnection[] {
    return this.connections.filter(({ requests }) => requests.length === 0 || requests[0]?.clientId !== 'kafka-sluice')
  }

  /** Every request so far, the sluice's own questions for brokers excepted. */
  requests(apiKey?: number): ReceivedRequest[] {
    const all = this.clientConnections.flatMap((connection) => connection.requests)
    return apiKey === undefined ? all : all.filter((request) => request.apiKey === apiKey)
  }

  /** The next request of that API, from a client, meets `hook`; the one after it the hook set next, or the default. */
  controlKey(apiKey: number, hook: Hook): void {
    this.#hooks.set(apiKey, [...(this.#hooks.get(apiKey) ?? []), hook])
  }

  /** Connections that there are stay. */
  stopListening(): void {
    this.#server.close()
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(request: ReceivedRequest): Reply | Promise<Reply> {
    if (request.clientId !== 'kafka-sluice') {
      const hook = this.#hooks.get(request.apiKey)?.shift()
      if (hook !== undefined) return hook(request)
    }
    return defaultAnswer(request.apiKey, request.apiVersion, request.value(), {
      self: this.self,
      brokers: this.brokers,
    })
  }
}

/** One connection to the fake broker. */
export class FakeConnection {
  readonly requests: ReceivedRequest[] = []
  readonly socket: Socket
  bytesReceived = 0
  /** The other side has said goodbye. */
  ended = false
  closed = false
  error: Error | undefined
  /** When true, the answer to the other side's goodbye is left to the test. */
  keepOpen = false
  readonly #splitter: FrameSplitter
  readonly #answer: (request: ReceivedRequest) => Reply | Promise<Reply>
  #answering: Promise<void> = Promise.resolve()

  constructor(socket: Socket, answer: (request: ReceivedRequest) => Reply | Promise<Reply>) {
    this.socket = socket
    this.#answer = answer
    this.#splitter = new FrameSplitter((frame) => this.#received(frame))
    socket.on('data', (chunk: Uint8Array) => {
      this.bytesReceived += chunk.length
      this.#splitter.push(chunk)
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('end', () => {
      this.ended = true
      void this.#answering.then(() => {
        if (!this.keepOpen) socket.end()
      })
    })
  }

  /** Bytes of a frame that has begun and is not whole. */
  get pendingBytes(): number {
    return this.#splitter.pendingBytes
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Says goodbye in good order. */
  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  #received(frame: Uint8Array): void {
    const request: ReceivedRequest = {
      ...decodeRequestHeader(frame),
      frame,
      connection: this,
      value: () => decodeRequest(frame).value,
    }
    this.requests.push(request)
    this.#answering = this.#answering.then(async () => {
      const reply = await this.#answer(request)
      if (reply === undefined || this.socket.writableEnded || this.socket.destroyed) return
      this.socket.write(reply instanceof Uint8Array ? reply : encodeAnswer(request, reply))
    })
  }
}

/** The frame that answers a request with that body. */
export function encodeAnswer({ apiKey, apiVersion, correlationId }: RequestHeader, body: Struct): Uint8Array {
  return encodeResponse(apiKey, apiVersion, correlationId, body)
}
