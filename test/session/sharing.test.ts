/** Several connections, client ids and policies on the same buckets. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hello, helloAnswer, produce, produceAnswer, readAnswer } from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const SLOW: RigOptions = { rules: [rule({ produceBytes: 1000 })] }

function throttleOf(rig: Rig): number {
  return Number(readAnswer('Produce', 9, rig.sentToClient()).value['throttleTimeMs'])
}

function holdMs(rig: Rig): number {
  return rig.session.clientBlock === 'held' ? rig.session.wakeAtMs - rig.nowMs : 0
}

/** The level of a client id's bucket, in bytes. */
function level(rig: Rig, clientId: string, ratePerMs = 1, burstMs = 1000): number {
  const { buckets } = rig.context
  const slot = buckets.acquire('q', 'produceBytes', `clientId=${clientId}`, ratePerMs, burstMs, rig.nowMs)
  buckets.release(slot)
  return buckets.level(slot, rig.nowMs)
}

/** Connections of one client id, each with a next frame at hand: the bytes that each got through. */
function serveTogether(connections: number, frameBytes: number, durationMs: number): number[] {
  const first = new Rig(SLOW)
  const rigs = [first, ...Array.from({ length: connections - 1 }, () => new Rig({ beside: first }))]
  const served = rigs.map(() => 0)
  const endMs = first.nowMs + durationMs
  while (first.nowMs < endMs) {
    for (const rig of rigs) {
      if (rig.heldBytes === 0) rig.client(produce(frameBytes))
      while (rig.session.inFlight > 0) rig.broker(produceAnswer())
    }
    const held = rigs.filter((rig) => rig.session.clientBlock === 'held')
    if (held.length > 0) first.pass(Math.min(...held.map((rig) => rig.session.wakeAtMs)) - first.nowMs)
    for (const [i, rig] of rigs.entries()) served[i]! += rig.pass(0).sentToBroker().length
  }
  return served
}

describe('two connections of one client id', () => {
  test('share a bucket: who came first goes first, and each frame waits for those before it', () => {
    const first = new Rig(SLOW)
    const second = new Rig({ beside: first })
    first.client(produce(2000))
    second.client(produce(700))
    first.client(produce(500, { correlationId: 2 }))
    assert.equal(holdMs(second), 1000)
    assert.equal(holdMs(first), 1700)
    assert.equal(throttleOf(first.broker(produceAnswer())), 2200)
  })

  test('get equal shares of it while both are backlogged, of any number of connections', () => {
    const served = serveTogether(5, 200, 30_000)
    const total = served.reduce((sum, bytes) => sum + bytes, 0)
    assert.ok(Math.abs(total - 31_000) <= 5 * 200, `${total} bytes in 30 s at 1 kB/s and a burst of 1 kB`)
    for (const bytes of served) assert.ok(Math.abs(bytes - total / 5) <= 200, `${served.join(', ')}`)
  })

  test('one that ends gives back what was reserved and not sent; those behind it keep the start they were told', () => {
    const first = new Rig(SLOW)
    const second = new Rig({ beside: first })
    first.client(produce(1500), produce(800, { correlationId: 2 }))
    second.client(produce(600))
    assert.equal(holdMs(second), 1300)
    first.session.closed(first.nowMs)
    assert.equal(holdMs(second), 1300)
    assert.equal(level(second, 'client-1'), 1000 - 1500 - 600)
    assert.equal(first.counters.quota('q').used.produceBytes, 1500)
  })
})

describe('a client id that changes on every request', () => {
  test('takes each from its own bucket, and holds only those that are in debt', () => {
    const rig = new Rig(SLOW).client(produce(3000, { clientId: 'a' })).broker(produceAnswer())
    assert.equal(throttleOf(rig), 2000)
    rig.client(produce(900, { clientId: 'b' })).broker(produceAnswer())
    assert.equal(throttleOf(rig), 0)
    rig.client(produce(400, { clientId: 'a' }))
    assert.equal(holdMs(rig), 2000)
    rig.pass(2000)
    assert.deepEqual([level(rig, 'a'), level(rig, 'b')], [-400, 1000])
  })

  test('of thousands of names, no more buckets are kept than there is room for', () => {
    const rig = new Rig(SLOW)
    for (let i = 0; i < 1500; i++) {
      rig.client(produce(1500, { clientId: `c${i}` }))
      if (rig.session.clientBlock === 'held') rig.pass(rig.session.wakeAtMs - rig.nowMs)
      rig.broker(produceAnswer())
    }
    assert.equal(rig.context.buckets.size <= 1001, true, 'and one that the rest share')
    assert.equal(rig.closed, undefined)
  })

  test('may be null, empty, 32 kB long or no text at all', () => {
    const rig = new Rig(SLOW)
    for (const clientId of [null, '']) rig.client(produce(800, { clientId })).broker(produceAnswer())
    rig.sentToClient()
    assert.equal(level(rig, ''), 1000 - 1600, 'none and empty are the same')
    const long = 'x'.repeat(32_767)
    rig.client(produce(40_000, { clientId: long, correlationId: 3 })).broker(produceAnswer(3))
    assert.equal(throttleOf(rig), 3000)
    assert.equal(rig.session.identity.clientId, long)
    const broken = produce(500, { clientId: 'aaaa', correlationId: 4 })
    broken.set([0xff, 0xfe, 0x00, 0x80], 14)
    rig.client(broken)
    assert.deepEqual(rig.sentToBroker().slice(-500), broken)
  })
})

describe('a new policy', () => {
  test('keeps the balance, goes by the new rate and shortens an open hold', () => {
    const rig = new Rig(SLOW).client(produce(3000), produce(100, { correlationId: 2 }))
    assert.equal(holdMs(rig), 2000)
    rig.policy([rule({ produceBytes: 10_000 })])
    assert.equal(holdMs(rig), 200, 'the 2000 bytes before it, at 10 kB/s')
    rig.pass(199)
    assert.equal(rig.session.inFlight, 1)
    rig.pass(1)
    assert.equal(rig.session.inFlight, 2)
    assert.equal(rig.context.buckets.level(0, rig.nowMs), -100)
    rig.client(produce(200, { correlationId: 3 }))
    assert.equal(holdMs(rig), 10, '100 bytes at 10 kB/s')
  })

  test('with a lower rate prolongs an open hold, and keeps its place in line', () => {
    const rig = new Rig(SLOW).client(produce(2000), produce(100, { correlationId: 2 }))
    const other = new Rig({ beside: rig }).client(produce(500, { correlationId: 1 }))
    assert.deepEqual([holdMs(rig), holdMs(other)], [1000, 1100])
    rig.pass(500).policy([rule({ produceBytes: 500 })])
    other.reoffered()
    assert.deepEqual([holdMs(rig), holdMs(other)], [1000, 1200], '500 and 600 bytes before them, at 500 B/s')
  })

  test('without the quota lets what was held go at once', () => {
    const rig = new Rig(SLOW).client(produce(3000), produce(100, { correlationId: 2 })).policy([])
    assert.equal(rig.session.inFlight, 2)
    rig.client(produce(50_000, { correlationId: 3 }))
    assert.equal(rig.session.inFlight, 3)
    assert.equal(rig.broker(produceAnswer()).session.inFlight, 2)
    assert.equal(rig.context.buckets.holders(0), 0)
  })

  test('with another quota in place of the old one gives back what was reserved in that', () => {
    const rig = new Rig(SLOW).client(produce(3000), produce(700, { correlationId: 2 }))
    rig.policy([rule({ produceBytes: 100 }, { name: 'other' })])
    assert.equal(rig.session.inFlight, 2, 'the new bucket is full')
    assert.equal(rig.context.buckets.level(0, rig.nowMs), -2000)
    assert.equal(rig.context.buckets.level(1, rig.nowMs), 100 - 700)
  })

  test('is not looked at inside a frame', () => {
    const frame = produce(3000)
    const rig = new Rig().client(frame.slice(0, 100)).policy([rule({ produceBytes: 1000 })])
    rig.client(frame.slice(100)).broker(produceAnswer())
    assert.equal(throttleOf(rig), 0)
    rig.client(produce(3000, { correlationId: 2 })).broker(produceAnswer(2))
    assert.equal(throttleOf(rig), 2000)
  })

  test('changes what has been asked under the old one no more: its answer is stamped by the old quota', () => {
    const rig = new Rig(SLOW).client(produce(3000)).policy([]).broker(produceAnswer())
    assert.equal(throttleOf(rig), 2000)
  })
})

test('a library that is told after the first requests is behaved to from then on', () => {
  const rig = new Rig(SLOW).client(produce(20_000)).broker(produceAnswer())
  assert.equal(throttleOf(rig), 3000)
  rig.client(hello('apache-kafka-java', { correlationId: 2 })).broker(helloAnswer(2))
  rig.sentToClient()
  rig.client(produce(100, { correlationId: 3 }))
  assert.equal(holdMs(rig), 8000)
})
