/** What mutations cost, and how a request over its quota is taken apart and its answer put together again. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  API_KEY,
  type ApiName,
  decodeRequest,
  decodeResponse,
  ProtocolError,
  type Struct,
  structsOf,
  ZERO_UUID,
} from 'kafka-protocol-codec'
import { TopicBook } from '../../src/cluster/topic-book.ts'
import { changesOf, mayRefuse, totalCost } from '../../src/session/mutation-costs.ts'
import {
  costDifference,
  hasHead,
  type MutationSplit,
  mergeAnswer,
  mergeHead,
  readMutation,
  refusal,
  splitMutation,
} from '../../src/session/mutations.ts'
import { answer, readAnswer, request, versionsOf } from '../support/frames.ts'

const idBytes = (name: string): Uint8Array => new TextEncoder().encode(`${name}----------------`).slice(0, 16)
const idOf = (name: string): string => Buffer.from(idBytes(name)).toString('base64url')

function bookOf(partitions: Readonly<Record<string, number>>): TopicBook {
  const book = new TopicBook(100)
  for (const [name, count] of Object.entries(partitions)) book.learn(name, idBytes(name), count)
  return book
}

const KNOWN = bookOf({ six: 6, two: 2 })
const MUTATIONS: readonly ApiName[] = ['CreateTopics', 'DeleteTopics', 'CreatePartitions']
const STRICT_SINCE: Readonly<Record<string, number>> = { CreateTopics: 6, DeleteTopics: 5, CreatePartitions: 3 }

function strictVersions(api: ApiName): number[] {
  return versionsOf(api).filter((version) => version >= STRICT_SINCE[api]!)
}

describe('what a change costs', () => {
  const assigned = (count: number): Struct[] =>
    Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, brokerIds: [1] }))
  const topic = (more: Struct): Struct => ({ name: 'new', numPartitions: 1, replicationFactor: 1, ...more })
  const cases: readonly (readonly [what: string, api: ApiName, value: Struct, costs: number[]])[] = [
    ['as many as are made', 'CreateTopics', { topics: [topic({ numPartitions: 12 })] }, [12]],
    ['validated only: the same', 'CreateTopics', { topics: [topic({ numPartitions: 12 })], validateOnly: true }, [12]],
    ['the default', 'CreateTopics', { topics: [topic({ numPartitions: -1, replicationFactor: -1 })] }, [3]],
    [
      'assigned by hand',
      'CreateTopics',
      { topics: [topic({ numPartitions: -1, replicationFactor: -1, assignments: assigned(4) })] },
      [4],
    ],
    ['assigned and numbered is refused', 'CreateTopics', { topics: [topic({ assignments: assigned(4) })] }, [0]],
    ['no partitions are refused', 'CreateTopics', { topics: [topic({ numPartitions: 0 })] }, [0]],
    ['a number below −1 is refused', 'CreateTopics', { topics: [topic({ numPartitions: -2 })] }, [0]],
    ['no replicas are refused', 'CreateTopics', { topics: [topic({ replicationFactor: 0 })] }, [0]],
    ['replicas below −1 are refused', 'CreateTopics', { topics: [topic({ replicationFactor: -2 })] }, [0]],
    ['what exists is refused', 'CreateTopics', { topics: [topic({ name: 'six' }), topic({})] }, [0, 1]],
    [
      'what comes twice is refused',
      'CreateTopics',
      { topics: [topic({}), topic({}), topic({ name: 'x' })] },
      [0, 0, 1],
    ],
    ['no topic', 'CreateTopics', { topics: [] }, []],
    ['what is added', 'CreatePartitions', { topics: [{ name: 'six', count: 10, assignments: null }] }, [4]],
    ['what is no increase is refused', 'CreatePartitions', { topics: [{ name: 'six', count: 6 }] }, [0]],
    ['what is a decrease is refused', 'CreatePartitions', { topics: [{ name: 'six', count: 1 }] }, [0]],
    ['an unknown topic', 'CreatePartitions', { topics: [{ name: 'x', count: 50 }] }, [1]],
    [
      'twice',
      'CreatePartitions',
      {
        topics: [
          { name: 'six', count: 9 },
          { name: 'six', count: 9 },
        ],
      },
      [0, 0],
    ],
  ]
  for (const [what, api, value, costs] of cases) {
    test(`${api}: ${what}`, () => {
      for (const version of versionsOf(api).filter((each) => each >= 1)) {
        const { changes, cost } = readMutation(request(api, version, value), KNOWN, 3)
        assert.deepEqual(
          changes.map((change) => change.cost),
          costs,
        )
        assert.equal(
          cost,
          costs.reduce((sum, each) => sum + each, 0),
        )
      }
    })
  }

  test('DeleteTopics by name: as many as the topic has', () => {
    for (const version of versionsOf('DeleteTopics').filter((each) => each < 6)) {
      const frame = request('DeleteTopics', version, { topicNames: ['six', 'x', 'two', 'two'] })
      const { changes } = readMutation(frame, KNOWN)
      assert.deepEqual(
        changes.map(({ name, cost, knownId }) => [name, cost, knownId]),
        [
          ['six', 6, idOf('six')],
          ['x', 1, ZERO_UUID],
          ['two', 0, idOf('two')],
          ['two', 0, idOf('two')],
        ],
      )
    }
  })

  test('DeleteTopics v6 by name and by id; what names both, neither or one twice is refused', () => {
    const topics = [
      { name: 'six' },
      { name: null, topicId: idOf('two') },
      { name: null, topicId: idOf('x') },
      { name: 'y', topicId: idOf('y') },
      { name: null },
      { name: null, topicId: idOf('z') },
      { name: null, topicId: idOf('z') },
    ]
    const { changes } = readMutation(request('DeleteTopics', 6, { topics }), KNOWN)
    assert.deepEqual(
      changes.map(({ knownName, knownId, cost }) => [knownName, knownId, cost]),
      [
        ['six', idOf('six'), 6],
        ['two', idOf('two'), 2],
        [null, idOf('x'), 1],
        ['y', idOf('y'), 0],
        [null, ZERO_UUID, 0],
        [null, idOf('z'), 0],
        [null, idOf('z'), 0],
      ],
    )
  })

  test('another API changes nothing', () => {
    assert.deepEqual(changesOf(API_KEY.DeleteRecords, { topics: [{ name: 'six' }] }, KNOWN), [])
    assert.equal(totalCost([]), 0)
  })

  test('which versions may be refused', () => {
    for (const api of MUTATIONS) {
      assert.deepEqual(
        versionsOf(api).filter((version) => mayRefuse(API_KEY[api], version)),
        strictVersions(api),
      )
    }
    assert.equal(mayRefuse(API_KEY.DeleteRecords, 2), false)
  })

  test('what is not exactly one such frame is refused', () => {
    const frame = request('CreateTopics', 7, { topics: [] })
    assert.throws(() => readMutation(new Uint8Array([...frame, 0]), KNOWN), ProtocolError)
    assert.throws(() => readMutation(frame.subarray(0, frame.length - 1), KNOWN), ProtocolError)
  })
})

/** The list of topics in a request. */
function listOf(api: ApiName, version: number, names: readonly string[]): Struct {
  if (api === 'CreateTopics') {
    const configs = [{ name: 'retention.ms', value: null }]
    return { topics: names.map((name) => ({ name, numPartitions: 2, replicationFactor: 1, configs })) }
  }
  if (api === 'CreatePartitions') return { topics: names.map((name) => ({ name, count: 5, assignments: null })) }
  return version >= 6 ? { topics: names.map((name) => ({ name })) } : { topicNames: [...names] }
}

function resultsOf(api: ApiName, version: number, names: readonly string[], more: Struct = {}): Struct {
  const results = names.map((name) => ({ name, errorCode: 0, errorMessage: null, ...more }))
  if (api === 'CreateTopics') {
    const configs = [{ name: 'retention.ms', value: '1', readOnly: false, configSource: 5, isSensitive: false }]
    return {
      topics: results.map((each) => ({
        topicId: idOf(each.name),
        numPartitions: 2,
        replicationFactor: 1,
        configs,
        ...each,
      })),
    }
  }
  if (api === 'CreatePartitions') return { results }
  return { responses: version >= 6 ? results.map((each) => ({ ...each, topicId: idOf(each.name) })) : results }
}

const LISTS: Readonly<Record<string, string>> = {
  CreateTopics: 'topics',
  DeleteTopics: 'responses',
  CreatePartitions: 'results',
}

/** Name and error of every topic in an answer. */
function namesAndErrors(api: ApiName, version: number, frame: Uint8Array): unknown[] {
  const { value } = readAnswer(api, version, frame)
  return structsOf(value[LISTS[api]!]).map((result) => [result['name'], result['errorCode']])
}

const NAMES = ['a', 'b', 'c', 'd']

/** Everything but these is refused. */
function splitFor(
  api: ApiName,
  version: number,
  passing: readonly string[],
  extra: Struct = {},
): ReturnType<typeof splitMutation> {
  const frame = request(api, version, { ...listOf(api, version, NAMES), timeoutMs: 5000, ...extra })
  const mutation = readMutation(frame, bookOf({}))
  let index = 0
  return splitMutation(mutation, () => passing.includes(NAMES[index++]!))
}

for (const api of MUTATIONS) {
  for (const version of strictVersions(api)) {
    describe(`${api} v${version}`, () => {
      test('nothing refused: the frame itself', () => {
        const frame = request(api, version, listOf(api, version, NAMES))
        const { split, forward } = splitMutation(readMutation(frame, bookOf({})), () => true)
        assert.equal(forward, frame)
        assert.equal(split.refusedCount, 0)
        assert.equal(split.cost, api === 'CreateTopics' ? 8 : 4)
      })

      test('some refused: the frame that the client would have sent without them', () => {
        const { split, forward } = splitFor(api, version, ['a', 'd'])
        assert.deepEqual(forward, request(api, version, { ...listOf(api, version, ['a', 'd']), timeoutMs: 5000 }))
        assert.deepEqual([...split.isRefused], [false, true, true, false])
        assert.equal(split.refusedCount, 2)
        assert.equal(split.cost, api === 'CreateTopics' ? 4 : 2)
      })

      test('client id, correlation id, header tags and tags that nobody knows stay', () => {
        const unknownTags = [{ tag: 77, bytes: Uint8Array.of(1, 2, 3) }]
        const value = { ...listOf(api, version, NAMES), timeoutMs: 5000, unknownTags }
        const caller = { correlationId: 0x1234_5678, clientId: 'größe' }
        const tagged = withHeaderTag(request(api, version, value, caller))
        let asked = 0
        const { forward } = splitMutation(readMutation(tagged, bookOf({})), () => asked++ < 1)
        const expected = request(api, version, { ...value, ...listOf(api, version, ['a']) }, caller)
        assert.deepEqual(forward, withHeaderTag(expected))
      })

      test('all refused: an answer of our own', () => {
        const { split, forward } = splitFor(api, version, [])
        assert.equal(forward, undefined)
        assert.equal(split.cost, 0)
        const frame = refusal(split, 7000)
        assert.equal(readAnswer(api, version, frame).value['throttleTimeMs'], 7000)
        assert.equal(readAnswer(api, version, frame).correlationId, 1)
        assert.deepEqual(
          namesAndErrors(api, version, frame),
          NAMES.map((name) => [name, 89]),
        )
      })

      test('the answer has all topics, in the order of the request, whatever the broker’s order', () => {
        const { split } = splitFor(api, version, ['a', 'c', 'd'])
        const theirs = answer(api, version, { ...resultsOf(api, version, ['d', 'a', 'c']), throttleTimeMs: 20 })
        const merged = mergeAnswer(split, theirs, 7000)
        assert.deepEqual(namesAndErrors(api, version, merged), [
          ['a', 0],
          ['b', 89],
          ['c', 0],
          ['d', 0],
        ])
        assert.equal(readAnswer(api, version, merged).value['throttleTimeMs'], 7000)
        const [first] = structsOf(readAnswer(api, version, merged).value[LISTS[api]!])
        const [, own] = structsOf(readAnswer(api, version, theirs).value[LISTS[api]!])
        assert.deepEqual(first, own)
      })

      test('the broker’s throttle time counts where it is longer; what it says beyond the request comes last', () => {
        const { split } = splitFor(api, version, ['a'])
        const theirs = answer(api, version, { ...resultsOf(api, version, ['x', 'a']), throttleTimeMs: 9000 })
        const merged = mergeAnswer(split, theirs, 7000)
        assert.equal(readAnswer(api, version, merged).value['throttleTimeMs'], 9000)
        assert.deepEqual(
          namesAndErrors(api, version, merged).map((each) => (each as unknown[])[0]),
          ['a', 'b', 'c', 'd', 'x'],
        )
      })

      test('a long answer: the refused topics come first, the rest passes as it is', () => {
        const { split } = splitFor(api, version, ['a', 'd'])
        for (const count of [0, 1, 2, 126, 127, 128]) {
          const names = Array.from({ length: count }, (_, n) => `t${n}`)
          const theirs = answer(api, version, { ...resultsOf(api, version, names), throttleTimeMs: 20 })
          const expected = [...refusedBy(split), ...names]
          const merged = mergeStreamed(split, theirs, 7000)
          assert.deepEqual(
            namesAndErrors(api, version, merged).map((each) => (each as unknown[])[0]),
            expected,
          )
          assert.equal(readAnswer(api, version, merged).value['throttleTimeMs'], 7000)
        }
      })
    })
  }
}

function refusedBy({ changes, isRefused }: MutationSplit): (string | null)[] {
  return changes.filter((_, i) => isRefused[i]).map(({ name }) => name)
}

/** Offers ever more of the answer until its head is there. */
function mergeStreamed(split: MutationSplit, frame: Uint8Array, throttleMs: number): Uint8Array {
  const chunk = new Uint8Array(frame.length + 5)
  chunk.set(frame, 5)
  for (let to = 5 + 8; to <= chunk.length; to++) {
    if (!hasHead(split, chunk, 5, to)) continue
    const merged = mergeHead(split, chunk, 5, to, throttleMs)
    assert.ok(merged.upTo <= to)
    return new Uint8Array([...merged.head, ...chunk.subarray(merged.upTo)])
  }
  throw new Error('the head never came')
}

/** The same request with one tag in its header: its tag section is the byte 0 behind the client id. */
function withHeaderTag(frame: Uint8Array): Uint8Array {
  const at = decodeRequest(frame).bodyOffset - 1
  const tagged = new Uint8Array([...frame.subarray(0, at), 1, 99, 2, 0xaa, 0xbb, ...frame.subarray(at + 1)])
  new DataView(tagged.buffer).setInt32(0, tagged.length - 4)
  return tagged
}

describe('splitMutation', () => {
  test('topics are asked about one after the other; those that cost nothing always pass', () => {
    const asked: number[] = []
    const topics = [5, 1, 0, 7].map((numPartitions, n) => ({ name: `t${n}`, numPartitions, replicationFactor: 1 }))
    let tokens = 3
    const { split } = splitMutation(readMutation(request('CreateTopics', 7, { topics }), bookOf({})), (cost) => {
      asked.push(cost)
      if (tokens < 0) return false
      tokens -= cost
      return true
    })
    assert.deepEqual(asked, [5, 1, 7])
    assert.deepEqual([...split.isRefused], [false, true, false, true])
    assert.equal(split.cost, 5)
  })

  test('a request without topics passes', () => {
    const frame = request('CreateTopics', 7, { topics: [] })
    assert.equal(splitMutation(readMutation(frame, bookOf({})), () => false).forward, frame)
  })

  test('DeleteTopics by id: the refused one has its name, where it is known', () => {
    const topics = ['six', 'x'].map((name) => ({ name: null, topicId: idOf(name) }))
    const { split } = splitMutation(readMutation(request('DeleteTopics', 6, { topics }), KNOWN), () => false)
    assert.deepEqual(
      structsOf(readAnswer('DeleteTopics', 6, refusal(split, 1)).value['responses']).map((each) => [
        each['name'],
        each['topicId'],
        each['errorCode'],
        each['errorMessage'],
      ]),
      [
        ['six', idOf('six'), 89, null],
        [null, idOf('x'), 89, null],
      ],
    )
  })

  test('whatever is refused, forward and merged answer together have every topic once', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,12}$/u), { minLength: 1, maxLength: 12 })
    const which = fc.constantFrom<ApiName>(...MUTATIONS)
    fc.assert(
      fc.property(which, names, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (api, all, passes) => {
        for (const version of strictVersions(api)) {
          let index = 0
          const frame = request(api, version, listOf(api, version, all))
          const { split, forward } = splitMutation(readMutation(frame, bookOf({})), () => passes[index++]!)
          const passed = all.filter((_, i) => passes[i])
          if (passed.length === 0) assert.equal(forward, undefined)
          else assert.deepEqual(forward, request(api, version, listOf(api, version, passed)))
          const theirs = answer(api, version, resultsOf(api, version, passed.toReversed()))
          assert.deepEqual(
            namesAndErrors(api, version, mergeAnswer(split, theirs, 5)),
            all.map((name, i) => [name, passes[i] ? 0 : 89]),
          )
        }
      }),
    )
  })
})

describe('costDifference', () => {
  const topics = ['a', 'b', 'c', 'd'].map((name, n) => ({
    name,
    numPartitions: n === 2 ? -1 : 4,
    replicationFactor: 1,
  }))
  const { split } = splitMutation(
    readMutation(request('CreateTopics', 7, { topics }), bookOf({ a: 1 })),
    (() => {
      let index = 0
      return () => index++ < 2
    })(),
  )

  test('what failed costs nothing, the default is what the answer says, what was thought to exist costs what was made', () => {
    assert.deepEqual([...split.isRefused], [false, false, false, true])
    assert.equal(split.cost, 5)
    const frame = answer('CreateTopics', 7, {
      topics: [
        { name: 'a', numPartitions: 4 },
        { name: 'b', errorCode: 36 },
        { name: 'c', numPartitions: 7 },
      ],
    })
    assert.equal(costDifference(split, frame), 4 - 4 + 6)
  })

  test('what the answer does not tell stays as it was taken', () => {
    const silent = answer('CreateTopics', 7, { topics: [{ name: 'b', numPartitions: -1 }] })
    assert.equal(costDifference(split, silent), 0)
    const deleted = splitMutation(
      readMutation(
        request('DeleteTopics', 6, { topics: [{ name: 'six' }, { name: null, topicId: idOf('two') }] }),
        KNOWN,
      ),
      () => true,
    ).split
    const results = [
      { name: 'six', topicId: idOf('six') },
      { name: 'two', topicId: idOf('two'), errorCode: 29 },
    ]
    assert.equal(costDifference(deleted, answer('DeleteTopics', 6, { responses: results })), -2)
  })
})

test('the answers of our own decode in every version that may be refused', () => {
  for (const api of MUTATIONS) {
    for (const version of strictVersions(api)) {
      const { split } = splitFor(api, version, [])
      assert.doesNotThrow(() => decodeResponse(API_KEY[api], version, refusal(split, 1)))
    }
  }
})
