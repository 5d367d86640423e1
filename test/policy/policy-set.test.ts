/** Which buckets a request is charged to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { API_NAMES, apiClassOf, apiNameOf, EXEMPT_REASONS } from '../../src/policy/api-classes.ts'
import { DIMENSIONS } from '../../src/policy/dimensions.ts'
import { type Identity, NOBODY } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'

const client = (facts: Partial<Identity> = {}): Identity => ({ ...NOBODY, ...facts })

const rule = (parts: Partial<QuotaRule>): QuotaRule => ({
  name: 'q',
  limit: { requests: 10 },
  burst: { seconds: 1 },
  match: {},
  per: [],
  overrides: [],
  mode: 'enforce',
  ...parts,
})

describe('PolicySet', () => {
  test('each dimension is charged by its own APIs only', () => {
    const policy = new PolicySet([rule({ limit: { produceBytes: 1, fetchBytes: 2, requests: 3 } })])
    const dimensions = (api: number): string[] => policy.resolve(client(), api).map((a) => a.dimension)
    assert.deepEqual(dimensions(API_KEY.Produce), ['produceBytes', 'requests'])
    assert.deepEqual(dimensions(API_KEY.Fetch), ['fetchBytes', 'requests'])
    assert.deepEqual(dimensions(API_KEY.ShareFetch), ['fetchBytes', 'requests'])
    assert.deepEqual(dimensions(API_KEY.Metadata), ['requests'])
    assert.deepEqual(dimensions(API_KEY.Heartbeat), [])
    assert.deepEqual(dimensions(12_345), [], 'an API that we do not know')
  })

  test('every quota that matches applies, in the order of the file', () => {
    const policy = new PolicySet([
      rule({ name: 'all' }),
      rule({ name: 'mine', match: { clientId: ['me'] } }),
      rule({ name: 'other', match: { clientId: ['you'] } }),
    ])
    assert.deepEqual(
      policy.resolve(client({ clientId: 'me' }), API_KEY.Metadata).map(({ quota, why }) => [quota, why]),
      [
        ['all', 'matches everything'],
        ['mine', 'clientId "me"'],
      ],
    )
  })

  // [per, clientId, principal, key]
  const keys: [QuotaRule['per'], string, string, string][] = [
    [[], 'a', 'p', ''],
    [['clientId'], 'a', 'p', 'clientId=a'],
    [['clientId'], '', 'p', 'clientId='],
    [['principal', 'api'], 'a', 'p', 'principal(1)=p api(5)=Fetch'],
  ]
  for (const [per, clientId, principal, key] of keys) {
    test(`per [${per}] of client "${clientId}" is the bucket "${key}"`, () => {
      const [applicable] = new PolicySet([rule({ per })]).resolve(client({ clientId, principal }), API_KEY.Fetch)
      assert.equal(applicable!.key, key)
    })
  }

  test('crafted values do not reach another’s bucket', () => {
    const policy = new PolicySet([rule({ per: ['clientId', 'principal'] })])
    const keyOf = (facts: Partial<Identity>): string => policy.resolve(client(facts), API_KEY.Fetch)[0]!.key
    assert.notEqual(
      keyOf({ clientId: 'a principal(1)=b', principal: '' }),
      keyOf({ clientId: 'a', principal: 'b principal(0)=' }),
    )
  })

  test('a long key is cut to a bound and stays its own', () => {
    const policy = new PolicySet([rule({ per: ['clientId'] })])
    const keyOf = (clientId: string): string => policy.resolve(client({ clientId }), API_KEY.Fetch)[0]!.key
    const long = 'x'.repeat(32_000)
    assert.equal(keyOf(`${long}a`).length, 256)
    assert.notEqual(keyOf(`${long}a`), keyOf(`${long}b`))
    assert.equal(keyOf(`${long}a`), keyOf(`${long}a`))
    const longest = 'x'.repeat(256 - 'clientId='.length)
    assert.equal(keyOf(longest), `clientId=${longest}`, 'one that just fits is not cut')
  })

  test('rate and burst come out per millisecond, a burst also from an amount', () => {
    const resolve = (parts: Partial<QuotaRule>): [number, number] => {
      const [a] = new PolicySet([rule(parts)]).resolve(client(), API_KEY.Produce)
      return [a!.ratePerMs, a!.burstMs]
    }
    assert.deepEqual(resolve({ limit: { produceBytes: 5_000_000 }, burst: { seconds: 2 } }), [5000, 2000])
    assert.deepEqual(resolve({ limit: { produceBytes: 5_000_000 }, burst: { amount: 1_000_000 } }), [5000, 200])
  })

  test('the most specific override counts, keeps what it does not name, and may lift a limit', () => {
    const policy = new PolicySet([
      rule({
        limit: { produceBytes: 1000, requests: 10 },
        per: ['clientId'],
        overrides: [
          { match: { clientId: ['/batch/'] }, limit: { produceBytes: 2000 } },
          { match: { clientId: ['batch-*'] }, limit: { produceBytes: 3000 }, burst: { seconds: 5 } },
          { match: { clientId: ['batch-vip'] }, limit: { produceBytes: Number.POSITIVE_INFINITY } },
        ],
      }),
    ])
    const of = (clientId: string): (string | number)[][] =>
      policy.resolve(client({ clientId }), API_KEY.Produce).map((a) => [a.dimension, a.ratePerMs, a.burstMs, a.why])
    assert.deepEqual(of('x'), [
      ['produceBytes', 1, 1000, 'matches everything'],
      ['requests', 0.01, 1000, 'matches everything'],
    ])
    assert.deepEqual(of('my-batch').at(0), ['produceBytes', 2, 1000, 'matches everything; override clientId "/batch/"'])
    assert.deepEqual(of('batch-1').at(0), ['produceBytes', 3, 5000, 'matches everything; override clientId "batch-*"'])
    assert.deepEqual(of('batch-vip'), [['requests', 0.01, 1000, 'matches everything; override clientId "batch-vip"']])
  })

  test('mode is the quota’s own, unless the set observes', () => {
    const rules = [rule({}), rule({ mode: 'observe' })]
    const modes = (policy: PolicySet): string[] => policy.resolve(client(), API_KEY.Fetch).map((a) => a.mode)
    assert.deepEqual(modes(new PolicySet(rules)), ['enforce', 'observe'])
    assert.deepEqual(modes(new PolicySet(rules, { observe: true })), ['observe', 'observe'])
  })

  test('every set has a version of its own', () => {
    const first = new PolicySet([])
    const second = new PolicySet([])
    assert.ok(first.version < second.version)
  })
})

describe('API classes', () => {
  test('what design §5 says is never held is exempt, with a reason for each', () => {
    const exempt = API_NAMES.filter((name) => apiClassOf(API_KEY[name]) === 'exempt')
    assert.deepEqual(Object.keys(EXEMPT_REASONS).sort(), exempt.toSorted())
    const never = [
      'ApiVersions',
      'SaslHandshake',
      'SaslAuthenticate',
      'Heartbeat',
      'SyncGroup',
      'LeaveGroup',
      'JoinGroup',
      'ConsumerGroupHeartbeat',
      'ShareGroupHeartbeat',
      'StreamsGroupHeartbeat',
      'EndTxn',
      'InitProducerId',
      'AddPartitionsToTxn',
      'AddOffsetsToTxn',
      'TxnOffsetCommit',
      'GetTelemetrySubscriptions',
      'PushTelemetry',
    ]
    for (const name of never) assert.ok(exempt.includes(name as (typeof exempt)[number]), name)
  })

  test('names and classes by key, also for a key that is not known', () => {
    assert.equal(apiNameOf(3), 'Metadata')
    assert.equal(apiClassOf(3), 'metadata')
    assert.equal(apiNameOf(-1), '')
    assert.equal(apiClassOf(999), 'exempt')
  })
})

describe('what a quota can measure', () => {
  const all = Object.fromEntries(DIMENSIONS.map((dimension, i) => [dimension, i + 1]))
  const policy = new PolicySet([rule({ limit: all })])

  test('each API is charged in its own dimensions', () => {
    const of = (api: number): string[] => policy.resolve(client(), api).map(({ dimension }) => dimension)
    assert.deepEqual(of(API_KEY.Produce), ['produceBytes', 'produceRecords', 'requests'])
    assert.deepEqual(of(API_KEY.Fetch), ['fetchBytes', 'fetchRecords', 'requests'])
    assert.deepEqual(of(API_KEY.ShareFetch), ['fetchBytes', 'fetchRecords', 'requests'])
    assert.deepEqual(of(API_KEY.Metadata), ['requests'])
    assert.deepEqual(of(API_KEY.OffsetCommit), ['requests', 'commits'])
    assert.deepEqual(of(API_KEY.JoinGroup), ['joins'])
    assert.deepEqual(of(API_KEY.ConsumerGroupHeartbeat), ['joins'])
    assert.deepEqual(of(API_KEY.CreateTopics), ['requests', 'mutations'])
    assert.deepEqual(of(API_KEY.AlterConfigs), ['requests'])
    assert.deepEqual(of(API_KEY.Heartbeat), [])
  })

  test('a connection is counted as a whole, requests at the broker by their API', () => {
    const { rates, levels } = policy.resolveConnection(client())
    assert.deepEqual(
      rates.map(({ dimension }) => dimension),
      ['newConnections'],
    )
    assert.deepEqual(
      levels.map(({ dimension, max }) => [dimension, max]),
      [['connections', 10]],
    )
    assert.deepEqual(
      policy.resolveInFlight(client(), API_KEY.Fetch).map(({ max }) => max),
      [11],
    )
    assert.deepEqual(policy.resolveInFlight(client(), API_KEY.Heartbeat), [])
  })
})

describe('topics', () => {
  const policy = new PolicySet([
    rule({ name: 'orders', match: { topic: ['orders-*'], clientId: ['a*'] }, limit: { produceBytes: 1, requests: 2 } }),
    rule({ name: 'each', per: ['topic'], limit: { fetchBytes: 3, inFlight: 4 } }),
    rule({ name: 'all', limit: { produceBytes: 5 } }),
    rule({
      name: 'own',
      limit: { fetchRecords: 6 },
      overrides: [{ match: { topic: ['t'] }, limit: { fetchRecords: 7 } }],
    }),
  ])
  const names = (applicable: readonly { quota: string; ratePerMs: number }[]): unknown[] =>
    applicable.map(({ quota, ratePerMs }) => [quota, ratePerMs * 1000])

  test('quotas that tell topics apart are not charged for a request as a whole', () => {
    assert.deepEqual(names(policy.resolve(client({ clientId: 'a1' }), API_KEY.Produce)), [['all', 5]])
    assert.deepEqual(names(policy.resolve(client(), API_KEY.Fetch)), [])
  })

  test('but for each topic', () => {
    const of = (api: number, topic: string): unknown[] =>
      names(policy.resolveTopic(client({ clientId: 'a1' }), api, topic))
    assert.deepEqual(of(API_KEY.Produce, 'orders-eu'), [
      ['orders', 1],
      ['orders', 2],
    ])
    assert.deepEqual(of(API_KEY.Produce, 'clicks'), [])
    assert.deepEqual(of(API_KEY.Fetch, 't'), [
      ['each', 3],
      ['own', 7],
    ])
    assert.deepEqual(of(API_KEY.Fetch, 'u'), [
      ['each', 3],
      ['own', 6],
    ])
    assert.deepEqual(of(API_KEY.Metadata, 'u'), [])
  })

  test('and topics are looked for only where they may matter', () => {
    assert.ok(policy.asksForTopics(client({ clientId: 'a1' }), API_KEY.Produce))
    assert.ok(!policy.asksForTopics(client({ clientId: 'b' }), API_KEY.Produce))
    assert.ok(policy.asksForTopics(client(), API_KEY.Fetch))
    assert.ok(!policy.asksForTopics(client(), API_KEY.Metadata))
    assert.ok(!new PolicySet([rule({})]).asksForTopics(client(), API_KEY.Produce))
  })
})

describe('what asks for topics', () => {
  const asks = (parts: Partial<QuotaRule>, api: number): boolean =>
    new PolicySet([rule(parts)]).asksForTopics(client(), api)
  const share = { by: ['topic'] as const, weight: 1, priority: 'normal' as const, minimum: 0.1 }

  test('is a share by topic, an override by topic, and a limit that only an override has', () => {
    assert.ok(asks({ limit: { produceBytes: 1 }, share }, API_KEY.Produce))
    assert.ok(asks({ per: ['topic'], overrides: [{ match: { principal: ['a'] }, limit: {} }] }, API_KEY.Produce))
    const limit = { fetchBytes: 1 }
    assert.ok(asks({ per: ['topic'], overrides: [{ match: { principal: ['a'] }, limit }] }, API_KEY.Fetch))
    assert.ok(!asks({ per: ['topic'], limit: { inFlight: 1 } }, API_KEY.Produce))
  })

  test('is a limit of requests only for those that carry topics', () => {
    const policy = new PolicySet([rule({ per: ['topic'], limit: { requests: 1, commits: 1, inFlight: 1 } })])
    const of = (api: number): unknown => policy.resolveTopic(client(), api, 't').map(({ dimension }) => dimension)
    assert.deepEqual(of(API_KEY.Produce), ['requests'])
    assert.deepEqual(of(API_KEY.Fetch), ['requests'])
    assert.deepEqual(of(API_KEY.Metadata), [])
    assert.deepEqual(of(API_KEY.OffsetCommit), [])
    assert.deepEqual(policy.explain(client(), API_KEY.Produce, 't')[0]?.levels, [])
  })
})

describe('keys and shares', () => {
  test('limits ramp in until the time of their quota', () => {
    const rampEndsAtMs = new Map([['b', 5000]])
    const policy = new PolicySet([rule({ name: 'a' }), rule({ name: 'b' })], { rampEndsAtMs })
    const ends = policy.resolve(client(), API_KEY.Metadata).map((a) => [a.quota, a.rampEndsAtMs])
    assert.deepEqual(ends, [
      ['a', 0],
      ['b', 5000],
    ])
  })

  test('buckets of an override are named after what it matches, exceptions included', () => {
    const match = { principal: ['a'] }
    const except = [{ clientId: ['x'] }]
    const keyWith = (own: object): string =>
      new PolicySet([rule({ overrides: [{ match, limit: {}, per: [], ...own }] })]).resolve(
        client({ principal: 'a' }),
        API_KEY.Metadata,
      )[0]!.key
    assert.equal(keyWith({}), '{"principal":["a"]}')
    assert.equal(keyWith({ except }), '[{"principal":["a"]},[{"clientId":["x"]}]]')
  })

  test('an override may have buckets of its own', () => {
    const policy = new PolicySet([
      rule({
        per: ['clientId'],
        overrides: [
          { match: { principal: ['a'] }, limit: {}, per: [] },
          { match: { principal: ['b'] }, limit: {}, per: ['principal'] },
        ],
      }),
    ])
    const keyOf = (facts: Partial<Identity>): string => policy.resolve(client(facts), API_KEY.Metadata)[0]!.key
    assert.equal(keyOf({ principal: 'a', clientId: 'x' }), keyOf({ principal: 'a', clientId: 'y' }))
    assert.notEqual(keyOf({ principal: 'c', clientId: 'x' }), keyOf({ principal: 'c', clientId: 'y' }))
    const keys = [keyOf({ principal: 'a' }), keyOf({ principal: 'b' }), keyOf({ clientId: 'x' }), keyOf({})]
    assert.equal(new Set(keys).size, 4)
  })

  test('a divided bucket tells each key its weight and class', () => {
    const share = { by: ['clientId'] as const, weight: 1, priority: 'normal' as const, minimum: 0.1 }
    const policy = new PolicySet([
      rule({ share, overrides: [{ match: { clientId: ['gold-*'] }, limit: {}, weight: 4, priority: 'high' }] }),
    ])
    const of = (clientId: string): unknown =>
      policy.resolve(client({ clientId }), API_KEY.Metadata).map((a) => [a.key, a.share])
    assert.deepEqual(of('gold-1'), [['', { key: 'clientId=gold-1', weight: 4, priority: 'high', minimum: 0.1 }]])
    assert.deepEqual(of('x'), [['', { key: 'clientId=x', weight: 1, priority: 'normal', minimum: 0.1 }]])
  })
})

describe('explain', () => {
  test('says of every quota whether it applies and which clause decides', () => {
    const policy = new PolicySet([
      rule({ name: 'a', match: { clientId: ['x*'] } }),
      rule({ name: 'b', match: { clientId: ['y'] } }),
      rule({ name: 'c', limit: { produceBytes: 1 } }),
      rule({ name: 'd', except: [{ clientId: ['x1'] }] }),
      rule({ name: 'e', overrides: [{ match: { clientId: ['x1'] }, limit: { requests: Number.POSITIVE_INFINITY } }] }),
      rule({ name: 'f', match: { 'labels.app': ['shop'] }, limit: { inFlight: 3 } }),
    ])
    const lifted = { produceBytes: 1, fetchBytes: 2 }
    const idle = new PolicySet([rule({ limit: {}, overrides: [{ match: {}, limit: lifted }] })])
    assert.match(
      idle.explain(client(), API_KEY.Metadata, '')[0]!.why,
      /limits produceBytes, fetchBytes, which Metadata/,
    )
    const identity = client({ clientId: 'x1', labels: { app: 'shop' } })
    assert.deepEqual(
      policy.explain(identity, API_KEY.Metadata, '').map(({ quota, applies, why }) => [quota, applies, why]),
      [
        ['a', true, 'clientId "x*"'],
        ['b', false, 'clientId is "x1", not "y"'],
        ['c', false, 'matches, but limits produceBytes, which Metadata does not use or which is lifted'],
        ['d', false, 'excepted: clientId "x1"'],
        ['e', false, 'matches, but limits requests, which Metadata does not use or which is lifted'],
        ['f', true, 'labels.app "shop"'],
      ],
    )
  })
})
