/**
 * What a skim costs: nanoseconds for a Produce request (acks, timeoutMs and the batches wanted) and a Fetch answer (throttle, errors,
 * batches), with 1, 10 and 100 partitions of one 1 KiB batch each. Run: node -C source test/bench/skim.ts
 */

import { encode } from '../../protocol/src/encode.ts'
import { API_SCHEMAS } from '../../protocol/src/generated/index.ts'
import { recordsInBatch } from '../../protocol/src/record-batch.ts'
import type { MessageSchema } from '../../protocol/src/schema.ts'
import { Skim, type SkimSink } from '../../protocol/src/skim.ts'
import { compileSkim } from '../../protocol/src/skim-plan.ts'
import type { Struct } from '../../protocol/src/value.ts'
import { recordBatch, seededRandom } from '../support/random-message.ts'

const BATCH_BYTES = 1024
const ROUNDS = 7
const ROUND_MS = 150

/** Counts what a limiter would. */
class Counter implements SkimSink {
  records = 0
  sum = 0

  value(_field: number, value: number): void {
    this.sum += value
  }

  text(): void {}

  tag(): void {}

  batch(_field: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.records += recordsInBatch(bytes, offset, sizeBytes)
  }
}

interface Case {
  readonly name: string
  readonly schema: MessageSchema
  readonly version: number
  readonly wanted: readonly string[]
  readonly message: (partitions: readonly Uint8Array[]) => Struct
}

const PRODUCE = API_SCHEMAS.find((api) => api.name === 'Produce')!
const FETCH = API_SCHEMAS.find((api) => api.name === 'Fetch')!
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

const CASES: readonly Case[] = [3, 9, 13]
  .map(
    (version): Case => ({
      name: `Produce v${version} request`,
      schema: PRODUCE.request,
      version,
      wanted: ['acks', 'timeoutMs', 'topicData.partitionData.records'],
      message: (batches) => ({
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            ...(version < 13 ? { name: 'orders' } : { topicId: TOPIC_ID }),
            partitionData: batches.map((records, index) => ({ index, records })),
          },
        ],
      }),
    }),
  )
  .concat({
    name: 'Fetch v17 response',
    schema: FETCH.response,
    version: 17,
    wanted: ['throttleTimeMs', '**.errorCode', 'responses.partitions.records'],
    message: (batches) => ({
      responses: [
        { topicId: TOPIC_ID, partitions: batches.map((records, partitionIndex) => ({ partitionIndex, records })) },
      ],
    }),
  })

/** The best of several rounds, in nanoseconds: noise of a shared machine only ever adds. */
function nanosecondsEach(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    let count = 0
    const start = performance.now()
    let elapsed = 0
    while (elapsed < ROUND_MS) {
      for (let index = 0; index < 1000; index++) run()
      count += 1000
      elapsed = performance.now() - start
    }
    best = Math.min(best, (elapsed * 1e6) / count)
  }
  return best
}

for (const { name, schema, version, wanted, message } of CASES) {
  const plan = compileSkim(schema, version, wanted)
  const times = [1, 10, 100].map((partitions) => {
    const random = seededRandom(partitions)
    const batches = Array.from({ length: partitions }, () => recordBatch(random, 10, BATCH_BYTES - 61))
    const body = encode(schema, version, message(batches))
    const view = new DataView(body.buffer, body.byteOffset, body.length)
    const skim = new Skim()
    const counter = new Counter()
    return nanosecondsEach(() => {
      skim.start(plan, body.length)
      skim.run(body, view, 0, body.length, counter)
    })
  })
  const [one = 0, ten = 0, hundred = 0] = times
  const further = (hundred - ten) / 90
  console.log(
    `${name.padEnd(22)} 1: ${one.toFixed(0)} ns   10: ${ten.toFixed(0)} ns   100: ${hundred.toFixed(0)} ns   each further: ${further.toFixed(1)} ns`,
  )
}
