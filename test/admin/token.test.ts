/** The token of the admin pages: what one is, and how it comes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isToken, parseAdminToken } from '../../src/admin/token.ts'

test('the token comes as a bearer, or as a password', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  const cases: readonly (readonly [string | undefined, string | undefined, boolean])[] = [
    ['Bearer abc', 'abc', true],
    ['bearer  abc', 'abc', true],
    ['Bearer abd', 'abc', false],
    ['Bearer abcd', 'abc', false],
    ['Basic abc', 'abc', false],
    [basic('anybody:abc'), 'abc', true],
    [basic(':abc'), 'abc', true],
    [basic('abc:'), 'abc', false],
    [basic('a:ab:c'), 'ab:c', true],
    [basic(':'), '', false],
    ['Bearer ', '', false],
    [undefined, 'abc', false],
    ['Bearer abc', undefined, false],
    ['Bearer undefined', undefined, false],
  ]
  for (const [authorization, token, isRight] of cases) {
    assert.equal(isToken(authorization, token), isRight, `${authorization} for ${token}`)
  }
})

const TOKEN = 'c2x1aWNlLXRva2VuLTMy'

test('a file has one with whatever an editor puts around it', () => {
  for (const written of [TOKEN, `${TOKEN}\n`, `\ufeff${TOKEN}\r\n`, `  ${TOKEN}\n\n`]) {
    assert.equal(parseAdminToken(written), TOKEN)
  }
})

test('what nobody could send, or anybody could guess, is none; and is not repeated', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`${TOKEN}\n${TOKEN}`, /one line of ASCII characters without spaces/],
    [`${TOKEN} ${TOKEN}`, /one line/],
    [`${TOKEN}ß`, /one line/],
    ['short', /has 5 characters; 16 at least, as of: head -c 24/],
    ['x'.repeat(5_000), /has 5000 characters/],
    ['', /has 0 characters/],
  ]
  for (const [written, message] of cases) {
    assert.throws(
      () => parseAdminToken(written),
      (error: Error) => error instanceof RangeError && message.test(error.message) && !error.message.includes(TOKEN),
    )
  }
})
