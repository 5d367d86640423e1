/**
 * Any bytes on either side, at any chunking, give progress, a wait for more, or a close with a reason: never an exception,
 * never `internal_error`, never a byte beyond what came in, never more time than bytes.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ApiName } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { anyExchange, below, type Exchange } from '../support/conversation.ts'
import { bytesOf, concat, rawToken, request } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'
import { rule } from '../support/rules.ts'
import { type Random, seededRandom } from '../support/vectors.ts'

const INSPECTED: readonly ApiName[] = ['ApiVersions', 'SaslHandshake', 'SaslAuthenticate', 'Produce', 'Fetch']
const REWRITTEN: readonly ApiName[] = [
  'Metadata',
  'FindCoordinator',
  'DescribeCluster',
  'Produce',
  'Fetch',
  'ShareFetch',
  'ShareAcknowledge',
]
const LIMITED: readonly QuotaRule[] = [
  {
    name: 'all',
    limit: { produceBytes: 1000, fetchBytes: 1000, requests: 5 },
    burst: { seconds: 1 },
    match: {},
    per: ['clientId'],
    overrides: [],
    mode: 'enforce',
  },
]
const SHARE = { by: ['clientId'], weight: 1, priority: 'normal', minimum: 0.1 } as const
/** What looks into requests, waits in lines and gauges, and refuses. */
const LIMITED_IN_ALL: readonly QuotaRule[] = [
  ...LIMITED,
  rule({ produceBytes: 900, fetchBytes: 900, fetchRecords: 50, requests: 40 }, { name: 'topics', per: ['topic'] }),
  rule({ produceBytes: 900, fetchBytes: 900 }, { name: 'divided', match: { topic: ['*'] }, per: [], share: SHARE }),
  rule({ produceRecords: 50, fetchRecords: 50, joins: 1, commits: 2 }, { name: 'groups', per: ['group'] }),
  rule({ mutations: 2 }, { name: 'mutations' }),
  rule({ mutations: 3 }, { name: 'divided mutations', per: [], share: SHARE }),
  rule({ inFlight: 2, connections: 1, newConnections: 1 }, { name: 'levels', per: ['principal'] }),
  rule({ inFlight: 2, requests: 1, newConnections: 1 }, { name: 'observed', mode: 'observe' }),
]
const POLICIES = [[], LIMITED, LIMITED_IN_ALL]
const LOOKED_INTO: readonly ApiName[] = [
  ...(['Produce', 'Fetch', 'ShareFetch', 'CreateTopics', 'DeleteTopics', 'CreatePartitions', 'JoinGroup'] as const),
  ...(['OffsetFetch', 'OffsetCommit', 'ConsumerGroupHeartbeat', 'LeaveGroup', 'ShareAcknowledge', 'Metadata'] as const),
]
const INTERESTING = [0, 1, 2, 0x16, 0x60, 0x7e, 0x7f, 0x80, 0xfe, 0xff]

/** Some bytes flipped, cut out, doubled or put in. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutant: Uint8Array = bytes.slice()
  for (let times = 1 + below(random, 4); times > 0; times--) {
    const at = below(random, mutant.length + 1)
    const end = Math.min(mutant.length, at + 1 + below(random, 12))
    const pick = random()
    if (pick < 0.6) mutant.fill(INTERESTING[below(random, INTERESTING.length)] ?? below(random, 256), at, at + 1)
    else if (pick < 0.7) mutant.set(Uint8Array.of(255, 255, 255, 255).subarray(0, end - at), at)
    else if (pick < 0.8) mutant = concat(mutant.subarray(0, at), mutant.subarray(end))
    else if (pick < 0.9) mutant = concat(mutant.subarray(0, end), mutant.subarray(at))
    else mutant = concat(mutant.subarray(0, at), noise(random, 8), mutant.subarray(at))
  }
  return mutant
}

function noise(random: Random, sizeMax: number): Uint8Array {
  return Uint8Array.from({ length: below(random, sizeMax + 1) }, () => below(random, 256))
}

/** Hands `bytes` over in chunks; checks that what is not taken is all that is left. */
function hand(rig: Rig, side: 'client' | 'broker', bytes: Uint8Array, random: Random): void {
  const size = [1, 7, 64, 5000][below(random, 4)] ?? 1
  for (let at = 0; at < bytes.length && rig.closed === undefined; at += size) {
    if (side === 'client') rig.client(bytes.slice(at, at + size))
    else rig.broker(bytes.slice(at, at + size))
    if (random() < 0.2 && rig.closed === undefined) rig.pass(below(random, 5000))
    if (random() < 0.05 && rig.closed === undefined) rig.policy(POLICIES[below(random, POLICIES.length)]!)
  }
}

function assertSane(rig: Rig, bytesIn: { client: number; broker: number }): void {
  assert.notEqual(rig.closed?.reason, 'internal_error', rig.closed?.detail)
  assert.ok(rig.closed === undefined || rig.closed.detail.length > 0)
  assert.ok(rig.sentToBroker().length <= bytesIn.client)
  // Each answer may grow by longer addresses (ours are short) or be an answer of our own (about 20 bytes a request).
  assert.ok(rig.sentToClient().length <= 3 * (bytesIn.broker + bytesIn.client) + 100)
  rig.session.closed(rig.nowMs)
  rig.context.buckets.sweep(rig.nowMs + 1e12, 1000)
  for (const { queuedMs, quota } of rig.context.buckets.entries(rig.nowMs + 1e12)) assert.equal(queuedMs, 0, quota)
  for (let i = 0; i < 20; i++) rig.context.buckets.sweep(rig.nowMs + 1e12, 1000)
  assert.equal(rig.context.buckets.size, 0, 'a bucket is still held')
  assert.equal(rig.context.levels.size, 0, 'a gauge is still held')
}

function exchanges(random: Random): Exchange[] {
  const only = [undefined, INSPECTED, REWRITTEN, LOOKED_INTO][below(random, 4)]
  return Array.from({ length: 1 + below(random, 5) }, (_, i) => anyExchange(i, random, only, true))
}

const anyLife = fc.tuple(fc.integer(), fc.constantFrom(...POLICIES))
const rigOf = (rules: readonly QuotaRule[]): Rig =>
  new Rig({
    rules,
    frameBytesMax: 100_000,
    brokers: { 0: 19_092, 1: 19_093 },
    brokersMax: 20,
  })

describe('a session among the hostile', () => {
  test('survives any noise from a client', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }),
        fc.constantFrom(...POLICIES),
        (chunks, rules) => {
          const rig = rigOf(rules)
          for (const chunk of chunks) if (rig.closed === undefined) rig.client(chunk).pass(100)
          assertSane(rig, { client: concat(...chunks).length, broker: 0 })
        },
      ),
      { numRuns: 500 },
    )
  })

  test('survives any noise from a broker', () => {
    fc.assert(
      fc.property(fc.integer(), fc.uint8Array({ maxLength: 300 }), (seed, bytes) => {
        const random = seededRandom(seed)
        const rig = rigOf([])
        const asked = concat(...exchanges(random).map((each) => each.request))
        hand(rig, 'client', asked, random)
        hand(rig, 'broker', bytes, random)
        assertSane(rig, { client: asked.length, broker: bytes.length })
      }),
      { numRuns: 500 },
    )
  })

  test('survives requests with bytes changed, left out or put in', () => {
    fc.assert(
      fc.property(anyLife, ([seed, rules]) => {
        const random = seededRandom(seed)
        const rig = rigOf(rules)
        const head = random() < 0.7 ? request('Metadata', 9) : new Uint8Array(0)
        const bytes = concat(head, ...exchanges(random).map((each) => mutate(each.request, random)))
        hand(rig, 'client', bytes, random)
        assertSane(rig, { client: bytes.length, broker: 0 })
      }),
      { numRuns: 1000 },
    )
  })

  test('survives answers with bytes changed, left out or put in', () => {
    fc.assert(
      fc.property(anyLife, ([seed, rules]) => {
        const random = seededRandom(seed)
        const rig = rigOf(rules)
        const talk = exchanges(random)
        const asked = concat(...talk.map((each) => each.request))
        rig.client(asked)
        for (let i = 0; i < 10 && rig.session.clientBlock === 'held'; i++) rig.pass(10_000)
        const bytes = concat(...talk.map((each) => keepHead(each.answer, random)))
        hand(rig, 'broker', bytes, random)
        for (const broker of rig.context.book.brokers()) broker.local = { host: '127.0.0.1', port: 1 }
        rig.listenerReady()
        assertSane(rig, { client: asked.length, broker: bytes.length })
      }),
      { numRuns: 1000 },
    )
  })

  test('survives raw SASL tokens and challenges of any kind', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = seededRandom(seed)
        const rig = rigOf([])
        const mechanism = ['PLAIN', 'SCRAM-SHA-256', 'OAUTHBEARER', 'GSSAPI', ''][below(random, 5)] ?? ''
        let client = 0
        let broker = 0
        const say = (side: 'client' | 'broker', bytes: Uint8Array): void => {
          if (side === 'client') client += bytes.length
          else broker += bytes.length
          hand(rig, side, bytes, random)
        }
        say('client', request('SaslHandshake', 0, { mechanism }))
        for (let turns = below(random, 5); turns > 0; turns--) {
          const text =
            ['\0a\0b', 'n,,n=a,r=b', 'v=x', 'n,,\u0001auth=Bearer a.e30.c\u0001\u0001', ''][below(random, 5)] ?? ''
          say('client', random() < 0.8 ? rawToken(bytesOf(text)) : noise(random, 30))
          say('broker', random() < 0.8 ? rawToken(noise(random, 20)) : noise(random, 30))
        }
        say('client', concat(...exchanges(random).map((each) => each.request)))
        assertSane(rig, { client, broker })
      }),
      { numRuns: 1000 },
    )
  })
})

/** An answer with its body changed; mostly with the size and correlation id right, or little beyond them would be tested. */
function keepHead(answer: Uint8Array | undefined, random: Random): Uint8Array {
  if (answer === undefined) return new Uint8Array(0)
  if (random() < 0.1) return mutate(answer, random)
  const body = mutate(answer.subarray(8), random)
  const frame = concat(answer.subarray(0, 8), body)
  if (random() < 0.9) new DataView(frame.buffer).setInt32(0, frame.length - 4)
  return frame
}
