/**
 * What a request and its answer cost in the session itself, without sockets: nanoseconds a pair, for a Produce and a Fetch, without
 * quotas and under three, two of which are charged; and how much of a Fetch's is for lag. On a busy machine some turns are undisturbed.
 *
 *   node -C source test/bench/session.ts [WORD in the pair's name]
 */
import { API_KEY, encodeRequest, encodeResponse } from 'kafka-protocol-codec'
import type { SessionContext } from '../../src/session/context.ts'
import { DEFAULT_SERIES } from '../../src/session/series-books.ts'
import { Session } from '../../src/session/session.ts'
import { recordBatch } from '../support/random-message.ts'
import { seededRandom } from '../support/vectors.ts'
import { contextOf } from './policy-scene.ts'

const PIPELINED = 5
const ROUNDS = 400
const TURNS = 500
const ASKED = { fetchOffset: 1_000n, partitionMaxBytes: 1_048_576 }
const TOPIC_ID = Uint8Array.from({ length: 16 }, (_, i) => i)

interface Variant {
  readonly limited: boolean
  /** Lag is followed, as it is unless `metrics.partitionsMax` is 0. */
  readonly followed: boolean
}

function context({ limited, followed }: Variant): SessionContext {
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
  const made = contextOf(rules as never, followed ? DEFAULT_SERIES : { ...DEFAULT_SERIES, partitionsMax: 0 })
  made.topics.learn('topic', TOPIC_ID, 10)
  return made
}

interface Pair {
  readonly name: string
  readonly isFetch: boolean
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
  return { name: `Produce v9 ${recordBytes} B${isIdempotent ? ' idempotent' : ''}`, isFetch: false, request, answer }
}

/** A consumer in an incremental session (KIP-227): it names the partitions that brought something, of `topic` by its id. */
function fetchPair(count: number, recordBytes: number): Pair {
  const indexes = Array.from({ length: count }, (_, i) => i + 3)
  const topicId = Buffer.from(TOPIC_ID).toString('base64url')
  const request = encodeRequest(
    { apiKey: API_KEY.Fetch, apiVersion: 13, correlationId: 1, clientId: 'perf' },
    {
      ...{ maxWaitMs: 500, minBytes: 1, maxBytes: 52_428_800, sessionId: 77, sessionEpoch: 5 },
      topics: [{ topicId, partitions: indexes.map((partition) => ({ partition, ...ASKED })) }],
    },
  )
  const records = batch(recordBytes, false)
  const partitions = indexes.map((partitionIndex) => ({ partitionIndex, highWatermark: 1_010n, records }))
  const answer = encodeResponse(API_KEY.Fetch, 13, 1, {
    sessionId: 77,
    responses: [{ topicId, partitions }],
  })
  return { name: `Fetch v13 ${count} × ${recordBytes} B`, isFetch: true, request, answer }
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: times }, () => bytes)))
}

/** Sends one pair through a session of its own, again and again. */
class Contestant {
  readonly variant: Variant
  bestNs: number = Number.POSITIVE_INFINITY
  readonly #session: Session
  readonly #requests: Uint8Array
  readonly #answers: Uint8Array
  #nowMs = 1
  #sentBytes = 0

  constructor({ request, answer }: Pair, variant: Variant) {
    this.variant = variant
    const count = (_b: Uint8Array, from: number, to: number): void => {
      this.#sentBytes += to - from
    }
    const outbox = {
      toBroker: count,
      toClient: count,
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
    this.#session = new Session(context(variant), outbox, { address: '', sni: '' }, 0)
    this.#requests = repeat(request, PIPELINED)
    this.#answers = repeat(answer, PIPELINED)
  }

  /** About a millisecond. */
  turn(): void {
    const requests = this.#requests
    const answers = this.#answers
    const session = this.#session
    const requestView = new DataView(requests.buffer)
    const answerView = new DataView(answers.buffer)
    const start = process.hrtime.bigint()
    for (let i = 0; i < ROUNDS; i++) {
      this.#nowMs += 0.1
      session.clientBytes(requests, requestView, 0, requests.length, this.#nowMs)
      session.brokerBytes(answers, answerView, 0, answers.length, this.#nowMs)
    }
    this.bestNs = Math.min(this.bestNs, Number(process.hrtime.bigint() - start) / (ROUNDS * PIPELINED))
  }
}

function variantsOf({ isFetch }: Pair): Variant[] {
  const lag = isFetch ? [false, true] : [true]
  return [false, true].flatMap((limited) => lag.map((followed) => ({ limited, followed })))
}

/** The variants of a pair take turns; the best turn of each counts. */
function report(pair: Pair): void {
  const contestants = variantsOf(pair).map((variant) => new Contestant(pair, variant))
  for (let i = 0; i < TURNS; i++) for (const contestant of contestants) contestant.turn()
  for (const [place, { variant, bestNs }] of contestants.entries()) {
    const quotas = variant.limited ? 'two quotas' : 'no quota'
    const lag = variant.followed ? '' : ', lag not followed'
    const withoutNs = pair.isFetch && variant.followed ? contestants[place - 1]!.bestNs : undefined
    const share =
      withoutNs === undefined ? '' : `, ${(100 * (bestNs / withoutNs - 1)).toFixed(0)} % more than without lag`
    console.log(`${pair.name}, ${quotas}${lag}: ${bestNs.toFixed(0)} ns a pair${share}`)
  }
}

const PAIRS: readonly Pair[] = [
  producePair(200, false),
  producePair(200, true),
  producePair(16_000, false),
  fetchPair(1, 16_000),
  fetchPair(8, 2_000),
]
for (const pair of PAIRS) if (pair.name.includes(process.argv[2] ?? '')) report(pair)
