/**
 * The two ends of a benchmark: a sink that answers Produce v9 and Fetch v12, and a generator that keeps a window of requests
 * under way on each connection. All frames are built by the codec; only correlation ids change. Started by run.ts as processes of
 * their own, so that the proxy has a core to itself.
 *
 *   load.ts sink --bytes N                                   prints its port
 *   load.ts gen --port P --bytes N --mode produce|fetch --connections C --window W --seconds S     prints one JSON line
 */
import { connect, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { API_KEY, encodeRequest, encodeResponse } from 'kafka-protocol-codec'
import { recordBatch } from '../support/random-message.ts'
import { seededRandom } from '../support/vectors.ts'

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
  },
})
const frameBytes = Number(values.bytes)

const records = recordBatch(seededRandom(1), 10, Math.max(71, frameBytes - AROUND_RECORDS_BYTES) - 61)

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
    topics: [],
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
function readFrames(socket: Socket, idAt: number, onFrame: (id: number, apiKey: number) => void): void {
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
        if (skip === 0) onFrame(head.readInt32BE(idAt), head.readInt16BE(4))
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

function generate(): void {
  const request = values.mode === 'fetch' ? fetchRequest : produceRequest
  const pairBytes = request.length + (values.mode === 'fetch' ? fetchAnswer.length : produceAnswer.length)
  let answers = 0
  for (let i = 0; i < Number(values.connections); i++) {
    const socket = connect({ port: Number(values.port), host: '127.0.0.1', noDelay: true })
    socket.on('error', (error) => {
      console.error(error.message)
      process.exit(1)
    })
    socket.on('connect', () => {
      const send = sender(socket, request, 8)
      const next = batched(send)
      let id = 0
      let due = 0
      readFrames(socket, 4, (got) => {
        if (got !== due++) throw new Error(`answer ${got} where ${due - 1} was due`)
        answers++
        next(id++)
      })
      send(Array.from({ length: Number(values.window) }, () => id++))
    })
  }
  setTimeout(() => {
    const start = performance.now()
    const before = answers
    console.log('measuring')
    setTimeout(() => {
      const seconds = (performance.now() - start) / 1000
      const requests = answers - before
      console.log(JSON.stringify({ requests, seconds, bytesPerSecond: (requests * pairBytes) / seconds }))
      process.exit(0)
    }, Number(values.seconds) * 1000)
  }, WARM_UP_MS)
}

if (positionals[0] === 'sink') sink()
else generate()
