/** The client's side of SASL, without a socket: RFC 7677's example, a server that checks as RFC 5802 says, and servers that cheat. */
import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { saslUser } from 'kafka-protocol-codec'
import {
  type KeyDerivation,
  SaslError,
  type SaslMechanism,
  type SaslStep,
  saslLogin,
} from '../../src/net/sasl-login.ts'

const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ=='
const NONCE = 'rOprNGfwEbeRWgbNEkqO'

function sent(step: SaslStep): string {
  assert.equal(step.kind, 'send')
  return new TextDecoder().decode((step as { token: Uint8Array }).token)
}

function derive(step: SaslStep): Uint8Array {
  assert.equal(step.kind, 'derive')
  const { password, salt, iterations, keyBytes, digest } = (step as { derivation: KeyDerivation }).derivation
  return pbkdf2Sync(password, salt, iterations, keyBytes, digest)
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** A server by the book: it knows StoredKey and ServerKey, not the password (RFC 5802 §3). */
class ScramServer {
  readonly #digest: string
  readonly #storedKey: Buffer
  readonly #serverKey: Buffer
  #messages: string[] = []

  constructor(digest: 'sha256' | 'sha512', password: string) {
    const salted = pbkdf2Sync(password, Buffer.from(SALT, 'base64'), 4096, digest === 'sha256' ? 32 : 64, digest)
    this.#digest = digest
    this.#storedKey = createHash(digest).update(this.#hmac(salted, 'Client Key')).digest()
    this.#serverKey = this.#hmac(salted, 'Server Key')
  }

  first(clientFirst: string): Uint8Array {
    const bare = clientFirst.slice('n,,'.length)
    const answer = `r=${bare.split(',r=')[1]}server,s=${SALT},i=4096`
    this.#messages = [bare, answer]
    return bytes(answer)
  }

  final(clientFinal: string): Uint8Array {
    const [withoutProof = '', proof = ''] = clientFinal.split(',p=')
    const signed = [...this.#messages, withoutProof].join(',')
    const signature = this.#hmac(this.#storedKey, signed)
    const clientKey = Buffer.from(proof, 'base64').map((byte, i) => byte ^ signature[i]!)
    const isProven = timingSafeEqual(createHash(this.#digest).update(clientKey).digest(), this.#storedKey)
    if (!isProven) return bytes('e=invalid-proof')
    return bytes(`v=${this.#hmac(this.#serverKey, signed).toString('base64')}`)
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#digest, key).update(text).digest()
  }
}

describe('SCRAM', () => {
  // RFC 5802's own example is of SHA-1, which Kafka does not have.
  test('the example of RFC 7677 §3, message by message', () => {
    const login = saslLogin({ mechanism: 'SCRAM-SHA-256', user: 'user', password: 'pencil' }, NONCE)
    assert.equal(sent(login.start()), `n,,n=user,r=${NONCE}`)
    const nonce = `${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`
    const challenge = login.receive(bytes(`r=${nonce},s=${SALT},i=4096`))
    assert.equal(
      sent(login.derived(derive(challenge))),
      `c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    )
    const end = login.receive(bytes('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))
    assert.deepEqual(end, { kind: 'done' })
  })

  const mechanisms: [SaslMechanism, 'sha256' | 'sha512'][] = [
    ['SCRAM-SHA-256', 'sha256'],
    ['SCRAM-SHA-512', 'sha512'],
  ]
  for (const [mechanism, digest] of mechanisms) {
    test(`${mechanism}: any user and password convince a server that knows them, and only such a one`, () => {
      const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
      fc.assert(
        fc.property(word, word, word, (user, password, other) => {
          const login = saslLogin({ mechanism, user, password }, NONCE)
          const server = new ScramServer(digest, password)
          const first = sent(login.start())
          assert.equal(saslUser(mechanism, bytes(first)), user)
          const final = sent(login.derived(derive(login.receive(server.first(first)))))
          assert.deepEqual(login.receive(server.final(final)), { kind: 'done' })

          if (other === password) return
          const wrong = saslLogin({ mechanism, user, password: other }, NONCE)
          const proof = sent(wrong.derived(derive(wrong.receive(server.first(sent(wrong.start()))))))
          assert.throws(() => wrong.receive(server.final(proof)), /refuses the login: invalid-proof/)
        }),
        { numRuns: 20 },
      )
    })
  }

  const cheats: [string, string, RegExp][] = [
    ['no SCRAM at all', 'hello', /cannot be read/],
    ['an unknown extension in front', `m=x,r=${NONCE}a,s=${SALT},i=4096`, /cannot be read/],
    ['an error', 'e=unknown-user', /refuses the login: unknown-user/],
    ["another's nonce", `r=other,s=${SALT},i=4096`, /does not go on from ours/],
    ['our nonce alone', `r=${NONCE},s=${SALT},i=4096`, /does not go on from ours/],
    ['few iterations', `r=${NONCE}a,s=${SALT},i=4095`, /4095 SCRAM iterations/],
    ['iterations to burn our CPU', `r=${NONCE}a,s=${SALT},i=900000000`, /900000000 SCRAM iterations/],
    ['more than a message', 'r='.padEnd(10_000, 'x'), /10000 bytes is no SCRAM message/],
  ]
  for (const [what, challenge, message] of cheats) {
    test(`a server that sends ${what} is refused`, () => {
      const login = saslLogin({ mechanism: 'SCRAM-SHA-256', user: 'u', password: 'p' }, NONCE)
      login.start()
      assert.throws(
        () => login.receive(bytes(challenge)),
        (error) => error instanceof SaslError && message.test(error.message),
      )
    })
  }

  test('a server that does not know the password is refused, however it ends', () => {
    const endings: [string, RegExp][] = [
      ['v=', /cannot be read/],
      ['v=AAAA', /does not know the password/],
      [`v=${Buffer.alloc(32).toString('base64')}`, /does not know the password/],
      ['', /cannot be read/],
    ]
    for (const [ending, message] of endings) {
      const login = saslLogin({ mechanism: 'SCRAM-SHA-256', user: 'u', password: 'p' }, NONCE)
      login.start()
      login.derived(derive(login.receive(bytes(`r=${NONCE}a,s=${SALT},i=4096`))))
      assert.throws(() => login.receive(bytes(ending)), message)
    }
  })

  test('nothing is taken after the end', () => {
    const login = saslLogin({ mechanism: 'SCRAM-SHA-512', user: 'u', password: 'p' }, NONCE)
    const server = new ScramServer('sha512', 'p')
    const final = sent(login.derived(derive(login.receive(server.first(sent(login.start()))))))
    const ending = server.final(final)
    login.receive(ending)
    assert.throws(() => login.receive(ending), /goes on where SCRAM ends/)
  })
})

describe('PLAIN', () => {
  test('one token, one empty answer', () => {
    const login = saslLogin({ mechanism: 'PLAIN', user: 'tim', password: 'tanstaaftanstaaf' }, '')
    assert.equal(sent(login.start()), '\0tim\0tanstaaftanstaaf') // RFC 4616 §4
    assert.deepEqual(login.receive(new Uint8Array(0)), { kind: 'done' })
  })

  test('a broker that goes on, and names that cannot be written, are refused', () => {
    const login = saslLogin({ mechanism: 'PLAIN', user: 'tim', password: 'p' }, '')
    login.start()
    assert.throws(() => login.receive(bytes('?')), /goes on where PLAIN ends/)
    assert.throws(() => saslLogin({ mechanism: 'PLAIN', user: 'a\0b', password: 'p' }, '').start(), /NUL/)
  })
})
