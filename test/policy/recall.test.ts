/** Answers of a policy that are remembered are those that it would give. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { API_KEY } from 'kafka-protocol-codec'
import { RECALL_ANSWERS_MAX, RECALL_MATCHERS_MIN } from '../../src/bounds.ts'
import { type Identity, NOBODY } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { Recall } from '../../src/policy/recall.ts'
import { rule } from '../support/rules.ts'

const FIELDS = ['clientId', 'principal', 'group', 'software', 'softwareVersion', 'sni'] as const

describe('a policy of many quotas', () => {
  const values = ['', 'a', 'b', 'ab', 'aa']
  const quotas: QuotaRule[] = FIELDS.flatMap((field) =>
    values.map((value) =>
      rule(
        { requests: 1, connections: 2, inFlight: 3, newConnections: 4 },
        {
          name: `${field} ${value}`,
          match: { [field]: [value] },
          per: [field],
        },
      ),
    ),
  )
  quotas.push(
    ...['x', 'y'].map((topic) =>
      rule({ produceBytes: 1 }, { name: topic, match: { topic: [topic], clientId: ['a'] } }),
    ),
  )
  quotas.push(rule({ requests: 1, connections: 1 }, { name: 'address', match: { address: ['10.0.0.1'] } }))
  quotas.push(rule({ requests: 1 }, { name: 'addresses', per: ['address'] }))
  quotas.push(...['x', 'y'].map((topic) => rule({ fetchBytes: 1 }, { name: `f ${topic}`, match: { topic: [topic] } })))

  test('says the same to whoever asks, in whatever order, as one that remembers nothing', () => {
    assert.ok(quotas.length >= RECALL_MATCHERS_MIN)
    const policy = new PolicySet(quotas)
    const value = fc.constantFrom(...values)
    const identity = fc.record(Object.fromEntries(FIELDS.map((field) => [field, value])))
    const api = fc.constantFrom(API_KEY.Produce, API_KEY.Fetch, API_KEY.Metadata)
    const everything = (asked: PolicySet, who: Identity, key: number, topic: string): unknown => [
      asked.resolve(who, key),
      asked.resolveInFlight(who, key),
      asked.asksForTopics(who, key),
      asked.resolveTopic(who, key, topic),
      asked.resolveConnection(who),
      asked.resolveConnection(who, true),
    ]
    fc.assert(
      fc.property(identity, api, fc.constantFrom('x', 'y', 'z'), (facts, key, topic) => {
        const who = { ...NOBODY, address: facts['sni'] === '' ? '' : '10.0.0.1', ...facts }
        assert.deepEqual(everything(policy, who, key, topic), everything(new PolicySet(quotas), who, key, topic))
      }),
    )
  })

  test('goes through them once for each client', () => {
    const policy = new PolicySet(quotas)
    const who = { ...NOBODY, clientId: 'a' }
    assert.equal(policy.resolve({ ...who }, API_KEY.Produce), policy.resolve({ ...who }, API_KEY.Produce))
    assert.equal(policy.resolveConnection({ ...who, group: 'g' }), policy.resolveConnection(who))
  })
})

describe('Recall', () => {
  const itemsOf = (answer: readonly number[]): number => answer.length

  test('is bounded by what is in the answers, and keeps nothing of endless names', () => {
    const recall = new Recall()
    const large = new Array<number>(RECALL_ANSWERS_MAX).fill(0)
    let asked = 0
    const get = (clientId: string): number => {
      recall.get('q', { ...NOBODY, clientId }, () => [...large.slice(0, ++asked)], itemsOf)
      return asked
    }
    assert.deepEqual(['a', 'a', 'b', 'a'].map(get), [1, 1, 2, 2])
    assert.deepEqual([get('x'.repeat(5000)), get('x'.repeat(5000))], [3, 4])
    recall.get('q', { ...NOBODY, clientId: 'large' }, () => large, itemsOf)
    assert.equal(get('a'), 5, 'it made room')
  })

  test('other labels are another process', () => {
    const recall = new Recall()
    const get = (labels: Record<string, string>): readonly number[] =>
      recall.get('q', { ...NOBODY, labels }, () => [Number(labels['n'])], itemsOf)
    assert.deepEqual([get({ n: '1' }), get({ n: '2' })], [[1], [2]])
  })
})
