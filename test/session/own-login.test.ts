/** Our own login on a client's connection: before everything, again in time, and never seen by the client. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decodeRequest, decodeRequestHeader, encodeResponse, type Struct } from 'kafka-protocol-codec'
import type { LoginTokens, OnStep, TokenExchange } from '../../src/session/own-login.ts'
import { answer, bytesOf, concat, produce, produceAnswer, request } from '../support/frames.ts'
import { Rig } from '../support/rig.ts'

const NOTHING = new Uint8Array(0)

/** Two tokens a login, like SCRAM; `later` has what is told only when a test says so. */
class FakeTokens implements LoginTokens {
  readonly mechanism = 'SCRAM-SHA-512'
  readonly user = 'sluice'
  readonly later: (() => void)[] = []
  logins = 0
  received: string[] = []

  lifetimePart(): number {
    return 0.8
  }

  refusals = 0

  begin(step: OnStep): TokenExchange {
    this.logins++
    let sent = 0
    const next = (nowMs: number): void => {
      sent++
      if (sent <= 2) step({ kind: 'send', token: bytesOf(`token ${sent}`) }, nowMs)
      else step({ kind: 'done' }, nowMs)
    }
    this.later.push(() => next(this.nowMs))
    return {
      refused: () => {
        this.refusals++
      },
      answer: (token) => {
        this.received.push(Buffer.from(token).toString())
        this.later.push(() => next(this.nowMs))
      },
    }
  }

  nowMs = 0
}

class Scene {
  readonly tokens = new FakeTokens()
  readonly rig: Rig = new Rig({ login: this.tokens })

  /** What was promised comes about. */
  settle(): this {
    this.tokens.nowMs = this.rig.nowMs
    for (const told of this.tokens.later.splice(0)) told()
    this.rig.resumed()
    return this
  }

  /** The one request of ours that went out last. */
  asked(): { name: number; correlationId: number; version: number; value: Struct } {
    const frame = this.rig.sentToBroker()
    const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(frame)
    assert.equal(clientId, 'kafka-sluice-login')
    return { name: apiKey, correlationId, version: apiVersion, value: decodeRequest(frame).value }
  }

  reply(body: Struct): this {
    const { name, version, correlationId } = this.#last
    this.rig.broker(encodeResponse(name, version, correlationId, body))
    return this
  }

  #last: { name: number; version: number; correlationId: number } = { name: 0, version: 0, correlationId: 0 }

  expectAsked(api: number): Struct {
    this.#last = this.asked()
    assert.equal(this.#last.name, api)
    return (this.#last as { value?: Struct }).value ?? {}
  }

  /** From handshake to done. */
  login(lifetimeMs = 0): this {
    assert.equal(this.expectAsked(17)['mechanism'], 'SCRAM-SHA-512')
    this.reply({ mechanisms: ['SCRAM-SHA-512'] }).settle()
    assert.equal(Buffer.from(this.expectAsked(36)['authBytes'] as Uint8Array).toString(), 'token 1')
    this.reply({ authBytes: bytesOf('challenge') }).settle()
    this.expectAsked(36)
    this.reply({ authBytes: bytesOf('success'), sessionLifetimeMs: BigInt(lifetimeMs) }).settle()
    return this
  }
}

const metadata = (correlationId: number): Uint8Array => request('Metadata', 9, { topics: [] }, { correlationId })
const metadataAnswer = (correlationId: number): Uint8Array => answer('Metadata', 9, { brokers: [] }, correlationId)

describe('before the first request', () => {
  test('no byte of the client goes to the broker until we are in; it sees nothing of our login', () => {
    const scene = new Scene()
    scene.rig.client(metadata(7))
    assert.equal(scene.rig.session.clientBlock, 'logging_in')
    assert.deepEqual(scene.rig.sentToBroker(), NOTHING)
    scene.rig.connected()
    scene.login()
    assert.deepEqual(scene.tokens.received, ['challenge', 'success'])
    assert.deepEqual(scene.rig.sentToBroker(), metadata(7))
    scene.rig.broker(metadataAnswer(7))
    assert.deepEqual(scene.rig.sentToClient(), metadataAnswer(7))
    assert.equal(scene.rig.session.inFlight, 0)
    assert.equal(scene.rig.session.identity.principal, '')
  })

  test('answers to it may come in pieces', () => {
    const scene = new Scene()
    scene.rig.connected()
    const { correlationId } = scene.asked()
    const frame = encodeResponse(17, 1, correlationId, { mechanisms: ['SCRAM-SHA-512'] })
    for (const byte of frame) scene.rig.broker(Uint8Array.of(byte))
    scene.settle()
    assert.equal(scene.asked().name, 36)
    assert.deepEqual(scene.rig.sentToClient(), NOTHING)
  })

  const REFUSALS: readonly (readonly [string, (scene: Scene) => void, RegExp])[] = [
    [
      'a mechanism that the broker lacks',
      (s) => s.reply({ errorCode: 33, mechanisms: ['PLAIN', 'GSSAPI'] }),
      /does not take SCRAM-SHA-512; its mechanisms are PLAIN, GSSAPI/,
    ],
    ['a listener without logins', (s) => s.reply({ errorCode: 34, mechanisms: [] }), /takes no login/],
    [
      'a broker with much to say',
      (s) => s.reply({ errorCode: 33, mechanisms: ['x'.repeat(30_000)] }),
      /its mechanisms are x{300}…: choose one of them$/,
    ],
    [
      'a wrong password',
      (s) => {
        s.reply({ mechanisms: [] }).settle()
        s.expectAsked(36)
        s.reply({ errorCode: 58, errorMessage: 'Invalid credentials', authBytes: NOTHING })
      },
      /does not let sluice in by SCRAM-SHA-512: SASL_AUTHENTICATION_FAILED \(Invalid credentials\)/,
    ],
    ['no answer', (s) => void s.rig.pass(10_001).tick(), /no answer to our login within 10 s/],
  ]
  for (const [what, play, detail] of REFUSALS) {
    test(`${what} ends the connection and says so`, () => {
      const scene = new Scene()
      scene.rig.client(metadata(7)).connected()
      scene.expectAsked(17)
      play(scene)
      assert.equal(scene.rig.closed?.reason, 'broker_login_failed')
      assert.match(scene.rig.closed?.detail ?? '', detail)
      scene.settle() // what comes later is nobody's
      assert.deepEqual(scene.rig.sentToBroker(), NOTHING)
    })
  }

  test('an answer that is not to what we asked ends it as any other', () => {
    const scene = new Scene()
    scene.rig.connected()
    scene.rig.broker(encodeResponse(17, 1, scene.asked().correlationId + 1, { mechanisms: ['x'] }))
    assert.equal(scene.rig.closed?.reason, 'broker_bad_frame')
  })
})

describe('before the session at the broker runs out', () => {
  function established(): Scene {
    const scene = new Scene()
    scene.rig.connected()
    scene.login(60_000)
    scene.rig.client(metadata(1)).broker(metadataAnswer(1))
    scene.rig.sentToBroker()
    scene.rig.sentToClient()
    return scene
  }

  test('an idle connection logs in again when the clock says so', () => {
    const scene = established()
    scene.rig.pass(47_000).tick()
    assert.deepEqual(scene.rig.sentToBroker(), NOTHING)
    scene.rig.pass(1_001).tick()
    scene.login(60_000)
    assert.equal(scene.tokens.logins, 2)
    scene.rig.pass(50_000).tick()
    scene.login()
    scene.rig.pass(1e9).tick() // a session without an end
    assert.deepEqual(scene.rig.sentToBroker(), NOTHING)
  })

  test('it waits for the end of a request that is passing, and holds the next one back', () => {
    const scene = established()
    const frame = produce(1_000, { correlationId: 2 })
    scene.rig.client(frame.slice(0, 500))
    scene.rig.pass(50_000).tick()
    assert.deepEqual(scene.rig.sentToBroker(), frame.slice(0, 500), 'the login does not fall into a request')
    scene.rig.client(concat(frame.slice(500), metadata(3)))
    const sent = scene.rig.sentToBroker()
    assert.deepEqual(sent.slice(0, frame.length - 500), frame.slice(500))
    const ours = sent.slice(frame.length - 500)
    assert.equal(decodeRequestHeader(ours).apiKey, 17)
    assert.equal(scene.rig.session.clientBlock, 'logging_in')
    // The answer to what was asked before still passes, and is the client's.
    const { correlationId } = decodeRequestHeader(ours)
    const said = produceAnswer(2)
    scene.rig.broker(concat(said, encodeResponse(17, 1, correlationId, { mechanisms: [] })))
    assert.deepEqual(scene.rig.sentToClient(), said)
    scene.settle()
    scene.expectAsked(36)
    scene.reply({ authBytes: bytesOf('challenge') }).settle()
    scene.expectAsked(36)
    scene.reply({ authBytes: bytesOf('success') }).settle()
    assert.deepEqual(scene.rig.sentToBroker(), metadata(3))
    scene.rig.broker(metadataAnswer(3))
    assert.deepEqual(scene.rig.sentToClient(), metadataAnswer(3))
  })

  test('a later login that is refused ends the connection, behind the answers to what was asked before; what waited is not sent', () => {
    const scene = established()
    scene.rig.client(metadata(2))
    assert.deepEqual(scene.rig.sentToBroker(), metadata(2))
    scene.rig.pass(50_000).tick()
    scene.expectAsked(17)
    scene.rig.client(metadata(3))
    scene.rig.broker(metadataAnswer(2))
    assert.deepEqual(scene.rig.sentToClient(), metadataAnswer(2))
    scene.reply({ mechanisms: [] }).settle()
    scene.expectAsked(36)
    scene.reply({ errorCode: 58, errorMessage: 'password changed', authBytes: NOTHING })
    assert.equal(scene.rig.closed?.reason, 'broker_login_failed')
    assert.match(scene.rig.closed?.detail ?? '', /password changed/)
    assert.equal(scene.tokens.refusals, 1)
    assert.deepEqual([scene.rig.sentToBroker(), scene.rig.sentToClient()], [NOTHING, NOTHING])
  })

  test('a client that leaves while we log in again leaves nothing behind', () => {
    const scene = established()
    scene.rig.pass(50_000).tick()
    scene.expectAsked(17)
    scene.rig.end()
    scene.settle()
    assert.equal(scene.rig.session.inFlight, 0)
  })
})
