/** User names out of SASL's first messages, and what first bytes look like. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { describeFirstBytes, type FirstBytes, saslUser } from '../../protocol/src/sasl.ts'

function jwt(payload: string): string {
  const part = (text: string): string => Buffer.from(text).toString('base64url')
  return `${part('{"alg":"none"}')}.${part(payload)}.${part('signature')}`
}

const bearer = (token: string): string => `n,,\u0001auth=Bearer ${token}\u0001\u0001`

const USERS: readonly [title: string, mechanism: string, message: string, user: string | undefined][] = [
  ['PLAIN: the authcid', 'PLAIN', '\0alice\0secret', 'alice'],
  ['PLAIN: the authcid, not the authzid', 'PLAIN', 'boss\0alice\0secret', 'alice'],
  ['PLAIN: a name outside of ASCII', 'PLAIN', '\0zürich\0s', 'zürich'],
  ['PLAIN: an empty password', 'PLAIN', '\0alice\0', 'alice'],
  ['PLAIN: no name', 'PLAIN', '\0\0secret', undefined],
  ['PLAIN: two parts only', 'PLAIN', 'alice\0secret', undefined],
  ['PLAIN: four parts', 'PLAIN', '\0alice\0secret\0more', undefined],
  ['PLAIN: nothing', 'PLAIN', '', undefined],
  ['PLAIN: a name of 1025 bytes', 'PLAIN', `\0${'a'.repeat(1025)}\0s`, undefined],
  ['SCRAM: the user (RFC 7677)', 'SCRAM-SHA-256', 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO', 'user'],
  ['SCRAM: SHA-512', 'SCRAM-SHA-512', 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO', 'user'],
  ['SCRAM: = and , escaped', 'SCRAM-SHA-256', 'n,,n=a=2Cb=3Dc=3D2C,r=x', 'a,b=c=2C'],
  ['SCRAM: with authzid', 'SCRAM-SHA-256', 'n,a=boss,n=user,r=x', 'user'],
  ['SCRAM: y', 'SCRAM-SHA-256', 'y,,n=user,r=x', 'user'],
  ['SCRAM: channel binding', 'SCRAM-SHA-256', 'p=tls-unique,,n=user,r=x', 'user'],
  ['SCRAM: reserved extension', 'SCRAM-SHA-256', 'n,,m=ext,n=user,r=x', 'user'],
  ['SCRAM: extensions behind', 'SCRAM-SHA-256', 'n,,n=user,r=x,i=4', 'user'],
  ['SCRAM: a delegation token is no user', 'SCRAM-SHA-256', 'n,,n=tokenid,r=x,tokenauth=true', undefined],
  ['SCRAM: the final message', 'SCRAM-SHA-256', 'c=biws,r=x,p=abc', undefined],
  ['SCRAM: a stray =', 'SCRAM-SHA-256', 'n,,n=a=b,r=x', undefined],
  ['SCRAM: no nonce', 'SCRAM-SHA-256', 'n,,n=user', undefined],
  ['SCRAM: no name', 'SCRAM-SHA-256', 'n,,n=,r=x', undefined],
  ['SCRAM: an unknown flag', 'SCRAM-SHA-256', 'z,,n=user,r=x', undefined],
  ['OAUTHBEARER: the subject of a JWT', 'OAUTHBEARER', bearer(jwt('{"sub":"alice","exp":1}')), 'alice'],
  [
    'OAUTHBEARER: with authzid and extensions',
    'OAUTHBEARER',
    `n,a=x,\u0001traceId=1\u0001auth=Bearer ${jwt('{"sub":"ö"}')}\u0001\u0001`,
    'ö',
  ],
  ['OAUTHBEARER: a subject that is no text', 'OAUTHBEARER', bearer(jwt('{"sub":7}')), undefined],
  ['OAUTHBEARER: no subject', 'OAUTHBEARER', bearer(jwt('[]')), undefined],
  ['OAUTHBEARER: claims that are null', 'OAUTHBEARER', bearer(jwt('null')), undefined],
  ['OAUTHBEARER: claims that are no JSON', 'OAUTHBEARER', bearer(jwt('{')), undefined],
  ['OAUTHBEARER: an opaque token', 'OAUTHBEARER', bearer('abc'), undefined],
  ['OAUTHBEARER: not base64', 'OAUTHBEARER', bearer('a.%%.c'), undefined],
  ['OAUTHBEARER: no token', 'OAUTHBEARER', 'n,,\u0001\u0001', undefined],
  ['GSSAPI: unreadable', 'GSSAPI', '\u0060\u0001', undefined],
]

describe('saslUser', () => {
  for (const [title, mechanism, message, user] of USERS) {
    test(title, () => assert.equal(saslUser(mechanism, new TextEncoder().encode(message)), user))
  }

  test('any bytes have a user of at most 1024 characters, or none', () => {
    // Invariant: never throws, whatever the mechanism and the bytes.
    const piece = fc.constantFrom(
      'n,',
      ',',
      'n=',
      'r=x',
      '\0',
      '\u0001',
      'auth=Bearer ',
      '.',
      '=2C',
      'a',
      'e30',
      '\u00ff',
    )
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => new TextEncoder().encode(pieces.join(''))),
    )
    fc.assert(
      fc.property(
        fc.constantFrom('PLAIN', 'SCRAM-SHA-256', 'OAUTHBEARER', 'GSSAPI', ''),
        message,
        (mechanism, bytes) => {
          const user = saslUser(mechanism, bytes)
          assert.ok(user === undefined || (user.length > 0 && user.length <= 1024))
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('a message beyond all measure is not read', () => {
    assert.equal(saslUser('PLAIN', new TextEncoder().encode(`\0alice\0${'x'.repeat(70_000)}`)), undefined)
  })
})

describe('describeFirstBytes', () => {
  const cases: readonly [title: string, hex: string, looks: FirstBytes][] = [
    ['a TLS 1.2 or 1.3 hello', '16030100c8010000', 'tls'],
    ['two bytes of one', '1603', 'tls'],
    ['GET', Buffer.from('GET / HTTP/1.1').toString('hex'), 'http'],
    ['OPTIONS', Buffer.from('OPTIONS * HTTP/1.1').toString('hex'), 'http'],
    ['the start of DELETE', Buffer.from('DELE').toString('hex'), 'http'],
    ['HTTP/2', Buffer.from('PRI * HTTP/2.0').toString('hex'), 'http'],
    ['an HTTP answer', Buffer.from('HTTP/1.1 200').toString('hex'), 'http'],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH').toString('hex'), 'garbage'],
    ['a size of -1', 'ffffffff00120003', 'garbage'],
    ['a size of 0', '00000000', 'garbage'],
    ['a size of 2 GB', '7fffffff00120003', 'garbage'],
    ['an API key of 4660', '0000001012340003', 'garbage'],
    ['an API version of 4660', '0000001000121234', 'garbage'],
    ['a Kerberos token', '000002006082', 'sasl'],
    ['ApiVersions', '0000002300120003000000010000', 'kafka'],
    ['ApiVersions, up to its size', '00000023', 'kafka'],
    ['one byte of ApiVersions', '00', 'kafka'],
    ['one byte of noise', 'e7', 'garbage'],
    ['nothing yet', '', 'kafka'],
  ]
  for (const [title, hex, looks] of cases) {
    test(`${title}: ${looks}`, () => {
      const bytes = Buffer.from(`ffff${hex}16`, 'hex')
      assert.equal(describeFirstBytes(bytes, 2, bytes.length - 1), looks)
    })
  }
})
