/** Limits on mutations, seen from a session: what reaches the broker, what the client is told, what it costs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ApiName, decodeRequest, type Struct } from 'kafka-protocol-codec'
import { MUTATION_COST_MAX, REWRITE_BYTES_MAX } from '../../src/bounds.ts'
import { answer, chunksOf, correlationOf, framesOf, produce, readAnswer, request } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule, used } from '../support/rules.ts'

const RULES = [rule({ mutations: 10 }, { per: [] })]
const REFUSED = 89

function create(topics: Readonly<Record<string, number>>, correlationId = 1, version = 7): Uint8Array {
  const named = Object.entries(topics).map(([name, numPartitions]) => ({ name, numPartitions, replicationFactor: 1 }))
  return request('CreateTopics', version, { topics: named, timeoutMs: 1000, validateOnly: false }, { correlationId })
}

function created(
  topics: Readonly<Record<string, number>>,
  correlationId = 1,
  errors: Struct = {},
  version = 7,
): Uint8Array {
  const results = Object.entries(topics).map(([name, numPartitions]) => ({
    ...(version >= 7 ? { topicId: 'AAECAwQFBgcICQoLDA0ODw' } : {}),
    ...{ name, numPartitions, replicationFactor: 1, errorCode: errors[name] ?? 0, errorMessage: null, configs: [] },
  }))
  return answer('CreateTopics', version, { throttleTimeMs: 0, topics: results }, correlationId)
}

function asked(frame: Uint8Array): unknown {
  return (decodeRequest(frame).value['topics'] as Struct[]).map(({ name }) => name)
}

function told(bytes: Uint8Array, api: ApiName = 'CreateTopics', version = 7): unknown {
  const { value } = readAnswer(api, version, bytes)
  return [value['throttleTimeMs'], (value['topics'] as Struct[]).map(({ name, errorCode }) => [name, errorCode])]
}

describe('CreateTopics', () => {
  test('passes while the bucket is not in debt, and costs its partitions', () => {
    const frame = create({ a: 4, b: 20 })
    for (const pieceBytes of [1, 11, 1000]) {
      const rig = new Rig({ rules: RULES }).client(...chunksOf(frame, pieceBytes))
      assert.deepEqual(rig.sentToBroker(), frame)
      const got = created({ a: 4, b: 20 })
      rig.broker(...chunksOf(got, pieceBytes))
      assert.deepEqual(rig.sentToClient(), got)
      assert.deepEqual(rig.counters.quota('q').used, used({ mutations: 24 }))
      assert.equal(rig.context.buckets.level(0, rig.nowMs), 10 - 24)
    }
  })

  test('no request leaves a debt of years, also where its answer never comes', () => {
    for (const version of [4, 7]) {
      const rig = new Rig({ rules: RULES }).client(create({ typo: 2_147_483_647 }, 1, version)).end()
      assert.equal(rig.context.buckets.level(0, rig.nowMs), 10 - MUTATION_COST_MAX)
    }
  })

  test('topics over the limit are refused one by one; the broker sees the others only, the client all of them in order', () => {
    for (const pieceBytes of [1, 11, 1000]) {
      const rig = new Rig({ rules: RULES }).client(...chunksOf(create({ a: 10, b: 5, c: 1 }), pieceBytes))
      const [frame, ...more] = framesOf(rig.sentToBroker())
      assert.deepEqual([asked(frame!), more.length], [['a', 'b'], 0], 'c came when the bucket was in debt')
      rig.broker(...chunksOf(created({ a: 10, b: 5 }), pieceBytes))
      assert.deepEqual(told(rig.sentToClient()), [
        500,
        [
          ['a', 0],
          ['b', 0],
          ['c', REFUSED],
        ],
      ])
      assert.equal(rig.counters.quota('q').refusedRequests, 1)
      assert.deepEqual(rig.refusals, ['q refused 1'])
      assert.deepEqual(rig.counters.quota('q').used, used({ mutations: 15 }))
    }
  })

  test('an answer too long to be awaited carries the refusals, and the stamp of whichever limit asks for more', () => {
    const config = { name: 'c', value: 'v'.repeat(30_000), readOnly: false, configSource: 5, isSensitive: false }
    const long = answer('CreateTopics', 7, {
      throttleTimeMs: 0,
      topics: [{ name: 'a', numPartitions: 30, replicationFactor: 1, errorCode: 0, configs: Array(10).fill(config) }],
    })
    assert.ok(long.length > REWRITE_BYTES_MAX)
    for (const [requests, throttleMs] of [
      [100, 2000],
      [0.1, 3000], // the longest that the client bears
    ] as const) {
      const rules = [...RULES, rule({ requests }, { name: 'r' })]
      const rig = new Rig({ rules }).client(create({ a: 30, b: 1 }))
      for (const chunk of chunksOf(long, 100_000)) rig.broker(chunk)
      assert.deepEqual(told(rig.sentToClient()), [
        throttleMs,
        [
          ['b', REFUSED],
          ['a', 0],
        ],
      ])
    }
  })

  test('wholly refused it never reaches the broker, and its answer waits its turn', () => {
    const rig = new Rig({ rules: RULES }).client(
      create({ a: 30 }),
      create({ b: 1 }, 2),
      produce(200, { correlationId: 3 }),
    )
    assert.deepEqual(
      framesOf(rig.sentToBroker()).map((frame) => correlationOf(frame, 'request')),
      [1, 3],
    )
    assert.equal(rig.sentToClient().length, 0)
    rig.broker(created({ a: 30 }))
    const [first, second] = framesOf(rig.sentToClient())
    assert.deepEqual(told(first!), [0, [['a', 0]]])
    assert.deepEqual(told(second!), [2000, [['b', REFUSED]]])
    assert.equal(correlationOf(second!, 'answer'), 2)
    assert.equal(rig.session.inFlight, 1)
    rig.pass(2000).client(create({ b: 1 }, 4))
    assert.equal(rig.session.inFlight, 2, 'out of debt it passes')
  })

  test('what fails at the broker is given back', () => {
    const rig = new Rig({ rules: RULES }).client(create({ a: 4, b: 5 })).broker(created({ a: 4, b: 5 }, 1, { b: 36 }))
    assert.equal(rig.context.buckets.level(0, rig.nowMs), 6)
    assert.deepEqual(rig.counters.quota('q').used, used({ mutations: 4 }))
  })

  test('in versions that cannot be refused it is charged, stamped and held', () => {
    const rig = new Rig({ rules: RULES }).client(create({ a: 40 }, 1, 5)).broker(created({ a: 40 }, 1, {}, 5))
    assert.deepEqual(told(rig.sentToClient(), 'CreateTopics', 5), [3000, [['a', 0]]])
    rig.client(create({ b: 1 }, 2, 5))
    assert.equal(rig.session.clientBlock, 'held')
    assert.equal(rig.session.wakeAtMs - rig.nowMs, 2000, 'no longer than an unnamed client bears')
  })

  test('observed, everything passes and is counted', () => {
    const rules = [rule({ mutations: 10 }, { per: [], mode: 'observe' })]
    const rig = new Rig({ rules }).client(create({ a: 30 }), create({ b: 1 }, 2))
    rig.broker(created({ a: 30 }), created({ b: 1 }, 2))
    assert.equal(rig.counters.quota('q').observedRequests, 2)
    assert.equal(rig.counters.quota('q').refusedRequests, 0)
    assert.deepEqual(rig.sentToClient(), new Uint8Array(Buffer.concat([created({ a: 30 }), created({ b: 1 }, 2)])))
  })

  test('a limit on requests beside it holds it, and then its topics are judged', () => {
    const rules = [...RULES, rule({ requests: 1 }, { name: 'r' })]
    const rig = new Rig({ rules }).client(create({ a: 30 }), create({ b: 1 }, 2), create({ c: 1 }, 3))
    assert.equal(rig.session.clientBlock, 'held')
    rig.broker(created({ a: 30 })).pass(1000)
    assert.equal(rig.session.inFlight, 0)
    assert.equal(framesOf(rig.sentToClient()).length, 3)
    assert.equal(rig.counters.quota('r').used.requests, 3)
  })

  test('a connection that ends lets go of everything', () => {
    const rig = new Rig({ rules: RULES }).client(create({ a: 3 }), create({ b: 30 }, 2), create({ c: 1 }, 3)).end()
    for (const { holders } of rig.context.buckets.entries(rig.nowMs)) assert.equal(holders, 0)
  })
})

test('DeleteTopics costs the partitions that answers have told of', () => {
  const rig = new Rig({ rules: RULES }).client(request('Metadata', 9, {}))
  const partitions = Array.from({ length: 12 }, (_, partitionIndex) => ({ partitionIndex }))
  rig.broker(answer('Metadata', 9, { topics: [{ name: 'a', partitions }] }))
  rig.client(request('DeleteTopics', 5, { topicNames: ['a', 'unknown'] }, { correlationId: 2 }))
  const [, frame] = framesOf(rig.sentToBroker())
  assert.deepEqual(decodeRequest(frame!).value['topicNames'], ['a'], 'the second one came in debt')
})
