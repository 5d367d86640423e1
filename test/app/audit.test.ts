/** The audit: who changed what, and who was denied what, on a line each; and the series that such a line names has counted it. */
import assert from 'node:assert/strict'
import { get, request } from 'node:http'
import { mock, test } from 'node:test'
import { API_KEY, type Struct } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { type Line, type Scene, startScene } from '../net/scene.ts'
import { FAST } from '../support/net.ts'
import { rule } from '../support/rules.ts'
import { scriptedBroker } from '../support/scripted-broker.ts'
import { waitFor } from '../support/wait.ts'

const ADMIN = { host: '127.0.0.1', port: 0 }

async function line(scene: Scene, event: string): Promise<Line> {
  const found = await waitFor(`the log has ${event}`, () => scene.said(event)[0], { ...FAST, timeoutMs: 10_000 })
  assert.equal(found['audit'], true)
  return found
}

/** What the series that a line names stands at. */
async function countOf(scene: Scene, said: Line): Promise<number> {
  const { host, port } = scene.sluice.admin!
  const text = await (await fetch(`http://${host}:${port}/metrics`)).text()
  const series = `${String(said['metric'])} `
  return Number(
    text
      .split('\n')
      .find((row) => row.startsWith(series))
      ?.slice(series.length),
  )
}

test('topics of a mutation that are refused: quota, client and API, and the series that counts them', async (t) => {
  const quotas = [rule({ mutations: 1 }, { name: 'creators' })]
  const scene = await startScene(t, { config: { quotas, admin: ADMIN } })
  scene.broker.controlKey(API_KEY.CreateTopics, () => ({ throttleTimeMs: 0, topics: [] }))
  const client = await scene.client()
  const topics = ['a', 'b', 'c'].map((name) => ({ name, numPartitions: 3, replicationFactor: 1, assignments: [] }))
  await client.request(API_KEY.CreateTopics, 7, { topics, timeoutMs: 1_000, validateOnly: false })
  const said = await line(scene, 'mutation_refused')
  const { quota, api, topicsRefused, metric, clientId } = said
  assert.deepEqual([quota, api, topicsRefused], ['creators', 'CreateTopics', 2])
  assert.equal(metric, 'sluice_throttled_requests_total{quota="creators",action="refused"}')
  assert.equal(await countOf(scene, said), 1)
  assert.equal(
    scene.sluice.status().clients.some((row) => row.clientId === clientId),
    true,
    'the page knows the client',
  )
})

test('a connection that a quota refuses: quota, client, and the number of the connection', async (t) => {
  const quotas = [rule({ connections: 1 }, { name: 'one-each', burst: { seconds: 1 } })]
  const scene = await startScene(t, { config: { quotas, admin: ADMIN } })
  const first = await scene.client()
  await first.ping()
  const second = await scene.client()
  second.send(API_KEY.Metadata, 9, { topics: [] })
  await waitFor('it is closed', () => second.closed, { ...FAST, timeoutMs: 10_000 })
  const said = await line(scene, 'connection_quota')
  assert.deepEqual([said['quota'], said['reason']], ['one-each', 'connection_quota'])
  assert.equal(await countOf(scene, said), 1)
  first.end()
  const { connection, reason } = await waitFor('the first has left', () => scene.said('disconnected')[0], FAST)
  assert.equal(reason, 'client_closed')
  assert.equal(Number(said['connection']), Number(connection) + 1, 'each connection has a number of its own')
})

test('a page of /api that is denied: who, which page and why', async (t) => {
  const scene = await startScene(t, { config: { admin: ADMIN } })
  const { host, port } = scene.sluice.admin!
  const ask = (path: string, headers: Record<string, string>, method = 'GET'): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const asked =
        method === 'GET' ? get({ host, port, path, headers }) : request({ host, port, path, headers, method })
      asked.on('response', (answer) => resolve(answer.resume().statusCode)).on('error', reject)
      asked.end()
    })
  assert.equal(await ask('/api/policy', { host: 'evil.example' }), 403)
  assert.equal(await ask('/api/reload', { origin: 'http://evil.example' }, 'POST'), 403)
  const said = await line(scene, 'admin_forbidden')
  assert.deepEqual([said['peer'], said['path']], ['127.0.0.1', '/api/policy'])
  assert.match(String(said['detail']), /by address or as localhost only/)
  assert.equal(await countOf(scene, said), 2, 'the second has no line of its own and is counted')
})

test("the cluster's own quotas, when they change: in the words of diff", async (t) => {
  const limited = (bytesPerSecond: number): Struct => ({
    entries: [
      {
        entity: [{ entityType: 'user', entityName: 'alice' }],
        values: [{ key: 'producer_byte_rate', value: bytesPerSecond }],
      },
    ],
  })
  const answers = [limited(5_000_000), limited(4_000_000)]
  const broker = await scriptedBroker(t, {
    [API_KEY.DescribeClientQuotas]: () => (answers.length > 1 ? answers.shift() : answers[0]) ?? 'close',
  })
  const scene = await startScene(t, {
    brokers: [],
    bootstrap: [broker.address],
    config: { followKafka: { intervalMs: 200, mode: 'enforce' } },
  })
  const [first, second] = await waitFor('both are in force', () => {
    const said = scene.said('kafka_quotas')
    return said.length >= 2 && said
  })
  for (const said of [first, second]) assert.deepEqual([said?.['audit'], said?.['trigger']], [true, 'followKafka'])
  assert.match(JSON.stringify(first?.['added']), /produceBytes unlimited.*override 5 MB\/s for users alice/)
  assert.match(
    JSON.stringify(second?.['changed']),
    /stricter; produceBytes 5 MB\/s → 4 MB\/s \(−20 %\) for users alice/,
  )
})

test('a window of a schedule: in the words of diff', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 25, 11, 59) })
  t.after(() => mock.timers.reset())
  const noon: QuotaRule = rule(
    { produceBytes: 5_000_000 },
    { name: 'producers', schedule: [{ during: '* 12 * * *', timeZone: 'UTC', limit: { produceBytes: 4_000_000 } }] },
  )
  const scene = await startScene(t, { config: { quotas: [noon] } })
  mock.timers.setTime(Date.UTC(2026, 10, 25, 12, 0))
  const { trigger, added, removed, changed } = await line(scene, 'schedule_changed')
  assert.deepEqual([trigger, added, removed], ['schedule', [], []])
  assert.deepEqual(changed, ['producers (every client): stricter; produceBytes 5 MB/s → 4 MB/s (−20 %)'])
})
