/** Broker addresses in answers: the client must see our listeners, and nothing else must change. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, type ApiName, inRange, type Struct } from 'kafka-protocol-codec'
import { blankListedNodes } from '../../src/session/rewrite.ts'
import { type Chunking, chunkings } from '../support/chunkings.ts'
import {
  answer,
  chunksOf,
  concat,
  cutAt,
  fetch,
  fetchAnswer,
  readAnswer,
  recordBatch,
  request,
  schemaOf,
  versionsOf,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const BROKERS = { 1: 19_093, 2: 19_094, 300: 19_392 }
const LONG_HOST = `broker-2.${'x'.repeat(150)}.example`
const NODES = [
  { nodeId: 1, host: 'b1', port: 9092, rack: 'a' },
  { nodeId: 2, host: LONG_HOST, port: 9093, rack: null },
  { nodeId: 300, host: '10.0.0.3', port: 65_535, rack: '' },
]
const LOCAL = NODES.map(({ nodeId }) => ({ nodeId, host: '127.0.0.1', port: BROKERS[nodeId as keyof typeof BROKERS] }))

/** An answer's value with these nodes where the API has them, and something in every other field that matters. */
function named(api: ApiName, version: number, nodes: readonly Struct[]): Struct {
  const throttleTimeMs = 5
  switch (api) {
    case 'Metadata':
      return {
        throttleTimeMs,
        brokers: [...nodes],
        clusterId: 'c',
        controllerId: 2,
        topics: [{ name: 't', partitions: [{}] }],
      }
    case 'FindCoordinator':
      return version < 4
        ? { throttleTimeMs, errorMessage: 'm', ...without(nodes[1] ?? {}, ['rack']) }
        : {
            coordinators: nodes.map(({ nodeId, host, port }) => ({ key: 'g', nodeId, host, port, errorMessage: null })),
          }
    case 'DescribeCluster':
      return { clusterId: 'c', brokers: nodes.map(({ nodeId, ...rest }) => ({ brokerId: nodeId, ...rest })) }
    case 'Produce':
      return {
        throttleTimeMs,
        responses: [{ name: 't', partitionResponses: [{ errorCode: 6 }] }],
        nodeEndpoints: [...nodes],
      }
    case 'Fetch':
    case 'ShareFetch':
      return { responses: [{ partitions: [{ errorCode: 6, records: recordBatch(3) }] }], nodeEndpoints: [...nodes] }
    default:
      return { responses: [], nodeEndpoints: [...nodes] }
  }
}

/** The nodes that a decoded answer names. */
function nodesOf(api: ApiName, version: number, value: Struct): Struct[] {
  const entries =
    api === 'FindCoordinator' && version < 4
      ? [value]
      : (value[
          { FindCoordinator: 'coordinators', Metadata: 'brokers', DescribeCluster: 'brokers' }[api as string] ??
            'nodeEndpoints'
        ] as Struct[])
  return entries.map(
    (entry) => ({ nodeId: entry['nodeId'] ?? entry['brokerId'], host: entry['host'], port: entry['port'] }) as Struct,
  )
}

/** A value without the fields of these names, at any depth. */
function without(value: Struct, names: readonly string[]): Struct {
  const text = JSON.stringify(value, (key, each: unknown) => {
    if (names.includes(key)) return undefined
    return typeof each === 'bigint' ? String(each) : each
  })
  return JSON.parse(text) as Struct
}

/** Every API whose answer names brokers, in every version in which it does. */
const NAMING: readonly (readonly [ApiName, number])[] = (
  [
    ['Metadata', 0],
    ['FindCoordinator', 0],
    ['DescribeCluster', 0],
    ['Produce', 10],
    ['Fetch', 16],
    ['ShareFetch', 0],
    ['ShareAcknowledge', 0],
  ] as const
).flatMap(([api, from]) =>
  versionsOf(api)
    .filter((v) => v >= from)
    .map((v) => [api, v] as const),
)

const ask = (api: ApiName, version: number): Uint8Array => request(api, version, api === 'Produce' ? { acks: 1 } : {})

describe('addresses in answers', () => {
  for (const [api, version] of NAMING) {
    test(`${api} v${version} names our listeners, and all its sizes are right`, () => {
      const sent = answer(api, version, named(api, version, NODES))
      const rig = new Rig({ brokers: BROKERS }).client(ask(api, version)).broker(sent)
      assert.equal(rig.closed, undefined)
      const got = readAnswer(api, version, rig.sentToClient()).value
      const expected = api === 'FindCoordinator' && version < 4 ? LOCAL.slice(1, 2) : LOCAL
      assert.deepEqual(nodesOf(api, version, got), expected)
      const asSent = readAnswer(api, version, sent).value
      assert.deepEqual(without(got, ['host', 'port']), without(asSent, ['host', 'port']))
      assert.ok(rig.session.idle)
    })

    test(`${api} v${version} is the same however it is cut`, () => {
      const sent = answer(api, version, named(api, version, NODES))
      const whole = new Rig({ brokers: BROKERS }).client(ask(api, version)).broker(sent).sentToClient()
      for (const { name, arrivals } of chunkings(sent.length, 60)) {
        const rig = new Rig({ brokers: BROKERS })
          .client(ask(api, version))
          .broker(...cutAt(sent, arrivals.slice(0, -1)))
        assert.deepEqual(rig.sentToClient(), whole, name)
      }
    })

    test(`${api} v${version} waits for the listener of a broker that it names, and nothing of it is sent before`, () => {
      const rig = new Rig({ brokers: { 1: BROKERS[1], 300: BROKERS[300] } }).client(ask(api, version))
      const sent = answer(api, version, named(api, version, NODES))
      rig.broker(sent)
      assert.ok(rig.session.needsListener)
      assert.equal(rig.sentToClient().length, 0)
      assert.equal(rig.brokerLeftBytes, sent.length)
      const entry = rig.context.book.get(2)
      assert.deepEqual(entry?.address, { host: LONG_HOST, port: 9093 })
      rig.listenerReady()
      assert.ok(rig.session.needsListener, 'the listener is not up yet')
      entry.local = { host: '127.0.0.1', port: BROKERS[2] }
      rig.listenerReady()
      assert.equal(rig.session.needsListener, false)
      const got = nodesOf(api, version, readAnswer(api, version, rig.sentToClient()).value)
      assert.deepEqual(got, api === 'FindCoordinator' && version < 4 ? LOCAL.slice(1, 2) : LOCAL)
      const fetched = api === 'Fetch' || api === 'ShareFetch' ? 3 : 0
      assert.equal(rig.counters.fetchedRecords, fetched, 'looked at thrice, counted once')
    })
  }

  test('answers before and behind one that is rewritten keep their order and their bytes', () => {
    const plain = answer('Heartbeat', 3, { errorCode: 27 }, 1)
    const naming = answer('Metadata', 9, named('Metadata', 9, NODES), 2)
    const last = answer('Heartbeat', 3, {}, 3)
    const asked = concat(
      request('Heartbeat', 3, {}, { correlationId: 1 }),
      request('Metadata', 9, {}, { correlationId: 2 }),
      request('Heartbeat', 3, {}, { correlationId: 3 }),
    )
    const rig = new Rig({ brokers: BROKERS }).client(asked).broker(concat(plain, naming, last))
    const got = rig.sentToClient()
    assert.deepEqual(got.subarray(0, plain.length), plain)
    assert.deepEqual(got.subarray(got.length - last.length), last)
    readAnswer('Metadata', 9, got.slice(plain.length, got.length - last.length))
  })

  test('a coordinator that is not there is left alone, beside one that is', () => {
    for (const version of versionsOf('FindCoordinator')) {
      const none = { nodeId: -1, host: '', port: -1 }
      const value: Struct =
        version < 4
          ? { errorCode: 15, errorMessage: 'none', ...none }
          : {
              coordinators: [
                { key: 'a', errorCode: 15, ...none },
                { key: 'b', nodeId: 1, host: 'b1', port: 9092 },
              ],
            }
      const rig = new Rig({ brokers: BROKERS }).client(request('FindCoordinator', version))
      rig.broker(answer('FindCoordinator', version, value))
      const got = nodesOf('FindCoordinator', version, readAnswer('FindCoordinator', version, rig.sentToClient()).value)
      assert.deepEqual(got, version < 4 ? [none] : [none, LOCAL[0]])
      assert.equal(rig.context.book.get(-1), undefined)
    }
  })

  test('controllers are no brokers: their addresses stay, and are not learnt (KIP-919)', () => {
    for (const version of [1, 2]) {
      const sent = answer('DescribeCluster', version, { ...named('DescribeCluster', version, NODES), endpointType: 2 })
      const rig = new Rig().client(request('DescribeCluster', version, { endpointType: 2 })).broker(sent)
      assert.deepEqual(rig.sentToClient(), sent)
      assert.deepEqual(rig.context.book.brokers(), [])
    }
  })

  test('a broker at another address is one that moved: the book has the new one, the client the same listener', () => {
    const rig = new Rig({ brokers: BROKERS }).client(request('Metadata', 9))
    rig.broker(answer('Metadata', 9, named('Metadata', 9, [{ nodeId: 1, host: 'elsewhere', port: 1 }])))
    assert.deepEqual(rig.context.book.get(1)?.address, { host: 'elsewhere', port: 1 })
    assert.deepEqual(nodesOf('Metadata', 9, readAnswer('Metadata', 9, rig.sentToClient()).value), [LOCAL[0]])
  })

  test('a cluster with more brokers than the book keeps ends the connection with a reason', () => {
    const rig = new Rig({ brokers: { 1: 19_093 }, brokersMax: 2 }).client(request('Metadata', 9))
    rig.broker(answer('Metadata', 9, named('Metadata', 9, NODES)))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /more brokers than we keep/)
  })
})

describe('answers too long to be awaited whole', () => {
  const FETCH_VERSIONS = versionsOf('Fetch').filter((v) => v >= 16)

  function longFetch(version: number, more: Struct = { nodeEndpoints: NODES }): Uint8Array {
    return fetchAnswer(20_000, { version, throttleTimeMs: 3, more })
  }

  for (const version of FETCH_VERSIONS) {
    test(`a long Fetch v${version} streams, and names no node any more, at any cut`, () => {
      const sent = longFetch(version)
      const before = readAnswer('Fetch', version, sent).value
      for (const { name, arrivals } of streamingCuts(sent.length)) {
        const rig = new Rig().client(fetch({ version })).broker(...cutAt(sent, arrivals.slice(0, -1)))
        assert.equal(rig.closed?.detail, undefined, name)
        const got = rig.sentToClient()
        assert.equal(got.length, sent.length, name)
        const { nodeEndpoints, unknownTags, ...rest } = readAnswer('Fetch', version, got).value
        assert.deepEqual(nodeEndpoints, [], name)
        assert.equal((unknownTags as Struct[]).length, 1)
        const { nodeEndpoints: _, ...restBefore } = before
        assert.deepEqual(rest, restBefore)
        assert.deepEqual(rig.context.book.brokers(), [], 'nothing is learnt from half a list')
      }
    })

    test(`a long Fetch v${version} without nodes keeps every byte, other tags included`, () => {
      for (const more of [{}, { unknownTags: [{ tag: 0x7d, bytes: Uint8Array.of(1, 2, 3) }] }]) {
        const sent = longFetch(version, more)
        for (const chunkBytes of [1, 777, 100_000]) {
          const rig = new Rig().client(fetch({ version })).broker(...chunksOf(sent, chunkBytes))
          assert.deepEqual(rig.sentToClient(), sent)
        }
      }
    })
  }

  for (const version of versionsOf('ShareFetch')) {
    test(`a long ShareFetch v${version} streams with its list emptied, at any cut`, () => {
      for (const nodes of [NODES, NODES.slice(0, 1), []]) {
        const responses = [{ partitions: [{ records: recordBatch(5, 9000) }] }]
        const sent = answer('ShareFetch', version, { errorMessage: 'm', responses, nodeEndpoints: nodes })
        for (const { name, arrivals } of streamingCuts(sent.length)) {
          const rig = new Rig().client(request('ShareFetch', version)).broker(...cutAt(sent, arrivals.slice(0, -1)))
          const got = rig.sentToClient()
          assert.equal(got.length, sent.length)
          const { nodeEndpoints, ...rest } = readAnswer('ShareFetch', version, got).value
          assert.deepEqual(nodeEndpoints, [], name)
          assert.deepEqual(rest['responses'], readAnswer('ShareFetch', version, sent).value['responses'])
          if (nodes.length === 0) assert.deepEqual(got, sent)
        }
      }
    })
  }

  test('a Produce or ShareAcknowledge answer out of all proportion streams with its nodes blanked', () => {
    const errorMessage = 'x'.repeat(30_000)
    const produced = {
      responses: [{ name: 't', partitionResponses: Array.from({ length: 8 }, () => ({ errorCode: 6, errorMessage })) }],
      throttleTimeMs: 9,
      nodeEndpoints: NODES,
    }
    const sent = answer('Produce', 11, produced)
    const rig = new Rig().client(request('Produce', 11, { acks: 1 })).broker(...chunksOf(sent, 50_000))
    const got = readAnswer('Produce', 11, rig.sentToClient()).value
    assert.deepEqual(got['nodeEndpoints'], [])
    assert.equal(got['throttleTimeMs'], 9)
    const partitions = Array.from({ length: 8 }, () => ({ errorMessage }))
    const shared = answer('ShareAcknowledge', 1, { responses: [{ partitions }], nodeEndpoints: NODES })
    const other = new Rig().client(request('ShareAcknowledge', 1)).broker(...chunksOf(shared, 50_000))
    assert.deepEqual(readAnswer('ShareAcknowledge', 1, other.sentToClient()).value['nodeEndpoints'], [])
  })

  test('a FindCoordinator or DescribeCluster answer out of all proportion ends the connection with a reason', () => {
    const errorMessage = 'x'.repeat(30_000)
    const coordinators = Array.from({ length: 8 }, () => ({ nodeId: 1, host: 'b1', port: 1, errorMessage }))
    const rig = new Rig({ brokers: BROKERS }).client(request('FindCoordinator', 4))
    rig.broker(...chunksOf(answer('FindCoordinator', 4, { coordinators }), 50_000))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /an answer with addresses is longer than/)
  })

  test('a Metadata answer of 10,000 topics streams: only its broker list is ever left untaken', () => {
    for (const version of versionsOf('Metadata')) {
      const topics = Array.from({ length: 10_000 }, (_, i) => ({
        name: `topic-${i}`,
        partitions: [{ partitionIndex: 0, leaderId: 1, replicaNodes: [1, 2], isrNodes: [1] }],
      }))
      const value = { brokers: NODES, clusterId: 'c', topics }
      const sent = answer('Metadata', version, value)
      assert.ok(sent.length > 300_000)
      const rig = new Rig({ brokers: BROKERS }).client(request('Metadata', version))
      for (const chunk of chunksOf(sent, 65_536)) {
        rig.broker(chunk)
        assert.ok(rig.brokerLeftBytes < 200, `${rig.brokerLeftBytes} bytes left`)
      }
      const local = NODES.map((node, i) => ({ ...node, ...LOCAL[i] }))
      assert.deepEqual(rig.sentToClient(), answer('Metadata', version, { ...value, brokers: local }))
    }
  })

  test('a broker list that does not end is not awaited without bound', () => {
    const nodes = Array.from({ length: 5000 }, (_, nodeId) => ({
      nodeId,
      host: `broker-${nodeId}.kafka.example.internal`,
      port: 9,
    }))
    const rig = new Rig()
      .client(request('Metadata', 9))
      .broker(...chunksOf(answer('Metadata', 9, { brokers: nodes }), 50_000))
    assert.equal(rig.closed?.reason, 'broker_bad_frame')
    assert.match(rig.closed.detail, /the broker list of an answer is longer than/)
  })

  test('a blanked list of any length decodes as empty: the size of its new tag has the width that it needs', () => {
    const sizes = [
      0, 1, 80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 100, 200, 16_330, 16_340, 16_350, 16_360, 16_370, 16_380, 16_390,
    ]
    for (const hostBytes of [...sizes, ...Array.from({ length: 40 }, (_, i) => 95 + i), 30_000]) {
      const rack = 'r'.repeat(Math.min(hostBytes, 32_000))
      const nodeEndpoints = [{ nodeId: 7, host: 'h', port: 1, rack }]
      const sent = answer('ShareAcknowledge', 1, { nodeEndpoints })
      const countAt = answer('ShareAcknowledge', 1, {}).length - 2
      blankListedNodes(sent, countAt, sent.length - countAt)
      assert.deepEqual(readAnswer('ShareAcknowledge', 1, sent).value['nodeEndpoints'], [])
    }
    for (const nodes of [60_000, 300_000]) {
      const sent = answer('ShareAcknowledge', 1, {
        nodeEndpoints: Array.from({ length: nodes }, () => ({ nodeId: 7 })),
      })
      const countAt = answer('ShareAcknowledge', 1, {}).length - 2
      blankListedNodes(sent, countAt, sent.length - countAt)
      assert.deepEqual(readAnswer('ShareAcknowledge', 1, sent).value['nodeEndpoints'], [])
    }
  })
})

/** Cuts after which no offer holds a whole answer; many around its end, where the list of nodes is. */
function streamingCuts(length: number): Chunking[] {
  const cuts = Array.from({ length: 260 }, (_, i) => [length - i - 1, length])
  return [...chunkings(length, 20), ...cuts.map((arrivals) => ({ name: `split at ${arrivals[0]}`, arrivals }))].filter(
    ({ name, arrivals: [first = 0] }) => name === 'byte by byte' || (first > 16 && first < length),
  )
}

test('every answer whose schema has a host and a port beside a node id is among those that are rewritten', () => {
  const naming = new Set(NAMING.map(([api, version]) => `${api} v${version}`))
  for (const api of Object.keys(API_KEY) as ApiName[]) {
    for (const version of versionsOf(api)) {
      const { fields } = schemaOf(api, 'response')
      const isThere = (names: readonly string[]): boolean => names.includes('host') && names.includes('port')
      const present = (list: typeof fields): string[] =>
        list.filter((f) => inRange(version, f.versions)).map((f) => f.name)
      const names =
        isThere(present(fields)) || fields.some((f) => inRange(version, f.versions) && isThere(present(f.fields ?? [])))
      assert.equal(naming.has(`${api} v${version}`), names, `${api} v${version}`)
    }
  }
})
