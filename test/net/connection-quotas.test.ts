/** Quotas on connections, and who is held, on real sockets: what a broker sees of them, whose places are given back when, who is looked at first. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { FAST, patternBytes, produceBody } from '../support/net.ts'
import { rule } from '../support/rules.ts'
import { waitFor } from '../support/wait.ts'
import { type BareGateway, startBareGateway } from './bare-gateway.ts'
import { startScene } from './scene.ts'

const ONE = [rule({ connections: 1 }, { per: [] })]
const HOLD_MS = 20_000

async function held(bare: BareGateway, count: number): Promise<void> {
  const isHeld = (): boolean =>
    [...bare.gateway.connections].filter(({ session }) => session.clientBlock === 'held').length === count
  await waitFor(`${count} are held`, isHeld, FAST)
}

/** One client has the only place, another has asked for it. */
async function servedAndWaiting(t: TestContext) {
  const bare = await startBareGateway(t, ONE)
  const first = await bare.client()
  await first.ping()
  const second = await bare.client()
  second.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
  return { bare, first, second }
}

describe('a quota on connections', () => {
  test('who waits for a place has not dialled a broker; it is dialled when there is one', async (t) => {
    const { bare, first, second } = await servedAndWaiting(t)
    await held(bare, 1)
    assert.equal(bare.broker.connections.length, 1)
    first.end()
    await second.frame()
    assert.equal(bare.broker.connections.length, 2)
    second.end()
    await second.leftInPeace()
  })

  test('who is refused never did', async (t) => {
    const { bare, second } = await servedAndWaiting(t)
    await waitFor('it is closed', () => second.closed, FAST)
    assert.equal(bare.counters.disconnects.connection_quota, 1)
    assert.equal(bare.broker.connections.length, 1)
  })

  test('a request whose client has said goodbye while it waits goes all the same', async (t) => {
    const { bare, first, second } = await servedAndWaiting(t)
    await held(bare, 1)
    second.end()
    first.end()
    await second.frame()
    await second.leftInPeace()
  })

  test('a connection that its broker has ended keeps no place, however long its client takes to leave', async (t) => {
    const bare = await startBareGateway(t, ONE)
    const lingering = await bare.client()
    await lingering.ping()
    lingering.socket.removeAllListeners('end') // it hears the goodbye, and does not answer it
    bare.broker.clientConnections[0]?.socket.end()
    const next = await bare.client()
    await next.ping()
    assert.equal(bare.gateway.connections.size, 2, 'the first is still there')
    lingering.end()
    await waitFor('it has left', () => bare.gateway.connections.size === 1, FAST)
  })
})

describe('who is held', () => {
  test('is not taken for silent when a newer connection needs room', async (t) => {
    const quotas = [rule({ produceBytes: 100_000 }, { per: [], burst: { seconds: 0.1 } })]
    const scene = await startScene(t, {
      config: { quotas, limits: { frameBytesMax: 1_000_000, connectionsMax: 2, bucketsMax: 100 } },
    })
    const [working, waiting] = [await scene.client(), await scene.client()]
    working.send(API_KEY.Produce, 9, produceBody(patternBytes(100_000)))
    await working.frame()
    waiting.send(API_KEY.Produce, 9, produceBody(patternBytes(1_000)))
    await waitFor('its first request is held', () => scene.sluice.counters.quota('q').heldRequests > 0, FAST)
    await scene.hungUpOn() // the newer one
    assert.equal(scene.sluice.counters.connectionsTotal.refused, 1)
    await waiting.frame()
  })

  test('is looked at after a reload in the order of waiting, not of connecting', async (t) => {
    const limited = (name: string) => [rule({ produceBytes: 10_000 }, { name, per: [], burst: { seconds: 0.1 } })]
    const bare = await startBareGateway(t, limited('before'), HOLD_MS)
    const [third, first, second] = [await bare.client(), await bare.client(), await bare.client()]
    first.send(API_KEY.Produce, 9, produceBody(patternBytes(20_000)))
    await first.frame()
    for (const [i, client] of [first, second, third].entries()) {
      client.send(API_KEY.Produce, 9, produceBody(patternBytes(10_000)))
      await held(bare, i + 1)
    }
    const sessions = [...bare.gateway.connections].map(({ session }) => session)
    bare.policy(limited('after'))
    await waitFor('all are looked at', () => bare.counters.quota('after').heldRequests === 2, FAST)
    const wakes = sessions.map((session) => (session.clientBlock === 'held' ? session.wakeAtMs : 0))
    assert.ok(wakes[1]! < wakes[2]! && wakes[2]! < wakes[0]!, wakes.join())
  })
})
