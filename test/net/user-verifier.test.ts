/** Logins that are verified here: nothing tells who is in the file and who is not, and nobody keeps others waiting. */
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, test } from 'node:test'
import { formatVerifier } from '../../src/config/users-file.ts'
import { saslLogin } from '../../src/net/sasl-login.ts'
import { UserVerifier, verifierOf } from '../../src/net/user-verifier.ts'
import type { Verification, VerifyStep } from '../../src/session/client-login.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (written: string): Uint8Array => Buffer.from(written)

/** A file of alice, whose entries are other ones than hash-password makes, and more users behind her. */
async function usersText(...more: readonly string[]): Promise<string> {
  const salt = Buffer.alloc(20, 7)
  const alice = [
    await verifierOf('SCRAM-SHA-256', 'pencil', salt, 5000),
    await verifierOf('SCRAM-SHA-512', 'pencil', salt, 6000),
  ]
  const others = await Promise.all(
    more.map(async (name) => [name, formatVerifier(await verifierOf('SCRAM-SHA-512', name, salt, 6000))] as const),
  )
  return JSON.stringify({ alice: alice.map(formatVerifier), ...Object.fromEntries(others) })
}

function verifierWith(users: string): UserVerifier {
  const verifier = new UserVerifier()
  verifier.replace(users)
  return verifier
}

function told(verification: Verification, token: string): Promise<VerifyStep> {
  return new Promise((resolve) => verification.receive(bytes(token), resolve))
}

async function challenge(verifier: UserVerifier, mechanism: string, user: string): Promise<string> {
  const step = await told(verifier.begin(mechanism), `n,,n=${user},r=abc`)
  assert.equal(step.kind, 'challenge')
  return 'token' in step ? text(step.token) : ''
}

const saltAndCount = (message: string): string => message.slice(message.indexOf(',s='))

describe('who is unknown', () => {
  test('is asked for as much, with a salt as long, as somebody who is known', async () => {
    const verifier = verifierWith(await usersText())
    for (const [mechanism, count] of [
      ['SCRAM-SHA-256', '5000'],
      ['SCRAM-SHA-512', '6000'],
    ] as const) {
      const [known, unknown] = await Promise.all(
        ['alice', 'nobody'].map((user) => challenge(verifier, mechanism, user)),
      )
      assert.match(unknown ?? '', new RegExp(`,i=${count}$`))
      assert.equal(saltAndCount(unknown ?? '').length, saltAndCount(known ?? '').length)
      assert.notEqual(saltAndCount(unknown ?? ''), saltAndCount(known ?? ''))
    }
  })

  test('has the same salt each time: again, in another process, and when a user has been appended; another name has another', async () => {
    const [before, after] = [await usersText(), await usersText('bob')]
    const ask = async (users: string, user: string): Promise<string> =>
      saltAndCount(await challenge(verifierWith(users), 'SCRAM-SHA-512', user))
    const first = await ask(before, 'nobody')
    assert.equal(await ask(before, 'nobody'), first)
    assert.equal(await ask(after, 'nobody'), first)
    assert.notEqual(await ask(before, 'somebody'), first)
  })

  test('is refused in the same words, by every mechanism', async () => {
    const verifier = verifierWith(await usersText())
    const plain = await Promise.all(
      ['\0alice\0wrong', '\0nobody\0wrong'].map((token) => told(verifier.begin('PLAIN'), token)),
    )
    assert.deepEqual(plain[0], plain[1])
    const scram = await Promise.all(['alice', 'nobody'].map((user) => scramLogin(verifier, user, 'wrong')))
    assert.equal(scram[0]?.kind, 'refused')
    assert.deepEqual(scram[0], scram[1])
  })
})

/** A whole login by our own client's side. @param change of its last message */
async function scramLogin(
  verifier: UserVerifier,
  user: string,
  password: string,
  change: (last: string) => string = (last) => last,
): Promise<VerifyStep> {
  const client = saslLogin({ mechanism: 'SCRAM-SHA-256', user, password }, 'nonce')
  const verification = verifier.begin('SCRAM-SHA-256')
  const first = client.start()
  assert.equal(first.kind, 'send')
  const answer = await told(verification, text((first as { token: Uint8Array }).token))
  assert.equal(answer.kind, 'challenge')
  const asked = client.receive((answer as { token: Uint8Array }).token)
  assert.equal(asked.kind, 'derive')
  const { derivation } = asked as Extract<typeof asked, { kind: 'derive' }>
  const salted = pbkdf2Sync(password, derivation.salt, derivation.iterations, derivation.keyBytes, derivation.digest)
  const last = client.derived(salted)
  return told(verification, change(text((last as { token: Uint8Array }).token)))
}

describe('SCRAM', () => {
  test('the right password is taken', async () => {
    const step = await scramLogin(verifierWith(await usersText()), 'alice', 'pencil')
    assert.equal(step.kind, 'accepted')
  })

  test('a message that is changed on its way is refused: channel binding, nonce, proof', async () => {
    const verifier = verifierWith(await usersText())
    const header = (written: string): string => `c=${Buffer.from(written).toString('base64')}`
    const changes: readonly ((last: string) => string)[] = [
      (last) => last.replace(/^c=[^,]+/u, header('y,,')),
      (last) => last.replace(/^c=[^,]+/u, header('n,a=root,')),
      (last) => last.replace(/,r=nonce/u, ',r=Nonce'),
      (last) => last.replace(/,p=./u, ',p=!'),
      () => '',
    ]
    for (const change of changes) assert.equal((await scramLogin(verifier, 'alice', 'pencil', change)).kind, 'refused')
  })

  test('librdkafka before 2.6.1 says its part of the nonce twice, and signs that; more than this is refused', async () => {
    const verifier = verifierWith(await usersText())
    for (const [before, kind] of [
      ['', 'accepted'],
      ['abc', 'accepted'],
      ['abcabc', 'refused'],
      ['x', 'refused'],
    ] as const) {
      const verification = verifier.begin('SCRAM-SHA-256')
      const answer = await told(verification, 'n,,n=alice,r=abc')
      const asked = text((answer as { token: Uint8Array }).token)
      const [, nonce, salt = '', iterations] = /^r=(.+),s=(.+),i=(\d+)$/u.exec(asked)!
      const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
      const hmac = (key: Uint8Array, said: string): Buffer => createHmac('sha256', key).update(said).digest()
      const clientKey = hmac(salted, 'Client Key')
      const last = `c=biws,r=${before}${nonce}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), `n=alice,r=abc,${asked},${last}`)
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
      assert.equal((await told(verification, `${last},p=${proof}`)).kind, kind, before)
    }
  })

  test('what we do not speak is refused: channel binding, another identity, extensions that must be known, a name that is empty', async () => {
    const verifier = verifierWith(await usersText())
    for (const first of [
      'p=tls-unique,,n=alice,r=abc',
      'n,a=root,n=alice,r=abc',
      'n,,n=,r=abc',
      'n,,m=x,n=alice,r=abc',
      'n,,n=alice,r=',
    ])
      assert.equal((await told(verifier.begin('SCRAM-SHA-256'), first)).kind, 'refused', first)
  })

  test('every login has a nonce of its own that goes on from the client’s', async () => {
    const verifier = verifierWith(await usersText())
    const nonces = await Promise.all([1, 2, 3].map(() => challenge(verifier, 'SCRAM-SHA-256', 'alice')))
    assert.equal(new Set(nonces).size, 3)
    for (const nonce of nonces) assert.match(nonce, /^r=abc[\w-]{32},/)
  })
})

test('who sends a password and leaves keeps nobody waiting', async () => {
  const verifier = verifierWith(await usersText())
  const hasty = Array.from({ length: 2_000 }, () => verifier.begin('PLAIN'))
  const heard: VerifyStep[] = []
  for (const verification of hasty) {
    verification.receive(bytes('\0alice\0guess'), (step) => heard.push(step))
    verification.abandon()
  }
  assert.equal((await told(verifier.begin('PLAIN'), '\0alice\0pencil')).kind, 'accepted')
  // Two had begun; 2,000 at some milliseconds each would be refused one after the other.
  assert.ok(heard.length <= 2, `${heard.length} were gone on with`)
})
