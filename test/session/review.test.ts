/** What a hostile reading of the session found: each case was a fault once. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answer, hello, helloAnswer, produce, produceAnswer, readAnswer, request } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

/** What a producer without answers gets through while its kernel never runs dry. */
function floodUnanswered(software: string, bytesPerSecond: number, frameBytes: number, seconds: number): number {
  const rig = new Rig({ rules: [rule({ produceBytes: bytesPerSecond })] })
  rig.client(hello(software)).broker(helloAnswer())
  rig.sentToBroker()
  const endMs = rig.nowMs + seconds * 1000
  let bytes = 0
  while (rig.nowMs < endMs && bytes < 10 * bytesPerSecond * seconds) {
    if (rig.heldBytes === 0) rig.clientBacklog(produce(frameBytes, { acks: 0 }))
    else rig.pass(Math.min(rig.session.wakeAtMs, endMs) - rig.nowMs)
    bytes += rig.sentToBroker().length
  }
  return bytes
}

describe('a producer with acks 0', () => {
  for (const software of ['apache-kafka-java', 'kgo', 'sarama', 'kafka-python', '@platformatic/kafka', 'librdkafka']) {
    test(`${software}: is held to its limit, although there are no answers to tell its age by`, () => {
      const bytes = floodUnanswered(software, 1_000_000, 64_000, 40)
      assert.ok(bytes <= 41_000_000 + 64_000, `${bytes} bytes in 40 s`)
      assert.ok(bytes >= 40_000_000, `${bytes} bytes in 40 s`)
    })
  }
})

/** What a producer that keeps `window` requests under way gets through, each answered after `brokerMs`. */
function floodWindow(software: string, window: number, brokerMs: number, bytesPerSecond: number): number {
  const rig = new Rig({ rules: [rule({ produceBytes: bytesPerSecond })] })
  rig.client(hello(software, { correlationId: 0 })).broker(helloAnswer(0))
  rig.sentToBroker()
  const endMs = rig.nowMs + 30_000
  const answerAtMs: number[] = []
  let written = 0
  let answered = 0
  let bytes = 0
  while (rig.nowMs < endMs && bytes < 100 * bytesPerSecond) {
    const room = written < answered + window
    if (room && rig.heldBytes === 0) rig.clientBacklog(produce(50_000, { correlationId: ++written }))
    else {
      const heldToMs = rig.session.clientBlock === 'held' ? rig.session.wakeAtMs : endMs
      rig.pass(Math.max(0, Math.min(heldToMs, answerAtMs[answered] ?? endMs, endMs) - rig.nowMs))
    }
    for (let sent = rig.sentToBroker().length; sent > 0; sent -= 50_000) {
      bytes += 50_000
      answerAtMs.push(rig.nowMs + brokerMs)
    }
    while ((answerAtMs[answered] ?? Infinity) <= rig.nowMs) rig.broker(produceAnswer(++answered))
  }
  return bytes
}

test('a producer that keeps more under way than its library does by default is held to its limit, far away from its broker', () => {
  const bytes = floodWindow('apache-kafka-java', 50, 100, 10_000_000)
  assert.ok(bytes <= 310_000_000 + 50_000, `${bytes} bytes in 30 s`)
  assert.ok(bytes >= 300_000_000, `${bytes} bytes in 30 s`)
})

test('a first request that is held goes when the session drains, and its answer is awaited', () => {
  const first = new Rig({ rules: [rule({ produceBytes: 1000 })] }).client(produce(5000))
  const second = new Rig({ beside: first }).client(produce(700))
  assert.equal(second.session.clientBlock, 'held')
  assert.equal(second.session.drain(), false)
  second.clientBacklog(new Uint8Array(0))
  assert.deepEqual(second.sentToBroker(), produce(700))
  assert.equal(second.session.idle, false)
  second.broker(produceAnswer())
  assert.equal(second.session.idle, true)
})

describe('a request that is cut off', () => {
  test('gives back the part that was never sent: a head alone cannot lock others out of a shared bucket', () => {
    const first = new Rig({ rules: [rule({ produceBytes: 1000 }, { per: [] })] })
    const second = new Rig({ beside: first })
    first.client(produce(1_000_000).slice(0, 200))
    first.session.closed(first.nowMs)
    second.client(produce(300))
    assert.equal(second.session.clientBlock, 'none')
    const slot = first.context.buckets.acquire('q', 'produceBytes', '', 1, 1000, first.nowMs)
    assert.equal(first.context.buckets.level(slot, first.nowMs), 1000 - 200 - 300)
    assert.equal(first.counters.quota('q').used.produceBytes, 500)
  })
})

describe('an address that nobody can dial', () => {
  for (const port of [-1, 0, 65_536, 2 ** 31 - 1]) {
    test(`port ${port}: passes as it is and is not remembered`, () => {
      const brokers = [{ nodeId: 7, host: 'broker.example', port }]
      const sent = answer('Metadata', 12, { brokers })
      const rig = new Rig().client(request('Metadata', 12)).broker(sent)
      assert.deepEqual(readAnswer('Metadata', 12, rig.sentToClient()).value, readAnswer('Metadata', 12, sent).value)
      assert.equal(rig.context.book.get(7), undefined)
    })
  }
})
