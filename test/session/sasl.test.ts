/** SASL passing by: not a byte changes, and a user is believed only after the broker's success. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { chunkings } from '../support/chunkings.ts'
import {
  answer,
  bytesOf,
  chunksOf,
  concat,
  cutAt,
  produce,
  produceAnswer,
  rawToken,
  readAnswer,
  request,
} from '../support/frames.ts'
import { Rig, type RigOptions } from '../support/rig.ts'
import { rule } from '../support/rules.ts'

const NOTHING = new Uint8Array(0)
const PLAIN_TOKEN = bytesOf('\0alice\0secret')
const SCRAM_FIRST = bytesOf('n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL')
const SCRAM_CHALLENGE = bytesOf('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096')
const SCRAM_FINAL = bytesOf('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X')
const SCRAM_SUCCESS = bytesOf('v=rmF9pqV8S7suAoZWja4dJRkFsKQ=')
const JWT = `eyJhbGciOiJub25lIn0.${Buffer.from('{"sub":"alice"}').toString('base64url')}.`
const BEARER_TOKEN = bytesOf(`n,,\u0001auth=Bearer ${JWT}\u0001\u0001`)
const KERBEROS_TOKEN = Uint8Array.of(0x60, 0x82, 0x01, 0x02, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86)

/** What the client sends and what the broker says to it, in turns. */
type Turns = readonly (readonly [token: Uint8Array, challenge: Uint8Array])[]

const PLAIN: Turns = [[PLAIN_TOKEN, NOTHING]]
const SCRAM: Turns = [
  [SCRAM_FIRST, SCRAM_CHALLENGE],
  [SCRAM_FINAL, SCRAM_SUCCESS],
]
const BEARER: Turns = [[BEARER_TOKEN, NOTHING]]
const MECHANISMS: readonly (readonly [string, Turns])[] = [
  ['PLAIN', PLAIN],
  ['SCRAM-SHA-256', SCRAM],
  ['SCRAM-SHA-512', SCRAM],
  ['OAUTHBEARER', BEARER],
]

function handshake(mechanism: string, version: number): { asked: Uint8Array; said: Uint8Array } {
  return {
    asked: request('SaslHandshake', version, { mechanism }),
    said: answer('SaslHandshake', version, { mechanisms: [mechanism] }),
  }
}

const token = (authBytes: Uint8Array, version = 1): Uint8Array => request('SaslAuthenticate', version, { authBytes })
const challenge = (authBytes: Uint8Array, version = 1): Uint8Array => answer('SaslAuthenticate', version, { authBytes })
const refusal = (version = 1): Uint8Array =>
  answer('SaslAuthenticate', version, { errorCode: 58, errorMessage: 'Authentication failed' })

/** Every way to cut one frame of a conversation. */
function* cutsOf(
  client: readonly Uint8Array[],
  broker: readonly Uint8Array[],
): Generator<{ side: 'client' | 'broker'; at: number; cuts: readonly number[]; name: string }> {
  for (const side of ['client', 'broker'] as const) {
    for (const [at, frame] of (side === 'client' ? client : broker).entries()) {
      for (const { name, arrivals } of chunkings(frame.length, 40))
        yield { side, at, cuts: arrivals.slice(0, -1), name }
    }
  }
}

/** An exchange by SaslAuthenticate; who was believed before each answer is checked on the way. */
function login(rig: Rig, mechanism: string, turns: Turns, version = 1, before = ''): void {
  const { asked, said } = handshake(mechanism, 1)
  rig.client(asked).broker(said)
  for (const [sent, reply] of turns) {
    rig.client(token(sent, version))
    assert.equal(rig.session.identity.principal, before, 'before the answer')
    rig.broker(challenge(reply, version))
  }
}

describe('a login by SaslAuthenticate', () => {
  for (const [mechanism, turns] of MECHANISMS) {
    for (const version of [0, 1, 2]) {
      test(`${mechanism} v${version}: the user is believed after the last answer, and told once`, () => {
        const rig = new Rig()
        login(rig, mechanism, turns, version)
        assert.equal(rig.session.identity.principal, 'alice')
        assert.equal(rig.timesIdentified, 1)
        assert.equal(rig.closed, undefined)
      })
    }

    test(`${mechanism}: not a byte changes, at any cut on both sides`, () => {
      const { asked, said } = handshake(mechanism, 1)
      const client = [asked, ...turns.map(([sent]) => token(sent))]
      const broker = [said, ...turns.map(([, reply]) => challenge(reply))]
      for (const { side, at, cuts, name } of cutsOf(client, broker)) {
        const rig = new Rig()
        client.forEach((sent, i) => {
          const reply = broker[i] ?? NOTHING
          rig.client(...(side === 'client' && i === at ? cutAt(sent, cuts) : [sent]))
          rig.broker(...(side === 'broker' && i === at ? cutAt(reply, cuts) : [reply]))
        })
        assert.deepEqual(rig.sentToBroker(), concat(...client), name)
        assert.deepEqual(rig.sentToClient(), concat(...broker), name)
        assert.equal(rig.session.identity.principal, 'alice')
      }
    })

    test(`${mechanism}: who is refused is nobody`, () => {
      const rig = new Rig()
      const { asked, said } = handshake(mechanism, 1)
      rig.client(asked).broker(said)
      for (const [sent, reply] of turns.slice(0, -1)) rig.client(token(sent)).broker(challenge(reply))
      rig.client(token(turns.at(-1)![0])).broker(refusal())
      assert.equal(rig.session.identity.principal, '')
      rig.client(token(bytesOf('no name in it'))).broker(challenge(NOTHING))
      assert.equal(rig.session.identity.principal, '', 'a later success is not that of the refused one')
    })
  }

  test('a challenge is no success: SCRAM after its first answer, OAUTHBEARER after an error in JSON', () => {
    const scram = new Rig()
    login(scram, 'SCRAM-SHA-256', SCRAM.slice(0, 1))
    assert.equal(scram.session.identity.principal, '')
    const bearer = new Rig()
    login(bearer, 'OAUTHBEARER', [[BEARER_TOKEN, bytesOf('{"status":"invalid_token"}')]])
    assert.equal(bearer.session.identity.principal, '')
  })

  test('a mechanism that the broker refuses counts for nothing', () => {
    const rig = new Rig().client(request('SaslHandshake', 1, { mechanism: 'PLAIN' }))
    rig.broker(answer('SaslHandshake', 1, { errorCode: 33, mechanisms: ['SCRAM-SHA-256'] }))
    login(rig, 'SCRAM-SHA-256', SCRAM)
    assert.equal(rig.session.identity.principal, 'alice')
  })

  test('a mechanism without a name in its tokens leaves the user unknown', () => {
    const rig = new Rig()
    login(rig, 'GSSAPI', [[KERBEROS_TOKEN, NOTHING]])
    assert.equal(rig.session.identity.principal, '')
  })

  test('to log in again in mid-connection (KIP-368) makes another user, and only after success', () => {
    const rig = new Rig()
    login(rig, 'PLAIN', PLAIN)
    rig.client(produce(200)).broker(produceAnswer())
    login(rig, 'PLAIN', [[bytesOf('\0bob\0x'), NOTHING]], 1, 'alice')
    assert.equal(rig.session.identity.principal, 'bob')
    const { asked, said } = handshake('PLAIN', 1)
    rig
      .client(asked)
      .broker(said)
      .client(token(bytesOf('\0eve\0x')))
      .broker(refusal())
    assert.equal(rig.session.identity.principal, 'bob')
  })

  test('an exchange that is pipelined behind a login does not lend its name to that login', () => {
    const rig = new Rig()
    const login = (user: string): Uint8Array =>
      concat(request('SaslHandshake', 1, { mechanism: 'PLAIN' }), token(bytesOf(`\0${user}\0x`)))
    rig.client(concat(login('bob'), login('admin')))
    const { said } = handshake('PLAIN', 1)
    rig.broker(concat(said, challenge(NOTHING)))
    assert.equal(rig.session.identity.principal, 'bob')
    rig.broker(concat(answer('SaslHandshake', 1, { errorCode: 34 }), answer('SaslAuthenticate', 1, { errorCode: 34 })))
    assert.equal(rig.session.identity.principal, 'bob')
  })
})

describe('a login by raw tokens', () => {
  for (const [mechanism, turns] of MECHANISMS) {
    test(`${mechanism} after SaslHandshake v0: passes unchanged at any cut, is believed after success, and Kafka goes on behind it`, () => {
      const { asked, said } = handshake(mechanism, 0)
      const data = produce(200)
      const client = [asked, ...turns.map(([sent]) => rawToken(sent)), data]
      const broker = [said, ...turns.map(([, reply]) => rawToken(reply)), produceAnswer()]
      for (const pieceBytes of [1, 3, 5, 8, 13, 1000]) {
        const rig = new Rig()
        client.forEach((sent, i) => {
          if (i === client.length - 1) assert.equal(rig.session.identity.principal, 'alice')
          else if (i < client.length - 2) assert.equal(rig.session.identity.principal, '')
          rig.client(...chunksOf(sent, pieceBytes)).broker(...chunksOf(broker[i] ?? NOTHING, pieceBytes))
        })
        assert.equal(rig.closed, undefined)
        assert.deepEqual(rig.sentToBroker(), concat(...client))
        assert.deepEqual(rig.sentToClient(), concat(...broker))
        assert.equal(rig.counters.requests[0], 1)
        assert.ok(rig.session.idle)
      }
    })
  }

  test('a Kerberos token may be the very first thing (Kafka 0.9); what follows the exchange is Kafka', () => {
    const client = [rawToken(KERBEROS_TOKEN), rawToken(Uint8Array.of(5, 4, 4, 255, 0, 12)), request('Metadata', 1)]
    const broker = [rawToken(KERBEROS_TOKEN), NOTHING, answer('Metadata', 1)]
    for (const pieceBytes of [1, 4, 7, 1000]) {
      const rig = new Rig()
      client.forEach((sent, i) => {
        rig.client(...chunksOf(sent, pieceBytes)).broker(...chunksOf(broker[i] ?? NOTHING, pieceBytes))
      })
      assert.equal(rig.closed, undefined)
      assert.deepEqual(rig.sentToBroker(), concat(...client))
      assert.deepEqual(rig.sentToClient(), concat(...broker))
      assert.equal(rig.counters.requests[3], 1)
    }
  })

  test('an empty token is no request, whatever follows it in the read buffer', () => {
    const rig = new Rig().client(rawToken(KERBEROS_TOKEN)).broker(rawToken(KERBEROS_TOKEN))
    const sent = concat(rawToken(NOTHING), request('Metadata', 1))
    rig.client(sent)
    assert.deepEqual(rig.sentToBroker(), concat(rawToken(KERBEROS_TOKEN), sent))
    assert.equal(rig.counters.requests[3], 1)
  })

  test('PLAIN for a user whose name could be an API: still a token', () => {
    for (const user of ['A', 'B', 'D', 'Kafka']) {
      const rig = new Rig()
      const { asked, said } = handshake('PLAIN', 0)
      rig
        .client(asked)
        .broker(said)
        .client(rawToken(bytesOf(`\0${user}\0password`)))
        .broker(rawToken(NOTHING))
      assert.equal(rig.session.identity.principal, user)
    }
  })

  test('a token or a challenge of an absurd size ends the connection with a reason', () => {
    const start = (): Rig => {
      const { asked, said } = handshake('PLAIN', 0)
      return new Rig().client(asked).broker(said)
    }
    const client = start().client(Uint8Array.of(0x7f, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
    assert.deepEqual(client.closed?.reason, 'client_bad_frame')
    assert.match(client.closed.detail, /a SASL token of \d+ bytes/)
    const broker = start()
      .client(rawToken(PLAIN_TOKEN))
      .broker(Uint8Array.of(0x7f, 0, 0, 0))
    assert.deepEqual(broker.closed?.reason, 'broker_bad_frame')
    assert.match(broker.closed.detail, /a SASL challenge of \d+ bytes/)
  })
})

describe('a quota on a user', () => {
  const rules: readonly QuotaRule[] = [
    {
      name: 'alice',
      limit: { produceBytes: 1000 },
      burst: { seconds: 1 },
      match: { principal: ['alice'] },
      per: ['principal'],
      overrides: [],
      mode: 'enforce',
    },
  ]
  const options: RigOptions = { rules }

  function stampOf(rig: Rig): number {
    rig.sentToClient()
    rig.client(produce(3000)).broker(produceAnswer())
    return Number(readAnswer('Produce', 9, rig.sentToClient()).value['throttleTimeMs'])
  }

  test('applies once the broker has said yes, not before', () => {
    const rig = new Rig(options)
    assert.equal(stampOf(rig), 0)
    const { asked, said } = handshake('PLAIN', 1)
    rig.client(asked).broker(said).client(token(PLAIN_TOKEN))
    rig.broker(challenge(NOTHING))
    assert.equal(stampOf(rig), 2000)
  })

  test('does not apply to one who was refused, and no more to one who has become another', () => {
    const refused = new Rig(options)
    const { asked, said } = handshake('PLAIN', 1)
    refused.client(asked).broker(said).client(token(PLAIN_TOKEN)).broker(refusal())
    assert.equal(stampOf(refused), 0)
    const changed = new Rig(options)
    login(changed, 'PLAIN', PLAIN)
    login(changed, 'PLAIN', [[bytesOf('\0bob\0x'), NOTHING]], 1, 'alice')
    assert.equal(stampOf(changed), 0)
  })

  test('never holds the login itself, however deep in debt', () => {
    const everything: RigOptions = { rules: [{ ...rules[0]!, match: {}, limit: { produceBytes: 1, requests: 0.001 } }] }
    const rig = new Rig(everything).client(produce(3000)).broker(produceAnswer())
    login(rig, 'SCRAM-SHA-256', SCRAM)
    assert.equal(rig.session.identity.principal, 'alice')
  })
})

test('a request is not held past the end of its login (KIP-368), where the broker would close the connection on it', () => {
  for (const [lifetimeMs, holdMs] of [
    [0, 3000],
    [60_000, 3000],
    [3_500, 2500],
  ] as const) {
    const rig = new Rig({ rules: [rule({ produceBytes: 100 })] })
    const { asked, said } = handshake('PLAIN', 1)
    rig.client(asked).broker(said).client(token(PLAIN_TOKEN))
    rig.broker(answer('SaslAuthenticate', 1, { authBytes: NOTHING, sessionLifetimeMs: BigInt(lifetimeMs) }))
    rig.client(produce(1000)).broker(produceAnswer()).client(produce(1000))
    assert.equal(rig.session.clientBlock, 'held')
    assert.equal(rig.session.wakeAtMs - rig.nowMs, holdMs)
  }
  const late = new Rig({ rules: [rule({ produceBytes: 100 })] })
  late.client(handshake('PLAIN', 1).asked).broker(handshake('PLAIN', 1).said).client(token(PLAIN_TOKEN))
  late.broker(answer('SaslAuthenticate', 1, { authBytes: NOTHING, sessionLifetimeMs: 900n }))
  late.client(produce(1000), produce(1000, { correlationId: 2 }))
  assert.equal(late.session.inFlight, 2, 'no time is left to hold it')
})
