// A broker that is away: its port refuses connections as the broker does, and takes them again when it is back.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { Absences } from '../../src/net/absences.ts'
import { type FakeBroker, startFakeBroker } from '../support/fake-broker.ts'
import { FAST } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

interface Away {
  readonly scene: Scene
  /** Another broker, which stays. */
  readonly bystander: FakeBroker
  /** The local port of the broker that has gone. */
  readonly port: number
}

/** Two brokers, of which the second has gone, and a client has found out. */
async function oneAway(t: TestContext): Promise<Away> {
  const scene = await startScene(t, { brokers: [{ nodeId: 1 }, { nodeId: 2 }] })
  const [bystander, gone] = scene.brokers as [FakeBroker, FakeBroker]
  bystander.brokers = gone.brokers = [bystander.self, gone.self]
  const port = await scene.portOf(2)
  const old = await scene.client(port)
  await old.ping()
  bystander.brokers = [bystander.self] // as a cluster does not name who is away
  await gone.close()
  await waitFor('its connection has ended', () => old.closed, FAST)
  const finder = await scene.client(port)
  finder.send(API_KEY.ApiVersions, 0, {})
  await waitFor('its client hears of it', () => finder.closed, FAST)
  assert.equal(finder.error?.code, 'ECONNRESET')
  await refused(scene, port)
  return { scene, bystander, port }
}

async function refused(scene: Scene, port: number): Promise<void> {
  await assert.rejects(scene.client(port), { code: 'ECONNREFUSED' })
}

function reachable({ sluice }: Scene, nodeId: number): boolean | undefined {
  return sluice.status().brokers.find((broker) => broker.nodeId === nodeId)?.reachable
}

test('its port refuses, those of others do not, and it takes connections again when it is back', async (t) => {
  const { scene, port, bystander } = await oneAway(t)
  const other = await scene.client(await scene.portOf(1))
  await other.ping()
  const bootstrap = await scene.client()
  await bootstrap.ping()
  assert.equal(reachable(scene, 2), false)
  assert.equal(await scene.portOf(2), port, 'it keeps its port')
  const gone = scene.brokers[1]!
  const back = await startFakeBroker({ nodeId: 2, port: gone.port })
  scene.alsoClose(() => back.close())
  back.brokers = [bystander.self, back.self]
  await waitFor('its port is open', () => scene.said('broker_back').length === 1, FAST)
  assert.equal(reachable(scene, 2), true, 'without a client')
  const client = await scene.client(port)
  await client.ping()
  assert.deepEqual(
    scene.said('broker_away').map(({ nodeId, port: local }) => [nodeId, local]),
    [[2, port]],
  )
})

test('connections that it has not ended stay', async (t) => {
  const scene = await startScene(t, { brokers: [{ nodeId: 1 }] })
  const port = await scene.portOf(1)
  const old = await scene.client(port)
  await old.ping()
  scene.broker.stopListening()
  const finder = await scene.client(port)
  finder.send(API_KEY.ApiVersions, 0, {})
  await waitFor('its client hears of it', () => finder.closed, FAST)
  await refused(scene, port)
  await old.ping()
})

test('one that has moved is let try at its new address at once', async (t) => {
  const { scene, port, bystander } = await oneAway(t)
  const moved = await startFakeBroker({ nodeId: 2 })
  scene.alsoClose(() => moved.close())
  bystander.brokers = [bystander.self, moved.self]
  const client = await scene.client()
  await client.request(API_KEY.Metadata, 12, {})
  await waitFor('its port is open', () => scene.said('broker_back').length === 1, FAST)
  const direct = await scene.client(port)
  await direct.ping()
  assert.equal(moved.requests().length > 0, true)
})

test('a port that somebody took meanwhile is told of, and taken again when it is free', async (t) => {
  const { scene, port } = await oneAway(t)
  const somebody = createServer().listen(port, '127.0.0.1')
  await once(somebody, 'listening')
  t.after(() => somebody.close())
  const back = await startFakeBroker({ nodeId: 2, port: scene.brokers[1]!.port })
  scene.alsoClose(() => back.close())
  await waitFor('it is told', () => scene.said('broker_port_failed').length > 0, FAST)
  assert.match(String(scene.said('broker_port_failed')[0]?.['msg']), new RegExp(`EADDRINUSE.*${port}`))
  somebody.close()
  await waitFor('its port is open', () => scene.said('broker_back').length === 1, FAST)
  await (await scene.client(port)).ping()
})

test('a broker that only does not answer, or whose TLS fails, is not away', () => {
  const entry = { nodeId: 1, address: { host: 'k', port: 9092 }, local: { host: 'localhost', port: 19_093 } }
  const seen: unknown[] = []
  const absences = new Absences({
    book: { brokers: () => [entry] },
    listeners: { shut: (shut) => seen.push(shut), reopen: () => Promise.resolve(undefined) },
    changed: (_, isAway) => seen.push(isAway),
    failed: (_, error) => seen.push(error),
  })
  absences.notReached(entry.address, new Error('no connection within 8 s'))
  absences.notReached(entry.address, Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }))
  absences.notReached({ host: 'k', port: 9093 }, Object.assign(new Error('another one'), { code: 'ECONNREFUSED' }))
  assert.deepEqual(seen, [])
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  absences.notReached(entry.address, new Error('with TLS it is told in words', { cause }))
  absences.notReached(entry.address, cause)
  assert.deepEqual(seen, [entry, true], 'once')
  absences.stop()
})
