// What explain finds out and how it says it: against a file, and against a sluice that has seen the client.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GroupAnswer } from '../../src/cluster/group-book.ts'
import { type BucketView, type ExplainSources, explainClient, type LiveSources } from '../../src/explain/explainer.ts'
import type { Explanation, Question } from '../../src/explain/explanation.ts'
import { explanationText } from '../../src/explain/explanation-text.ts'
import { BucketTable } from '../../src/limiter/bucket-table.ts'
import { behaviourOf } from '../../src/policy/client-libraries.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { clientStatus } from '../support/observed.ts'
import { rule } from '../support/rules.ts'

const PRODUCERS = rule(
  { produceBytes: 5e6 },
  {
    name: 'producers',
    burst: { seconds: 2 },
    match: { clientId: ['checkout-*'] },
    except: [{ clientId: ['checkout-0'] }],
    overrides: [
      { match: { clientId: ['checkout-batch'] }, limit: { produceBytes: 20e6 } },
      { match: { clientId: ['checkout-free'] }, limit: { produceBytes: Number.POSITIVE_INFINITY } },
    ],
  },
)
const EVERYBODY = rule({ fetchBytes: 1e5, requests: 1000 }, { name: 'everybody', per: ['principal'] })
const METADATA = rule(
  { requests: 0.5 },
  { name: 'chatty', match: { api: ['Metadata', 'ListOffsets'] }, per: ['clientId', 'api'] },
)
const CONNECTIONS = rule({ connections: 50, newConnections: 3 }, { name: 'sockets', per: [] })
const OBSERVED = rule({ inFlight: 5, produceRecords: 2000 }, { name: 'trial', mode: 'observe' })
const TOPICS = rule(
  { produceBytes: 1e6 },
  {
    name: 'topics',
    match: { topic: ['orders'] },
    per: ['topic'],
    schedule: [
      { during: '* 22-23 * * mon-fri', timeZone: 'Europe/Berlin', limit: { produceBytes: 9e6 } },
      { during: '* 0-5 * * *', timeZone: 'UTC', limit: { produceBytes: 8e6 } },
    ],
  },
)
const QUOTAS = [PRODUCERS, EVERYBODY, METADATA, CONNECTIONS, OBSERVED, TOPICS]

const CHECKOUT = clientStatus({
  clientId: 'checkout-7',
  software: 'apache-kafka-java',
  principal: 'shop',
  connections: 5,
  producedBytes: 1.2e9,
  throttleMs: 61_000,
  largestProduceBytes: 1e6,
})

function sources(quotas: readonly QuotaRule[] = QUOTAS, live?: Partial<LiveSources>): ExplainSources {
  return {
    policy: new PolicySet(quotas),
    quotas,
    behaviourOf: (software) => behaviourOf(software, []),
    live: live === undefined ? undefined : { nowMs: 1000, clients: [CHECKOUT], buckets: NO_BUCKETS, ...live },
  }
}

const NO_SHARES: BucketView['shares'] = { entries: () => [] }
const NO_BUCKETS: BucketView = { peek: () => undefined, shares: NO_SHARES }

/** A bucket of produced bytes, the others are not there. */
function produceBucket(state: Partial<ReturnType<BucketView['peek']>>): BucketView {
  const bucket = {
    slot: 0,
    balance: 0,
    debtMs: 0,
    ratePerMs: 5000,
    burstMs: 2000,
    holders: 5,
    isOverflow: false,
    ...state,
  }
  return {
    shares: NO_SHARES,
    peek: (quota, dimension, key) =>
      quota === 'producers' && dimension === 'produceBytes' && key === 'clientId=checkout-7' ? bucket : undefined,
  }
}

function explain(question: Partial<Question>, from: ExplainSources = sources()): Explanation {
  return explainClient({ clientId: 'checkout-7', ...question }, from)
}

function page(question: Partial<Question>, from?: ExplainSources): string[] {
  return explanationText(explain(question, from), 100).split('\n')
}

describe('the page', () => {
  test('of a file, for a Java producer', (t) => {
    t.assert.snapshot(page({ software: 'apache-kafka-java', softwareVersion: '4.1.0', topic: 'orders' }))
  })

  test('of a file, for one request of a client that gives no name', (t) => {
    t.assert.snapshot(page({ clientId: '', api: 'Metadata', address: '10.1.2.3', group: 'reports' }))
  })

  test('of a running sluice, for a client in debt', (t) => {
    const live = {
      buckets: produceBucket({ balance: -16e6, debtMs: 3200 }),
      groups: { groupOf: () => ({ state: 'one', group: 'shop-readers' }) as const },
      levels: { peek: () => ({ count: 50, waiting: 2 }) },
    }
    const openWindows = new Map([['topics', 1]])
    t.assert.snapshot(page({ topic: 'orders' }, { ...sources(QUOTAS, live), openWindows }))
  })

  test('of a running sluice, for a client that it has not seen', (t) => {
    t.assert.snapshot(page({ clientId: 'nobody' }, sources([PRODUCERS], {})))
  })

  test('of a request that is never limited', (t) => {
    t.assert.snapshot(page({ api: 'Heartbeat' }))
  })

  test('fits its width, but for words that are longer', () => {
    for (const width of [60, 80, 100]) {
      const text = explanationText(explain({ software: 'librdkafka' }), width)
      for (const line of text.split('\n')) assert.ok(line.length <= width || !line.trim().includes(' '), line)
    }
  })
})

describe('a divided bucket', () => {
  const share = { by: ['clientId'] as const, weight: 2, priority: 'normal' as const, minimum: 0.1 }
  const divided = rule({ produceBytes: 1e6 }, { name: 'divided', per: [], share, burst: { seconds: 0.1 } })
  const said = (buckets?: BucketTable): string => {
    const from = buckets === undefined ? sources([divided]) : sources([divided], { buckets })
    const page = explanationText(explain({ api: 'Produce' }, from), 10_000)
    return page.split('\n').find((line) => line.trim().startsWith('share')) ?? ''
  }

  test('of a file: this client’s terms', () => {
    assert.match(said(), /share +weight 2, priority normal, lower priorities are sure of 10 %, as clientId checkout-7$/)
    const low = { ...divided, share: { ...share, by: [], priority: 'low' as const } }
    const page = explanationText(explain({ api: 'Produce' }, sources([low])), 10_000)
    assert.match(page, /share +weight 2, priority low, one part for all that match\n/)
  })

  test('of a running sluice: who else draws on it, and what waits in line', () => {
    const table = new BucketTable(10)
    assert.match(said(table), /; no other draws on the bucket, so all of it is to be had$/)
    const slot = table.acquire('divided', 'produceBytes', '', 1000, 100, 0)
    const flow = (key: string, weight: number, priority: 'high' | 'normal' = 'normal'): number =>
      table.acquireShare(slot, { key: `clientId=${key}`, weight, priority, minimum: 0.1 }, 0)
    const [own, other] = [flow('checkout-7', 2), flow('b', 5)]
    flow('c', 9, 'high')
    assert.match(said(table), /weight 2 of 7, .*; 3 draw on the bucket and nobody waits$/)
    table.reserve(slot, 2_000_000, 1000) // in debt by 1.9 s
    for (const [of, units] of [
      [own, 20_000],
      [other, 100_000],
    ] as const) {
      table.shares.startAtMs(table.shares.enqueue(of, units, 1000), 1000)
    }
    assert.match(said(table), /; 2 of 3 wait with 120 kB in line \(20 kB of it its own\), .* wait about [0-9.]+ s$/)
    const { limits } = explain({ api: 'Produce' }, sources([divided], { buckets: table })).requests[0]!.quotas[0]!
    const { waitMs } = limits[0]!.share!.line!
    assert.ok(waitMs > 1900 && waitMs < 2500, `${waitMs} ms`)
  })
})

test('a limit on records has a floor: as many as the largest request had, by the records of a byte', () => {
  const records = { ...CHECKOUT, connections: 4, producedRecords: 1.2e6, fetchedBytes: 0, fetchedRecords: 0 }
  const [produce] = explain(
    { api: 'Produce' },
    sources([rule({ produceRecords: 100 })], { clients: [records] }),
  ).requests
  const { floor } = produce!.quotas[0]!.limits[0]!
  assert.deepEqual([floor?.largest, floor?.perSecond, floor?.canBeKept, floor?.from], [1000, 500, false, 'seen'])
  const fetching = { ...records, fetchedBytes: 1e6, fetchedRecords: 500, largestFetchBytes: 1e5 }
  const [fetch] = explain({ api: 'Fetch' }, sources([rule({ fetchRecords: 100 })], { clients: [fetching] })).requests
  assert.deepEqual([fetch!.quotas[0]!.limits[0]!.floor?.largest], [50])
  const [unseen] = explain({ api: 'Fetch' }, sources([rule({ fetchRecords: 100 })], { clients: [records] })).requests
  assert.equal(unseen!.quotas[0]!.limits[0]!.floor, undefined)
})

/** The plain words alone, on one line. */
function words(question: Partial<Question>, from?: ExplainSources): string {
  const lines = explanationText(explain(question, from), 10_000).split('\n')
  return lines.slice(lines.indexOf('In plain words') + 1).join('\n')
}

describe('in plain words', () => {
  const small = { ...CHECKOUT, connections: 100 }

  test('a limit below the floor cannot be kept, and which settings mend that', () => {
    const quotas = [rule({ produceBytes: 1e6 }, { name: 'producers' })]
    const text = words({}, sources(quotas, { clients: [small] }))
    assert.match(
      text,
      /Requests of 1 MB over 100 connections: the limit is below the floor \(12\.5 MB\/s\) and cannot be kept without breaking the client; its requests are let go after 8 s\. In the client, batch\.size, max\.request\.size, or fewer connections, make it reachable\./,
    )
  })

  test('a limit on requests below its floor says so, above it nothing', () => {
    const at = (perSecond: number): string =>
      words({ api: 'Metadata', software: 'apache-kafka-java' }, sources([rule({ requests: perSecond })]))
    assert.match(at(0.1), /below the floor \(30 requests\/min\).*In the client, fewer connections make it reachable/)
    assert.doesNotMatch(at(1), /floor/)
  })

  test('what a library makes of a stamp', () => {
    assert.match(words({ software: 'librdkafka' }), /librdkafka ignores the stamp and is slowed by the wait alone/)
    assert.match(words({ software: 'rskafka' }), /answers tell no throttle, because rskafka would take it for an error/)
    assert.match(words({ software: 'my-own-client' }), /a library that gives no name may ignore the stamp/)
  })

  test('of two quotas on one thing the lower counts', () => {
    const quotas = [rule({ produceBytes: 2e6 }, { name: 'a' }), rule({ produceBytes: 1e6 }, { name: 'b', per: [] })]
    const text = words({}, sources(quotas))
    assert.match(text, /may send 1 MB\/s in bursts of 1 MB, together with all others that the quota matches\./)
    assert.doesNotMatch(text, /2 MB/)
  })

  test('partitions over a quota are refused, not held for ever', () => {
    const text = words({ api: 'CreateTopics' }, sources([rule({ mutations: 5 })]))
    assert.match(text, /5 partitions\/s in bursts of 5 partitions.*THROTTLING_QUOTA_EXCEEDED \(error 89\)/)
  })

  test('who shares a bucket', () => {
    const of = (more: Partial<QuotaRule>): string =>
      words({ principal: 'alice' }, sources([rule({ produceBytes: 1e6 }, more)]))
    assert.match(of({ per: ['principal'] }), /together with all of principal alice\./)
    assert.match(of({ per: ['principal', 'software'] }), /together with all of principal alice and software ""\./)
    assert.doesNotMatch(of({ per: ['clientId', 'principal'] }), /together/)
    const override = { match: { clientId: ['checkout-*'] }, limit: {}, per: [] }
    assert.match(of({ overrides: [override] }), /together with all that its override matches\./)
  })

  test('an override that lifts the limit leaves nothing to say', () => {
    assert.match(
      words({ clientId: 'checkout-free' }, sources([PRODUCERS])),
      /Nothing limits what a producer named checkout-free/,
    )
    const why = explain({ clientId: 'checkout-0' }, sources([PRODUCERS])).requests[0]?.quotas[0]?.why
    assert.equal(why, 'excepted: clientId "checkout-0"')
  })

  test('a limit that comes down, a table that is full', () => {
    const policy = new PolicySet([PRODUCERS], { rampEndsAtMs: new Map([['producers', 61_000]]) })
    const live = sources([PRODUCERS], { buckets: produceBucket({ ratePerMs: 8000, isOverflow: true }) })
    const text = words({}, { ...live, policy })
    assert.match(text, /The limit comes down step by step: now 8 MB\/s, in 1 m 0 s 5 MB\/s\./)
    assert.match(text, /The table of buckets is full/)
  })
})

describe('who is meant', () => {
  const second = { ...CHECKOUT, software: 'librdkafka', principal: 'shop', connections: 2 }

  test('what the sluice has seen fills in what was not told', () => {
    const { client, seen, notes } = explain({}, sources(QUOTAS, {}))
    assert.deepEqual([client.software, client.principal, seen?.connections], ['apache-kafka-java', 'shop', 5])
    assert.deepEqual(notes, [])
    assert.equal(explain({ principal: 'other' }, sources(QUOTAS, {})).client.software, '')
  })

  test('where several could be meant, what they differ in is not guessed', () => {
    const { client, seen, notes } = explain({}, sources(QUOTAS, { clients: [CHECKOUT, second] }))
    assert.deepEqual([client.software, client.principal, seen?.connections], ['', 'shop', 7])
    assert.match(notes.join(), /2 clients have this client id: apache-kafka-java as shop and librdkafka as shop\./)
    const told = explain({ software: 'librdkafka' }, sources(QUOTAS, { clients: [CHECKOUT, second] }))
    assert.deepEqual([told.client.software, told.seen?.connections, told.notes], ['librdkafka', 2, []])
  })

  test('a group is known, unknown or ambiguous, and only a known one counts', () => {
    const of = (answer: GroupAnswer): Explanation => explain({}, sources(QUOTAS, { groups: { groupOf: () => answer } }))
    const [none, one] = [of({ state: 'none' }), of({ state: 'one', group: 'a' })]
    const several = of({ state: 'several', groups: ['a', 'b'] })
    assert.deepEqual([none.group.state, none.client.group], ['unknown', ''])
    assert.deepEqual([one.group.state, one.client.group], ['known', 'a'])
    assert.deepEqual([several.group.state, several.client.group], ['ambiguous', ''])
    assert.match(several.notes.join(), /in several groups \(a and b\)/)
    assert.deepEqual(explain({ group: 'g' }).group, { state: 'given', groups: ['g'] })
  })

  test('a stranger is told who was seen', () => {
    const clients = Array.from({ length: 7 }, (_, i) => clientStatus({ clientId: `c-${i}` }))
    const notes = (known: typeof clients): string => explain({}, sources(QUOTAS, { clients: known })).notes.join()
    assert.match(notes(clients), /It has seen c-0, c-1, c-2, c-3, c-4 and 2 more\./)
    assert.match(notes([]), /It has seen none yet\./)
  })

  test('labels of the workload and of the question', () => {
    const quotas = [rule({ requests: 1 }, { match: { 'labels.app': ['shop'], 'labels.tier': ['gold'] } })]
    const from = { ...sources(quotas), labels: { app: 'shop', tier: 'iron' } }
    assert.equal(explain({ labels: { tier: 'gold' } }, from).requests[0]?.quotas[0]?.applies, true)
    assert.equal(explain({}, from).requests[0]?.quotas[0]?.applies, false)
  })
})

test('an explanation survives JSON', () => {
  const live = { buckets: produceBucket({}) }
  const explanation = explain({ topic: 'orders' }, { ...sources(QUOTAS, live), openWindows: new Map() })
  const read = JSON.parse(JSON.stringify(explanation)) as Explanation
  assert.equal(explanationText(read, 100), explanationText(explanation, 100))
})
