/** Which buckets a request is charged to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { API_NAMES, apiClassOf, apiNameOf, EXEMPT_REASONS } from '../../src/policy/api-classes.ts'
import type { Identity } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'

const client = (facts: Partial<Identity> = {}): Identity => ({
  clientId: '',
  principal: '',
  software: '',
  softwareVersion: '',
  ...facts,
})

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
