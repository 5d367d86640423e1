/**
 * The two ends of a benchmark: a sink that answers Produce v9 and Fetch v12, and a generator that keeps a window of requests
 * under way on each connection. All frames are built by the codec; only correlation ids change. Started by run.ts as processes of
 * their own, so that the proxy has a core to itself.
 *
 *   load.ts sink --bytes N                                   prints its port
 *   load.ts gen --port P --bytes N --mode produce|fetch --connections C --window W --seconds S [--rate R] [--ca FILE]
 *                                                        prints one JSON line
 */
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { parseArgs } from 'node:util'
import { createRecordsBatch } from '@platformatic/kafka'
import { API_KEY, encodeRequest, encodeResponse } from 'kafka-protocol-codec'

const PRODUCE_VERSION = 9
const FETCH_VERSION = 12
const WARM_UP_MS = 700
/** Of a frame without its records. */
const AROUND_RECORDS_BYTES = 160

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: 'string', default: '0' },
    bytes: { type: 'string', default: '16384' },
    mode: { type: 'string', default: 'produce' },
    connections: { type: 'string', default: '16' },
    window: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    /** Requests a second over all connections, at fixed times: for latency. 0: as many as the windows let. */
    rate: { type: 'string', default: '0' },
    /** The authority that signed what answers; TLS is spoken. */
    ca: { type: 'string', default: '' },
  },
})
const frameBytes = Number(values.bytes)

/** One that Kafka itself takes. */
const records = createRecordsBatch(
  [{ topic: 'bench', partition: 0, value: Buffer.alloc(Math.max(71, frameBytes - AROUND_RECORDS_BYTES) - 71, 7) }],
  {},
).buffer

const produceRequest = encodeRequest(
  { apiKey: API_KEY.Produce, apiVersion: PRODUCE_VERSION, correlationId: 0, clientId: 'bench' },
  {
    transactionalId: null,
    acks: 1,
    timeoutMs: 30_000,
    topicData: [{ name: 'bench', partitionData: [{ index: 0, records }] }],
  },
)
const fetchRequest = encodeRequest(
  { apiKey: API_KEY.Fetch, apiVersion: FETCH_VERSION, correlationId: 0, clientId: 'bench' },
  {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 52_428_800,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topic: 'bench',
        partitions: [
          {
            ...{ partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, logStartOffset: -1n },
            partitionMaxBytes: 1,
          },
        ],
      },
    ],
    forgottenTopicsData: [],
  },
)
const produceAnswer = encodeResponse(API_KEY.Produce, PRODUCE_VERSION, 0, {
  responses: [
    {
      name: 'bench',
      partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 7n, logAppendTimeMs: -1n, logStartOffset: 0n }],
    },
  ],
})
const fetchAnswer = encodeResponse(API_KEY.Fetch, FETCH_VERSION, 0, {
  errorCode: 0,
  sessionId: 0,
  responses: [
    {
      topic: 'bench',
      partitions: [
        {
          partitionIndex: 0,
          errorCode: 0,
          highWatermark: 9n,
          lastStableOffset: 9n,
          logStartOffset: 0n,
          abortedTransactions: null,
          preferredReadReplica: -1,
          records,
        },
      ],
    },
  ],
})

/** Calls back at the end of every frame of a stream with the 4 bytes at `idAt` and the API key, holding no more than a frame's head. */
function readFrames(socket: Socket, idAt: number, onFrame: (id: number, apiKey: number, bytes: number) => void): void {
  const head = Buffer.alloc(12)
  let headBytes = 0
  let skip = 0
  socket.on('data', (chunk: Buffer) => {
    let at = 0
    while (at < chunk.length) {
      if (skip > 0) {
        const bytes = Math.min(skip, chunk.length - at)
        skip -= bytes
        at += bytes
        if (skip === 0) onFrame(head.readInt32BE(idAt), head.readInt16BE(4), head.readInt32BE(0) + 4)
        continue
      }
      const bytes = Math.min(12 - headBytes, chunk.length - at)
      chunk.copy(head, headBytes, at, at + bytes)
      headBytes += bytes
      at += bytes
      if (headBytes < 12) break
      headBytes = 0
      skip = head.readInt32BE(0) + 4 - 12 // at least a byte: every frame here is longer than its head
    }
  })
}

/** Sends copies of `frame`, each with its own correlation id, all that are due in one write. */
function sender(socket: Socket, frame: Uint8Array, idAt: number): (ids: readonly number[]) => void {
  return (ids) => {
    const out = Buffer.allocUnsafe(frame.length * ids.length)
    for (const [i, id] of ids.entries()) {
      out.set(frame, i * frame.length)
      out.writeInt32BE(id, i * frame.length + idAt)
    }
    socket.write(out)
  }
}

/** Collects ids until the present chunk is done, then hands them over at once. */
function batched(send: (ids: readonly number[]) => void): (id: number) => void {
  let due: number[] = []
  return (id) => {
    if (due.length === 0) {
      setImmediate(() => {
        const ids = due
        due = []
        send(ids)
      })
    }
    due.push(id)
  }
}

function sink(): void {
  const server = createServer({ noDelay: true }, (socket) => {
    const answerProduce = batched(sender(socket, produceAnswer, 4))
    const answerFetch = batched(sender(socket, fetchAnswer, 4))
    readFrames(socket, 8, (id, apiKey) => (apiKey === API_KEY.Fetch ? answerFetch : answerProduce)(id))
    socket.on('error', () => {})
  })
  server.listen(Number(values.port), '127.0.0.1', () => {
    const address = server.address()
    console.log(typeof address === 'object' && address !== null ? address.port : '')
  })
}

/** What has been answered so far. */
const total = { answers: 0, bytes: 0 }

function dial(connected: (socket: Socket) => void): void {
  const target = { port: Number(values.port), host: '127.0.0.1', noDelay: true }
  const socket =
    values.ca === '' ? connect(target) : connectTls({ ...target, ca: readFileSync(values.ca) }).setNoDelay()
  socket.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  socket.on(values.ca === '' ? 'connect' : 'secureConnect', () => connected(socket))
}

/** Keeps a window of requests under way. */
function flood(socket: Socket, request: Uint8Array): void {
  const send = sender(socket, request, 8)
  const next = batched(send)
  let id = 0
  let due = 0
  readFrames(socket, 4, (got, _, bytes) => {
    if (got !== due++) throw new Error(`answer ${got} where ${due - 1} was due`)
    total.answers++
    total.bytes += request.length + bytes
    next(id++)
  })
  send(Array.from({ length: Number(values.window) }, () => id++))
}

const latenciesMs: number[] = []

/** Sends when it is time, whatever has been answered; a latency counts from then. */
function pace(socket: Socket, request: Uint8Array): void {
  const everyMs = (1000 * Number(values.connections)) / Number(values.rate)
  const send = sender(socket, request, 8)
  const dueMs: number[] = []
  readFrames(socket, 4, (id) => {
    latenciesMs.push(performance.now() - (dueMs[id] ?? Number.NaN))
    total.answers++
  })
  let nextMs = performance.now() + everyMs * Math.random()
  const step = (): void => {
    for (; nextMs <= performance.now(); nextMs += everyMs) send([dueMs.push(nextMs) - 1])
    setTimeout(step, nextMs - performance.now())
  }
  step()
}

function quantileMs(part: number): number | undefined {
  return latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * part)]
}

function generate(): void {
  const request = values.mode === 'fetch' ? fetchRequest : produceRequest
  const start = values.rate === '0' ? flood : pace
  for (let i = 0; i < Number(values.connections); i++) dial((socket) => start(socket, request))
  setTimeout(() => {
    const startMs = performance.now()
    const before = { ...total }
    latenciesMs.length = 0
    console.log('measuring')
    setTimeout(() => {
      const seconds = (performance.now() - startMs) / 1000
      const requests = total.answers - before.answers
      const bytes = total.bytes - before.bytes
      const latency = { p50Ms: quantileMs(0.5), p99Ms: quantileMs(0.99) }
      console.log(JSON.stringify({ requests, seconds, bytes, bytesPerSecond: bytes / seconds, ...latency }))
      process.exit(0)
    }, Number(values.seconds) * 1000)
  }, WARM_UP_MS)
}

if (positionals[0] === 'sink') sink()
else generate()
