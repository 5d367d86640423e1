/** Logins of clients that do not go to the broker: verified here, or refused because we log in ourselves. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, decodeRequestHeader, type Struct } from 'kafka-protocol-codec'
import { INSPECT_BYTES_MAX } from '../../src/bounds.ts'
import type { Verification, Verifier, VerifyStep } from '../../src/session/client-login.ts'
import type { LoginTokens } from '../../src/session/own-login.ts'
import { answer, bytesOf, concat, rawRequest, rawToken, readAnswer, request } from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'

const NOTHING = new Uint8Array(0)

/** Does as the test says, when it says so. */
class FakeVerifier implements Verifier {
  readonly mechanisms = ['PLAIN', 'SCRAM-SHA-256']
  readonly tokens: string[] = []
  abandoned = 0
  tell: (step: VerifyStep) => void = () => assert.fail('nothing is verified')

  begin(): Verification {
    return {
      receive: (token, step) => {
        this.tokens.push(Buffer.from(token).toString())
        this.tell = (told) => step(told, 0)
      },
      abandon: () => {
        this.abandoned++
      },
    }
  }
}

const handshake = (mechanism: string, correlationId = 1, version = 1): Uint8Array =>
  request('SaslHandshake', version, { mechanism }, { correlationId })
const token = (text: string, correlationId = 2, version = 2): Uint8Array =>
  request('SaslAuthenticate', version, { authBytes: bytesOf(text) }, { correlationId })
const metadata = (correlationId: number): Uint8Array => request('Metadata', 9, { topics: [] }, { correlationId })

function said(rig: Rig, api: 'SaslHandshake' | 'SaslAuthenticate', version: number, correlationId: number): Struct {
  const { value, correlationId: theirs } = readAnswer(api, version, rig.sentToClient())
  assert.equal(theirs, correlationId)
  return value
}

describe('verified here', () => {
  test('a login in two turns; then requests go to the broker, which has seen nothing of it', () => {
    const verifier = new FakeVerifier()
    const rig = new Rig({ verifier })
    rig.client(handshake('SCRAM-SHA-256', 1))
    assert.deepEqual(said(rig, 'SaslHandshake', 1, 1), { errorCode: 0, mechanisms: ['PLAIN', 'SCRAM-SHA-256'] })
    rig.client(concat(token('first', 2)))
    assert.equal(rig.session.clientBlock, 'none')
    assert.deepEqual(rig.sentToClient(), NOTHING)
    verifier.tell({ kind: 'challenge', token: bytesOf('challenge') })
    rig.resumed()
    assert.equal(Buffer.from(said(rig, 'SaslAuthenticate', 2, 2)['authBytes'] as Uint8Array).toString(), 'challenge')
    rig.client(concat(token('last', 3), metadata(4)))
    assert.equal(rig.session.clientBlock, 'logging_in')
    verifier.tell({ kind: 'accepted', token: bytesOf('v='), principal: 'alice' })
    rig.resumed()
    assert.equal(said(rig, 'SaslAuthenticate', 2, 3)['errorCode'], 0)
    assert.equal(rig.session.identity.principal, 'alice')
    assert.equal(rig.timesIdentified, 1)
    assert.deepEqual(rig.sentToBroker(), metadata(4))
    assert.deepEqual(verifier.tokens, ['first', 'last'])
  })

  test('ApiVersions goes to the broker before, and its answer comes before ours', () => {
    const rig = new Rig({ verifier: new FakeVerifier() })
    const apiVersions = request('ApiVersions', 0, {}, { correlationId: 1 })
    rig.client(concat(apiVersions, handshake('PLAIN', 2)))
    assert.deepEqual(rig.sentToBroker(), apiVersions)
    assert.deepEqual(rig.sentToClient(), NOTHING)
    rig.broker(answer('ApiVersions', 0, { apiKeys: [] }, 1))
    assert.deepEqual(
      rig.sentToClient(),
      concat(
        answer('ApiVersions', 0, { apiKeys: [] }, 1),
        answer('SaslHandshake', 1, { mechanisms: ['PLAIN', 'SCRAM-SHA-256'] }, 2),
      ),
    )
  })

  test('a wrong password is told in Kafka’s error, the connection ends behind it, and nothing more is taken', () => {
    const verifier = new FakeVerifier()
    const rig = new Rig({ verifier })
    rig.client(handshake('PLAIN', 1))
    rig.sentToClient()
    rig.client(concat(token('\0alice\0wrong', 2), metadata(3)))
    verifier.tell({ kind: 'refused', message: 'Invalid username or password' })
    rig.resumed()
    const { errorCode, errorMessage } = said(rig, 'SaslAuthenticate', 2, 2)
    assert.deepEqual([errorCode, errorMessage], [58, 'Invalid username or password'])
    assert.equal(rig.left?.reason, 'client_login_failed')
    assert.match(rig.left?.detail ?? '', /not in listen\.sasl\.usersFile, or the password is another/)
    assert.deepEqual(rig.sentToBroker(), NOTHING)
    assert.equal(rig.session.identity.principal, '')
  })

  test('a request without a login is refused and said', () => {
    const rig = new Rig({ verifier: new FakeVerifier() }).client(metadata(1))
    assert.equal(rig.closed?.reason, 'client_login_failed')
    assert.match(rig.closed?.detail ?? '', /asks for Metadata without a login/)
    assert.deepEqual(rig.sentToBroker(), NOTHING)
  })

  const REFUSED: readonly (readonly [
    string,
    Uint8Array,
    'SaslHandshake' | 'SaslAuthenticate',
    number,
    number,
    RegExp,
  ])[] = [
    [
      'a mechanism that is not known',
      handshake('GSSAPI'),
      'SaslHandshake',
      1,
      33,
      /by GSSAPI; listen\.sasl takes PLAIN, SCRAM-SHA-256/,
    ],
    ['a token before a handshake', token('x', 1), 'SaslAuthenticate', 2, 34, /before it has named a mechanism/],
  ]
  for (const [what, frame, api, version, code, detail] of REFUSED) {
    test(`${what} is refused`, () => {
      const rig = new Rig({ verifier: new FakeVerifier() }).client(frame)
      assert.equal(said(rig, api, version, 1)['errorCode'], code)
      assert.match(rig.left?.detail ?? '', detail)
    })
  }

  test('who logs in again must be the same', () => {
    const verifier = new FakeVerifier()
    const rig = new Rig({ verifier })
    for (const principal of ['alice', 'alice']) {
      rig.client(handshake('PLAIN'), token('x'))
      verifier.tell({ kind: 'accepted', token: NOTHING, principal })
    }
    const hadLeft = rig.left
    assert.equal(hadLeft, undefined)
    rig.sentToClient()
    rig.client(handshake('PLAIN'))
    rig.sentToClient()
    rig.client(token('x'))
    verifier.tell({ kind: 'accepted', token: NOTHING, principal: 'bob' })
    assert.equal(said(rig, 'SaslAuthenticate', 2, 2)['errorCode'], 58)
    assert.equal(rig.session.identity.principal, 'alice')
    assert.match(rig.left?.detail ?? '', /logged in as another user already/)
  })

  test('a verification that ends after its client has left changes nothing', () => {
    const verifier = new FakeVerifier()
    const rig = new Rig({ verifier }).client(handshake('PLAIN'), token('x'))
    rig.sentToClient()
    rig.end()
    assert.equal(verifier.abandoned, 1, 'nobody goes on with it')
    verifier.tell({ kind: 'accepted', token: NOTHING, principal: 'alice' })
    assert.deepEqual(rig.sentToClient(), NOTHING)
  })

  test('whether a login is awaited: not of who is being verified, nor of who is known', () => {
    const verifier = new FakeVerifier()
    const rig = new Rig({ verifier })
    const awaited = [rig.session.awaitsLogin]
    rig.client(handshake('PLAIN'))
    awaited.push(rig.session.awaitsLogin)
    rig.client(token('x'))
    awaited.push(rig.session.awaitsLogin)
    verifier.tell({ kind: 'accepted', token: NOTHING, principal: 'alice' })
    awaited.push(rig.session.awaitsLogin)
    assert.deepEqual(awaited, [true, true, false, false])
    assert.equal(new Rig().session.awaitsLogin, false)
  })
})

describe('nobody comes past the login', () => {
  const bytes = new Uint8Array(INSPECT_BYTES_MAX)
  const modes: readonly (readonly [string, RigOptions])[] = [
    ['verified here', { verifier: new FakeVerifier() }],
    ['passed to the broker', {}],
  ]
  for (const [mode, options] of modes) {
    test(`by a token too long to be looked at, where logins are ${mode}`, () => {
      const rig = new Rig(options).client(handshake('PLAIN', 1))
      rig.sentToBroker()
      const long = request('SaslAuthenticate', 2, { authBytes: bytes }, { correlationId: 2 })
      rig.client(long.subarray(0, 60_000))
      assert.equal(rig.closed?.reason, 'client_frame_too_large')
      assert.match(rig.closed?.detail ?? '', /^SaslAuthenticate of 131\d\d\d bytes: .* 131072 bytes at most/)
      assert.deepEqual(rig.sentToBroker(), NOTHING)
    })
  }

  test('by a greeting without end', () => {
    const rig = new Rig({ verifier: new FakeVerifier() })
    rig.client(rawRequest(API_KEY.ApiVersions, 3, 1, bytes).subarray(0, 60_000))
    assert.equal(rig.closed?.reason, 'client_frame_too_large')
    assert.deepEqual(rig.sentToBroker(), NOTHING)
  })

  test('by a token without a header as the first bytes (Kerberos of Kafka 0.9)', () => {
    const kerberos = rawToken(Uint8Array.of(0x60, 0x82, 0x01, 0x02, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86))
    const cases: readonly (readonly [RigOptions, RegExp])[] = [
      [{ verifier: new FakeVerifier() }, /Kerberos token; listen\.sasl takes PLAIN, SCRAM-SHA-256/],
      [{ login: ourLogin }, /the sluice does that for it \(upstream\.sasl\)/],
    ]
    for (const [options, detail] of cases) {
      // What follows is a version that nobody knows, so it does not look like a request.
      const rig = new Rig(options).client(concat(kerberos, rawToken(Uint8Array.of(0, 0, 0, 60, 0, 0, 0, 1))))
      assert.deepEqual([rig.closed?.reason, rig.sentToBroker()], ['client_login_failed', NOTHING])
      assert.match(rig.closed?.detail ?? '', detail)
    }
  })
})

const ourLogin: LoginTokens = {
  mechanism: 'PLAIN',
  user: 'sluice',
  lifetimePart: () => 0.8,
  begin: (step) => {
    step({ kind: 'done' }, 0)
    return { answer: () => undefined, refused: () => undefined }
  },
}

test('where we log in ourselves a client that does too is told so, as by a listener without logins', () => {
  for (const [api, version, frame] of [
    ['SaslHandshake', 1, handshake('PLAIN', 9)],
    ['SaslAuthenticate', 2, token('x', 9)],
  ] as const) {
    const rig = new Rig({ login: ourLogin }).connected()
    const { correlationId } = decodeRequestHeader(rig.sentToBroker())
    rig.broker(answer('SaslHandshake', 1, { mechanisms: ['PLAIN'] }, correlationId)).client(frame)
    assert.equal(said(rig, api, version, 9)['errorCode'], 34)
    assert.match(
      rig.left?.detail ?? '',
      /upstream\.sasl.*set security\.protocol to PLAINTEXT or SSL in the client, or configure/,
    )
    assert.deepEqual(rig.sentToBroker(), NOTHING)
  }
})
