/** The rows of protocol-facts D.8 as the data path sees them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { behaviourOf } from '../../src/policy/client-libraries.ts'

const { Produce, Fetch, ListOffsets, Metadata, OffsetCommit, CreateTopics, Heartbeat } = API_KEY
const APIS = [Produce, Fetch, ListOffsets, Metadata, OffsetCommit, CreateTopics, Heartbeat]

describe('behaviourOf', () => {
  // [software name, library, pipelineMax, hold by API in s, stamp by API in s]
  const rows: [string, string, number, number[], number[]][] = [
    ['apache-kafka-java', 'java', 5, [8, 8, 5, 2, 2, 5, 0], [10, 10, 5, 2, 2, 10, 0]],
    ['librdkafka', 'librdkafka', 0, [8, 8, 5, 2, 2, 5, 0], [10, 10, 5, 2, 2, 10, 0]],
    ['confluent-kafka-python', 'librdkafka', 0, [8, 8, 5, 2, 2, 5, 0], [10, 10, 5, 2, 2, 10, 0]],
    ['sarama', 'sarama', 5, [3, 3, 2, 1, 1, 2, 0], [3, 3, 3, 2, 2, 3, 0]],
    ['kgo', 'franz-go', 4, [5, 8, 5, 2, 2, 5, 0], [10, 10, 5, 2, 2, 10, 0]],
    ['kafka-python', 'kafka-python', 5, [8, 8, 5, 2, 2, 5, 0], [10, 10, 5, 2, 2, 10, 0]],
    ['@platformatic/kafka', 'platformatic', 5, [3, 3, 2, 1, 1, 2, 0], [3, 3, 3, 2, 2, 3, 0]],
    ['rskafka', 'rskafka', 0, [3, 3, 2, 1, 1, 2, 0], [0, 0, 0, 0, 0, 0, 0]],
    ['', 'unnamed', 0, [3, 3, 2, 1, 1, 2, 0], [3, 3, 3, 2, 2, 3, 0]],
    ['something-new', 'unnamed', 0, [3, 3, 2, 1, 1, 2, 0], [3, 3, 3, 2, 2, 3, 0]],
  ]
  for (const [software, library, pipelineMax, holdSeconds, stampSeconds] of rows) {
    test(`"${software}" is ${library}`, () => {
      const behaviour = behaviourOf(software, [])
      assert.equal(behaviour.library, library)
      assert.equal(behaviour.pipelineMax, pipelineMax)
      assert.equal(behaviour.queueMs > 0, pipelineMax === 0, 'a bound on age where there is none on requests')
      assert.deepEqual(
        APIS.map((api) => behaviour.holdMs(api) / 1000),
        holdSeconds,
      )
      assert.deepEqual(
        APIS.map((api) => behaviour.stampMs(api) / 1000),
        stampSeconds,
      )
      assert.ok(behaviour.reason.length > 0)
    })
  }

  test('an API that we do not know is neither held nor stamped', () => {
    const behaviour = behaviourOf('apache-kafka-java', [{ software: '*', holdMs: 9000, stampMs: 9000 }])
    assert.equal(behaviour.holdMs(9999), 0)
    assert.equal(behaviour.stampMs(9999), 0)
  })

  test('the first matching override changes the data APIs, and never prolongs the others', () => {
    const overrides = [
      { software: 'librdkafka*', holdMs: 1500, stampMs: 0 },
      { software: 'lib*', holdMs: 1 },
      { software: '', holdMs: 6000 },
    ]
    const librdkafka = behaviourOf('librdkafka', overrides)
    assert.deepEqual(
      APIS.map((api) => librdkafka.holdMs(api)),
      [1500, 1500, 1500, 1500, 1500, 1500, 0],
    )
    assert.deepEqual(
      APIS.map((api) => librdkafka.stampMs(api)),
      [0, 0, 0, 0, 0, 0, 0],
    )
    assert.equal(librdkafka.reason, 'clients: "librdkafka*"')
    const unnamed = behaviourOf('', overrides)
    assert.deepEqual(
      APIS.map((api) => unnamed.holdMs(api)),
      [6000, 6000, 2000, 1000, 1000, 2000, 0],
    )
    assert.equal(unnamed.stampMs(Produce), 3000)
    assert.equal(behaviourOf('kgo', overrides).holdMs(Produce), 5000)
  })
})
