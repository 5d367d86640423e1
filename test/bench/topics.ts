/**
 * What topics cost. To learn topics from a Metadata answer of 10,000 topics with 3 partitions each, when all are new, known already, and not wanted; to
 * find a name by an id in a chunk; to share out a Produce and to follow a Fetch of 1, 10 and 100 topics with one partition each.
 * Run: node -C source test/bench/topics.ts
 */
import { API_KEY, encode, Skim } from 'kafka-protocol-codec'
import { TOPICS_MAX } from '../../src/bounds.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { AnswerSink } from '../../src/session/answer-sink.ts'
import { FetchPositions } from '../../src/session/fetch-positions.ts'
import { responsePlan } from '../../src/session/response-plan.ts'
import { sharesPlan, TopicShares } from '../../src/session/topic-shares.ts'
import { schemaOf } from '../support/frames.ts'
import { randomBytes, recordBatch, seededRandom } from '../support/random-message.ts'

const TOPICS = 10_000
const ROUNDS = 15
const VERSIONS = [9, 12]

const random = seededRandom(1)
const ids = Array.from({ length: TOPICS }, () => randomBytes(random, 16))

function metadata(version: number): Uint8Array {
  const partitions = [0, 1, 2].map((partitionIndex) => ({
    partitionIndex,
    leaderId: 1,
    replicaNodes: [1, 2, 3],
    isrNodes: [1, 2, 3],
  }))
  const topics = ids.map((id, index) => ({
    name: `team-${index % 50}.orders-of-the-day-${index}`,
    topicId: Buffer.from(id).toString('base64url'),
    partitions,
  }))
  return encode(schemaOf('Metadata', 'response'), version, { topics })
}

/** The best of several rounds, in milliseconds: noise of a shared machine only ever adds. */
function bestMs(run: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

for (const version of VERSIONS) {
  const body = metadata(version)
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  const plan = responsePlan(API_KEY.Metadata, version)!.skim
  const skim = new Skim()
  const pass = (sink: AnswerSink): void => {
    sink.reset()
    skim.start(plan, body.length)
    skim.run(body, view, 0, body.length, sink)
  }
  const known = new AnswerSink(new TopicBook(TOPICS_MAX))
  const none = bestMs(() => pass(new AnswerSink()))
  const fresh = bestMs(() => pass(new AnswerSink(new TopicBook(TOPICS_MAX))))
  const again = bestMs(() => pass(known))
  const size = `${(body.length / 1e6).toFixed(1)} MB`
  console.log(
    `Metadata v${version}, ${TOPICS} topics, ${size}: not learnt ${none.toFixed(2)} ms, all new ${fresh.toFixed(2)} ms, all known ${again.toFixed(2)} ms`,
  )
}

const book = new TopicBook(TOPICS_MAX)
for (const [index, id] of ids.entries()) book.learn(`orders-${index}`, id, 3)
const chunk = Buffer.concat(ids)
let found = 0
const lookupMs = bestMs(() => {
  for (let at = 0; at < chunk.length; at += 16) if (book.nameOf(chunk, at) !== undefined) found++
})
if (found !== TOPICS * ROUNDS) throw new Error('a topic was not found')
console.log(`nameOf, ${TOPICS} topics in turn: ${((lookupMs * 1e6) / TOPICS).toFixed(0)} ns`)

/** The best of several rounds, in nanoseconds for one call. */
function bestNs(run: () => void): number {
  const calls = 5000
  const ms = bestMs(() => {
    for (let call = 0; call < calls; call++) run()
  })
  return (ms * 1e6) / calls
}

for (const topics of [1, 10, 100]) {
  const topicData = ids.slice(0, topics).map((id) => ({
    topicId: Buffer.from(id).toString('base64url'),
    partitionData: [{ index: 0, records: recordBatch(random, 10, 963) }],
  }))
  const produce = encode(schemaOf('Produce', 'request'), 13, { acks: -1, topicData })
  const produceView = new DataView(produce.buffer, produce.byteOffset, produce.length)
  const shares = new TopicShares(book)
  const skim = new Skim()
  const shareNs = bestNs(() => {
    skim.start(sharesPlan(API_KEY.Produce, 13), produce.length)
    shares.begin(produce.length)
    shares.chunk(0, 0)
    skim.run(produce, produceView, 0, produce.length, shares)
    shares.finish()
  })
  const asked = ids.slice(0, topics).map((id) => ({
    topicId: Buffer.from(id).toString('base64url'),
    partitions: [{ partition: 0, fetchOffset: 12_345_678_901n, partitionMaxBytes: 1_048_576 }],
  }))
  const fetch = encode(schemaOf('Fetch', 'request'), 17, { sessionId: 0, sessionEpoch: 0, topics: asked })
  const fetchView = new DataView(fetch.buffer, fetch.byteOffset, fetch.length)
  const positions = new FetchPositions(book)
  const followNs = bestNs(() => {
    skim.start(positions.begin(API_KEY.Fetch, 17), fetch.length)
    skim.run(fetch, fetchView, 0, fetch.length, positions)
    positions.end()
  })
  console.log(
    `${topics} topics: share out a Produce v13 ${shareNs.toFixed(0)} ns, follow a full Fetch v17 ${followNs.toFixed(0)} ns`,
  )
}
