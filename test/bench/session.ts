/**
 * What a request and its answer cost in the session itself, without sockets: nanoseconds a pair, for a Produce and a Fetch under
 * three quotas. `node -C source test/bench/session.ts`
 */
import { API_KEY, encodeRequest, encodeResponse } from 'kafka-protocol-codec'
import type { SessionContext } from '../../src/session/context.ts'
import { Session } from '../../src/session/session.ts'
import { recordBatch } from '../support/random-message.ts'
import { seededRandom } from '../support/vectors.ts'
import { contextOf } from './policy-scene.ts'

const PIPELINED = 5
const TOPIC_ID = Uint8Array.from({ length: 16 }, (_, i) => i)

function context(limited: boolean): SessionContext {
  const rules = limited
    ? [
        {
          name: 'bench',
          limit: { produceBytes: 1e12, fetchBytes: 1e12, requests: 1e9 },
          burst: { seconds: 1 },
          match: {},
          per: ['clientId'] as const,
          overrides: [],
          mode: 'enforce' as const,
        },
      ]
    : []
  const made = contextOf(rules as never)
  made.topics.learn('topic', TOPIC_ID, 10)
  return made
}

interface Pair {
  readonly name: string
  readonly request: Uint8Array
  readonly answer: Uint8Array
}

/** A batch as Java writes it, or, without a producer id, as most others do. */
function batch(recordBytes: number, isIdempotent: boolean): Uint8Array {
  const records = recordBatch(seededRandom(1), 10, recordBytes)
  const view = new DataView(records.buffer)
  view.setBigInt64(43, isIdempotent ? 4_001n : -1n)
  view.setInt16(51, isIdempotent ? 0 : -1)
  view.setInt32(53, isIdempotent ? 7 : -1)
  return records
}

function producePair(recordBytes: number, isIdempotent: boolean): Pair {
  const records = batch(recordBytes, isIdempotent)
  const request = encodeRequest(
    { apiKey: API_KEY.Produce, apiVersion: 9, correlationId: 1, clientId: 'perf' },
    {
      transactionalId: null,
      acks: 1,
      timeoutMs: 30_000,
      topicData: [{ name: 'topic', partitionData: [{ index: 3, records }] }],
    },
  )
  const answer = encodeResponse(API_KEY.Produce, 9, 1, {
    responses: [
      {
        name: 'topic',
        partitionResponses: [{ index: 3, errorCode: 0, baseOffset: 7n, logAppendTimeMs: -1n, logStartOffset: 0n }],
      },
    ],
  })
  return { name: `Produce v9 ${recordBytes} B${isIdempotent ? ' idempotent' : ''}`, request, answer }
}

/** A consumer in an incremental session (KIP-227): it names the one partition that brought something, of `topic` by its id. */
function fetchPair(recordBytes: number): Pair {
  const topicId = Buffer.from(TOPIC_ID).toString('base64url')
  const request = encodeRequest(
    { apiKey: API_KEY.Fetch, apiVersion: 13, correlationId: 1, clientId: 'perf' },
    {
      ...{ maxWaitMs: 500, minBytes: 1, maxBytes: 52_428_800, sessionId: 77, sessionEpoch: 5 },
      topics: [{ topicId, partitions: [{ partition: 3, fetchOffset: 1_000n, partitionMaxBytes: 1_048_576 }] }],
    },
  )
  const partition = { partitionIndex: 3, highWatermark: 1_010n, records: batch(recordBytes, false) }
  const answer = encodeResponse(API_KEY.Fetch, 13, 1, {
    sessionId: 77,
    responses: [{ topicId, partitions: [partition] }],
  })
  return { name: `Fetch v13 ${recordBytes} B`, request, answer }
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: times }, () => bytes)))
}

function measure(pair: Pair, limited: boolean): number {
  const sent = { bytes: 0 }
  const outbox = {
    toBroker: (_b: Uint8Array, from: number, to: number) => {
      sent.bytes += to - from
    },
    toClient: (_b: Uint8Array, from: number, to: number) => {
      sent.bytes += to - from
    },
    resume: () => true,
    leave() {},
    identified() {},
    belowFloor() {},
    mutationRefused() {},
    brokerRefused() {},
    close(reason: string, detail: string) {
      throw new Error(`${reason}: ${detail}`)
    },
  }
  const session = new Session(context(limited), outbox, { address: '', sni: '' }, 0)
  const requests = repeat(pair.request, PIPELINED)
  const answers = repeat(pair.answer, PIPELINED)
  const requestView = new DataView(requests.buffer)
  const answerView = new DataView(answers.buffer)
  const rounds = 400 // about a millisecond: on a busy machine some attempts are undisturbed
  let best = Number.POSITIVE_INFINITY
  let nowMs = 1
  for (let attempt = 0; attempt < 500; attempt++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < rounds; i++) {
      nowMs += 0.1
      session.clientBytes(requests, requestView, 0, requests.length, nowMs)
      session.brokerBytes(answers, answerView, 0, answers.length, nowMs)
    }
    best = Math.min(best, Number(process.hrtime.bigint() - start) / (rounds * PIPELINED))
  }
  return best
}

for (const pair of [producePair(200, false), producePair(200, true), producePair(16_000, false), fetchPair(16_000)]) {
  for (const limited of [false, true]) {
    console.log(`${pair.name}, ${limited ? 'two quotas' : 'no quota'}: ${measure(pair, limited).toFixed(0)} ns a pair`)
  }
}
