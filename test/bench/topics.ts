/**
 * What it costs to learn topics from a Metadata answer of 10,000 topics with 3 partitions each, when all are new, known already, and
 * not wanted; and what a name costs to find by an id in a chunk. Run: node -C source test/bench/topics.ts
 */
import { API_KEY, encode, Skim } from 'kafka-protocol-codec'
import { TOPICS_MAX } from '../../src/bounds.ts'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { AnswerSink } from '../../src/session/answer-sink.ts'
import { responsePlan } from '../../src/session/response-plan.ts'
import { schemaOf } from '../support/frames.ts'
import { randomBytes, seededRandom } from '../support/random-message.ts'

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
