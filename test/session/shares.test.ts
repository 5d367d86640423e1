/** One bucket divided among keys: who waits for whom, seen from the sessions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QuotaRule, Share } from '../../src/policy/quota-rule.ts'
import {
  answer,
  fetch,
  fetchAnswer,
  produce,
  produceAnswer,
  readAnswer,
  recordBatch,
  request,
} from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const SHARE: Share = { by: ['clientId'], weight: 1, priority: 'normal', minimum: 0.1 }

function divided(limit: QuotaRule['limit'], more: Partial<QuotaRule> = {}): QuotaRule {
  const overrides = [
    { match: { clientId: ['gold'] }, limit: {}, weight: 4 },
    { match: { clientId: ['silver'] }, limit: {}, weight: 2 },
    { match: { clientId: ['urgent'] }, limit: {}, priority: 'high' as const },
  ]
  return rule(limit, { per: [], share: SHARE, overrides, burst: { seconds: 0.1 }, ...more })
}

/** Clients that always have a request waiting, for `ms`; what each has sent. */
function backlogged(
  rules: readonly QuotaRule[],
  clientIds: readonly string[],
  frameBytes: readonly number[],
  ms: number,
): number[] {
  const first = new Rig({ rules })
  const rigs = clientIds.map((_, i) => (i === 0 ? first : new Rig({ beside: first })))
  const bytes = clientIds.map(() => 0)
  const ids = clientIds.map(() => 0)
  for (const endMs = first.nowMs + ms; first.nowMs < endMs; first.pass(1)) {
    for (const [i, rig] of rigs.entries()) {
      if (rig.session.clientBlock === 'held' && rig.session.wakeAtMs <= rig.nowMs) rig.pass(0)
      while (rig.session.clientBlock !== 'held') {
        rig.client(produce(frameBytes[i]!, { clientId: clientIds[i]!, correlationId: ++ids[i]!, acks: 0 }))
      }
      bytes[i]! += rig.sentToBroker().length
    }
  }
  return bytes
}

test('who waits gets a part by weight, whatever the size of the requests', () => {
  const [gold, silver, plain] = backlogged(
    [divided({ produceBytes: 1_000_000 })],
    ['gold', 'silver', 'x'],
    [900, 5000, 300],
    20_000,
  )
  const all = gold! + silver! + plain!
  assert.ok(Math.abs(all - 20_000_000) < 300_000, `${all} in all`)
  for (const [name, bytes, part] of [
    ['gold', gold!, 4 / 7],
    ['silver', silver!, 2 / 7],
    ['plain', plain!, 1 / 7],
  ] as const) {
    assert.ok(Math.abs(bytes / all / part - 1) < 0.02, `${name} got ${bytes / all} of ${part}`)
  }
})

test('several connections of one key share its part', () => {
  const [a1, a2, a3, b] = backlogged(
    [divided({ produceBytes: 100_000 })],
    ['a', 'a', 'a', 'b'],
    [500, 500, 500, 500],
    20_000,
  )
  assert.ok(Math.abs((a1! + a2! + a3!) / b! - 1) < 0.02)
  assert.ok(Math.abs(a1! / a2! - 1) < 0.05, 'the burst at the start was the first one’s')
})

test('a higher class goes first, a lower one is sure of its minimum', () => {
  const [urgent, plain] = backlogged([divided({ produceBytes: 100_000 })], ['urgent', 'x'], [500, 500], 20_000)
  assert.ok(Math.abs(plain! / (urgent! + plain!) - 0.1) < 0.01, `${plain! / (urgent! + plain!)}`)
})

test('a plain quota beside it keeps its own pace, and what waits for that is in nobody’s way', () => {
  const rules = [
    divided({ produceBytes: 100_000 }),
    rule({ produceBytes: 5_000 }, { name: 'own', match: { clientId: ['slow'] }, burst: { seconds: 0.1 } }),
  ]
  const [slow, fast] = backlogged(rules, ['slow', 'x'], [500, 500], 20_000)
  assert.ok(Math.abs(slow! / 100_000 - 1) < 0.03, `slow: ${slow}`)
  assert.ok(Math.abs((slow! + fast!) / 2_000_000 - 1) < 0.01, 'the other uses what is left')
})

test('the answer is stamped with how long its own part will take', () => {
  const first = new Rig({ rules: [divided({ produceBytes: 1000 }, { burst: { seconds: 1 } })] })
  first.client(produce(3000, { clientId: 'a' })).broker(produceAnswer())
  assert.equal(readAnswer('Produce', 9, first.sentToClient()).value['throttleTimeMs'], 2000)
})

test('what a Fetch brings is corrected for its part, and a request that never goes gives its place back', () => {
  const rig = new Rig({ rules: [divided({ fetchBytes: 1000 }, { burst: { seconds: 1 } })] })
  rig.client(fetch()).broker(fetchAnswer(3000))
  assert.equal(rig.context.buckets.level(0, rig.nowMs), -2000)
  rig.client(fetch({ correlationId: 2 }))
  assert.equal(rig.session.clientBlock, 'held')
  rig.end()
  assert.equal(rig.context.buckets.level(0, rig.nowMs), -2000)
  assert.equal(rig.context.buckets.holders(0), 0)
})

test('a new weight, or no division any more, keeps those who wait', () => {
  const rig = new Rig({ rules: [divided({ produceBytes: 1000 }, { burst: { seconds: 1 } })] })
  const client = (id: number): Uint8Array => produce(1000, { clientId: 'x', correlationId: id, acks: 0 })
  for (let id = 1; rig.session.clientBlock !== 'held'; id++) rig.client(client(id))
  rig.policy([
    divided(
      { produceBytes: 1000 },
      { burst: { seconds: 1 }, overrides: [{ match: { clientId: ['x'] }, limit: {}, weight: 9 }] },
    ),
  ])
  assert.equal(rig.session.clientBlock, 'held')
  rig.policy([rule({ produceBytes: 1000 }, { per: [], burst: { seconds: 1 } })])
  assert.equal(rig.session.clientBlock, 'held')
  assert.equal(rig.session.wakeAtMs - rig.nowMs, 1000)
  rig.policy([])
  assert.equal(rig.session.clientBlock, 'none')
  rig.end()
  assert.equal(rig.context.buckets.holders(0), 0)
})

test('observed, it slows nobody', () => {
  const rig = new Rig({ rules: [divided({ produceBytes: 1000 }, { mode: 'observe' })] })
  for (let id = 1; id <= 5; id++) rig.client(produce(1000, { correlationId: id }))
  assert.equal(rig.session.inFlight, 5)
  assert.ok(rig.counters.quota('q').observedRequests >= 4)
})

test('a topic that a request names twice stands in line once, however it is spelt, and leaves nothing there', () => {
  const rules = [rule({ produceBytes: 1000, fetchBytes: 1000 }, { per: [], match: { topic: ['*'] }, share: SHARE })]
  const records = recordBatch(1, 3000)
  const rig = new Rig({ rules }).client(produce(3000)).broker(produceAnswer())
  const [one, other] = ['AAAA', 'BBBB'].map((name) => ({ name, partitionData: [{ index: 0, records }] }))
  const frame = request('Produce', 9, { transactionalId: null, acks: -1, timeoutMs: 1, topicData: [one!, other!] })
  const broken = frame.map((byte) => (byte === 0x41 ? 0xff : byte === 0x42 ? 0xfe : byte)) // neither is UTF-8
  rig.client(broken).end()
  assert.deepEqual(queued(rig), [0])

  const id = '0LT6BFQVTlq5GBWTZCbuqg'
  const fetcher = new Rig({ rules })
  fetcher.context.topics.learn('orders', Buffer.from(id, 'base64url'), 1)
  const partitions = [{ partition: 0, fetchOffset: 0n }]
  const session = { sessionId: 1, maxBytes: 1000 }
  fetcher.client(request('Fetch', 12, { ...session, sessionEpoch: 0, topics: [{ topic: 'orders', partitions }] }))
  const responses = [{ topic: 'orders', partitions: [{ partitionIndex: 0, records }] }]
  fetcher.broker(answer('Fetch', 12, { sessionId: 1, responses }))
  fetcher.client(request('Fetch', 13, { ...session, sessionEpoch: 1, topics: [{ topicId: id, partitions }] }))
  assert.equal(fetcher.session.clientBlock, 'held')
  fetcher.end()
  assert.deepEqual(queued(fetcher), [0])
})

/** Milliseconds in line for each bucket. */
function queued({ context, nowMs }: Rig): number[] {
  return [...context.buckets.entries(nowMs)].map(({ queuedMs }) => queuedMs)
}
