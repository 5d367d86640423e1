/** What a limited client meets: frames forwarded, answers stamped, the next frame held. All on a fake clock. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_SCHEMAS, apiSchema, encodeRequest, encodeResponse, type Struct } from 'kafka-protocol-codec'
import { DEBT_MAX_MS } from '../../src/bounds.ts'
import { apiClassOf } from '../../src/policy/api-classes.ts'
import {
  answer,
  bytesOf,
  chunksOf,
  concat,
  hello,
  helloAnswer,
  produce,
  produceAnswer,
  readAnswer,
  request,
  versionsOf,
} from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule, used } from '../support/rules.ts'

/** 1 byte a millisecond, 1000 bytes at once. */
const SLOW: RigOptions = { rules: [rule({ produceBytes: 1000 })] }

/** A rig whose client has told its library. */
function as(software: string, options: RigOptions): Rig {
  const rig = new Rig(options).client(hello(software)).broker(helloAnswer())
  rig.sentToBroker()
  rig.sentToClient()
  return rig
}

function throttleOf(bytes: Uint8Array, version = 9): number {
  return Number(readAnswer('Produce', version, bytes).value['throttleTimeMs'])
}

/** How long the frame at the head will be held. */
function holdMs(rig: Rig): number {
  assert.equal(rig.session.clientBlock, 'held')
  return rig.session.wakeAtMs - rig.nowMs
}

describe('a Produce over its quota', () => {
  test('is forwarded at once, and its answer is stamped with the exact debt', () => {
    for (const version of versionsOf('Produce').filter((v) => v >= 1)) {
      for (const waitMs of [0, 250, 1999, 2000, 5000]) {
        const frame = produce(3000, { version })
        const rig = new Rig(SLOW).client(frame)
        assert.deepEqual(rig.sentToBroker(), frame)
        const sent = produceAnswer(1, 0, version)
        const got = rig.pass(waitMs).broker(sent).sentToClient()
        const { value } = readAnswer('Produce', version, got)
        assert.equal(value['throttleTimeMs'], Math.max(0, 2000 - waitMs))
        assert.deepEqual({ ...value, throttleTimeMs: 0 }, readAnswer('Produce', version, sent).value)
        assert.equal(rig.counters.quota('q').stampedRequests, waitMs < 2000 ? 1 : 0)
      }
    }
  })

  test('is stamped the same at any cut of the answer', () => {
    const sent = produceAnswer(1, 7, 10)
    for (const pieceBytes of [1, 2, 3, 5, 9, 1000]) {
      const rig = new Rig(SLOW).client(produce(3000, { version: 10 })).broker(...chunksOf(sent, pieceBytes))
      assert.equal(throttleOf(rig.sentToClient(), 10), 2000)
    }
  })

  test('v0 has no field for it: its answer stays as it is, and no stamp is counted', () => {
    const rig = new Rig(SLOW).client(produce(3000, { version: 0 })).broker(produceAnswer(1, 0, 0))
    assert.deepEqual(rig.sentToClient(), produceAnswer(1, 0, 0))
    assert.equal(rig.counters.quota('q').stampedRequests, 0)
  })

  test('within its quota nothing changes, in either direction', () => {
    const rig = new Rig(SLOW).client(produce(900)).broker(produceAnswer())
    assert.deepEqual(rig.sentToBroker(), produce(900))
    assert.deepEqual(rig.sentToClient(), produceAnswer())
    assert.deepEqual(rig.counters.quota('q'), {
      stampedRequests: 0,
      heldRequests: 0,
      refusedRequests: 0,
      observedRequests: 0,
      throttleMs: 0,
      throttledBytes: 0,
      used: used({ produceBytes: 900 }),
      floorExceeded: 0,
    })
  })

  test('the broker’s own throttle stays where it is larger, and is counted as its own', () => {
    for (const brokerMs of [1, 1999, 2000, 2001, 60_000]) {
      const rig = new Rig(SLOW).client(produce(3000)).broker(produceAnswer(1, brokerMs))
      assert.equal(throttleOf(rig.sentToClient()), Math.max(2000, brokerMs))
      assert.equal(rig.counters.brokerThrottleMs[0], brokerMs)
      assert.equal(rig.counters.quota('q').stampedRequests, brokerMs < 2000 ? 1 : 0)
    }
  })

  test('the next one is held until the debt is paid, not taken meanwhile, and goes to the millisecond', () => {
    const rig = new Rig(SLOW).client(produce(3000)).broker(produceAnswer())
    rig.sentToBroker()
    const next = produce(500, { correlationId: 2 })
    rig.client(next)
    assert.equal(holdMs(rig), 2000)
    assert.equal(rig.heldBytes, 500)
    rig.pass(1999)
    assert.equal(rig.sentToBroker().length, 0)
    rig.pass(1)
    assert.deepEqual(rig.sentToBroker(), next)
    assert.equal(rig.session.clientBlock, 'none')
    assert.equal(rig.counters.quota('q').heldRequests, 1)
    assert.equal(rig.counters.hold.sumSeconds[0], 2)
    assert.equal(
      rig.counters.quota('q').throttleMs,
      2500,
      'what both have added to the debt: told, held or both, it is waited for once',
    )
    assert.equal(rig.session.totals.throttleMs, 2500)
  })

  test('a client that obeys meets no hold', () => {
    const rig = new Rig(SLOW).client(produce(3000)).broker(produceAnswer())
    rig.pass(throttleOf(rig.sentToClient())).client(produce(500))
    assert.equal(rig.session.clientBlock, 'none')
    assert.equal(rig.counters.quota('q').heldRequests, 0)
  })

  test('one that disobeys by half is held for the other half', () => {
    const rig = new Rig(SLOW).client(produce(3000)).broker(produceAnswer()).pass(1200).client(produce(500))
    assert.equal(holdMs(rig), 800)
  })

  test('with acks=0 only the hold is left', () => {
    const rig = new Rig(SLOW).client(produce(3000, { acks: 0 }), produce(400, { acks: 0 }))
    assert.equal(holdMs(rig), 2000)
    rig.pass(2000)
    assert.equal(rig.sentToBroker().length, 3400)
    assert.equal(rig.session.inFlight, 0)
  })

  test('a held frame is found again however its bytes come, and what is behind it waits with it', () => {
    const rig = new Rig(SLOW).client(produce(3000)).broker(produceAnswer())
    rig.sentToBroker()
    const rest = concat(produce(500, { correlationId: 2 }), request('Heartbeat', 3, {}, { correlationId: 3 }))
    rig.client(...chunksOf(rest, 7))
    assert.equal(holdMs(rig), 2000)
    assert.equal(rig.heldBytes, rest.length)
    assert.equal(rig.counters.quota('q').used.produceBytes, 3000, 'what is held is not used yet')
    rig.pass(2000)
    assert.equal(rig.counters.quota('q').used.produceBytes, 3500)
    assert.equal(rig.counters.quota('q').heldRequests, 1, 'reserved once')
    assert.deepEqual(rig.sentToBroker(), rest)
  })

  test('answers of earlier requests go on while a frame is held', () => {
    const rig = new Rig(SLOW).client(produce(3000), produce(500, { correlationId: 2 }))
    assert.equal(rig.session.clientBlock, 'held')
    rig.pass(100).broker(produceAnswer(1))
    assert.equal(throttleOf(rig.sentToClient()), 2400, 'what is reserved for the held one is owed as well')
  })

  test('draining lets held frames go at once', () => {
    const rig = new Rig(SLOW).client(produce(3000), produce(500, { correlationId: 2 }))
    rig.session.drain()
    rig.client(new Uint8Array(0))
    assert.equal(rig.sentToBroker().length, 3500)
  })
})

describe('by library', () => {
  const LIBRARIES = [
    ['apache-kafka-java', 8000, 10_000],
    ['librdkafka', 8000, 10_000],
    ['confluent-kafka-python', 8000, 10_000],
    ['sarama', 3000, 3000],
    ['kgo', 5000, 10_000],
    ['kafka-python', 8000, 10_000],
    ['@platformatic/kafka', 3000, 3000],
    ['rskafka', 3000, 0],
    ['somebody else', 3000, 3000],
  ] as const

  for (const [software, hold, stamp] of LIBRARIES) {
    test(`${software} is held for ${hold} ms at most, and told ${stamp} ms at most`, () => {
      const rig = as(software, SLOW).client(produce(31_000)).broker(produceAnswer())
      assert.equal(throttleOf(rig.sentToClient()), stamp)
      assert.equal(rig.counters.quota('q').stampedRequests, stamp > 0 ? 1 : 0)
      rig.client(produce(500))
      assert.equal(holdMs(rig), hold)
    })
  }

  test('rskafka is never stamped, not even by a little, and held all the same', () => {
    const rig = as('rskafka', SLOW).client(produce(1001)).broker(produceAnswer())
    assert.deepEqual(rig.sentToClient(), produceAnswer())
    rig.client(produce(500))
    assert.equal(holdMs(rig), 1)
  })

  test('the configuration may say otherwise', () => {
    const clients = [{ software: 'sarama', holdMs: 1234, stampMs: 99 }]
    const rig = as('sarama', { ...SLOW, clients })
      .client(produce(31_000))
      .broker(produceAnswer())
    assert.equal(throttleOf(rig.sentToClient()), 99)
    assert.equal(holdMs(rig.client(produce(500))), 1234)
  })

  test('no hold at all lets everything through, counted', () => {
    const rig = as('sarama', { ...SLOW, clients: [{ software: 'sarama', holdMs: 0 }] })
    rig.client(produce(31_000), produce(500))
    assert.equal(rig.session.clientBlock, 'none')
    assert.equal(rig.counters.quota('q').floorExceeded, 1)
    assert.deepEqual(rig.floors, ['q'])
  })
})

describe('a limit below the floor', () => {
  test('lets the frame go when holding it longer would break the client, counts that and caps the debt', () => {
    const rig = as('librdkafka', SLOW)
    const debtMs = (): number => {
      const slot = rig.context.buckets.acquire('q', 'produceBytes', 'clientId=client-1', 1, 1000, rig.nowMs)
      const debt = rig.context.buckets.debtMs(slot, rig.nowMs)
      rig.context.buckets.release(slot)
      return debt
    }
    rig.client(produce(50_000))
    assert.equal(debtMs(), 49_000)
    rig.client(produce(60_000, { correlationId: 2 }))
    assert.equal(holdMs(rig), 8000)
    assert.equal(rig.counters.quota('q').floorExceeded, 0)
    rig.pass(8000)
    assert.equal(rig.sentToBroker().length, 110_000)
    assert.equal(rig.counters.quota('q').floorExceeded, 1)
    assert.equal(debtMs(), DEBT_MAX_MS)
    rig.pass(DEBT_MAX_MS).client(produce(500, { correlationId: 3 }))
    assert.equal(rig.session.clientBlock, 'none', 'not locked out for longer')
  })

  test('is not reached by a hold that ends at H to the millisecond', () => {
    const rig = as('librdkafka', SLOW).client(produce(9000), produce(500))
    assert.equal(holdMs(rig), 8000)
    rig.pass(8000)
    assert.equal(rig.counters.quota('q').floorExceeded, 0)
  })

  test('counts only the quotas that were not kept', () => {
    const rules = [
      rule({ produceBytes: 1000 }),
      rule({ requests: 1000 }, { name: 'r' }),
      rule({ produceBytes: 1000 }, { name: 'o', mode: 'observe' }),
    ]
    const rig = as('librdkafka', { rules }).client(produce(50_000), produce(500)).pass(8000)
    assert.equal(rig.counters.quota('q').floorExceeded, 1)
    assert.equal(rig.counters.quota('r').floorExceeded, 0)
    assert.equal(rig.counters.quota('o').floorExceeded, 0)
  })
})

describe('several quotas', () => {
  test('the latest start counts, and the deepest debt is told', () => {
    const rules = [rule({ produceBytes: 1000 }), rule({ produceBytes: 1500, requests: 1 }, { name: 'other' })]
    const rig = new Rig({ rules }).client(produce(3000)).broker(produceAnswer())
    assert.equal(throttleOf(rig.sentToClient()), 2000)
    assert.equal(holdMs(rig.client(produce(100))), 2000)
    rig.pass(2000)
    assert.equal(rig.counters.quota('q').used.produceBytes, 3100)
    assert.deepEqual(rig.counters.quota('other').used, used({ produceBytes: 3100, requests: 2 }))
  })

  test('a quota on requests charges every API that is not exempt, one each', () => {
    const rig = as('apache-kafka-java', { rules: [rule({ requests: 2 }, { burst: { amount: 1 } })] })
    const ask = (correlationId: number): Uint8Array => request('Metadata', 9, {}, { correlationId })
    rig.client(ask(1), ask(2), ask(3))
    assert.equal(holdMs(rig), 500)
    rig.broker(answer('Metadata', 9, {}, 1))
    assert.equal(readAnswer('Metadata', 9, rig.sentToClient()).value['throttleTimeMs'], 1000)
    rig.pass(500)
    assert.equal(rig.session.inFlight, 2, 'the third has gone')
  })
})

describe('APIs that must not wait', () => {
  const rules = [rule({ requests: 1 / 3600, produceBytes: 1, fetchBytes: 1 }, { burst: { amount: 1 } })]

  test('are never charged, held or stamped, whatever the debt: every exempt API in every version', () => {
    for (const { key, name } of API_SCHEMAS.filter((schema) => apiClassOf(schema.key) === 'exempt')) {
      const { request: asked, response } = apiSchema(key)!
      for (let version = asked.versions[0]; version <= asked.versions[1]; version++) {
        const rig = new Rig({ rules }).client(request('Metadata', 9)).broker(answer('Metadata', 9))
        rig.client(request('Metadata', 9, {}, { correlationId: 2 }), new Uint8Array(0)).pass(3000)
        rig.broker(answer('Metadata', 9, {}, 2))
        rig.sentToBroker()
        rig.sentToClient()
        const used = { ...rig.counters.quota('q').used }
        const frame = encodeRequest({ apiKey: key, apiVersion: version, correlationId: 3, clientId: 'client-1' }, {})
        const sent = encodeResponse(key, version, 3, response.fields.length === 0 ? {} : ({} as Struct))
        rig.client(frame).broker(sent)
        assert.deepEqual(rig.sentToBroker(), frame, `${name} v${version}`)
        assert.deepEqual(rig.sentToClient(), sent, `${name} v${version}`)
        assert.deepEqual(rig.counters.quota('q').used, used)
      }
    }
  })

  test('heartbeats, logins and group requests are among them', () => {
    for (const key of [11, 12, 13, 14, 17, 18, 36, 68, 76, 88]) assert.ok(apiClassOf(key) === 'exempt', `API ${key}`)
  })

  test('an API that nobody knows is one of them', () => {
    const rig = new Rig({ rules }).client(request('Metadata', 9)).broker(answer('Metadata', 9))
    const unknown = concat(bytesOf('\0\0\0\x0a\0\x7b\0\x01\0\0\0\x09'), Uint8Array.of(255, 255))
    rig.sentToBroker()
    assert.deepEqual(rig.client(unknown).sentToBroker(), unknown)
  })
})

describe('observe mode', () => {
  const frames = [produce(5000), produce(5000, { correlationId: 2 }), request('Metadata', 9, {}, { correlationId: 3 })]
  const answers = [produceAnswer(1, 3), produceAnswer(2), answer('Metadata', 9, {}, 3)]

  for (const [what, options] of [
    ['of a quota', { rules: [rule({ produceBytes: 1000, requests: 1 }, { mode: 'observe' })] }],
    ['of the whole policy', { rules: [rule({ produceBytes: 1000, requests: 1 })], observe: true }],
  ] as const) {
    test(`${what}: not a byte changes, nothing waits, and what would have been is counted`, () => {
      const rig = new Rig(options).client(concat(...frames)).broker(concat(...answers))
      assert.deepEqual(rig.sentToBroker(), concat(...frames))
      assert.deepEqual(rig.sentToClient(), concat(...answers))
      const counts = rig.counters.quota('q')
      assert.ok(counts.observedRequests >= 3)
      assert.ok(counts.throttleMs >= 9000)
      assert.deepEqual(counts.used, used({ produceBytes: 10_000, requests: 3 }))
      assert.equal(counts.heldRequests + counts.stampedRequests + counts.floorExceeded, 0)
      assert.equal(rig.session.totals.throttleMs, 0)
    })
  }

  test('forgives debt that nobody pays: after a flood it is soon as before', () => {
    const rig = new Rig({ rules: [rule({ produceBytes: 1000 }, { mode: 'observe' })] })
    for (let i = 0; i < 300; i++) rig.client(produce(2000)).broker(produceAnswer()).pass(1000)
    rig.pass(DEBT_MAX_MS + 1000).client(produce(900))
    assert.equal(rig.counters.quota('q').observedRequests, 300)
  })

  test('beside an enforced quota only the latter acts', () => {
    const rules = [rule({ produceBytes: 500 }, { name: 'o', mode: 'observe' }), rule({ produceBytes: 1000 })]
    const rig = new Rig({ rules }).client(produce(3000)).broker(produceAnswer())
    assert.equal(throttleOf(rig.sentToClient()), 2000)
    assert.equal(holdMs(rig.client(produce(100))), 2000)
    assert.equal(rig.counters.quota('o').observedRequests, 1)
    assert.equal(rig.pass(2000).counters.quota('o').observedRequests, 2, 'counted when it goes')
  })
})
