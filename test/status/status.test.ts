// `/api/status` and the page of a sluice that runs, between a raw client and a fake broker; and that no page tells a secret.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import type { StatusDocument } from '../../src/status/status-document.ts'
import { type Scene, startScene } from '../net/scene.ts'
import { patternBytes, produceBody } from '../support/net.ts'
import { freePort } from '../support/ports.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

const ADMIN = { host: '127.0.0.1', port: 0 }
const PRODUCERS: QuotaRule = {
  ...{ name: 'producers', limit: { produceBytes: 10_000 }, burst: { seconds: 1 }, match: {}, per: ['clientId'] },
  ...{ overrides: [], mode: 'enforce' },
}
const TRIAL: QuotaRule = { ...PRODUCERS, name: 'trial', limit: { requests: 100 }, mode: 'observe' }
const GAUGE: QuotaRule = { ...PRODUCERS, name: 'gauge', limit: { connections: 10 }, per: [] }

async function get(scene: Scene, path: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${scene.sluice.admin?.port}${path}`)
}

async function status(scene: Scene, query = ''): Promise<StatusDocument> {
  return (await get(scene, `/api/status${query}`)).json() as Promise<StatusDocument>
}

test('who is limited, by what, and how its bucket stands', async (t) => {
  const scene = await startScene(t, { config: { admin: ADMIN, quotas: [PRODUCERS, TRIAL, GAUGE] } })
  const client = await scene.client()
  await client.request(API_KEY.ApiVersions, 3, { clientSoftwareName: 'sarama', clientSoftwareVersion: '1.4' })
  await client.request(API_KEY.Produce, 9, produceBody(patternBytes(60_000)))
  const { clients, mostLimited } = await waitFor('it is seen to be limited', async () => {
    const now = await status(scene)
    return now.counts.limited === 1 ? now : undefined
  })
  const [seen] = clients
  assert.deepEqual(seen, mostLimited[0])
  assert.deepEqual(
    [seen?.clientId, seen?.software, seen?.softwareVersions, seen?.addresses, seen?.limitedBy],
    ['test', 'sarama', ['1.4'], ['127.0.0.1'], { quota: 'producers', dimension: 'produceBytes' }],
  )
  const limit = seen?.limits.find(({ quota }) => quota === 'producers')
  assert.ok((limit?.debtMs ?? 0) > 1000 && (limit?.balance ?? 0) < 0, JSON.stringify(limit))
  assert.deepEqual([limit?.key, limit?.limitPerSecond, limit?.mode], ['clientId=test', 10_000, 'enforce'])
  assert.ok(
    (limit?.floorPerSecond ?? 0) > 10_000 && limit?.canBeKept === false,
    'a frame of 60 kB cannot be held to that',
  )

  const later = await waitFor('a point of the history is written', async () => {
    const now = await status(scene, `?client=${seen?.id}&history=1`)
    return (now.history?.totals.producedBytes.length ?? 0) > 0 ? now : undefined
  })
  assert.equal(later.client?.id, seen?.id)
  assert.ok((later.history?.client?.producedBytes.length ?? 0) > 0)
  const producers = later.quotas.find(({ name }) => name === 'producers')
  assert.deepEqual([producers?.limitedClients, producers?.buckets, producers?.per], [1, 1, ['clientId']])
  assert.deepEqual(later.quotas.find(({ name }) => name === 'gauge')?.level, { count: 1, waiting: 0 })
  assert.ok(later.history?.quotas.some(({ name, used }) => name === 'producers' && used.some((rate) => rate > 0)))

  const page = await (await get(scene, '/?explain=test')).text()
  assert.match(page, /<b class="count">1<\/b> of 1 client is limited now/)
  assert.match(page, /A producer named test \(sarama\) may send 10 kB\/s/)
  assert.match(await (await get(scene, '/?explain=test&api=Prodcue')).text(), /Kafka has no API &#34;Prodcue&#34;/)

  client.destroy()
  await waitFor('it is gone', async () => (await status(scene)).clients[0]?.state === 'gone')
})

test('no page tells a secret, whatever it is asked', async (t) => {
  const files = new SecretFiles(t)
  const secrets = ['s3cret-password', 's3cret-token-of-admin']
  const passwordFile = files.write('password', secrets[0]!)
  const tokenFile = files.write('token', secrets[1]!)
  const sasl = {
    mechanism: 'PLAIN',
    username: 'me',
    passwordFile,
    tokenFile: undefined,
    tokenEndpoint: undefined,
  } as const
  const bootstrap = [{ host: '127.0.0.1', port: await freePort() }]
  const scene = await startScene(t, { config: { admin: { ...ADMIN, tokenFile }, upstream: { bootstrap, sasl } } })
  const paths = [
    '/',
    '/?explain=a',
    '/api/status?history=1',
    '/api/config',
    '/api/policy',
    '/api/observed',
    '/metrics',
    '/readyz',
  ]
  for (const path of paths) {
    const answer = await get(scene, path)
    const text = await answer.text()
    assert.ok([200, 503].includes(answer.status), `${path}: ${answer.status}`)
    for (const secret of [...secrets, ...secrets.map((secret) => Buffer.from(secret).toString('base64'))]) {
      assert.ok(!text.includes(secret), `${path} tells ${secret}`)
    }
  }
  assert.match(await (await get(scene, '/api/config')).text(), /"passwordFile": ".*password"/)
})
