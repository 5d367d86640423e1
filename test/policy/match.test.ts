/** Patterns: what matches, what is refused, and that no value takes long. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compileMatch, compilePattern } from '../../src/policy/match.ts'

describe('compilePattern', () => {
  // [pattern, kind, values that match, values that do not]
  const rows: [string, string, string[], string[]][] = [
    ['checkout-7', 'exact', ['checkout-7'], ['checkout-77', 'Checkout-7', '']],
    ['', 'exact', [''], ['a']],
    ['/', 'exact', ['/'], ['a/']],
    ['checkout-*', 'glob', ['checkout-', 'checkout-7', 'checkout-a-b'], ['checkout', 'x-checkout-7']],
    ['*', 'glob', ['', 'anything', 'a\nb'], []],
    ['*-batch', 'glob', ['a-batch', '-batch-batch'], ['a-batch-1']],
    ['a*b*c', 'glob', ['abc', 'aXbYc', 'abbcc', 'abcbc'], ['ab', 'acb', 'abcd']],
    ['pod-?', 'glob', ['pod-1', 'pod-x'], ['pod-', 'pod-12']],
    ['a.c+', 'exact', ['a.c+'], ['abc']],
    ['/^checkout-\\d+$/', 'regex', ['checkout-12'], ['checkout-', 'a-checkout-1']],
    ['/batch/', 'regex', ['nightly-batch-1'], ['nightly']],
    ['/BATCH/i', 'regex', ['Batch'], ['other']],
    ['/^(checkout|cart)-/', 'regex', ['cart-1'], ['art-1']],
    ['/^(?:ab)+$/', 'regex', ['abab'], ['aba']],
    ['/^[(a+)*]+\\(x+\\)#$/', 'regex', ['a+(xx)#'], ['a']],
    ['/^(?<team>a#b)*$/', 'regex', ['a#ba#b'], ['a#']],
  ]
  for (const [text, kind, yes, no] of rows) {
    test(`${text === '' ? 'the empty pattern' : text} is ${kind}`, () => {
      const pattern = compilePattern(text)
      assert.equal(pattern.kind, kind)
      for (const value of yes) assert.ok(pattern.matches(value), `matches ${JSON.stringify(value)}`)
      for (const value of no) assert.ok(!pattern.matches(value), `does not match ${JSON.stringify(value)}`)
    })
  }

  const refused: [string, RegExp][] = [
    ['/(a+)+$/', /repeats a group that repeats or chooses/],
    ['/^((ab?c)x)*$/', /repeats a group that repeats or chooses/],
    ['/(a|a)*/', /repeats a group that repeats or chooses/],
    ['/(?:a{1,9}){9}/', /repeats a group that repeats or chooses/],
    ['/(a)\\1/', /back reference/],
    ['/(?=a)b/', /looks ahead or behind/],
    ['/(?<!a)b/', /looks ahead or behind/],
    ['/a+b+c+/', /has 3 repeats; at most 2/],
    ['/a/g', /the only flag/],
    ['/(a/', /no regular expression/],
    ['/abc', /must end with \//],
    ['a'.repeat(513), /513 characters; at most 512/],
  ]
  for (const [text, message] of refused) {
    test(`${text.slice(0, 20)} is refused with a reason`, () => {
      assert.throws(
        () => compilePattern(text),
        (error) => error instanceof RangeError && message.test(error.message),
      )
    })
  }

  test('a regular expression sees the beginning of a value only', () => {
    const pattern = compilePattern('/x/')
    assert.ok(pattern.matches(`${'a'.repeat(255)}x`))
    assert.ok(!pattern.matches(`${'a'.repeat(256)}x`))
  })

  test('globs match as their regular expressions would, in any combination', () => {
    const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 12 })
    fc.assert(
      fc.property(anyText, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 20 }), (glob, value) => {
        const regex = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'u')
        assert.equal(compilePattern(glob).matches(value), regex.test(value))
      }),
      { numRuns: 1000 },
    )
  })

  test('a glob of stars on the longest client id is a matter of steps, not of powers', () => {
    assert.ok(!compilePattern(`${'*a'.repeat(100)}*b`).matches('a'.repeat(32_767)))
  })
})

describe('compileMatch', () => {
  const facts = { clientId: 'checkout-7', principal: 'alice', software: 'sarama', api: 'Fetch' }

  test('any pattern of a field, every field, and says which', () => {
    const matcher = compileMatch({ clientId: ['cart-*', 'checkout-*'], principal: ['alice'] })
    assert.equal(matcher.explain(facts), 'clientId "checkout-*", principal "alice"')
    assert.equal(matcher.explain({ ...facts, principal: 'bob' }), undefined)
    assert.equal(compileMatch({}).explain(facts), '')
  })

  test('more fields are more specific, then exact over glob over regex, then more letters', () => {
    const order = [
      compileMatch({ clientId: ['*'], api: ['*'] }),
      compileMatch({ clientId: ['checkout-7'] }),
      compileMatch({ clientId: ['checkout-*'] }),
      compileMatch({ clientId: ['check*'] }),
      compileMatch({ clientId: ['checkout-7', 'c*'] }), // as weak as its weakest
      compileMatch({ clientId: ['/checkout/'] }),
      compileMatch({}),
    ].map((matcher) => matcher.specificity)
    assert.deepEqual(
      order,
      order.toSorted((a, b) => b - a),
    )
    assert.equal(new Set(order).size, order.length)
  })
})
