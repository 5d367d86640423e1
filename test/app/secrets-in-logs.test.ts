/**
 * Nothing that a sluice prints or serves has a secret in it. One runs as a process, as talkative as can be, with a password, a token, a
 * key and a list of users in every place that takes one; clients log in rightly and wrongly, files change for worse; then
 * everything it said is searched, also for what base64 and hashing make of the secrets.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { API_KEY } from 'kafka-protocol-codec'
import { formatVerifier } from '../../src/config/users-file.ts'
import { verifierOf } from '../../src/net/user-verifier.ts'
import { startScene } from '../net/scene.ts'
import { RawClient } from '../support/net.ts'
import { LineProcess } from '../support/processes.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const SECRETS = {
  upstreamPassword: 'upstream-pencil-7d1c',
  clientPassword: 'orders-pencil-5b2e',
  guessedPassword: 'guessed-pencil-9f3a',
  adminToken: 'admin-token-4c8d',
  guessedToken: 'guessed-token-1a6b',
  inlinePassword: 'inline-pencil-2e9f',
  endpointSecret: 'endpoint-secret-6d5c',
  bearerToken: 'bearer.token-8a4f.x',
} as const

async function usersText(user: string, password: string): Promise<string> {
  const entries = [await verifierOf('SCRAM-SHA-256', password), await verifierOf('SCRAM-SHA-512', password)]
  return JSON.stringify({ [user]: entries.map(formatVerifier) })
}

/** What must not be found: the secrets, what PLAIN and HTTP make of them, bodies of keys, verifiers. */
function forbidden(files: SecretFiles, keyFiles: readonly string[], usersFile: string): string[] {
  const plain = Object.values(SECRETS)
  const encoded = plain.flatMap((secret) => [
    Buffer.from(secret).toString('base64').replace(/=+$/u, '').slice(0, -1),
    Buffer.from(secret).toString('hex'),
    createHash('sha256').update(secret).digest('hex'),
    ...['orders', 'sluice'].flatMap((user) => [
      Buffer.from(`\0${user}\0${secret}`).toString('base64').replace(/=+$/u, ''),
      Buffer.from(`${user}:${secret}`).toString('base64').replace(/=+$/u, ''),
    ]),
  ])
  const keys = keyFiles.map((path) => readFileSync(path, 'utf8').split('\n')[1] ?? '')
  const verifiers = readFileSync(usersFile, 'utf8').match(/[\w+/]{40,}={0,2}/gu) ?? []
  assert.ok(keys.every((line) => line.length > 40) && verifiers.length >= 4, `made in ${files.directory}`)
  return [...plain, ...encoded, ...keys, ...verifiers]
}

interface Running {
  readonly child: LineProcess
  /** Every line of both outputs. */
  readonly said: string[]
  readonly port: number
  readonly admin: string
}

async function start(t: TestContext, configFile: string): Promise<Running> {
  const said: string[] = []
  const started = Promise.withResolvers<{ port: number; admin: string }>()
  const child = new LineProcess(
    process.execPath,
    ['-C', 'source', 'src/main.ts', 'run', '--config', configFile, '--log-level', 'trace'],
    {
      cwd: REPOSITORY,
      onLine: (line) => {
        said.push(line)
        const { event, listen, admin } = JSON.parse(line) as Record<string, string>
        if (event === 'started') started.resolve({ port: Number(listen?.split(':').at(-1)), admin: String(admin) })
      },
      onErrorLine: (line) => void said.push(line),
    },
  )
  t.after(async () => {
    child.kill()
    await child.ended
  })
  void child.ended.then((code) => started.reject(new Error(`it ended with ${code}: ${said.join('\n')}`)))
  return { child, said, ...(await started.promise) }
}

/** Logs in by PLAIN over TLS; returns the error code. */
async function logIn(t: TestContext, port: number, ca: string, password: string): Promise<number> {
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'localhost' })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  const client = new RawClient(socket, 'orders-app')
  await client.request(API_KEY.SaslHandshake, 1, { mechanism: 'PLAIN' })
  const authBytes = Buffer.from(`\0orders\0${password}`)
  const { errorCode } = await client.request(API_KEY.SaslAuthenticate, 2, { authBytes })
  if (errorCode === 0) await client.request(API_KEY.Metadata, 9, { topics: [] })
  return Number(errorCode)
}

/** Every page, with the right token, a wrong one and none. */
async function pages(admin: string): Promise<string> {
  const paths = ['/', '/metrics', '/readyz', '/api/status', '/api/policy', '/api/observed', '/api/explain?clientId=x']
  const headers = [
    {},
    ...[SECRETS.adminToken, SECRETS.guessedToken].map((token) => ({ authorization: `Bearer ${token}` })),
  ]
  const answers = paths.flatMap((path) =>
    headers.map(async (header) => (await fetch(admin + path, { headers: header })).text()),
  )
  return (await Promise.all(answers)).join('\n')
}

test('passwords, tokens, keys and verifiers are in no log line, error, metric or page', async (t) => {
  const files = new SecretFiles(t)
  const brokerUsers = files.write('broker-users.yaml', await usersText('sluice', SECRETS.upstreamPassword))
  const brokerCert = files.issue('broker')
  const tls = {
    clientCaFile: undefined,
    clientAuth: 'none',
    minVersion: 'TLSv1.2',
    principalMappingRules: undefined,
  } as const
  const secured = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const
  const back = await startScene(t, {
    config: { listen: { ...secured, tls: { ...tls, ...brokerCert }, sasl: { usersFile: brokerUsers } } },
  })
  const usersFile = files.write('users.yaml', await usersText('orders', SECRETS.clientPassword))
  const own = files.issue('sluice')
  const ownClient = files.issue('client')
  const passwordFile = files.write('password', SECRETS.upstreamPassword)
  const config = (more: object = {}): string =>
    JSON.stringify({
      upstream: {
        bootstrap: `127.0.0.1:${back.sluice.listen.port}`,
        tls: { caFile: files.caFile, ...ownClient },
        sasl: { mechanism: 'PLAIN', username: 'sluice', passwordFile },
      },
      listen: { host: '127.0.0.1', port: 0, brokerPorts: 0, tls: own, sasl: { usersFile } },
      admin: { port: 0, tokenFile: files.write('token', SECRETS.adminToken) },
      quotas: [{ name: 'all', limit: { requests: '1000/s' } }],
      ...more,
    })
  const configFile = files.write('sluice.yaml', config())
  const { child, said, port, admin } = await start(t, configFile)
  const hears = (event: string, count = 1): Promise<unknown> =>
    waitFor(`it says ${event}`, () => said.filter((line) => line.includes(`"event":"${event}"`)).length >= count, {
      timeoutMs: 20_000,
    })
  const ca = files.authority.certificate

  assert.equal(await logIn(t, port, ca, SECRETS.clientPassword), 0)
  assert.equal(await logIn(t, port, ca, SECRETS.guessedPassword), 58)
  await hears('client_login_failed')
  // Files that change: for a wrong password, and a key that does not fit.
  files.write('password', SECRETS.guessedPassword)
  files.write('sluice.key', readFileSync(ownClient.keyFile, 'utf8'))
  await hears('secrets_reloaded')
  await hears('secrets_refused')
  // Configurations with a secret where none belongs: one that YAML reads, one that it does not.
  const inline = { mechanism: 'PLAIN', username: 'sluice', password: SECRETS.inlinePassword }
  files.write('sluice.yaml', config({ upstream: { bootstrap: 'x:1', sasl: inline } }))
  await hears('config_refused')
  files.write('sluice.yaml', `upstream: { sasl: { password: "${SECRETS.inlinePassword}\n  : [}`)
  await waitFor('the second is refused', () => said.filter((line) => line.includes('"line":')).length > 1, {
    timeoutMs: 20_000,
  })
  const answers = await pages(admin)
  child.kill()
  await child.ended

  const all = [...said, answers, JSON.stringify(back.lines)].join('\n')
  assert.ok(all.includes('orders-app') && all.includes('sluice_build_info'), 'there is something to look through')
  for (const secret of forbidden(files, [own.keyFile, ownClient.keyFile, brokerCert.keyFile], usersFile)) {
    assert.equal(all.includes(secret), false, `${secret} in ${all.split('\n').find((line) => line.includes(secret))}`)
  }
})

test('a token endpoint that repeats what it was asked with does not get that into the log', async (t) => {
  const files = new SecretFiles(t)
  const endpoint = createServer((request, response) => {
    const given = Buffer.from(String(request.headers.authorization).slice(6), 'base64').toString()
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: `no ${given}`, error_description: given, access_token: SECRETS.bearerToken }))
  })
  endpoint.listen({ host: '127.0.0.1', port: 0 })
  await once(endpoint, 'listening')
  t.after(() => endpoint.close())
  const back = await startScene(t)
  const { port } = endpoint.address() as AddressInfo
  const tokenEndpoint = {
    url: `http://127.0.0.1:${port}/token`,
    clientId: 'sluice',
    clientSecretFile: files.write('secret', SECRETS.endpointSecret),
  }
  back.broker.controlKey(API_KEY.SaslHandshake, () => ({ errorCode: 0, mechanisms: ['OAUTHBEARER'] }))
  const config = {
    upstream: { bootstrap: `127.0.0.1:${back.broker.port}`, sasl: { mechanism: 'OAUTHBEARER', tokenEndpoint } },
    listen: { host: '127.0.0.1', port: 0, brokerPorts: 0 },
    admin: { port: 0 },
  }
  const { child, said, admin } = await start(t, files.write('sluice.yaml', JSON.stringify(config)))
  await waitFor('the endpoint is told of', () => said.some((line) => line.includes('token endpoint')), {
    timeoutMs: 20_000,
  })
  const answers = await pages(admin)
  child.kill()
  await child.ended
  const all = [...said, answers].join('\n')
  for (const secret of [SECRETS.endpointSecret, SECRETS.bearerToken]) {
    assert.equal(
      all.includes(secret),
      false,
      all.split('\n').find((line) => line.includes(secret)),
    )
  }
})
