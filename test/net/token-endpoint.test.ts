/** Tokens from an endpoint: kept while they are of use, and whatever comes instead of one is told with what mends it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN_LIFETIME_MAX_MS, TOKEN_REFUSED_AGE_MS } from '../../src/bounds.ts'
import { EndpointCredentials } from '../../src/net/credentials.ts'
import { SaslError } from '../../src/net/sasl-login.ts'
import { Authority } from '../support/certificates.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.ts'

interface Asker {
  readonly credentials: EndpointCredentials
  readonly clock: { nowMs: number }
}

function askerOf(url: string, ca?: string): Asker {
  const clock = { nowMs: 0 }
  const credentials = new EndpointCredentials({ url, clientId: 'sluice', scope: undefined }, () => clock.nowMs)
  credentials.replace('secret', ca)
  return { credentials, clock }
}

test('a token is renewed before it is old, and what an endpoint says instead of one is told', async (t) => {
  const endpoint = await startTokenEndpoint(t)
  let nowMs = 0
  const credentials = new EndpointCredentials({ url: endpoint.url, clientId: 'sluice', scope: undefined }, () => nowMs)
  credentials.replace('secret', undefined)
  await Promise.all([credentials.current(), credentials.current()])
  nowMs = 79_999
  assert.equal((await credentials.current()).password, 'aaa.bbb.ccc')
  assert.equal(endpoint.asked.length, 1)
  nowMs = 80_000
  await credentials.current()
  assert.equal(endpoint.asked.length, 2)
  nowMs = 1e9
  const cases: readonly (readonly [number, string, RegExp])[] = [
    [
      401,
      '{"error":"invalid_client","error_description":"secret"}',
      /answers 401: invalid_client; check clientId and clientSecretFile$/,
    ],
    [400, '{"error":"invalid_scope"}', /answers 400: invalid_scope; check scope$/],
    [404, 'no such page', /answers 404; is url that of a token endpoint\?$/],
    [503, '<html>', /answers 503$/],
    [200, '{}', /without an access_token/],
    [200, 'x'.repeat(200_000), /more than 131072 bytes/],
  ]
  for (const [status, body, message] of cases) {
    endpoint.answer = { status, body }
    await assert.rejects(credentials.current(), (error: Error) => {
      assert.match(error.message, message)
      return error instanceof SaslError
    })
  }
})

test('a token that a broker refuses is asked for anew, but not with each connection that fails', async (t) => {
  const endpoint = await startTokenEndpoint(t)
  const { credentials, clock } = askerOf(endpoint.url)
  const askedBy = async (nowMs: number): Promise<number> => {
    clock.nowMs = nowMs
    credentials.refused()
    await credentials.current()
    return endpoint.asked.length
  }
  await credentials.current()
  assert.equal(await askedBy(TOKEN_REFUSED_AGE_MS - 1), 1)
  assert.equal(await askedBy(TOKEN_REFUSED_AGE_MS), 2)
  assert.equal(await askedBy(TOKEN_REFUSED_AGE_MS + 1), 2)
  assert.equal(await askedBy(2 * TOKEN_REFUSED_AGE_MS), 3)
})

test('how long a token lives is believed within reason', async (t) => {
  const endpoint = await startTokenEndpoint(t)
  const cases: readonly (readonly [expiresIn: string, keptMs: number])[] = [
    ['1e999', TOKEN_LIFETIME_MAX_MS],
    ['9007199254740991', TOKEN_LIFETIME_MAX_MS],
    ['"3600"', 3_600_000],
    ['-1', 300_000],
    ['"soon"', 300_000],
  ]
  for (const [expiresIn, keptMs] of cases) {
    endpoint.answer = { status: 200, body: `{"access_token":"aaa.bbb.ccc","expires_in":${expiresIn}}` }
    const { credentials, clock } = askerOf(endpoint.url)
    const before = endpoint.asked.length
    for (const nowMs of [0, keptMs * 0.8 - 1, keptMs * 0.8]) {
      clock.nowMs = nowMs
      await credentials.current()
    }
    assert.equal(endpoint.asked.length - before, 2, expiresIn)
  }
})

async function complaint(endpoint: TokenEndpoint, ca?: string): Promise<string> {
  try {
    await askerOf(endpoint.url, ca).credentials.current()
  } catch (error) {
    assert.ok(error instanceof SaslError)
    return error.message
  }
  return assert.fail('it has a token')
}

test('a redirect is not followed: the secret would go there', async (t) => {
  const [endpoint, elsewhere] = [await startTokenEndpoint(t), await startTokenEndpoint(t)]
  for (const status of [302, 307, 308]) {
    endpoint.answer = { status, body: '', headers: { location: elsewhere.url } }
    assert.match(await complaint(endpoint), new RegExp(`answers ${status}: it sends us elsewhere; give the address`))
  }
  assert.deepEqual(elsewhere.asked, [])
})

test('over TLS: an authority that is not trusted, a certificate that has expired, one for other names; and a right one', async (t) => {
  const files = new SecretFiles(t)
  const subject = [['CN', 'idp']] as const
  const serve = (names: readonly string[], endsInDays = 30): Promise<TokenEndpoint> => {
    const { certificate: cert, key } = files.authority.issue({ subject, names, endsInDays })
    return startTokenEndpoint(t, { cert, key })
  }
  const ca = files.authority.certificate
  const right = await serve(['127.0.0.1'])
  assert.match(
    await complaint(right),
    /is not taken \(.*\); give the authority that signed it in caFile of tokenEndpoint$/,
  )
  assert.match(await complaint(right, new Authority('stranger').certificate), /is not taken/)
  assert.match(await complaint(await serve(['127.0.0.1'], -0.5), ca), /its certificate has expired/)
  assert.match(await complaint(await serve(['idp.example']), ca), /is for other names than the one in url/)
  assert.deepEqual(right.asked, [], 'nothing was sent')
  assert.equal((await askerOf(right.url, ca).credentials.current()).password, 'aaa.bbb.ccc')
})

test('what is no TLS is told', async (t) => {
  const endpoint = await startTokenEndpoint(t)
  const plain = { ...endpoint, url: endpoint.url.replace('http:', 'https:') }
  assert.match(await complaint(plain), /it does not speak TLS, .*; see url$/)
})
