// A policy that goes over HTTP as JSON comes back as it was.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Policy, policyDocument, policyOf } from '../../src/explain/policy-document.ts'
import { rule } from '../support/rules.ts'

test('limits that are lifted survive JSON, names that read like it too', () => {
  const policy: Policy = {
    mode: 'observe',
    quotas: [
      rule(
        { produceBytes: 5, requests: 1 },
        {
          name: 'unlimited',
          match: { clientId: ['unlimited'] },
          overrides: [
            { match: { clientId: ['unlimited'] }, limit: { produceBytes: Number.POSITIVE_INFINITY, requests: 2 } },
          ],
          schedule: [{ during: '* * * * *', timeZone: 'UTC', limit: { produceBytes: Number.POSITIVE_INFINITY } }],
        },
      ),
    ],
    clients: [{ software: 'unlimited', holdMs: 1000 }],
  }
  const upstream = {
    bootstrap: [
      { host: 'kafka', port: 9092 },
      { host: '::1', port: 1 },
    ],
  }
  const document = policyDocument({ ...policy, upstream }, [])
  assert.deepEqual(policyOf(JSON.parse(JSON.stringify(document)).policy), policy)
  assert.deepEqual(policyOf(document.inForce).quotas, [])
  assert.deepEqual(document.upstream, ['kafka:9092', '[::1]:1'])
})
