// Small words: names that clients choose cannot play tricks on a terminal, keys are read as they were written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RATE_MAX_PER_SECOND } from '../../src/bounds.ts'
import {
  amountWords,
  cut,
  fieldWords,
  keyFields,
  limitWords,
  listWords,
  overrideWords,
  rampWords,
  shown,
  wrapped,
} from '../../src/explain/words.ts'
import { NOBODY } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import { rule } from '../support/rules.ts'

test('amounts and limits have the unit of their dimension', () => {
  assert.equal(limitWords('produceBytes', 5e6), '5 MB/s')
  assert.equal(limitWords('requests', 1000), '1,000 requests/s')
  assert.equal(limitWords('fetchRecords', 2.5e6), '2.5 M records/s')
  assert.equal(limitWords('mutations', 1), '1 partition/s')
  assert.equal(limitWords('requests', 0.5), '30 requests/min')
  assert.equal(limitWords('requests', 1 / 3600), '1 request/h')
  assert.equal(limitWords('produceBytes', 0.5), '0.5 B/s')
  assert.equal(rampWords('requests', RATE_MAX_PER_SECOND), 'no limit')
  assert.equal(limitWords('connections', 50), 'at most 50 connections')
  assert.equal(limitWords('inFlight', 1), 'at most 1 request')
  assert.equal(limitWords('joins', Number.POSITIVE_INFINITY), 'unlimited')
  assert.equal(amountWords('commits', 0.125), '0.125 commits')
})

test('lists', () => {
  assert.equal(listWords([]), '')
  assert.equal(listWords(['a']), 'a')
  assert.equal(listWords(['a', 'b', 'c']), 'a, b and c')
  assert.equal(cut('abcdef', 4), 'abc…')
  assert.equal(cut('abcd', 4), 'abcd')
})

test('names of plain characters are shown as they are, all others quoted and escaped', () => {
  for (const name of ['checkout-7', 'team/app_1.x', 'größe', '日本']) assert.equal(shown(name), name)
  assert.equal(shown('two words'), '"two words"')
  assert.equal(shown('\u001b[31mred\n'), '"\\u001b[31mred\\n"')
  assert.equal(shown('\u0085\u202e\u2028'), '"\\u{85}\\u{202e}\\u{2028}"')
})

test('no name brings a control character, or one that turns text around', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.doesNotMatch(shown(name), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('the fields of a bucket key are read as they were written', () => {
  const value = fc.string({ unit: 'binary', maxLength: 40 })
  fc.assert(
    fc.property(value, value, fc.boolean(), (clientId, principal, both) => {
      const per = both ? (['clientId', 'principal'] as const) : (['clientId'] as const)
      const [bucket] = new PolicySet([rule({ requests: 1 }, { per })]).resolve({ ...NOBODY, clientId, principal }, 3)
      const expected = both
        ? [
            ['clientId', clientId],
            ['principal', principal],
          ]
        : [['clientId', clientId]]
      assert.deepEqual(keyFields(bucket!.key), expected)
    }),
  )
  assert.deepEqual(keyFields(''), [])
  assert.equal(keyFields('{"clientId":["a"]}'), undefined)
  assert.equal(keyFields('clientId(5)=ab…12345678'), undefined)
  assert.equal(
    fieldWords([
      ['clientId', ''],
      ['api', 'Metadata'],
    ]),
    'clientId "" and api Metadata',
  )
})

test('the key of an override says in words what it matches', () => {
  const keyOf = (...of: Parameters<typeof rule>): string =>
    new PolicySet([rule(...of)]).resolve({ ...NOBODY, clientId: 'a}', principal: 'p\u009b' }, 3)[0]!.key
  const limit = { requests: 1 }
  const match = { clientId: ['a*', 'b'], principal: ['p\u009b'] }
  for (const [override, words] of [
    [{ match, limit, per: [] }, 'override clientId "a*" or "b" and principal "p\\u{9b}"'],
    [{ match, limit, per: ['clientId'] }, 'override clientId "a*" or "b" and principal "p\\u{9b}": clientId "a}"'],
    [{ match, except: [{ clientId: ['ab'] }], limit, per: [] }, /^override clientId .* with exceptions$/],
  ] as const) {
    const said = overrideWords(keyOf(limit, { per: ['clientId'], overrides: [override] }))
    if (typeof words === 'string') assert.equal(said, words)
    else assert.match(said!, words)
  }
  for (const key of ['', 'clientId=a', '{"clientId":["a…12345678', '{"clientId":["a"]} no key', '["a"'])
    assert.equal(overrideWords(key), undefined, key)
})

test('lines break between words, never between a number and its unit', () => {
  assert.equal(wrapped('send 5 MB/s in bursts', 8, '  '), '  send\n  5 MB/s\n  in\n  bursts')
  assert.equal(wrapped('of 1,000 requests/s', 6), 'of\n1,000 requests/s')
  assert.equal(wrapped('', 10, '  '), '  ')
})
