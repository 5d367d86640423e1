// A change of the policy as the log has it: a line for each quota, and no more work or text than a log line deserves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyChange } from '../../src/explain/audit-words.ts'
import type { Policy } from '../../src/explain/policy-document.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { rule } from '../support/rules.ts'

function policy(quotas: readonly QuotaRule[], more: Partial<Policy> = {}): Policy {
  return { mode: 'enforce', clients: [], quotas, ...more }
}

test('what is new, gone, renamed, stricter and looser', () => {
  const before = policy([
    rule({ produceBytes: 5e6 }, { name: 'producers' }),
    rule({ fetchBytes: 5e6 }, { name: 'consumers' }),
    rule({ requests: 10 }, { name: 'gone' }),
    rule({ commits: 10 }, { name: 'before' }),
  ])
  const after = policy(
    [
      rule({ produceBytes: 4e6 }, { name: 'producers' }),
      rule({ fetchBytes: 1e7 }, { name: 'consumers' }),
      rule({ connections: 3 }, { name: 'fresh', per: ['address'] }),
      rule({ commits: 10 }, { name: 'after' }),
    ],
    { mode: 'observe' },
  )
  assert.deepEqual(policyChange(before, { ...after, mode: 'enforce' }), {
    added: ['fresh (every client): connections at most 3 connections, per a bucket for each address'],
    removed: ['gone (every client): requests 10 requests/s, per a bucket for each clientId'],
    changed: [
      'producers (every client): stricter; produceBytes 5 MB/s → 4 MB/s (−20 %)',
      'consumers (every client): looser; fetchBytes 5 MB/s → 10 MB/s (+100 %)',
      'after (every client): was before',
    ],
  })
  assert.ok(policyChange(before, after).changed.includes('mode enforce → observe'))
  assert.deepEqual(policyChange(before, before), { added: [], removed: [], changed: [] })
})

test('many quotas are named only, in no more lines than can be read', () => {
  const many = (prefix: string, limit: number): Policy =>
    policy(Array.from({ length: 1_000 }, (_, i) => rule({ requests: limit + i }, { name: `${prefix}-${i}` })))
  const { added, removed, changed } = policyChange(many('old', 1), many('new', 1))
  assert.equal(added.length, 51)
  assert.deepEqual([added[0], added.at(-1)], ['new-0', 'and 950 more'])
  assert.deepEqual([removed[0], removed.at(-1)], ['old-0', 'and 950 more'])
  assert.deepEqual(changed, [])
  assert.equal(policyChange(many('same', 1), many('same', 2)).changed.at(-1), 'and 950 more')
})
