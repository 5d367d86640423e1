/**
 * Logins on real sockets, both sides of them ours: a sluice that logs in at the broker, and behind it one that verifies logins and
 * stands in front of a fake broker. The names and passwords come from files.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { API_KEY, decodeResponse, type Struct } from 'kafka-protocol-codec'
import type { Config } from '../../src/config/config.ts'
import type { UpstreamSasl } from '../../src/config/security.ts'
import { formatVerifier } from '../../src/config/users-file.ts'
import { verifierOf } from '../../src/net/user-verifier.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { FAST, type RawClient } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { startTokenEndpoint } from '../support/token-endpoint.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

const PASSWORD = 'correct horse, battery=staple'
const LISTEN = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const

async function usersText(password = PASSWORD): Promise<string> {
  const entries = [await verifierOf('SCRAM-SHA-256', password), await verifierOf('SCRAM-SHA-512', password)]
  return JSON.stringify({ 'alice,=': entries.map(formatVerifier) })
}

interface Chain {
  /** Logs in upstream. */
  readonly front: Scene
  /** Verifies, before a fake broker. */
  readonly back: Scene
  readonly files: SecretFiles
}

async function chain(
  t: TestContext,
  sasl: Partial<UpstreamSasl>,
  password = PASSWORD,
  listen: Config['listen'] = LISTEN,
): Promise<Chain> {
  const files = new SecretFiles(t)
  const usersFile = files.write('users.yaml', await usersText())
  const passwordFile = files.write('password', `${password}\n`)
  const back = await startScene(t, { config: { listen: { ...LISTEN, sasl: { usersFile } } } })
  const bootstrap = [back.sluice.listen]
  const upstream = {
    bootstrap,
    sasl: {
      ...{ mechanism: 'PLAIN', username: 'alice,=', passwordFile, tokenFile: undefined, tokenEndpoint: undefined },
      ...sasl,
    } as UpstreamSasl,
  }
  const front = await startScene(t, { brokers: [], bootstrap, config: { upstream, listen } })
  back.alsoClose(() => front.sluice.kill()) // it is connected to the one behind
  return { front, back, files }
}

async function login(client: RawClient, mechanism: string, token: string): Promise<Struct> {
  await client.request(API_KEY.SaslHandshake, 1, { mechanism })
  return client.request(API_KEY.SaslAuthenticate, 2, { authBytes: Buffer.from(token) })
}

for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
  test(`${mechanism}: a client without credentials is served as our user`, async (t) => {
    const { front, back } = await chain(t, { mechanism })
    const client = await front.client()
    await client.ping()
    const [seen] = back.sluice.status().clients.filter(({ principal }) => principal !== '')
    assert.equal(seen?.principal, 'alice,=')
    // A question of our own that was not answered in 5 s is asked again, and till then it counts.
    await waitFor('nothing is wrong', () => front.sluice.status().reasons.length === 0)
    await waitFor('our own questions log in too', () => front.sluice.status().brokers.length > 0)
    client.end()
    await client.leftInPeace()
  })
}

test('a wrong password: the client sees a dead broker, log and /readyz say why; a right one in the file mends it', async (t) => {
  const { front, files } = await chain(t, { mechanism: 'SCRAM-SHA-512' }, 'wrong')
  const client = await front.client()
  client.send(API_KEY.Metadata, 9, { topics: [] })
  await waitFor('it is closed', () => client.closed, FAST)
  assert.equal(front.counted().broker_login_failed, 1)
  const words = /does not let alice,= in by SCRAM-SHA-512: SASL_AUTHENTICATION_FAILED \(.*invalid credentials/
  assert.match(String(front.said('broker_login_failed')[0]?.['msg']), words)
  assert.match(front.sluice.status().reasons.join(), words)
  files.write('password', PASSWORD)
  await waitFor('the new password is in use', () => front.said('secrets_reloaded').length > 0, { timeoutMs: 20_000 })
  const again = await front.client()
  await again.ping()
  assert.equal(JSON.stringify(front.lines).includes('battery'), false, 'a password in the log')
})

test('a wrong password is told to a client that asks for versions first, in the version that it asks in', async (t) => {
  const { front } = await chain(t, { mechanism: 'PLAIN' }, 'wrong')
  for (const version of [0, 3, 4]) {
    const client = await front.client()
    client.send(API_KEY.ApiVersions, version, { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
    const { value } = decodeResponse(API_KEY.ApiVersions, version, await client.frame())
    assert.deepEqual([value['errorCode'], value['apiKeys']], [58, []])
    await waitFor('it is closed', () => client.closed, FAST)
  }
  await front.ended({ broker_login_failed: 3 })
  assert.match(front.sluice.status().reasons.join(), /does not let alice,= in by PLAIN/)
})

test('a wrong password is told to a client that logs in here, once its own is right, and not before', async (t) => {
  const files = new SecretFiles(t)
  const usersFile = files.write('clients.yaml', await usersText('right'))
  const { front } = await chain(t, { mechanism: 'PLAIN' }, 'wrong', { ...LISTEN, sasl: { usersFile } })
  for (const [password, message] of [
    [
      'right',
      /^the sluice cannot log in at the broker for this client: the broker does not let alice,= in by PLAIN: SASL_AUTH/,
    ],
    ['wrong', /^Authentication failed: Invalid username or password$/],
  ] as const) {
    const client = await front.client()
    const { apiKeys, errorCode } = await client.request(API_KEY.ApiVersions, 3, {
      clientSoftwareName: 'test',
      clientSoftwareVersion: '1',
    })
    assert.deepEqual([errorCode, (apiKeys as Struct[]).map(({ apiKey }) => apiKey)], [0, [17, 18, 36]])
    const answer = await login(client, 'PLAIN', `\0alice,=\0${password}`)
    assert.equal(answer['errorCode'], 58)
    assert.match(String(answer['errorMessage']), message)
    await waitFor('it is closed', () => client.closed, FAST)
  }
  await front.ended({ broker_login_failed: 1, client_login_failed: 1 })
})

for (const [password, right] of [
  [PASSWORD, true],
  ['wrong', false],
] as const) {
  test(`tokens without a header (SaslHandshake v0), as old clients send them, are verified: ${right ? 'right' : 'wrong'}`, async (t) => {
    const usersFile = new SecretFiles(t).write('users.yaml', await usersText())
    const scene = await startScene(t, { config: { listen: { ...LISTEN, sasl: { usersFile } } } })
    const client = await scene.client()
    assert.deepEqual(await client.request(API_KEY.SaslHandshake, 0, { mechanism: 'PLAIN' }), {
      ...{ errorCode: 0, mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] },
    })
    const token = Buffer.from(`\0alice,=\0${password}`)
    const size = Buffer.alloc(4)
    size.writeInt32BE(token.length)
    client.socket.write(size.subarray(0, 3)) // it may come in pieces
    client.socket.write(Buffer.concat([size.subarray(3), token]))
    if (!right) {
      await waitFor('it is closed, as Kafka does', () => client.closed, FAST)
      assert.equal(
        client.bytesReceived > 0 && client.frames.length === 0,
        true,
        'nothing but the handshake was answered',
      )
      await scene.ended({ client_login_failed: 1 })
      return
    }
    assert.equal((await client.frame()).length, 4, 'an empty token')
    await client.ping()
    assert.equal(
      scene.sluice.status().clients.some(({ principal }) => principal === 'alice,='),
      true,
    )
    client.end()
    await scene.ended({ client_closed: 1 })
  })
}

test('a mechanism that the broker lacks is told with those that it has', async (t) => {
  const tokenFile = new SecretFiles(t).write('token', 'aaa.bbb.ccc')
  const { front } = await chain(t, { mechanism: 'OAUTHBEARER', passwordFile: undefined, tokenFile })
  await waitFor(
    'it is said',
    () =>
      front.sluice
        .status()
        .reasons.join()
        .includes('does not take OAUTHBEARER; its mechanisms are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512'),
    FAST,
  )
})

test('OAUTHBEARER: the broker gets a token of the endpoint, and one token serves every login', async (t) => {
  const files = new SecretFiles(t)
  const endpoint = await startTokenEndpoint(t)
  const clientSecretFile = files.write('client-secret', 's e=cret\n')
  const broker = await startFakeBroker()
  const sasl: UpstreamSasl = {
    ...{ mechanism: 'OAUTHBEARER', username: '', passwordFile: undefined, tokenFile: undefined },
    tokenEndpoint: { url: endpoint.url, clientId: 'sluice', clientSecretFile, scope: 'kafka', caFile: undefined },
  }
  const bootstrap = [broker.address]
  const scene = await startScene(t, { brokers: [], bootstrap, config: { upstream: { bootstrap, sasl } } })
  scene.alsoClose(() => broker.close())
  for (let i = 0; i < 2; i++) await (await scene.client()).ping()
  const tokens = broker.requests(API_KEY.SaslAuthenticate).map((request) => request.value()['authBytes'] as Uint8Array)
  assert.equal(tokens.length, 2)
  for (const token of tokens) {
    assert.equal(Buffer.from(token).toString(), 'n,,\u0001auth=Bearer aaa.bbb.ccc\u0001\u0001')
  }
  assert.deepEqual(endpoint.asked, [
    {
      authorization: `Basic ${Buffer.from('sluice:s+e%3Dcret').toString('base64')}`,
      body: 'grant_type=client_credentials&scope=kafka',
    },
  ])
  assert.equal(JSON.stringify(scene.lines).includes('bbb'), false, 'a token in the log')
})

test('clients are verified: the right password, a wrong one, none, and a file that changes', async (t) => {
  const files = new SecretFiles(t)
  const usersFile = files.write('users.yaml', await usersText())
  const scene = await startScene(t, { config: { listen: { ...LISTEN, sasl: { usersFile } } } })
  const client = await scene.client()
  assert.equal((await login(client, 'PLAIN', `\0alice,=\0${PASSWORD}`))['errorCode'], 0)
  await client.ping()
  const cases = [`\0alice,=\0wrong`, `\0nobody\0${PASSWORD}`, `\0\0`, 'nonsense', `bob\0alice,=\0${PASSWORD}`]
  for (const token of cases) {
    const refused = await scene.client()
    const { errorCode, errorMessage } = await login(refused, 'PLAIN', token)
    assert.deepEqual([errorCode, errorMessage], [58, 'Authentication failed: Invalid username or password'])
    await refused.leftInPeace()
  }
  const anonymous = await scene.client()
  anonymous.send(API_KEY.Metadata, 9, { topics: [] })
  await waitFor('it is closed', () => anonymous.closed, FAST)
  assert.equal(scene.broker.requests(API_KEY.Metadata).length, 0)
  files.write('users.yaml', 'alice: nonsense')
  await waitFor('nonsense is refused', () => scene.said('secrets_refused').length > 0, { timeoutMs: 20_000 })
  assert.match(String(scene.said('secrets_refused')[0]?.['msg']), /user "alice": no entry of the form/)
  files.write('users.yaml', await usersText('another'))
  await waitFor('the new file is in use', () => scene.said('secrets_reloaded').length > 0, { timeoutMs: 20_000 })
  const renewed = await scene.client()
  assert.equal((await login(renewed, 'PLAIN', '\0alice,=\0another'))['errorCode'], 0)
  await client.ping()
  assert.equal(JSON.stringify(scene.lines).includes('battery'), false, 'a password in the log')
})
