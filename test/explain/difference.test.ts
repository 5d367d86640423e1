// What differs between two policies, which way, and how it is said.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { comparePolicies, isSame, type PolicyDifference } from '../../src/explain/difference.ts'
import { differenceText } from '../../src/explain/difference-text.ts'
import type { Policy } from '../../src/explain/policy-document.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { rule } from '../support/rules.ts'

function policy(quotas: readonly QuotaRule[], more: Partial<Policy> = {}): Policy {
  return { mode: 'enforce', quotas, clients: [], ...more }
}

const P = rule(
  { produceBytes: 5e6, requests: 100 },
  {
    name: 'producers',
    match: { clientId: ['checkout-*'] },
    except: [{ clientId: ['checkout-7'] }],
    overrides: [
      { match: { clientId: ['checkout-batch'] }, limit: { produceBytes: 20e6 } },
      { match: { clientId: ['checkout-old'] }, limit: { produceBytes: 1e6 } },
    ],
  },
)

/** Against a quota that is otherwise the same: the effect, and each change. */
function change(more: Partial<QuotaRule>, from: QuotaRule = P): [effect: string | undefined, ...changes: string[]] {
  const { quotas } = comparePolicies(policy([from]), policy([{ ...from, ...more }]))
  const changes = quotas.flatMap((quota) =>
    quota.changes.map(({ what, effect, from: a, to, percent }) =>
      [what, effect, `${a} → ${to}`, percent === undefined ? '' : `${Math.round(percent)} %`].join(' ').trim(),
    ),
  )
  return [quotas[0]?.effect, ...changes]
}

describe('which way a change goes', () => {
  const CHANGES: readonly (readonly [what: string, more: Partial<QuotaRule>, expected: string[]])[] = [
    [
      'a lower limit',
      { limit: { ...P.limit, produceBytes: 4e6 } },
      ['stricter', 'produceBytes stricter 5 MB/s → 4 MB/s -20 %'],
    ],
    [
      'a higher one',
      { limit: { ...P.limit, requests: 150 } },
      ['looser', 'requests looser 100 requests/s → 150 requests/s 50 %'],
    ],
    [
      'both',
      { limit: { produceBytes: 10e6, requests: 50 } },
      ['mixed', 'produceBytes looser 5 MB/s → 10 MB/s 100 %', 'requests stricter 100 requests/s → 50 requests/s -50 %'],
    ],
    [
      'one more dimension',
      { limit: { ...P.limit, inFlight: 5 } },
      ['stricter', 'inFlight stricter unlimited → at most 5 requests'],
    ],
    ['one less', { limit: { produceBytes: 5e6 } }, ['looser', 'requests looser 100 requests/s → unlimited']],
    [
      'a smaller burst',
      { burst: { seconds: 0.5 } },
      ['stricter', 'burst stricter 1 s of the rate → 500 ms of the rate'],
    ],
    ['a burst of another kind', { burst: { amount: 3e6 } }, ['other', 'burst other 1 s of the rate → 3 MB']],
    ['observe', { mode: 'observe' }, ['looser', 'mode looser enforce → observe']],
    ['other buckets', { per: [] }, ['other', 'per other a bucket for each clientId → one bucket for all']],
    [
      'other clients',
      { match: { clientId: ['a'], api: ['Produce', 'Fetch'] } },
      [
        'other',
        'whom other clients checkout-*, except clients checkout-7 → clients a with requests Produce and Fetch, except clients checkout-7',
      ],
    ],
    [
      'another exception',
      { except: [] },
      ['other', 'whom other clients checkout-*, except clients checkout-7 → clients checkout-*'],
    ],
    ['a ramp', { rampInMs: 1000 }, ['other', 'rampIn other undefined → 1000']],
  ]
  for (const [what, more, expected] of CHANGES) test(what, () => assert.deepEqual(change(more), expected))

  test('overrides: new, gone, changed, and one that says what the quota says', () => {
    const overrides: QuotaRule['overrides'] = [
      { match: { clientId: ['checkout-batch'] }, limit: { produceBytes: 10e6 }, burst: { seconds: 2 } },
      { match: { clientId: ['checkout-free'] }, limit: { produceBytes: Number.POSITIVE_INFINITY } },
      { match: { clientId: ['checkout-same'] }, limit: { produceBytes: 5e6 } },
    ]
    const { quotas } = comparePolicies(policy([P]), policy([{ ...P, overrides }]))
    assert.deepEqual(
      quotas[0]?.changes.map(({ whom, what, effect, from, to }) => [whom, what, effect, from, to]),
      [
        ['clients checkout-batch', 'produceBytes', 'stricter', '20 MB/s', '10 MB/s'],
        ['clients checkout-batch', 'burst', 'looser', '1 s of the rate', '2 s of the rate'],
        ['clients checkout-free', 'produceBytes', 'looser', '5 MB/s', 'unlimited'],
        ['clients checkout-same', 'override', 'other', undefined, 'as the quota'],
        ['clients checkout-old', 'produceBytes', 'looser', '1 MB/s', '5 MB/s'],
      ],
    )
  })

  test('a quota that only observes is felt by nobody, until it is enforced', () => {
    const observed: QuotaRule = { ...P, mode: 'observe' }
    assert.equal(change({ limit: { produceBytes: 1 } }, observed)[0], 'other')
    assert.equal(change({ limit: { produceBytes: 5e9 }, mode: 'enforce' }, observed)[0], 'stricter')
    const { quotas, settings } = comparePolicies(policy([P], { mode: 'observe' }), policy([P]))
    assert.deepEqual([quotas[0]?.effect, settings[0]?.effect], ['stricter', 'stricter'])
  })
})

describe('names', () => {
  const kinds = (before: QuotaRule[], after: QuotaRule[]): unknown[] =>
    comparePolicies(policy(before), policy(after)).quotas.map(({ kind, quota, formerly }) => [kind, quota, formerly])

  test('all else equal is a new name', () => {
    assert.deepEqual(kinds([P], [{ ...P, name: 'new' }]), [['renamed', 'new', 'producers']])
  })

  test('the same clients and dimensions are a new name too, with another limit', () => {
    const [difference] = comparePolicies(
      policy([P]),
      policy([{ ...P, name: 'new', limit: { produceBytes: 1, requests: 1 } }]),
    ).quotas
    assert.deepEqual([difference?.kind, difference?.effect], ['renamed', 'stricter'])
  })

  test('what is equal in nothing is gone, and new', () => {
    const other = rule({ fetchBytes: 1 }, { name: 'other' })
    assert.deepEqual(kinds([P], [other]), [
      ['new', 'other', undefined],
      ['gone', 'producers', undefined],
    ])
  })

  test('an exact match is found before a near one, whatever the order', () => {
    const near = { ...P, name: 'near', limit: { produceBytes: 1, requests: 1 } }
    assert.deepEqual(kinds([P], [near, { ...P, name: 'exact' }]), [
      ['new', 'near', undefined],
      ['renamed', 'exact', 'producers'],
    ])
  })
})

test('a policy does not differ from itself, and what is stricter one way is looser the other', () => {
  const perSecond = fc.integer({ min: 1, max: 1e9 })
  const limit = fc.record(
    { produceBytes: perSecond, requests: perSecond, connections: perSecond },
    { requiredKeys: [] },
  )
  const other = { stricter: 'looser', looser: 'stricter', mixed: 'mixed', other: 'other' }
  fc.assert(
    fc.property(limit, limit, (a, b) => {
      const [before, after] = [policy([rule(a)]), policy([rule(b)])]
      assert.ok(isSame(comparePolicies(before, before)))
      const [there, back] = [comparePolicies(before, after), comparePolicies(after, before)]
      assert.equal(there.quotas.length, back.quotas.length)
      if (there.quotas[0] !== undefined) assert.equal(back.quotas[0]?.effect, other[there.quotas[0].effect])
    }),
  )
})

test('the page', (t) => {
  const before = policy([
    P,
    rule({ fetchBytes: 1e6 }, { name: 'old', per: [] }),
    rule({ requests: 2 }, { name: 'a', match: { api: ['Metadata'] } }),
  ])
  const after = policy(
    [
      { ...P, limit: { produceBytes: 4.5e6, requests: 100 }, overrides: P.overrides.slice(0, 1) },
      rule({ requests: 2 }, { name: 'b', match: { api: ['Metadata'] } }),
      rule(
        { connections: 50 },
        { name: 'sockets', match: { software: ['sarama*'], 'labels.team': ['x'] }, mode: 'observe' },
      ),
    ],
    { clients: [{ software: 'java*', holdMs: 1000 }] },
  )
  const difference: PolicyDifference = { ...comparePolicies(before, after), restart: ['listen', 'upstream'] }
  const client = { client: 'checkout-1', before: ['It may 5.', 'It reads.'], after: ['It may 4.5.', 'It reads.'] }
  t.assert.snapshot(differenceText(difference, client, 100).split('\n'))
  assert.equal(
    differenceText(comparePolicies(before, before), { client: 'c', before: ['It may.'], after: ['It may.'] }, 100),
    'no difference\n\nFor client c nothing changes:\n    It may.\n',
  )
})
