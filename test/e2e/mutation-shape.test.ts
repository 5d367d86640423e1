/**
 * What we answer to a mutation over its quota is what a broker answers: the same requests to a real Kafka with
 * `controller_mutation_rate` set, as `kafka-configs` sets it, and to our own code; the answers are compared field by field, but for
 * the throttle time. Shown as well: `validateOnly` is charged, and topics are judged one after the other.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  API_KEY,
  type ApiName,
  decodeResponse,
  ERROR_CODE,
  encodeRequest,
  type Struct,
  structsOf,
  ZERO_UUID,
} from 'kafka-protocol-codec'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { mergeAnswer, readMutation, refusal, splitMutation } from '../../src/session/mutations.ts'
import { connectRaw, type Target } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { kafkaFor } from './support/sluice.ts'

const THROTTLED = ERROR_CODE.THROTTLING_QUOTA_EXCEEDED
/** Partitions a second; the broker's burst is 11 windows of a second, 1.1 partitions. */
const RATE = 0.1
const BURST = 1.1
const LIMITED = ['create', 'delete', 'add', 'mixed']

/**
 * One request on a connection of its own: the broker reads no more from one that it has throttled, for as long as it says.
 */
async function askBroker(target: Target, frame: Uint8Array): Promise<Uint8Array> {
  const client = await connectRaw(target)
  try {
    client.socket.write(frame)
    return await waitFor('the broker answers', () => client.frames[0])
  } finally {
    client.socket.destroy()
  }
}

function frameOf(api: ApiName, apiVersion: number, value: Struct, clientId: string): Uint8Array {
  return encodeRequest({ apiKey: API_KEY[api], apiVersion, correlationId: 7, clientId }, value)
}

function newTopic(name: string, numPartitions = 1): Struct {
  return { name, numPartitions, replicationFactor: 1 }
}

/** An answer without its throttle time, its topics by name: DeleteTopics and CreatePartitions answer in no order. */
function comparable(api: ApiName, version: number, frame: Uint8Array): Struct {
  const value = decodeResponse(API_KEY[api], version, frame).value
  const list = ['topics', 'responses', 'results'].find((name) => value[name] !== undefined)!
  const results = structsOf(value[list]).sort((a, b) => String(a['name']).localeCompare(String(b['name'])))
  return { ...value, throttleTimeMs: 0, [list]: results }
}

test('a refused mutation is answered as the broker would', { timeout: 120_000 }, async (context) => {
  const kafka = await kafkaFor(context, { brokers: 1 })
  if (kafka === undefined) return
  const [host = '', port] = kafka.internalBootstrap.split(':')
  const target = { host, port: Number(port) }
  const ask = async (api: ApiName, version: number, value: Struct, clientId = 'free'): Promise<Struct> =>
    decodeResponse(API_KEY[api], version, await askBroker(target, frameOf(api, version, value, clientId))).value

  const book = new TopicBook(100)
  const created = await ask('CreateTopics', 7, { topics: [newTopic('one'), newTopic('two', 3)], timeoutMs: 10_000 })
  for (const topic of structsOf(created['topics'])) {
    assert.equal(topic['errorCode'], 0)
    book.learn(
      String(topic['name']),
      Buffer.from(String(topic['topicId']), 'base64url'),
      Number(topic['numPartitions']),
    )
  }
  const idOfOne = book.idOf('one')
  const quotas = await ask('AlterClientQuotas', 1, {
    entries: LIMITED.map((entityName) => ({
      entity: [{ entityType: 'client-id', entityName }],
      ops: [{ key: 'controller_mutation_rate', value: RATE, remove: false }],
    })),
    validateOnly: false,
  })
  assert.deepEqual(
    structsOf(quotas['entries']).map((entry) => entry['errorCode']),
    LIMITED.map(() => 0),
  )
  /** Spends what the client has, and more, without making anything. */
  const exhaust = (clientId: string): Promise<true> =>
    waitFor(`the quota of ${clientId} is in force and spent`, async () => {
      const value = { topics: [newTopic('never', 5)], timeoutMs: 10_000, validateOnly: true }
      const answer = await ask('CreateTopics', 7, value, clientId)
      return structsOf(answer['topics'])[0]?.['errorCode'] === THROTTLED
    })

  const cases: readonly (readonly [clientId: string, api: ApiName, versions: readonly number[], value: Struct])[] = [
    ['create', 'CreateTopics', [6, 7], { topics: [newTopic('b'), newTopic('a', -1)], timeoutMs: 10_000 }],
    ['create', 'CreateTopics', [7], { topics: [newTopic('b')], timeoutMs: 10_000, validateOnly: true }],
    ['delete', 'DeleteTopics', [5], { topicNames: ['one', 'two'], timeoutMs: 10_000 }],
    ['delete', 'DeleteTopics', [6], { topics: [{ name: 'two' }], timeoutMs: 10_000 }],
    ['delete', 'DeleteTopics', [6], { topics: [{ name: null, topicId: idOfOne }], timeoutMs: 10_000 }],
    ['add', 'CreatePartitions', [3], { topics: [{ name: 'one', count: 2, assignments: null }], timeoutMs: 10_000 }],
  ]
  for (const clientId of new Set(cases.map(([id]) => id))) await exhaust(clientId)
  for (const [clientId, api, versions, value] of cases) {
    for (const version of versions) {
      await context.test(`${api} v${version}, ${Object.keys(value).join(', ')}`, async () => {
        const frame = frameOf(api, version, value, clientId)
        const { split, forward } = splitMutation(readMutation(frame, book), () => false)
        assert.equal(forward, undefined)
        const theirs = await askBroker(target, frame)
        assert.ok(Number(decodeResponse(API_KEY[api], version, theirs).value['throttleTimeMs']) > 0)
        assert.deepEqual(comparable(api, version, refusal(split, 1234)), comparable(api, version, theirs))
      })
    }
  }

  await context.test('of several topics those are refused that come after the one that spends it all', async () => {
    const topics = [
      newTopic('mixed-1'),
      newTopic('one', 4),
      newTopic('mixed-2', 9),
      newTopic('mixed-3'),
      newTopic('mixed-4'),
    ]
    const frame = frameOf('CreateTopics', 7, { topics, timeoutMs: 10_000, validateOnly: true }, 'mixed')
    const theirs = await askBroker(target, frame)
    let tokens = BURST
    const { split, forward } = splitMutation(readMutation(frame, book), (cost) => {
      if (tokens < 0) return false
      tokens -= cost
      return true
    })
    assert.ok(forward !== undefined)
    const forwarded = frameOf(
      'CreateTopics',
      7,
      { topics: topics.slice(0, 3), timeoutMs: 10_000, validateOnly: true },
      'mixed',
    )
    assert.deepEqual(forward, forwarded)
    const rest = new Uint8Array(forward)
    rest.set(frameOf('CreateTopics', 7, {}, 'other').subarray(14, 19), 14) // the same request by a client without a quota
    const ours = comparable('CreateTopics', 7, mergeAnswer(split, await askBroker(target, rest), 1234))
    const codes = structsOf(ours['topics']).map((topic) => [topic['name'], topic['errorCode']])
    assert.deepEqual(codes, [
      ['mixed-1', 0],
      ['mixed-2', 0],
      ['mixed-3', THROTTLED],
      ['mixed-4', THROTTLED],
      ['one', ERROR_CODE.TOPIC_ALREADY_EXISTS],
    ])
    assert.deepEqual(withoutIds(ours), withoutIds(comparable('CreateTopics', 7, theirs)))
  })
})

/** Every creation, also one that is only validated, makes up an id of its own. */
function withoutIds(answer: Struct): Struct {
  return { ...answer, topics: structsOf(answer['topics']).map((topic) => ({ ...topic, topicId: ZERO_UUID })) }
}
