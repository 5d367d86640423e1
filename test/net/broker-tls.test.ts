/** TLS towards brokers, on real sockets: what is verified, what is told when it is not right, and files that change. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { TlsOptions } from 'node:tls'
import { API_KEY, decodeResponse } from 'kafka-protocol-codec'
import type { UpstreamTls } from '../../src/config/security.ts'
import { BrokerTls } from '../../src/net/broker-tls.ts'
import { queryQuotas } from '../../src/net/quota-query.ts'
import { Authority, type CertificateOptions } from '../support/certificates.ts'
import { FAST, fetchBody, fetchedBody, patternBytes, produceBody } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { startTlsBroker, type TlsBroker } from '../support/tls-broker.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

interface Stage extends TlsBroker {
  readonly scene: Scene
  readonly files: SecretFiles
}

interface StageOptions {
  readonly certificate?: Partial<CertificateOptions>
  readonly signer?: Authority
  readonly server?: TlsOptions | ((files: SecretFiles) => TlsOptions)
  readonly tls?: Partial<UpstreamTls>
  /** Our own certificate is signed by this one. */
  readonly ownSigner?: Authority
  readonly host?: string
}

async function stage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const files = new SecretFiles(t)
  const issued = (options.signer ?? files.authority).issue({
    subject: [['CN', 'broker']],
    names: ['localhost', '127.0.0.1'],
    ...options.certificate,
  })
  const server = typeof options.server === 'function' ? options.server(files) : options.server
  const tlsBroker = await startTlsBroker(t, { cert: issued.certificate, key: issued.key, ...server })
  const own = options.ownSigner === undefined ? undefined : files.issue('own', {}, options.ownSigner)
  const tls: UpstreamTls = {
    caFile: files.caFile,
    certFile: own?.certFile,
    keyFile: own?.keyFile,
    serverName: undefined,
    verify: 'full',
    minVersion: 'TLSv1.2',
    ...options.tls,
  }
  const { port } = tlsBroker.address
  const bootstrap = [{ host: options.host ?? 'localhost', port }]
  const scene = await startScene(t, { brokers: [], bootstrap, config: { upstream: { bootstrap, tls } } })
  return { ...tlsBroker, scene, files }
}

test('clients reach the broker over TLS, and so do our own questions; large frames pass both ways', async (t) => {
  const { scene, broker, secured } = await stage(t)
  const port = await scene.portOf(0)
  const client = await scene.client(port)
  const records = patternBytes(3_000_000)
  client.send(API_KEY.Produce, 9, produceBody(records))
  await client.frame()
  broker.controlKey(API_KEY.Fetch, () => fetchedBody(records))
  client.send(API_KEY.Fetch, 12, fetchBody())
  const { responses } = decodeResponse(API_KEY.Fetch, 12, await client.frame()).value as {
    responses: { partitions: { records: Uint8Array }[] }[]
  }
  assert.deepEqual(Buffer.from(responses[0]!.partitions[0]!.records), Buffer.from(records))
  client.end()
  await client.leftInPeace()
  assert.deepEqual(scene.sluice.status().reasons, [])
  assert.ok(secured.length >= 2)
  await scene.ended({ client_closed: 1 })
})

test('the server name is sent, unless the broker is dialled by address', async (t) => {
  const { scene, secured } = await stage(t)
  await waitFor('we have asked', () => secured.length > 0, FAST)
  assert.equal(secured[0]?.servername, 'localhost')
  const client = await scene.client(await scene.portOf(0)) // named by its address in Metadata
  await client.ping()
  assert.equal(secured.at(-1)?.servername, false)
})

const FAULTS: readonly (readonly [what: string, options: StageOptions, message: RegExp])[] = [
  [
    'of an authority that is not ours',
    { signer: new Authority('stranger') },
    /not signed by an authority that is trusted here: give the CA .* upstream\.tls\.caFile/,
  ],
  ['that has expired', { certificate: { beginsInDays: -9, endsInDays: -2 } }, /has expired/],
  ['that is not valid yet', { certificate: { beginsInDays: 3 } }, /not valid yet/],
  [
    'for another host',
    { certificate: { names: ['kafka-7.example', '10.0.0.7'] } },
    /is for kafka-7\.example, 10\.0\.0\.7, not for localhost; .*upstream\.tls\.serverName/,
  ],
  ['without a name', { certificate: { names: [] } }, /has no names, not for localhost/],
  ['for another name than is asked for', { tls: { serverName: 'kafka.example' } }, /not for kafka\.example/],
]
for (const [what, options, message] of FAULTS) {
  test(`a broker with a certificate ${what} is not spoken to, and it is said why`, async (t) => {
    const { scene, broker } = await stage(t, options)
    const client = await scene.client()
    client.send(API_KEY.Metadata, 9, { topics: [] })
    await waitFor('it is closed', () => client.closed, FAST)
    await scene.ended({ broker_unreachable: 1 })
    assert.match(String(scene.said('dial_failed')[0]?.['msg']), message)
    assert.match(scene.sluice.status().reasons.join(), message)
    assert.equal(broker.connections.flatMap(({ requests }) => requests).length, 0)
  })
}

const TAKEN: readonly (readonly [what: string, options: StageOptions])[] = [
  ['ca takes any name', { certificate: { names: ['elsewhere'] }, tls: { verify: 'ca' } }],
  [
    'a server name is taken for every broker',
    { certificate: { names: ['kafka.example'] }, tls: { serverName: 'kafka.example' } },
  ],
  [
    'insecureSkipVerify takes anything',
    {
      signer: new Authority('stranger'),
      certificate: { endsInDays: -1, beginsInDays: -2 },
      tls: { verify: 'nothing' },
    },
  ],
]
for (const [what, options] of TAKEN) {
  test(what, async (t) => {
    const { scene } = await stage(t, options)
    const client = await scene.client()
    await client.ping()
    client.end()
    await scene.ended({ client_closed: 1 })
  })
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a certificate of our own is shown to a broker that wants one (${version})`, async (t) => {
    const signer = new Authority('clients')
    const server = { requestCert: true, ca: signer.certificate, minVersion: version, maxVersion: version }
    const { scene } = await stage(t, { server, ownSigner: signer })
    const client = await scene.client()
    await client.ping()
  })
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a broker that wants a certificate which we lack: it is said (${version})`, async (t) => {
    const server = (files: SecretFiles): TlsOptions => ({
      ...{ requestCert: true, ca: files.authority.certificate, minVersion: version, maxVersion: version },
    })
    const { scene } = await stage(t, { server })
    const client = await scene.client()
    client.send(API_KEY.Metadata, 9, { topics: [] })
    await waitFor('it is closed', () => client.closed, FAST)
    await waitFor('it is said', () => scene.sluice.status().reasons.length > 0, FAST)
    assert.match(scene.sluice.status().reasons.join(), /wants a client certificate .* upstream\.tls\.certFile/)
    await scene.ended({ broker_unreachable: 1 })
  })
}

test('an old version of TLS is not spoken', async (t) => {
  const { scene } = await stage(t, { server: { maxVersion: 'TLSv1.2' }, tls: { minVersion: 'TLSv1.3' } })
  await waitFor('it is said', () => scene.sluice.status().reasons.join().includes('no version of TLS in common'), FAST)
})

const NO_TLS = [
  ['ends the connection, as Kafka does', (socket: Socket) => socket.destroy()],
  ['answers in the clear', (socket: Socket) => socket.write(Buffer.from([0, 0, 0, 10, 0, 0, 0, 1, 0, 35, 0, 0, 0, 0]))],
] as const
for (const [what, answer] of NO_TLS) {
  test(`a broker without TLS that ${what}: it is said`, async (t) => {
    const files = new SecretFiles(t)
    const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => answer(socket)))
    server.listen({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    t.after(() => server.close())
    const bootstrap = [{ host: '127.0.0.1', port: (server.address() as AddressInfo).port }]
    const tls: UpstreamTls = { ...NO_FILES, caFile: files.caFile }
    const scene = await startScene(t, { brokers: [], bootstrap, config: { upstream: { bootstrap, tls } } })
    await waitFor(
      'it is said',
      () => /does not speak TLS: give the address of its TLS listener/.test(scene.sluice.status().reasons.join()),
      FAST,
    )
  })
}

test('a broker with TLS, where we are told to speak without: we are not ready, also while clients can connect to it', async (t) => {
  const alert = Buffer.from('15030300020228', 'hex')
  const server = createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.end(alert)))
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.after(() => server.close())
  const bootstrap = [{ host: '127.0.0.1', port: (server.address() as AddressInfo).port }]
  const scene = await startScene(t, { brokers: [], bootstrap })
  const says = (): boolean =>
    /speaks TLS; configure upstream\.tls, or give .* listener without it\)$/.test(scene.sluice.status().reasons.join())
  await waitFor('it is said', says, FAST)
  for (let i = 0; i < 3; i++) {
    const client = await scene.client()
    client.send(API_KEY.ApiVersions, 0, {})
    await waitFor('its connection ends', () => client.closed, FAST)
    assert.ok(says(), scene.sluice.status().reasons.join())
  }
  assert.equal(scene.sluice.status().ready, false)
})

const NO_FILES: UpstreamTls = {
  ...{ caFile: undefined, certFile: undefined, keyFile: undefined, serverName: undefined },
  ...{ verify: 'full', minVersion: 'TLSv1.2' },
}

test('authorities that are replaced count for the next connection', async (t) => {
  const stranger = new Authority('stranger')
  const { scene, files } = await stage(t, { signer: stranger })
  await waitFor('the broker is not trusted', () => scene.sluice.status().reasons.join().includes('not signed'), FAST)
  files.write('ca.crt', 'nonsense')
  await waitFor('nonsense is refused', () => scene.said('secrets_refused').length > 0, { timeoutMs: 20_000 })
  assert.match(String(scene.said('secrets_refused')[0]?.['msg']), /caFile has no certificate in PEM form/)
  files.write('ca.crt', stranger.certificate)
  await waitFor('the broker is trusted', () => scene.sluice.status().ready, { timeoutMs: 20_000 })
  const client = await scene.client()
  await client.ping()
})

test('questions for quotas go over TLS too, and a fault of it is told', async (t) => {
  const { address, files } = await stage(t)
  const signal = new AbortController().signal
  const ours = new BrokerTls(NO_FILES, { caFile: files.authority.certificate })
  await assert.rejects(
    queryQuotas({ addresses: [address], credentials: undefined, tls: new BrokerTls(NO_FILES, {}), signal }),
    /not signed/,
  )
  const { brokersCount } = await queryQuotas({ addresses: [address], credentials: undefined, tls: ours, signal })
  assert.equal(brokersCount, 1)
})
