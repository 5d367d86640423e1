/** What `/metrics` of a running sluice says of its clients and brokers, by name. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { recordBatch } from '../support/frames.ts'
import { FAST, produceBody } from '../support/net.ts'
import { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

const ADMIN = { host: '127.0.0.1', port: 0 }

const sceneWithMetrics = (t: TestContext): Promise<Scene> => startScene(t, { config: { admin: ADMIN } })

async function metricsOf({ sluice }: Scene): Promise<SluiceMetrics> {
  const url = `http://127.0.0.1:${sluice.admin?.port}/metrics`
  return new SluiceMetrics(await (await fetch(url, { headers: { connection: 'close' } })).text())
}

test('a client has its series while it is connected and after, and its library is told', async (t) => {
  const scene = await sceneWithMetrics(t)
  const client = await scene.client()
  await client.request(API_KEY.ApiVersions, 3, {
    clientSoftwareName: 'apache-kafka-java',
    clientSoftwareVersion: '4.1',
  })
  await client.request(API_KEY.Produce, 9, produceBody(recordBatch(7)))
  const metrics = await metricsOf(scene)
  const who = { client_id: 'test' }
  assert.equal(metrics.value('sluice_client_connections', who), 1)
  assert.equal(metrics.value('sluice_client_requests_total', who), 2)
  assert.equal(metrics.value('sluice_client_produced_records_total', who), 7)
  const library = { ...who, software: 'apache-kafka-java', software_version: '4.1', principal: '' }
  assert.equal(metrics.value('sluice_client_info', library), 1)
  client.end()
  await scene.ended({ client_closed: 1 })
  const after = await metricsOf(scene)
  assert.equal(after.value('sluice_client_connections', who), 0)
  assert.equal(after.value('sluice_client_produced_records_total', who), 7)
})

test('a broker that cuts a connection with answers due is counted, a goodbye in order is not', async (t) => {
  const scene = await sceneWithMetrics(t)
  const port = await scene.portOf(scene.broker.self.nodeId)
  const node = String(scene.broker.self.nodeId)
  const [idle, asking] = [await scene.client(port), await scene.client(port)]
  await idle.ping()
  await asking.ping()
  await asking.request(API_KEY.Metadata, 9, { topics: [] })
  assert.equal((await metricsOf(scene)).value('sluice_broker_connections', { node }), 2)
  scene.broker.controlKey(API_KEY.Fetch, () => new Promise(() => undefined))
  asking.send(API_KEY.Fetch, 12, { maxWaitMs: 500 })
  await waitFor('the broker has it', () => scene.broker.requests(API_KEY.Fetch).length === 1, FAST)
  for (const connection of scene.broker.clientConnections) connection.end()
  await scene.ended({ broker_closed: 2 })
  const metrics = await metricsOf(scene)
  assert.equal(metrics.value('sluice_broker_resets_total', { node }), 1)
  assert.equal(metrics.value('sluice_broker_connections', { node }), 0)
  assert.equal(metrics.value('sluice_broker_up', { node }), 1)
})

test('a broker that cannot be reached is down, and each attempt counts', async (t) => {
  const scene = await sceneWithMetrics(t)
  const node = String(scene.broker.self.nodeId)
  const port = await scene.portOf(scene.broker.self.nodeId)
  await scene.broker.close()
  const client = await scene.client(port)
  client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
  await scene.ended({ broker_unreachable: 1 })
  const metrics = await metricsOf(scene)
  assert.equal(metrics.value('sluice_broker_up', { node }), 0)
  assert.ok(metrics.value('sluice_broker_connect_failures_total', { node }) >= 1)
})
