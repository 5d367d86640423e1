// A listener for every broker: there before a client hears of the broker, on a port that stays, leading where the broker is now.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { describe, test } from 'node:test'
import { API_KEY, type Struct, structsOf } from 'kafka-protocol-codec'
import { startSluice } from '../../src/app.ts'
import { type FakeBroker, startFakeBroker } from '../support/fake-broker.ts'
import { FAST, noSocketsLeft, type RawClient } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { collectingLogger, plainConfig, type Scene, startScene } from './scene.ts'

async function brokersSeen(client: RawClient): Promise<Struct[]> {
  const { brokers } = await client.request(API_KEY.Metadata, 12, {})
  return structsOf(brokers)
}

async function extraBroker(scene: Scene, nodeId: number): Promise<FakeBroker> {
  const broker = await startFakeBroker({ nodeId })
  scene.alsoClose(() => broker.close())
  return broker
}

async function occupy(port: number): Promise<Server> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function release(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

/** The first of `count` ports in a row that are free. */
async function freeRange(count: number): Promise<{ first: number; last: number }> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000)
    const taken: Server[] = []
    try {
      for (let port = first; port < first + count; port++) taken.push(await occupy(port))
      return { first, last: first + count - 1 }
    } catch {
      // one of them is taken: another place
    } finally {
      for (const server of taken) await release(server)
    }
  }
  throw new Error(`no ${count} free ports in a row`)
}

describe('a listener for every broker', () => {
  test('clients are led to it, and it leads to its broker', async (t) => {
    const scene = await startScene(t, { brokers: [{ nodeId: 1 }, { nodeId: 2 }] })
    const [one, two] = scene.brokers as [FakeBroker, FakeBroker]
    one.brokers = two.brokers = [one.self, two.self]
    const client = await scene.client()
    const seen = await brokersSeen(client)
    assert.deepEqual(
      seen.map((broker) => broker['nodeId']),
      [1, 2],
    )
    for (const broker of seen)
      assert.ok(![one.port, two.port].includes(Number(broker['port'])), 'a broker itself was named')
    const direct = await scene.client(Number(seen[1]?.['port']))
    await direct.ping()
    assert.equal(two.requests(API_KEY.Heartbeat).length, 1)
    assert.deepEqual(
      scene.sluice.status().brokers.map((b) => [b.nodeId, b.port]),
      [
        [1, one.port],
        [2, two.port],
      ],
    )
  })

  test('a broker that joins has one before any client hears of it', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await brokersSeen(client)
    const second = await extraBroker(scene, 7)
    scene.broker.brokers = [scene.broker.self, second.self]
    const seen = await brokersSeen(client)
    const port = Number(seen.find((broker) => broker['nodeId'] === 7)?.['port'])
    const direct = await scene.client(port)
    await direct.ping()
    assert.equal(second.requests(API_KEY.Heartbeat).length, 1)
  })

  test('a broker that moves keeps its port; new connections go to its new place, old ones live on', async (t) => {
    const scene = await startScene(t)
    const port = await scene.portOf(0)
    const old = await scene.client(port)
    await old.ping()
    const moved = await extraBroker(scene, 0)
    scene.broker.brokers = [moved.self]
    const client = await scene.client()
    const seen = await brokersSeen(client)
    assert.equal(seen[0]?.['port'], port)
    const fresh = await scene.client(port)
    await fresh.ping()
    assert.equal(moved.requests(API_KEY.Heartbeat).length, 1)
    await old.ping()
    assert.equal(moved.requests(API_KEY.Heartbeat).length, 1)
    assert.equal(scene.said('broker_moved').length, 1)
  })

  test('a coordinator is a broker, too', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const port = await scene.portOf(0)
    for (const version of [0, 3, 4, 6]) {
      const body = version < 4 ? { key: 'g' } : { coordinatorKeys: ['g'] }
      const answer = await client.request(API_KEY.FindCoordinator, version, body)
      const found = version < 4 ? answer : structsOf(answer['coordinators'])[0]
      assert.equal(found?.['port'], port, `version ${version}`)
    }
  })

  test('a name for clients that differs from where we listen', async (t) => {
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: 'kafka.example' } as const
    const scene = await startScene(t, { config: { listen } })
    assert.equal((await brokersSeen(await scene.client()))[0]?.['host'], 'kafka.example')
  })

  test('a wildcard address is not told to clients', async (t) => {
    const listen = { host: '0.0.0.0', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const
    const scene = await startScene(t, { config: { listen } })
    assert.equal((await brokersSeen(await scene.client(undefined, '127.0.0.1')))[0]?.['host'], '127.0.0.1')
  })

  test('IPv6', async (t) => {
    const listen = { host: '::1', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const
    const scene = await startScene(t, { brokers: [{ host: '::1' }], config: { listen } })
    const seen = await brokersSeen(await scene.client())
    assert.equal(seen[0]?.['host'], '::1')
    const direct = await scene.client(Number(seen[0]?.['port']))
    await direct.ping()
  })
})

describe('ports from a range', () => {
  test('the start of the range plus the node id, whatever the order, today and tomorrow', async (t) => {
    const range = await freeRange(8)
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: range, advertisedHost: undefined }
    const scene = await startScene(t, { brokers: [{ nodeId: 5 }, { nodeId: 2 }], config: { listen } })
    for (const broker of scene.brokers) broker.brokers = scene.brokers.map(({ self }) => self)
    assert.equal((await brokersSeen(await scene.client())).length, 2)
    assert.equal(await scene.portOf(5), range.first + 5)
    assert.equal(await scene.portOf(2), range.first + 2)
    scene.sluice.kill()
    const again = await startSluice(scene.config, { logger: collectingLogger([]) })
    scene.alsoClose(() => again.kill())
    const portAgain = await waitFor(
      'the broker is found',
      () => again.status().brokers.find((found) => found.nodeId === 5)?.localPort || undefined,
      FAST,
    )
    assert.equal(portAgain, range.first + 5)
  })

  test('one that is taken by somebody else: the next', async (t) => {
    const range = await freeRange(4)
    const somebody = await occupy(range.first)
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: range, advertisedHost: undefined }
    const scene = await startScene(t, { config: { listen } })
    scene.alsoClose(() => somebody.close())
    assert.equal(await scene.portOf(0), range.first + 1)
    await release(somebody)
  })

  test('none left: who would have to wait for ever is closed with a reason; it recovers when one is free again', async (t) => {
    const range = await freeRange(1)
    const somebody = await occupy(range.first)
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: range, advertisedHost: undefined }
    const scene = await startScene(t, { config: { listen } })
    scene.alsoClose(() => somebody.close())
    const unlucky = await scene.client()
    unlucky.send(API_KEY.Metadata, 12, {})
    await waitFor('it is closed', () => unlucky.closed, FAST)
    await scene.ended({ no_broker_port: 1 })
    assert.match(
      String(scene.said('broker_port_failed')[0]?.['msg']),
      /no port between .* is free for broker 0; widen listen\.brokerPorts/,
    )
    await release(somebody)
    const lucky = await scene.client()
    assert.equal((await brokersSeen(lucky))[0]?.['port'], range.first)
  })

  test('only those that wait for that broker are closed', async (t) => {
    const range = await freeRange(1)
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: range, advertisedHost: undefined }
    const scene = await startScene(t, { config: { listen } })
    const old = await scene.client()
    await brokersSeen(old)
    const second = await extraBroker(scene, 1)
    scene.broker.brokers = [scene.broker.self, second.self]
    const unlucky = await scene.client()
    unlucky.send(API_KEY.Metadata, 12, {})
    await waitFor('it is closed', () => unlucky.closed, FAST)
    await old.ping()
    assert.deepEqual(scene.counted(), { no_broker_port: 1 })
  })
})

describe('addresses that are taken', () => {
  test('the listen address: start is refused with the reason, and nothing stays behind', async (t) => {
    const broker = await startFakeBroker()
    t.after(() => broker.close())
    const somebody = createServer().listen(0, '127.0.0.1')
    t.after(() => somebody.close())
    await once(somebody, 'listening')
    const { port } = somebody.address() as { port: number }
    const taken = { host: '127.0.0.1', port, brokerPorts: 'any', advertisedHost: undefined } as const
    const starting = startSluice(plainConfig([broker.address], { listen: taken }), { logger: collectingLogger([]) })
    await assert.rejects(starting, { code: 'EADDRINUSE' })
    await release(somebody)
    await broker.close()
    await noSocketsLeft()
  })

  test('the admin address: the same, and the listen address is free again', async (t) => {
    const broker = await startFakeBroker()
    t.after(() => broker.close())
    const somebody = createServer().listen(0, '127.0.0.1')
    t.after(() => somebody.close())
    await once(somebody, 'listening')
    const admin = { host: '127.0.0.1', port: (somebody.address() as { port: number }).port }
    const starting = startSluice(plainConfig([broker.address], { admin }), { logger: collectingLogger([]) })
    await assert.rejects(starting, { code: 'EADDRINUSE' })
    await release(somebody)
    await broker.close()
    await noSocketsLeft()
  })
})
