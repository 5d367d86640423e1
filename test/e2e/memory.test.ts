/**
 * Memory does not grow with the size of what passes: a thousand clients that do nothing and 64 that read a 50 MB record
 * slowly cost at most one read buffer each, and when they are gone nothing of them is left. The slow readers go in lock-step
 * (none may read its next piece before all have theirs), so how slow they are does not depend on the machine.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createRecordsBatch } from '@platformatic/kafka'
import { API_KEY, ERROR_CODE, encodeRequest, type Struct, structsOf } from 'kafka-protocol-codec'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { connectRaw, type RawClient, type Target } from '../support/net.ts'
import { connectedTo } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'
import { kafkaFor, type RunningSluice, withSluice } from './support/sluice.ts'

const TOPIC = 'large'
const RECORD_BYTES = 50_000_000
/** Above the record, its batch and its request. */
const MESSAGE_BYTES_MAX = '60000000'
const IDLE_CONNECTIONS = 1000
const IDLE_AT_ONCE = 50
const SLOW_CLIENTS = 64
/** What a slow client reads between two looks at the memory, and how often. */
const PIECE_BYTES = 1_000_000
const PIECES = 8
/** The bound: connections × one read buffer + 64 MB. */
const READ_BUFFER_BYTES = 262_144
const FIXED_BYTES = 64_000_000
/** Sockets of this process, and as many again for what it has open anyway. The sluice has two for each client. */
const FILES_NEEDED = 2 * (IDLE_CONNECTIONS + SLOW_CLIENTS) + 200
const PRODUCE_VERSION = 9
const FETCH_VERSION = 11

test('idle clients and slow readers of 50 MB records cost at most one read buffer each, and leave nothing behind', async (context) => {
  const filesMax = await openFilesMax()
  if (filesMax < FILES_NEEDED) return context.skip(`needs ${FILES_NEEDED} open files, ulimit -n is ${filesMax}`)
  const properties = { 'message.max.bytes': MESSAGE_BYTES_MAX, 'replica.fetch.max.bytes': MESSAGE_BYTES_MAX }
  const kafka = await kafkaFor(context, { properties, heapMb: 1024 })
  if (kafka === undefined) return
  await createTopic(kafka.internalBootstrap, { topic: TOPIC })
  // A quota far above what happens here, so that what limits a Fetch is at work too.
  const quotas = [{ name: 'fetch', limit: { fetchBytes: '100 GB/s', produceBytes: '100 GB/s' }, per: ['clientId'] }]
  await withSluice(context, { upstream: kafka, quotas }, async (sluice) => {
    const target = addressOf(sluice)
    const before = await Usage.of(sluice)
    const record = randomBytes(RECORD_BYTES)
    await produceOne(target, record)
    const first = await crowd(sluice, before, record)
    await everyoneIsGone(sluice, kafka, before)
    const second = await crowd(sluice, before, record)
    await everyoneIsGone(sluice, kafka, before)
    console.log(`growth at its peak: ${megabytes(first)}, of a second crowd ${megabytes(second)}`)
  })
})

/** Everybody comes, reads, and goes. Returns the largest growth since `before`. */
async function crowd(sluice: RunningSluice, before: Usage, record: Uint8Array): Promise<number> {
  const target = addressOf(sluice)
  const idle = await openIdle(target)
  const slow = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => SlowReader.open(target)))
  const connections = IDLE_CONNECTIONS + SLOW_CLIENTS
  await waitFor('the sluice has all of them', async () => (await gauge(sluice)) === connections)
  const bound = connections * READ_BUFFER_BYTES + FIXED_BYTES
  for (let piece = 1; piece <= PIECES; piece++) {
    for (const reader of slow) reader.allow(piece * PIECE_BYTES)
    await waitFor(`every slow reader has its piece ${piece}`, () => slow.every((reader) => reader.satisfied))
    const growth = (await Usage.of(sluice)).residentBytes - before.residentBytes
    assert.ok(growth <= bound, `grown by ${megabytes(growth)} at piece ${piece}, more than ${megabytes(bound)}`)
  }
  const whole = slow[0]!
  whole.allow(Number.POSITIVE_INFINITY)
  const received = await waitFor('one reads on to the end', () => whole.wholeFrame)
  // The record is the last thing in the answer, but for its count of headers.
  assert.ok(received.subarray(-RECORD_BYTES - 1, -1).equals(record), 'what it has read is the record')
  const growth = (await Usage.of(sluice)).peakBytes - before.residentBytes
  assert.ok(growth <= bound, `grown by ${megabytes(growth)} in between, more than ${megabytes(bound)}`)
  for (const client of idle) client.end()
  for (const reader of slow) reader.leave()
  return growth
}

/** No connection on either side, no descriptor, and everybody counted as gone in good order. */
async function everyoneIsGone(sluice: RunningSluice, kafka: KafkaCluster, before: Usage): Promise<void> {
  await waitFor('every connection is gone', async () => (await gauge(sluice)) === 0)
  const port = kafka.brokers[0]?.boundPort ?? 0
  await waitFor('the sluice is connected to the broker no more', async () =>
    (await connectedTo(port, [sluice.pid])).every(({ pid }) => pid !== sluice.pid),
  )
  await waitFor('every descriptor is closed', async () => (await Usage.of(sluice)).descriptors <= before.descriptors)
  const metrics = await sluice.metrics()
  const reasons = metrics.series('sluice_disconnects_total').filter(({ value }) => value > 0)
  const expected = new Set(['client_closed', 'client_reset'])
  assert.deepEqual(
    reasons.filter(({ labels }) => !expected.has(labels['reason'] ?? '')),
    [],
  )
}

async function gauge(sluice: RunningSluice): Promise<number> {
  return (await sluice.metrics()).value('sluice_connections')
}

/** What the sluice's process uses, as the kernel sees it. */
class Usage {
  readonly residentBytes: number
  readonly peakBytes: number
  readonly descriptors: number

  private constructor(status: string, descriptors: number) {
    const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
    this.residentBytes = kilobytes('VmRSS') * 1024
    this.peakBytes = kilobytes('VmHWM') * 1024
    this.descriptors = descriptors
  }

  static async of(sluice: RunningSluice): Promise<Usage> {
    // Its own answer to us needs a descriptor as well, so it is asked for nothing meanwhile.
    const [status, descriptors] = await Promise.all([
      readFile(`/proc/${sluice.pid}/status`, 'utf8'),
      readdir(`/proc/${sluice.pid}/fd`),
    ])
    return new Usage(status, descriptors.length)
  }
}

/** Has asked for the large record, and takes no more of the answer than it is allowed to. */
class SlowReader {
  readonly #socket: Socket
  readonly #chunks: Buffer[] = []
  #received = 0
  #allowed = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#received += chunk.length
      this.#chunks.push(chunk)
      if (this.#received >= this.#allowed) socket.pause()
    })
    socket.pause()
  }

  static async open(target: Target): Promise<SlowReader> {
    const socket = connect({ ...target, noDelay: true })
    await once(socket, 'connect')
    const head = { apiKey: API_KEY.Fetch, apiVersion: FETCH_VERSION, correlationId: 1, clientId: 'slow' }
    socket.write(encodeRequest(head, fetchBody()))
    return new SlowReader(socket)
  }

  get satisfied(): boolean {
    return this.#received >= this.#allowed
  }

  /** The answer, once all of it is there. */
  get wholeFrame(): Buffer | undefined {
    const size = this.#chunks[0]?.readInt32BE() ?? Number.POSITIVE_INFINITY
    return this.#received < 4 + size ? undefined : Buffer.concat(this.#chunks)
  }

  allow(bytes: number): void {
    this.#allowed = bytes
    if (!this.satisfied) this.#socket.resume()
  }

  leave(): void {
    this.#socket.destroy()
  }
}

function fetchBody(): Struct {
  const everything = { maxBytes: 100_000_000, minBytes: 1, maxWaitMs: 500 }
  return { ...everything, topics: [{ topic: TOPIC, partitions: [{ partition: 0, partitionMaxBytes: 100_000_000 }] }] }
}

/** Connections that have said hello, so that each has its broker's side too, and then do nothing. */
async function openIdle(target: Target): Promise<RawClient[]> {
  const clients: RawClient[] = []
  while (clients.length < IDLE_CONNECTIONS) {
    const opened = Array.from({ length: IDLE_AT_ONCE }, async () => {
      const client = await connectRaw(target, 'idle')
      await client.request(API_KEY.ApiVersions, 0, {})
      return client
    })
    clients.push(...(await Promise.all(opened)))
  }
  return clients
}

async function produceOne(target: Target, value: Buffer): Promise<void> {
  const batch = createRecordsBatch([{ topic: TOPIC, partition: 0, value }], {})
  const client = await connectRaw(target, 'producer')
  const answer = await client.request(API_KEY.Produce, PRODUCE_VERSION, {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batch.buffer }] }],
  })
  const [topic] = structsOf(answer['responses'])
  const [partition] = structsOf(topic?.['partitionResponses'])
  assert.equal(partition?.['errorCode'], ERROR_CODE.NONE, 'the record is stored')
  client.end()
  await waitFor('the producer is gone', () => client.closed)
}

function addressOf({ bootstrap }: RunningSluice): Target {
  const [host = '', port] = bootstrap.split(':')
  return { host, port: Number(port) }
}

async function openFilesMax(): Promise<number> {
  const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n'])
  return stdout.trim() === 'unlimited' ? Number.POSITIVE_INFINITY : Number(stdout)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
