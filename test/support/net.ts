/** A raw Kafka client for tests (frames in, frames out, nothing automatic), and what is left open in this process. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { API_KEY, decodeResponse, encodeRequest, type Struct } from 'kafka-protocol-codec'
import { FrameSplitter } from './fake-broker/frame-splitter.ts'
import { waitFor } from './wait.ts'

/** Where to connect. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** Resolves once connected; rejects with the system's error. */
export async function connectRaw(target: Target, clientId = 'test'): Promise<RawClient> {
  const socket = connect({ ...target, noDelay: true, allowHalfOpen: true })
  await once(socket, 'connect')
  return new RawClient(socket, clientId)
}

export class RawClient {
  readonly socket: Socket
  readonly frames: Uint8Array[] = []
  bytesReceived = 0
  /** The sluice has said goodbye. */
  ended = false
  closed = false
  error: NodeJS.ErrnoException | undefined
  readonly #clientId: string
  readonly #splitter: FrameSplitter = new FrameSplitter((frame) => this.frames.push(frame))
  #correlationId = 100

  constructor(socket: Socket, clientId: string) {
    this.socket = socket
    this.#clientId = clientId
    socket.on('data', (chunk: Uint8Array) => {
      this.bytesReceived += chunk.length
      this.#splitter.push(chunk)
    })
    socket.on('end', () => {
      this.ended = true
      socket.end() // as every client library does
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  /** Bytes of an answer that has begun and is not whole. */
  get pendingBytes(): number {
    return this.#splitter.pendingBytes
  }

  /** A request frame with the next correlation id. */
  encode(apiKey: number, apiVersion: number, body: Struct): Uint8Array {
    return encodeRequest({ apiKey, apiVersion, correlationId: this.#correlationId++, clientId: this.#clientId }, body)
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes)
  }

  /** Sends a request; returns its frame. */
  send(apiKey: number, apiVersion: number, body: Struct): Uint8Array {
    const frame = this.encode(apiKey, apiVersion, body)
    this.write(frame)
    return frame
  }

  /** The next answer's frame. */
  async frame(what = 'an answer came'): Promise<Uint8Array> {
    const frame = await waitFor(
      what,
      () => {
        if (this.frames.length === 0 && this.closed) throw new Error(`the connection closed before ${what}`)
        return this.frames.shift()
      },
      FAST,
    )
    return frame
  }

  /** Sends a request and returns the body of its answer. */
  async request(apiKey: number, apiVersion: number, body: Struct): Promise<Struct> {
    this.send(apiKey, apiVersion, body)
    return decodeResponse(apiKey, apiVersion, await this.frame()).value
  }

  /** A request that every broker answers with the least. */
  async ping(): Promise<void> {
    await this.request(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
  }

  /** Waits until the connection is over, and fails if that was not in good order. */
  async leftInPeace(): Promise<void> {
    await waitFor('the connection is over', () => this.closed, FAST)
    if (!this.ended || this.error !== undefined) throw new Error('the connection was cut', { cause: this.error })
  }

  /** Says goodbye in good order. */
  end(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** What this socket was given and its kernel has not taken yet. */
function notTaken(socket: Socket): number {
  return (socket as Socket & { _handle?: { writeQueueSize: number } })._handle?.writeQueueSize ?? 0
}

/** Waits until the kernel takes no more of what the socket was given; fails if it takes all. */
export async function stuck(socket: Socket): Promise<void> {
  let last = -1
  let seen = 0
  await waitFor(
    'a writer is stuck',
    () => {
      const now = notTaken(socket)
      seen = now === last ? seen + 1 : 0
      last = now
      return seen >= 25
    },
    { pollMs: 10 },
  )
  if (last <= 0) throw new Error('everything could be written: nothing pushed back')
}

/** For conditions that come about within milliseconds. */
export const FAST = { pollMs: 2 } as const

/** A Produce v9 request's body that carries `bytes` of records. */
export function produceBody(records: Uint8Array, acks = -1): Struct {
  return { acks, timeoutMs: 30_000, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] }
}

/** A Fetch v12 request's body. */
export function fetchBody(): Struct {
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 100_000_000,
    topics: [{ topic: 't', partitions: [{ partition: 0 }] }],
  }
}

/** The body of an answer to Fetch v12 that carries `bytes` of records. */
export function fetchedBody(records: Uint8Array): Struct {
  return { responses: [{ topic: 't', partitions: [{ partitionIndex: 0, records }] }] }
}

/** Bytes that repeat late enough to show a lost, doubled or moved piece. */
export function patternBytes(length: number, seed = 1): Uint8Array {
  const bytes = Buffer.allocUnsafe(length)
  let state = seed >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes in buffers of this process (they live outside the JavaScript heap), garbage excepted. */
export function bufferBytes(): number {
  collectGarbage()
  return process.memoryUsage().external
}

/** Listening and connected sockets of this process. */
export function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length
}

/** Fails if something is still open after a while. */
export async function noSocketsLeft(): Promise<void> {
  await waitFor('every socket of this process is closed', () => openSockets() === 0, { timeoutMs: 10_000, ...FAST })
}
