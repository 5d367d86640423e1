/**
 * Security of both sides with real Kafka and real clients. One broker takes logins over TLS (SASL_SSL, sessions of a few seconds), one
 * asks for certificates (SSL); their certificates are made here and given as PEM.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { API_KEY, encodeRequest } from 'kafka-protocol-codec'
import { formatVerifier } from '../../src/config/users-file.ts'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { verifierOf } from '../../src/net/user-verifier.ts'
import { Authority } from '../support/certificates.ts'
import { type ClientConfig, type ClientName, requireClient, runClient, startClient } from '../support/clients.ts'
import { connectRaw } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'
import { kafkaFor, type RunningSluice, startSluice } from './support/sluice.ts'

const USER = 'sluice'
const PASSWORD = 'sluice-pencil'
const SESSION_MS = 6_000
const OAUTH_LOGIN =
  'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="sluice";'

/** A token that Kafka's own test validator takes: signed by nobody. */
function bearerToken(): string {
  const seconds = Math.floor(Date.now() / 1000)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: USER, iat: seconds, exp: seconds + 3600 })}.`
}

/** Key and chain in one file, as Kafka reads PEM. */
function keyStore(files: SecretFiles, name: string, authority = files.authority, subject = name): string {
  const { certificate, key } = authority.issue({
    subject: [
      ['O', 'Example'],
      ['OU', 'apps'],
      ['CN', subject],
    ],
    names: ['localhost', '127.0.0.1'],
  })
  return files.write(`${name}.pem`, key + certificate)
}

function brokerTls(files: SecretFiles): Record<string, string> {
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore(files, 'broker'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': files.caFile,
  }
}

interface Stage {
  readonly files: SecretFiles
  readonly kafka: KafkaCluster
}

type Mechanism = NonNullable<ClientConfig['sasl']>['mechanism']

/** Those of the clients that can be had here; the others are told as skipped. */
async function available(t: TestContext, names: readonly ClientName[]): Promise<ClientName[]> {
  const found: ClientName[] = []
  for (const name of names) if (await requireClient(t, name)) found.push(name)
  return found
}

let topics = 0

async function stage(t: TestContext, kind: 'SASL_SSL' | 'SSL'): Promise<Stage | undefined> {
  const files = new SecretFiles(t)
  const sasl = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.client.oauthbearer.sasl.jaas.config': OAUTH_LOGIN,
    'connections.max.reauth.ms': String(SESSION_MS),
  }
  const kafka = await kafkaFor(t, {
    listeners: kind,
    saslUsers: { [USER]: PASSWORD },
    properties: { ...brokerTls(files), ...(kind === 'SSL' ? { 'ssl.client.auth': 'required' } : sasl) },
  })
  return kafka === undefined ? undefined : { files, kafka }
}

async function topicOf({ kafka }: Stage): Promise<string> {
  const topic = `secure-${topics++}`
  await createTopic(kafka.internalBootstrap, { topic })
  return topic
}

/** Some records, each acknowledged, without a fault. */
async function produces(
  name: ClientName,
  scene: Stage,
  bootstrap: string,
  more: Partial<ClientConfig> = {},
): Promise<void> {
  const topic = await topicOf(scene)
  const config = { bootstrap, topic, count: 50, clientId: `app-${name}`, ...more }
  const { acked, errors, disconnects, events } = await runClient(name, 'produce', config)
  assert.deepEqual([acked, errors, disconnects], [50, 0, 0], JSON.stringify(events))
}

/** Of a sluice that cannot reach its brokers: why, by /readyz. */
async function reasonsOf(t: TestContext, scene: Stage, upstream: object): Promise<string> {
  const sluice = await startSluice(t, {
    upstream: scene.kafka,
    config: { upstream: { bootstrap: scene.kafka.bootstrap, ...upstream } },
    awaitReady: false,
  })
  return waitFor('it says why it is not ready', async () => {
    const answer = await fetch(`${sluice.adminUrl}/readyz`)
    const { reasons } = (await answer.json()) as { reasons: readonly string[] }
    return reasons.join().includes('have not answered yet') ? undefined : reasons.join()
  })
}

function startSecure(
  t: TestContext,
  { kafka }: Stage,
  upstream: object,
  more: object = {},
  quotas: readonly object[] = [],
): Promise<RunningSluice> {
  return startSluice(t, {
    upstream: kafka,
    quotas,
    config: { upstream: { bootstrap: kafka.bootstrap, ...upstream }, ...more },
  })
}

test('a broker with logins over TLS (SASL_SSL)', async (t) => {
  const scene = await stage(t, 'SASL_SSL')
  if (scene === undefined) return
  const { files } = scene
  const tls = { caFile: files.caFile }
  const passwordFile = files.write('password', `${PASSWORD}\n`)
  const login = { mechanism: 'SCRAM-SHA-512', username: USER, passwordFile }

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']) {
    await t.test(`the sluice logs in by ${mechanism}, kafkajs without credentials`, async (t) => {
      const sasl =
        mechanism === 'OAUTHBEARER'
          ? { mechanism, tokenFile: files.write('token', bearerToken()) }
          : { ...login, mechanism }
      const sluice = await startSecure(t, scene, { tls, sasl })
      await produces('kafkajs', scene, sluice.bootstrap)
    })
  }

  await t.test('clients stay connected over several sessions of the broker: we log in again in time', async (t) => {
    const sluice = await startSecure(t, scene, { tls, sasl: login })
    const stays = async (name: ClientName): Promise<void> => {
      const topic = await topicOf(scene)
      const paced = {
        ...{ recordBytes: 200, bytesPerSecond: 40_000, seconds: (2.2 * SESSION_MS) / 1000, drain: true },
      }
      const { bootstrap } = sluice
      const result = await runClient(name, 'produce', { bootstrap, topic, clientId: 'paced', ...paced })
      const { errors, disconnects, acked, sent, events } = result
      assert.deepEqual([errors, disconnects, acked], [0, 0, sent], JSON.stringify(events))
    }
    const names = await available(t, ['java', 'librdkafka'])
    await Promise.all(names.map(stays))
    const metrics = await sluice.metrics()
    for (const reason of ['broker_closed', 'broker_reset', 'broker_login_failed']) {
      assert.equal(metrics.value('sluice_disconnects_total', { reason }), 0, reason)
    }
  })

  await t.test('logins that pass through still work over our TLS', async (t) => {
    const [name] = await available(t, ['java'])
    if (name === undefined) return
    const sluice = await startSecure(t, scene, { tls })
    const sasl = { mechanism: 'SCRAM-SHA-256', username: USER, password: PASSWORD } as const
    await produces(name, scene, sluice.bootstrap, { sasl })
    const { clients } = await sluice.status()
    assert.ok(clients.some(({ principal }) => principal === USER))
  })

  await t.test('what is wrong is said by /readyz', async (t) => {
    const stranger = files.write('stranger.crt', new Authority('stranger').certificate)
    const cases: readonly (readonly [object, RegExp])[] = [
      [
        { tls: { caFile: stranger }, sasl: login },
        /not signed by an authority that is trusted here: give the CA that signed it in upstream\.tls\.caFile/,
      ],
      [
        { tls: { ...tls, serverName: 'kafka.example' }, sasl: login },
        /is for localhost, 127\.0\.0\.1, not for kafka\.example/,
      ],
      [{ sasl: login }, /speaks TLS; configure upstream\.tls|closed the connection/],
      [
        { tls, sasl: { ...login, passwordFile: files.write('wrong', 'wrong') } },
        /does not let sluice in by SCRAM-SHA-512: SASL_AUTHENTICATION_FAILED/,
      ],
    ]
    await Promise.all(
      cases.map(async ([upstream, message]) => assert.match(await reasonsOf(t, scene, upstream), message)),
    )
  })

  await t.test('a broker that wants a login nobody has: the log says so', async (t) => {
    const sluice = await startSecure(t, scene, { tls })
    const client = await connectRaw({ host: '127.0.0.1', port: Number(sluice.bootstrap.split(':').at(-1)) })
    t.after(() => client.destroy())
    await client.request(API_KEY.ApiVersions, 0, {})
    client.send(API_KEY.Metadata, 9, { topics: [] })
    await waitFor('the broker has ended it', () => client.closed)
    const said = await waitFor('it is said', () => sluice.logs.find(({ event }) => event === 'broker_closed_early'))
    assert.match(said.msg, /instead of answering Metadata, .*let the client log in, or configure upstream\.sasl/)
  })

  const server = files.issue('sluice-server')
  const usersFile = files.write('users.yaml', await usersText('orders', 'orders-pencil'))
  const listen = { host: '127.0.0.1', port: 0, brokerPorts: 0, tls: server, sasl: { usersFile } }

  await t.test('clients speak TLS to the sluice, which verifies their logins by every mechanism', async (t) => {
    const sluice = await startSecure(t, scene, { tls, sasl: login }, { listen }, [ofPrincipal('orders')])
    const names = await available(t, ['java', 'librdkafka'])
    const speaks = async (name: ClientName, mechanism: Mechanism): Promise<void> => {
      const secure = name === 'java' ? javaTls(files) : { 'ssl.ca.location': files.caFile }
      const producer = { ...secure, 'security.protocol': 'SASL_SSL' }
      const sasl = { mechanism, username: 'orders', password: 'orders-pencil' }
      await produces(name, scene, sluice.bootstrap, { sasl, producer })
    }
    const all = [
      ['java', 'SCRAM-SHA-256'],
      ['java', 'PLAIN'],
      ['librdkafka', 'SCRAM-SHA-512'],
    ] as const
    await Promise.all(all.filter(([name]) => names.includes(name)).map(([name, mechanism]) => speaks(name, mechanism)))
    assert.ok((await sluice.metrics()).value('sluice_quota_used_total', { quota: 'of-principal' }) > 0)
  })

  await t.test('a wrong password of the sluice is told to kafkajs in the answer to its first request', async (t) => {
    const wrong = { ...login, passwordFile: files.write('wrong-of-ours', 'wrong') }
    const sluice = await startSluice(t, {
      upstream: scene.kafka,
      config: { upstream: { bootstrap: scene.kafka.bootstrap, tls, sasl: wrong } },
      awaitReady: false,
    })
    const config = { bootstrap: sluice.bootstrap, topic: 'none', count: 1 }
    await assert.rejects(runClient('kafkajs', 'produce', config), /SASL Authentication failed/)
    assert.ok((await sluice.metrics()).value('sluice_disconnects_total', { reason: 'broker_login_failed' }) > 0)
  })

  await t.test('a wrong password of the sluice is told to Java in the answer to its own login', async (t) => {
    if (!(await requireClient(t, 'java'))) return
    const wrong = { ...login, passwordFile: files.write('wrong-of-ours', 'wrong') }
    const sluice = await startSluice(t, {
      upstream: scene.kafka,
      config: { upstream: { bootstrap: scene.kafka.bootstrap, tls, sasl: wrong }, listen },
      awaitReady: false,
    })
    const producer = {
      ...{ ...javaTls(files), 'security.protocol': 'SASL_SSL' },
      ...{ 'delivery.timeout.ms': 5_000, 'request.timeout.ms': 3_000, 'linger.ms': 0 },
    }
    const sasl = { mechanism: 'PLAIN', username: 'orders', password: 'orders-pencil' } as const
    const config = { bootstrap: sluice.bootstrap, topic: 'none', count: 1, sasl, producer }
    const outcome = await runClient('java', 'produce', config).then(
      ({ events }) => JSON.stringify(events),
      (error: Error) => error.message,
    )
    assert.match(outcome, /the sluice cannot log in at the broker for this client: the broker does not let sluice in/)
  })

  await t.test('a wrong password is told to the client as Kafka tells it', async (t) => {
    if (!(await requireClient(t, 'java'))) return
    const sluice = await startSecure(t, scene, { tls, sasl: login }, { listen })
    const settings = { ...javaTls(files), 'security.protocol': 'SASL_SSL' }
    const sasl = { mechanism: 'PLAIN', username: 'orders', password: 'wrong' } as const
    const topic = await topicOf(scene)
    const quick = { ...settings, 'delivery.timeout.ms': 5_000, 'request.timeout.ms': 3_000, 'linger.ms': 0 }
    const config = { bootstrap: sluice.bootstrap, topic, count: 1, sasl, producer: quick }
    const outcome = await runClient('java', 'produce', config).then(
      ({ events }) => JSON.stringify(events),
      (error: Error) => error.message,
    )
    assert.match(outcome, /Invalid username or password/)
    assert.ok(sluice.logs.some(({ msg }) => /a login by PLAIN was refused/.test(msg)))
  })
})

test('a broker that asks for certificates (SSL)', async (t) => {
  const scene = await stage(t, 'SSL')
  if (scene === undefined) return
  const { files } = scene
  const own = files.issue('own')
  const tls = { caFile: files.caFile, ...own }

  await t.test('the sluice shows its own; kafkajs knows nothing of it', async (t) => {
    const sluice = await startSecure(t, scene, { tls })
    await produces('kafkajs', scene, sluice.bootstrap)
  })

  await t.test('without one, it is said what is missing', async (t) => {
    assert.match(
      await reasonsOf(t, scene, { tls: { caFile: files.caFile } }),
      /wants a client certificate .*upstream\.tls\.certFile and keyFile/,
    )
    const foreign = files.issue('foreign', {}, new Authority('stranger'))
    assert.match(
      await reasonsOf(t, scene, { tls: { caFile: files.caFile, ...foreign } }),
      /wants a client certificate|does not take our certificate/,
    )
  })

  await t.test(
    "quotas know a client by its certificate's principal and by the server name that it asks for; the certificate rotates under it",
    async (t) => {
      if (!(await requireClient(t, 'java'))) return
      const server = files.issue('sluice-server')
      const listen = {
        ...{ host: 'localhost', port: 0, brokerPorts: 0 },
        tls: { ...server, clientCaFile: files.caFile, principalMappingRules: 'RULE:^CN=(.*?),OU=apps.*$/$1/L' },
      }
      const sni = { name: 'of-sni', limit: { requests: '10k/s' }, match: { sni: 'localhost' } }
      const sluice = await startSecure(t, scene, { tls }, { listen }, [ofPrincipal('checkout'), sni])
      const settings = {
        ...javaTls(files),
        'security.protocol': 'SSL',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': keyStore(files, 'checkout', files.authority, 'Checkout'),
      }
      const topic = await topicOf(scene)
      const paced = { recordBytes: 200, bytesPerSecond: 40_000, drain: true }
      const client = await startClient('java', 'produce', {
        bootstrap: sluice.bootstrap,
        topic,
        producer: settings,
        ...paced,
      })
      t.after(() => client.kill())
      await waitFor('it produces', () => (client.latest?.acked ?? 0) > 0)
      const before = readFileSync(server.certFile, 'utf8')
      files.issue('sluice-server')
      assert.notEqual(readFileSync(server.certFile, 'utf8'), before)
      await waitFor('the new certificate is in use', () =>
        sluice.logs.some(({ event }) => event === 'secrets_reloaded'),
      )
      const acked = client.latest?.acked ?? 0
      await waitFor('it still produces', () => (client.latest?.acked ?? 0) > acked)
      await produces('java', scene, sluice.bootstrap, { producer: settings })
      const result = await client.stop()
      // Localhost has two addresses and the sluice listens on one: Java may try the other first, for its bootstrap node (-1).
      const lost = result.events.filter(({ kind, text }) => kind === 'disconnect' && !text.includes('Node -1 '))
      assert.deepEqual([result.errors, lost, result.acked], [0, [], result.sent], JSON.stringify(result.events))
      await asksByName(sluice.bootstrap, 'localhost', files.caFile, settings['ssl.keystore.location'])
      const metrics = await sluice.metrics()
      assert.ok(metrics.value('sluice_quota_used_total', { quota: 'of-principal' }) > 0)
      assert.ok(metrics.value('sluice_quota_used_total', { quota: 'of-sni' }) > 0)
      assert.ok((await sluice.status()).clients.every(({ principal }) => principal === 'checkout'))
    },
  )
})

/** One request of a client that names the server it wants: Java does so only for names with a dot. */
async function asksByName(bootstrap: string, servername: string, caFile: string, keyStoreFile: string): Promise<void> {
  const own = readFileSync(keyStoreFile)
  const port = Number(bootstrap.slice(bootstrap.lastIndexOf(':') + 1))
  const socket = connectTls({ host: servername, port, servername, ca: readFileSync(caFile), key: own, cert: own })
  try {
    const header = { apiKey: API_KEY.Metadata, apiVersion: 1, correlationId: 1, clientId: 'by-name' }
    socket.write(encodeRequest(header, { topics: [] }))
    await once(socket, 'data')
  } finally {
    socket.destroy()
  }
}

function ofPrincipal(principal: string): object {
  return { name: 'of-principal', limit: { requests: '10k/s' }, match: { principal } }
}

function javaTls(files: SecretFiles): Record<string, string> {
  return { 'ssl.truststore.type': 'PEM', 'ssl.truststore.location': files.caFile }
}

async function usersText(user: string, password: string): Promise<string> {
  const entries = [await verifierOf('SCRAM-SHA-256', password), await verifierOf('SCRAM-SHA-512', password)]
  return JSON.stringify({ [user]: entries.map(formatVerifier) })
}
