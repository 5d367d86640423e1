/** A limited Fetch: charged by its answer, asked to bring less, held with its wait shortened. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeRequest, type Struct } from 'kafka-protocol-codec'
import {
  answer,
  chunksOf,
  fetch,
  fetchAnswer,
  hello,
  helloAnswer,
  readAnswer,
  request,
  versionsOf,
} from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

/** 1 byte a millisecond, 1000 bytes at once. */
const SLOW: RigOptions = { rules: [rule({ fetchBytes: 1000 })] }

function asJava(options: RigOptions): Rig {
  const rig = new Rig(options).client(hello('apache-kafka-java')).broker(helloAnswer())
  rig.sentToBroker()
  rig.sentToClient()
  return rig
}

function throttleOf(bytes: Uint8Array, version = 11): number {
  return Number(readAnswer('Fetch', version, bytes).value['throttleTimeMs'])
}

function limitsOf(bytes: Uint8Array): Struct {
  const { maxWaitMs = null, minBytes = null, maxBytes = null } = decodeRequest(bytes).value
  return { maxWaitMs, minBytes, maxBytes }
}

describe('a limited Fetch', () => {
  for (const version of versionsOf('Fetch')) {
    test(`v${version}: its max_bytes and min_bytes are lowered to what the bucket can bear, and nothing else changes`, () => {
      const limits = {
        maxWaitMs: 700,
        minBytes: 200_000,
        maxBytes: 1_000_000,
        topics: [{ topic: 't', partitions: [{ partitionMaxBytes: 77 }] }],
      }
      const frame = fetch({ version, limits })
      for (const pieceBytes of [1, 3, 20, 1000]) {
        const got = new Rig(SLOW).client(...chunksOf(frame, pieceBytes)).sentToBroker()
        assert.equal(got.length, frame.length)
        const maxBytes = version >= 3 ? 1000 : decodeRequest(frame).value['maxBytes']
        assert.deepEqual(decodeRequest(got).value, { ...decodeRequest(frame).value, minBytes: 1000, maxBytes })
      }
    })

    test(`v${version}: smaller wishes stay`, () => {
      const frame = fetch({ version, limits: { minBytes: 1, maxBytes: 900 } })
      const got = new Rig(SLOW).client(frame).sentToBroker()
      if (version >= 3) assert.deepEqual(got, frame)
      else assert.deepEqual(limitsOf(got), limitsOf(frame))
    })

    test(`v${version}: a hold shortens its max_wait_ms by as much, to 0 at least`, () => {
      for (const [heldMs, maxWaitMs] of [
        [300, 200],
        [500, 0],
        [2500, 0],
      ] as const) {
        const rig = asJava(SLOW).client(fetch({ version }))
        rig.broker(fetchAnswer(1000 + heldMs, { version }))
        const owedMs = 1000 + heldMs - 1000
        rig.sentToBroker()
        const next = fetch({ version, correlationId: 2 })
        rig.client(next)
        assert.equal(rig.session.clientBlock, 'held')
        assert.ok(
          Math.abs(rig.session.wakeAtMs - rig.nowMs - owedMs) <= 8,
          'the flexible frame may be a byte or two off',
        )
        rig.pass(3000)
        assert.ok(Math.abs(Number(limitsOf(rig.sentToBroker())['maxWaitMs']) - maxWaitMs) <= 8)
      }
    })

    if (version >= 1) {
      test(`v${version}: its answer is stamped with the exact debt, whole or in pieces`, () => {
        const sent = fetchAnswer(6000, { version })
        const owed = sent.length - 1000
        for (const pieceBytes of [1, 100, 5999, 10_000]) {
          const rig = asJava(SLOW)
            .client(fetch({ version }))
            .broker(...chunksOf(sent, pieceBytes))
          const got = rig.sentToClient()
          assert.equal(throttleOf(got, version), owed)
          const { value } = readAnswer('Fetch', version, sent)
          assert.deepEqual(readAnswer('Fetch', version, got).value, { ...value, throttleTimeMs: owed })
        }
      })
    }
  }

  test('is not touched without a limit, or by one that is larger', () => {
    const frame = fetch({ limits: { minBytes: 2 ** 31 - 1, maxBytes: 2 ** 31 - 1 } })
    for (const rules of [
      [],
      [rule({ fetchBytes: 1e12 })],
      [rule({ produceBytes: 1 })],
      [rule({ fetchBytes: 10 }, { mode: 'observe' as const })],
    ]) {
      assert.deepEqual(new Rig({ rules }).client(frame).sentToBroker(), frame)
    }
  })

  test('with a burst shorter than a second may still bring a second’s worth, with a longer one all of it', () => {
    for (const [seconds, maxBytes] of [
      [0.1, 1000],
      [5, 5000],
    ] as const) {
      const got = new Rig({ rules: [rule({ fetchBytes: 1000 }, { burst: { seconds } })] })
        .client(fetch())
        .sentToBroker()
      assert.equal(limitsOf(got)['maxBytes'], maxBytes)
    }
  })

  test('reserves what the last answer cost and settles on its own, up and down', () => {
    const rig = asJava({ rules: [rule({ fetchBytes: 1000 }, { burst: { seconds: 100 } })] })
    const level = (): number => {
      const { buckets } = rig.context
      const slot = buckets.acquire('q', 'fetchBytes', 'clientId=client-1', 1, 100_000, rig.nowMs)
      buckets.release(slot)
      return buckets.level(slot, rig.nowMs)
    }
    rig.client(fetch())
    assert.equal(level(), 100_000, 'nothing is known of the first')
    rig.broker(fetchAnswer(30_000))
    assert.equal(level(), 70_000)
    rig.client(fetch({ correlationId: 2 }))
    assert.equal(level(), 40_000)
    rig.broker(fetchAnswer(1000, { correlationId: 2 }))
    assert.equal(level(), 69_000)
    rig.client(fetch({ correlationId: 3 }))
    assert.equal(level(), 68_000)
    rig.broker(fetchAnswer(50_000, { correlationId: 3 }))
    assert.equal(level(), 19_000)
    assert.equal(rig.counters.quota('q').used.fetchBytes, 81_000)
    assert.equal(rig.session.totals.fetchedBytes, 81_000)
  })

  test('that is cut off gives back what it reserved: unsent, half sent, or sent and never answered', () => {
    const halves = fetch({ correlationId: 2 })
    for (const ending of [(rig: Rig) => rig.client(halves.slice(0, 40)), (rig: Rig) => rig.client(halves)]) {
      const rig = asJava({ rules: [rule({ fetchBytes: 1000 }, { burst: { seconds: 100 } })] })
        .client(fetch())
        .broker(fetchAnswer(30_000))
      ending(rig)
      rig.session.closed(rig.nowMs)
      const slot = rig.context.buckets.acquire('q', 'fetchBytes', 'clientId=client-1', 1, 100_000, rig.nowMs)
      assert.equal(rig.context.buckets.level(slot, rig.nowMs), 70_000)
      assert.equal(rig.counters.quota('q').used.fetchBytes, 30_000)
    }
  })

  test('v0 has no field for a throttle: held only', () => {
    const sent = fetchAnswer(3000, { version: 0 })
    const rig = asJava(SLOW)
      .client(fetch({ version: 0 }))
      .broker(sent)
    assert.deepEqual(rig.sentToClient(), sent)
    rig.client(fetch({ version: 0, correlationId: 2 }))
    assert.equal(rig.session.wakeAtMs - rig.nowMs, 2000)
  })

  test('in observe mode not a byte changes, and each Fetch counts once', () => {
    const rig = asJava({ rules: [rule({ fetchBytes: 1000 }, { mode: 'observe' })] })
    for (let i = 1; i <= 5; i++) {
      const sent = fetchAnswer(5000, { correlationId: i })
      rig.client(fetch({ correlationId: i })).broker(sent)
      assert.deepEqual(rig.sentToBroker(), fetch({ correlationId: i }))
      assert.deepEqual(rig.sentToClient(), sent)
    }
    assert.equal(rig.counters.quota('q').observedRequests, 5)
  })

  test('an answer with nodes to rewrite is stamped as well', () => {
    const more = { nodeEndpoints: [{ nodeId: 1, host: 'a-long-host-name.example', port: 9092 }] }
    const sent = fetchAnswer(3000, { version: 16, more })
    const rig = asJava({ ...SLOW, brokers: { 1: 19_093 } })
      .client(fetch({ version: 16 }))
      .broker(sent)
    const { value } = readAnswer('Fetch', 16, rig.sentToClient())
    assert.equal(value['throttleTimeMs'], sent.length - 1000)
    assert.equal((value['nodeEndpoints'] as Struct[])[0]?.['host'], '127.0.0.1')
  })
})

describe('a limited ShareFetch', () => {
  for (const version of versionsOf('ShareFetch')) {
    test(`v${version}: is asked to bring what the bucket can bear, and to wait as much less as it was held`, () => {
      const body = { groupId: 'g', memberId: 'm'.repeat(300), maxWaitMs: 700, minBytes: 5_000, maxBytes: 1_000_000 }
      const frame = request('ShareFetch', version, { ...body, maxRecords: 500 })
      for (const pieceBytes of [1, 20, 1000]) {
        const got = new Rig(SLOW).client(...chunksOf(frame, pieceBytes)).sentToBroker()
        assert.equal(got.length, frame.length)
        assert.deepEqual(decodeRequest(got).value, { ...decodeRequest(frame).value, minBytes: 1000, maxBytes: 1000 })
      }
      const rig = asJava(SLOW)
        .client(frame)
        .broker(answer('ShareFetch', version, { errorMessage: 'm'.repeat(1400) }))
      rig.sentToBroker()
      rig.client(request('ShareFetch', version, body, { correlationId: 2 }))
      const owedMs = rig.session.wakeAtMs - rig.nowMs
      assert.ok(owedMs > 400 && owedMs < 700)
      rig.pass(owedMs)
      assert.ok(Math.abs(Number(limitsOf(rig.sentToBroker())['maxWaitMs']) - (700 - owedMs)) <= 1)
    })
  }

  test('is charged by its answer and stamped', () => {
    for (const version of versionsOf('ShareFetch')) {
      const sent = answer('ShareFetch', version, { errorMessage: 'x'.repeat(2500) })
      const rig = asJava(SLOW).client(request('ShareFetch', version)).broker(sent)
      assert.equal(readAnswer('ShareFetch', version, rig.sentToClient()).value['throttleTimeMs'], sent.length - 1000)
    }
  })
})
