/** TLS towards clients, on real sockets: what the handshake tells, what goes wrong with it, and certificates that change. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { API_KEY, decodeResponse, type Struct } from 'kafka-protocol-codec'
import type { Config } from '../../src/config/config.ts'
import type { ListenTls } from '../../src/config/security.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { Authority } from '../support/certificates.ts'
import { FAST, fetchBody, fetchedBody, patternBytes, produceBody, RawClient } from '../support/net.ts'
import { freePort } from '../support/ports.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

interface Stage {
  readonly scene: Scene
  readonly files: SecretFiles
  /** Connects with TLS; rejects with what the handshake says. */
  secure(options?: ConnectionOptions): Promise<RawClient>
}

async function stage(t: TestContext, tls: Partial<ListenTls> = {}, parts: Partial<Config> = {}): Promise<Stage> {
  const files = new SecretFiles(t)
  const settings: ListenTls = {
    ...files.issue('sluice'),
    clientCaFile: undefined,
    clientAuth: 'none',
    minVersion: 'TLSv1.2',
    principalMappingRules: undefined,
    ...tls,
  }
  const clientCaFile = settings.clientAuth === 'none' ? undefined : files.caFile
  const listen = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const
  const scene = await startScene(t, { config: { ...parts, listen: { ...listen, tls: { ...settings, clientCaFile } } } })
  const secure = async (options: ConnectionOptions = {}): Promise<RawClient> => {
    const { host, port } = scene.sluice.listen
    const ca = files.authority.certificate
    const halfOpen: object = { allowHalfOpen: true } // Node takes it, its types do not
    const socket = connectTls({ host, port, ca, servername: 'localhost', ...halfOpen, ...options })
    scene.alsoClose(() => socket.destroy())
    await once(socket, 'secureConnect')
    return new RawClient(socket, 'test')
  }
  return { scene, files, secure }
}

function identityOf({ sluice }: Scene): { principal: string } {
  const [client] = sluice.status().clients
  assert.ok(client !== undefined)
  return { principal: client.principal }
}

test('a client speaks TLS on the bootstrap port and on those of the brokers; large frames pass both ways', async (t) => {
  const { scene, secure } = await stage(t)
  const port = await scene.portOf(0)
  for (const options of [{}, { port }]) {
    const client = await secure(options)
    const records = patternBytes(3_000_000)
    client.send(API_KEY.Produce, 9, produceBody(records))
    const produced = decodeResponse(API_KEY.Produce, 9, await client.frame())
    assert.equal(produced.correlationId, 100)
    scene.broker.controlKey(API_KEY.Fetch, () => fetchedBody(records))
    const { responses } = (await client.request(API_KEY.Fetch, 12, fetchBody())) as {
      responses: { partitions: { records: Uint8Array }[] }[]
    }
    assert.deepEqual(Buffer.from(responses[0]!.partitions[0]!.records), Buffer.from(records))
    client.end()
    await client.leftInPeace()
  }
  await scene.ended({ client_closed: 2 })
})

test('a client of a broker that is not there gets a reset, as from the broker itself: it tries again', async (t) => {
  const nobody = { host: '127.0.0.1', port: await freePort() }
  const { scene, secure } = await stage(t, {}, { upstream: { bootstrap: [nobody] } })
  const client = await secure()
  client.send(API_KEY.ApiVersions, 0, {})
  await waitFor('the client hears of it', () => client.closed, FAST)
  assert.equal(client.error?.code, 'ECONNRESET')
  await scene.ended({ broker_unreachable: 1 })
})

test('a client that does not read is not read from, and loses nothing', async (t) => {
  const { scene, secure } = await stage(t)
  const client = await secure()
  await client.ping()
  const records = patternBytes(8_000_000)
  scene.broker.controlKey(API_KEY.Fetch, () => fetchedBody(records))
  client.pause()
  client.send(API_KEY.Fetch, 12, fetchBody())
  await waitFor('the broker was asked', () => scene.broker.requests(API_KEY.Fetch).length === 1, FAST)
  client.resume()
  const { value } = decodeResponse(API_KEY.Fetch, 12, await client.frame())
  const { responses } = value as { responses: { partitions: { records: Uint8Array }[] }[] }
  assert.deepEqual(Buffer.from(responses[0]!.partitions[0]!.records), Buffer.from(records))
})

test('a client without TLS on a TLS port is closed with a line that says what to do', async (t) => {
  const { scene } = await stage(t)
  const client = await scene.client()
  client.send(API_KEY.ApiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })
  await waitFor('it is closed', () => client.closed, FAST)
  assert.deepEqual(scene.counted(), { client_plaintext: 1 })
  assert.match(String(scene.said('client_plaintext')[0]?.['msg']), /set security.protocol to SSL or SASL_SSL/)
})

test('HTTP, probes and handshakes that go nowhere are told apart', async (t) => {
  const { scene, secure } = await stage(t)
  const http = await scene.client()
  http.write('GET / HTTP/1.1\r\n\r\n')
  await waitFor('HTTP is closed', () => http.closed, FAST)
  const probe = connect(scene.sluice.listen)
  await once(probe, 'connect')
  probe.destroy()
  await waitFor('the probe was seen', () => scene.counted().client_closed === 1, FAST)
  await assert.rejects(secure({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  await waitFor('an old version was seen', () => scene.counted().client_tls_failed === 1, FAST)
  await assert.rejects(secure({ ca: new Authority('another').certificate }))
  await waitFor(
    'an unknown authority was seen',
    () => Object.values(scene.counted()).reduce((a, b) => a + b) === 4,
    FAST,
  )
  assert.equal(scene.counted().client_http, 1)
})

test('a quota matches the server name of the hello', async (t) => {
  const orders: QuotaRule = {
    name: 'orders',
    limit: { requests: 1_000 },
    burst: { seconds: 1 },
    match: { sni: ['orders.*'] },
    per: ['sni'],
    overrides: [],
    mode: 'enforce',
  }
  const { scene, secure } = await stage(t, {}, { quotas: [orders] })
  const used = (): number => scene.sluice.counters.quota('orders').used.requests
  const options = [
    { servername: 'localhost' },
    { servername: 'orders.internal', checkServerIdentity: () => undefined },
    { servername: '' },
  ]
  const counts: number[] = []
  for (const option of options) {
    const client = await secure(option)
    await client.request(API_KEY.Metadata, 9, { topics: [] })
    counts.push(used())
  }
  assert.deepEqual(counts, [0, 1, 1])
})

test('what a client asked before its goodbye is answered', async (t) => {
  const { scene, secure } = await stage(t)
  const client = await secure()
  const { promise, resolve } = Promise.withResolvers<Struct>()
  scene.broker.controlKey(API_KEY.Heartbeat, () => promise)
  client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
  await waitFor('the broker was asked', () => scene.broker.requests(API_KEY.Heartbeat).length === 1, FAST)
  client.end()
  await waitFor('the goodbye arrived', () => scene.broker.clientConnections.some(({ ended }) => ended), FAST)
  resolve({})
  await client.frame()
  await client.leftInPeace()
})

test('a certificate says who the client is, by the rules', async (t) => {
  const { scene, files, secure } = await stage(t, {
    clientAuth: 'require',
    principalMappingRules: 'RULE:^CN=([^,]+),OU=apps.*$/$1/L',
  })
  const checkout = files.authority.issue({
    subject: [
      ['O', 'Example'],
      ['OU', 'apps'],
      ['CN', 'Checkout'],
    ],
  })
  const client = await secure({ cert: checkout.certificate, key: checkout.key })
  await client.ping()
  assert.deepEqual(identityOf(scene), { principal: 'checkout' })
  const stranger = files.authority.issue({ subject: [['CN', 'stranger']] })
  const refused = await secure({ cert: stranger.certificate, key: stranger.key }).catch(() => undefined) // as soon as that
  await waitFor('it is said', () => scene.said('client_tls_failed').length > 0, FAST)
  if (refused !== undefined) await waitFor('it is closed', () => refused.closed, FAST)
  assert.match(String(scene.said('client_tls_failed')[0]?.['msg']), /no rule .* says who "CN=stranger" is/)
})

const CLIENT_FAULTS = [
  ['no certificate', () => ({}), /shows no certificate, and listen.tls.clientAuth requires one/],
  [
    'one of another authority',
    () => new Authority('other').issue({ subject: [['CN', 'x']] }),
    /not signed by an authority of listen.tls.clientCaFile/,
  ],
  [
    'one that has expired',
    (files: SecretFiles) => files.authority.issue({ subject: [['CN', 'x']], beginsInDays: -9, endsInDays: -2 }),
    /has expired/,
  ],
  [
    'one that is not valid yet',
    (files: SecretFiles) => files.authority.issue({ subject: [['CN', 'x']], beginsInDays: 2 }),
    /not valid yet/,
  ],
] as const
for (const [what, issue, message] of CLIENT_FAULTS) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`a client with ${what} is refused (${version})`, async (t) => {
      const { scene, files, secure } = await stage(t, { clientAuth: 'require' })
      const { certificate: cert, key } = issue(files) as { certificate?: string; key?: string }
      const own = cert === undefined || key === undefined ? {} : { cert, key }
      const client = await secure({ ...own, minVersion: version, maxVersion: version }).catch(() => undefined)
      await waitFor('it is refused', () => scene.counted().client_tls_failed === 1, FAST)
      await waitFor('it is said', () => scene.said('client_tls_failed').length > 0, FAST)
      assert.match(String(scene.said('client_tls_failed')[0]?.['msg']), message)
      client?.destroy()
    })
  }
}

test('where a certificate is wanted, none is as good as a right one, and a wrong one is refused', async (t) => {
  const { scene, secure } = await stage(t, { clientAuth: 'want' })
  const anonymous = await secure()
  await anonymous.ping()
  assert.deepEqual(identityOf(scene), { principal: '' })
  const foreign = new Authority('other').issue({ subject: [['CN', 'x']] })
  const refused = await secure({ cert: foreign.certificate, key: foreign.key })
  await waitFor('it is closed', () => refused.closed, FAST)
  assert.equal(scene.counted().client_tls_failed, 1)
})

test('a certificate that is replaced serves the next client; the connections stay; a bad one is refused', async (t) => {
  const { scene, files, secure } = await stage(t)
  const before = await secure()
  await before.ping()
  const serial = ({ socket }: RawClient): string => (socket as TLSSocket).getPeerCertificate().serialNumber
  const next = files.authority.issue({ subject: [['CN', 'next']], names: ['localhost', '127.0.0.1'] })
  files.writePair('sluice', next)
  await waitFor('the new certificate is in use', () => scene.said('secrets_reloaded').length > 0, { timeoutMs: 20_000 })
  const after = await secure()
  assert.notEqual(serial(after), serial(before))
  await before.ping()
  await after.ping()
  files.write('sluice.key', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n')
  await waitFor('the bad key is told', () => scene.said('secrets_refused').length > 0, { timeoutMs: 20_000 })
  const [line] = scene.said('secrets_refused')
  assert.match(String(line?.['msg']), /^listen\.tls: .*; what was read before stays in use$/)
  assert.equal(JSON.stringify(scene.lines).includes('c2VjcmV0'), false, 'a key in the log')
  const { counters } = scene.sluice
  assert.deepEqual({ failed: counters.secretReloads.failed, faulty: counters.secretsFaulty }, { failed: 1, faulty: 1 })
  const still = await secure()
  assert.equal(serial(still), serial(after))
  files.writePair('sluice', next)
  await waitFor('the pair is whole again', () => counters.secretsFaulty === 0, { timeoutMs: 20_000 })
})

test('a handshake under way does not keep a sluice from stopping', async (t) => {
  const { scene } = await stage(t)
  const client = await scene.client()
  await waitFor('it is accepted', () => scene.sluice.listen.port > 0, FAST)
  await scene.sluice.drain(1_000)
  await waitFor('it is closed', () => client.closed, FAST)
})
