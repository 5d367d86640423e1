/** `hash-password`: what it prints, logins are verified by; the password is nowhere in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUsersFile } from '../../src/config/users-file.ts'
import { UserVerifier } from '../../src/net/user-verifier.ts'
import type { VerifyStep } from '../../src/session/client-login.ts'
import { cli, type Outcome } from '../support/cli.ts'
import { SecretFiles } from '../support/secret-files.ts'

function hashPassword(...args: readonly string[]): Promise<Outcome> {
  return cli(['hash-password', ...args])
}

function verify(verifier: UserVerifier, token: string): Promise<VerifyStep> {
  const { promise, resolve } = Promise.withResolvers<VerifyStep>()
  verifier.begin('PLAIN').receive(Buffer.from(token), resolve)
  return promise
}

test('the first line of the file is the password', async (t) => {
  const file = new SecretFiles(t).write('password', 'pencil\r\nsecond line\n')
  const { exitCode, out: text } = await hashPassword('al: ice', '--password-file', file)
  assert.equal(exitCode, 0)
  assert.equal(text.includes('pencil'), false)
  assert.deepEqual(
    [...parseUsersFile(text)].map(([name, entries]) => [name, entries.map(({ mechanism }) => mechanism)]),
    [['al: ice', ['SCRAM-SHA-256', 'SCRAM-SHA-512']]],
  )
  const verifier = new UserVerifier()
  verifier.replace(text)
  assert.equal((await verify(verifier, '\0al: ice\0pencil')).kind, 'accepted')
  assert.equal((await verify(verifier, '\0al: ice\0pencil\r')).kind, 'refused')
})

test('what cannot be a password is told', async (t) => {
  const files = new SecretFiles(t)
  const empty = await hashPassword('alice', '--password-file', files.write('empty', '\n'))
  assert.equal(empty.exitCode, 2)
  assert.match(empty.err, /the password is empty/)
  const missing = await hashPassword('alice', '--password-file', '/none')
  assert.equal(missing.exitCode, 2)
  assert.match(missing.err, /cannot read .*: there is no such file/)
})
