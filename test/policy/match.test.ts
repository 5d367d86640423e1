/** Patterns: what matches, what is refused, and that no value takes long. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { PATTERN_CHARS_MAX } from '../../src/bounds.ts'
import { compileMatch, compilePattern, exactPattern, type Facts } from '../../src/policy/match.ts'
import type { MatchField } from '../../src/policy/quota-rule.ts'

describe('compilePattern', () => {
  // [pattern, kind, values that match, values that do not]
  const rows: [string, string, string[], string[]][] = [
    ['checkout-7', 'exact', ['checkout-7'], ['checkout-77', 'Checkout-7', '']],
    ['', 'exact', [''], ['a']],
    ['/^ab$/', 'regex', ['ab'], ['b', 'xab', 'abx']],
    ['/', 'exact', ['/'], ['a/']],
    ['checkout-*', 'glob', ['checkout-', 'checkout-7', 'checkout-a-b'], ['checkout', 'x-checkout-7']],
    ['*', 'glob', ['', 'anything', 'a\nb'], []],
    ['*-batch', 'glob', ['a-batch', '-batch-batch'], ['a-batch-1']],
    ['a*b*c', 'glob', ['abc', 'aXbYc', 'abbcc', 'abcbc'], ['ab', 'acb', 'abcd']],
    ['pod-?', 'glob', ['pod-1', 'pod-x'], ['pod-', 'pod-12']],
    ['a.c+', 'exact', ['a.c+'], ['abc']],
    ['\\*', 'exact', ['*'], ['', 'a', '\\*']],
    ['a\\?', 'exact', ['a?'], ['ab', 'a\\?']],
    ['\\/x/', 'exact', ['/x/'], ['x', '\\/x/']],
    ['a\\\\*', 'glob', ['a\\', 'a\\b'], ['a', 'a*']],
    ['\\*-*', 'glob', ['*-', '*-a'], ['a-a', '\\*-a']],
    ['domain\\user', 'exact', ['domain\\user'], ['domainuser']],
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
    ['/((ab?c)x)*$/', /repeats a group that repeats or chooses/],
    ['/((ab)+c)*/', /repeats a group that repeats or chooses/],
    ['/x(a(b|c)d)*(e)/', /repeats a group that repeats or chooses/],
    ['/(a)(b(c)+)*/', /repeats a group that repeats or chooses/],
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

  test('exactPattern names any value and no other, and is as specific as a plain name', () => {
    const hostile = fc.array(fc.constantFrom('*', '?', '/', '\\', 'a', 'i', '\u{1F600}'), { maxLength: 8 })
    const value = fc.oneof(
      hostile.map((letters) => letters.join('')),
      fc.string(),
    )
    fc.assert(
      fc.property(value, value, (name, other) => {
        const pattern = compilePattern(exactPattern(name))
        assert.equal(pattern.kind, 'exact')
        assert.equal(pattern.literalChars, name.length)
        assert.ok(pattern.matches(name))
        assert.equal(pattern.matches(other), other === name)
      }),
    )
  })

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
  const facts =
    (values: Partial<Record<MatchField, string>>): Facts =>
    (field) =>
      values[field] ?? ''
  const alice = { clientId: 'checkout-7', principal: 'alice', 'labels.app': 'shop' } as const

  test('any pattern of a field, every field, and says which', () => {
    const matcher = compileMatch({ clientId: ['cart-*', 'checkout-*'], principal: ['alice'], 'labels.app': ['shop'] })
    assert.deepEqual(matcher.explain(facts(alice)), {
      matched: true,
      why: 'clientId "checkout-*", principal "alice", labels.app "shop"',
    })
    assert.ok(matcher.matches(facts(alice)))
    const bob = facts({ ...alice, principal: 'bob' })
    assert.deepEqual(matcher.explain(bob), { matched: false, why: 'principal is "bob", not "alice"' })
    assert.ok(!matcher.matches(bob))
    assert.ok(matcher.matches(bob, 'principal'), 'a field can be left out of account')
    assert.deepEqual(compileMatch({}).explain(facts({})), { matched: true, why: 'matches everything' })
    assert.match(
      compileMatch({ group: ['g', 'h'] }).explain(facts({})).why,
      /group is not known or empty, not "g" or "h"/,
    )
  })

  test('an exception matches as a whole, and says which', () => {
    const matcher = compileMatch({ clientId: ['checkout-*'] }, [
      { principal: ['alice'], 'labels.app': ['s*'] },
      { topic: ['t'] },
    ])
    assert.deepEqual(matcher.explain(facts(alice)), {
      matched: false,
      why: 'excepted: principal "alice", labels.app "s*"',
    })
    assert.ok(!matcher.matches(facts(alice)))
    assert.ok(matcher.matches(facts({ ...alice, 'labels.app': 'x' })))
    assert.ok(!matcher.matches(facts({ clientId: 'checkout-1', topic: 't' })))
    assert.ok(matcher.matches(facts({ clientId: 'checkout-1', topic: 't' }), 'topic'), 'while the topic is not known')
    assert.deepEqual([matcher.asks('topic'), matcher.asks('clientId'), matcher.asks('group')], [true, true, false])
  })

  test('addresses match by network', () => {
    const rows: [string, string[], string[]][] = [
      ['10.1.2.3', ['10.1.2.3', '::ffff:10.1.2.3'], ['10.1.2.4', '', 'x', '::10.1.2.3']],
      ['10.0.0.0/8', ['10.255.0.1', '::ffff:10.0.0.1'], ['11.0.0.1']],
      ['10.1.2.3', [], ['10.1.2.2', '10.1.3.3', '10.2.2.3']],
      ['10.1.2.0/24', ['10.1.2.255'], ['10.1.3.0', '10.1.1.255']],
      ['2001:db8::5:6', ['2001:db8:0:0:0:0:5:6'], ['2001:db8:0:0:0:5:0:6', '2001:db8::6', '2001:db8::5:7']],
      ['1:2:3:4::6:7:8', ['1:2:3:4:0:6:7:8'], ['1:2:3:4:5:6:7:8', '1:2:3:4:6:7:8']],
      ['::', ['0::0'], ['::g', 'g::', '12345::', '0:0:0:0::0:0:0:0', '::0:0:0:0:0:0:0:0', 'z', '1.2.3.4.5']],
      ['0.0.0.0/0', ['1.2.3.4'], ['::1', 'fd00::1']],
      ['192.168.4.0/22', ['192.168.7.255'], ['192.168.8.0']],
      ['fd00::/8', ['fd12:3456::1', 'FD00::'], ['fe00::1', '10.0.0.1']],
      ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::2']],
      ['2001:db8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::1']],
      ['::/0', ['::1', '10.0.0.1'], ['', 'a::b::c', '1:2:3', '1:2:3:4:5:6:7:8:9', '999.1.1.1']],
    ]
    for (const [pattern, yes, no] of rows) {
      const matcher = compileMatch({ address: [pattern] })
      for (const address of yes) assert.ok(matcher.matches(facts({ address })), `${pattern} ${address}`)
      for (const address of no) assert.ok(!matcher.matches(facts({ address })), `${pattern} not ${address}`)
    }
    for (const bad of [
      '10.0.0',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/x',
      'fd00::/129',
      'host',
      '10.0.0.0/8/8',
      '10.0.0.256',
      'g::1',
      '1::g',
      '1:2:3:4::5:6:7:8',
      '/8',
    ]) {
      assert.throws(() => compileMatch({ address: [bad] }), RangeError, bad)
    }
    const [network, address] = [compileMatch({ address: ['10.0.0.0/8'] }), compileMatch({ address: ['10.0.0.1'] })]
    assert.ok(address.specificity > network.specificity)
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
    const [exact, glob, star, regex] = [['a'], ['abcdef*'], ['*'], ['/a/']].map(
      (clientId) => compileMatch({ clientId }).specificity,
    )
    assert.ok(exact! > glob! && glob! > star! && star! > regex!, 'the kind counts before the letters')
  })
})

describe('what is a pattern', () => {
  test('a lone slash is itself, one at the beginning begins a regular expression', () => {
    assert.ok(compilePattern('/').matches('/') && !compilePattern('/').matches('//'))
    assert.throws(() => compilePattern('/a'), /must end with \/: \/a\/$/)
    assert.throws(() => compilePattern('/abc'), /must end with \/: \/abc\/$/)
  })

  test('the longest one is allowed', () => {
    const longest = 'x'.repeat(PATTERN_CHARS_MAX)
    assert.ok(compilePattern(longest).matches(longest))
    assert.throws(() => compilePattern(`${longest}x`), RangeError)
  })
})
