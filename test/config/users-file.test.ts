/** The file of users: what hash-password prints is read back, and every fault names its user and shows no entry. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { formatVerifier, parseUsersFile } from '../../src/config/users-file.ts'
import { verifierOf } from '../../src/net/user-verifier.ts'

const KEY_32 = Buffer.alloc(32, 7).toString('base64')

describe('the file of users', () => {
  test('the keys of RFC 7677’s example', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
    const verifier = await verifierOf('SCRAM-SHA-256', 'pencil', salt, 4096)
    assert.equal(
      formatVerifier(verifier),
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    )
  })

  test('what is written is read back, whatever the names', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
          { minLength: 1, maxLength: 5 },
        ),
        (names) => {
          const entry = `SCRAM-SHA-256$4096:c2FsdA==$${KEY_32}:${KEY_32}`
          const users = parseUsersFile(
            stringify(Object.fromEntries(names.map((name) => [name, [entry]])), { lineWidth: 0 }),
          )
          assert.deepEqual(new Set(users.keys()), new Set(names))
          for (const [verifier] of users.values()) assert.equal(formatVerifier(verifier!), entry)
        },
      ),
    )
  })

  const FAULTS: readonly (readonly [string, string, RegExp])[] = [
    ['empty', '{}', /there is no user in it/],
    ['a list', '- alice', /no mapping of names/],
    ['no YAML', 'alice: [', /is no YAML \(line 1, column/],
    ['a password', 'alice: pencil-secret', /user "alice": no entry of the form/],
    ['few iterations', `alice: SCRAM-SHA-256$99:c2FsdA==$${KEY_32}:${KEY_32}`, /99 iterations; 4096 to/],
    ['many iterations', `alice: SCRAM-SHA-256$999999:c2FsdA==$${KEY_32}:${KEY_32}`, /999999 iterations/],
    [
      'keys of another mechanism',
      `alice: SCRAM-SHA-512$4096:c2FsdA==$${KEY_32}:${KEY_32}`,
      /keys of SCRAM-SHA-512 have 64 bytes/,
    ],
  ]
  for (const [what, text, message] of FAULTS) {
    test(`a fault: ${what}`, () => {
      assert.throws(
        () => parseUsersFile(text),
        (error: Error) => {
          assert.match(error.message, message)
          assert.equal(error.message.includes('secret'), false)
          return error instanceof RangeError
        },
      )
    })
  }
})
