// SIGTERM: no new connections, held frames go, answers under way are delivered, goodbyes are said, and a deadline bounds it all.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { type Scene, startScene } from '../net/scene.ts'
import { encodeAnswer } from '../support/fake-broker.ts'
import { FAST, fetchBody, fetchedBody, openSockets, patternBytes, produceBody, type RawClient } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'

const MIB = 1_048_576
const LIMIT: QuotaRule = {
  name: 'producers',
  limit: { produceBytes: 1_000_000 },
  burst: { seconds: 0.1 },
  match: {},
  per: [],
  overrides: [],
  mode: 'enforce',
}

/** A Fetch under way whose answer waits for `release`. */
async function fetchUnderWay(scene: Scene, client: RawClient, records: Uint8Array): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  scene.broker.controlKey(API_KEY.Fetch, async (request) => {
    await promise
    return encodeAnswer(request, fetchedBody(records))
  })
  client.send(API_KEY.Fetch, 12, fetchBody())
  await waitFor('the broker has the request', () => scene.broker.requests(API_KEY.Fetch).length > 0, FAST)
  return resolve
}

describe('drain', () => {
  test('with nothing open it is over at once', async (t) => {
    const scene = await startScene(t)
    assert.equal(await scene.sluice.drain(5_000), 'clean')
    assert.deepEqual(scene.sluice.status().reasons, ['draining'])
  })

  test('clients that are idle get a goodbye, those that were never answered a reset', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const silent = await scene.client()
    await waitFor('both are accepted', () => scene.sluice.counters.connections === 2, FAST)
    assert.equal(await scene.sluice.drain(5_000), 'clean')
    await client.leftInPeace()
    // Its first request may be on its way.
    await waitFor('it hears of it', () => silent.closed, FAST)
    assert.equal(silent.error?.code, 'ECONNRESET')
    assert.deepEqual(scene.counted(), { drained: 2 })
    await waitFor('the broker connection is gone', () => scene.broker.open === 0, FAST)
  })

  test('answers under way are delivered, and only then the goodbye', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const release = await fetchUnderWay(scene, client, patternBytes(MIB))
    const drained = scene.sluice.drain(10_000)
    assert.equal(client.ended, false)
    release()
    assert.ok((await client.frame()).length > MIB)
    assert.equal(await drained, 'clean')
    await client.leftInPeace()
    assert.deepEqual(scene.counted(), { drained: 1 })
  })

  test('an answer that its client reads slowly is delivered whole', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const records = patternBytes(32 * MIB)
    const release = await fetchUnderWay(scene, client, records)
    client.pause()
    const drained = scene.sluice.drain(10_000)
    release()
    await waitFor('it is on its way', () => (scene.broker.clientConnections[0]?.socket.bytesWritten ?? 0) > 0, FAST)
    client.resume()
    assert.ok((await client.frame()).length > records.length)
    assert.equal(await drained, 'clean')
    await client.leftInPeace()
  })

  test('a request that is half here is awaited; its answer is the last', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(100_000)))
    client.write(frame.subarray(0, 50_000))
    const connection = scene.broker.clientConnections[0]
    await waitFor('the broker has half of it', () => (connection?.pendingBytes ?? 0) > 40_000, FAST)
    const drained = scene.sluice.drain(10_000)
    client.write(frame.subarray(50_000))
    await client.frame()
    assert.equal(await drained, 'clean')
    await client.leftInPeace()
  })

  test('a Produce with acks 0 that is half here arrives whole', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(100_000), 0))
    client.write(frame.subarray(0, 50_000))
    const connection = scene.broker.clientConnections[0]
    await waitFor('the broker has half of it', () => (connection?.pendingBytes ?? 0) > 40_000, FAST)
    const drained = scene.sluice.drain(10_000)
    client.write(frame.subarray(50_000))
    assert.equal(await drained, 'clean')
    await waitFor('the broker has all of it', () => connection?.requests.length === 2, FAST)
  })

  test('held requests go at once', async (t) => {
    const scene = await startScene(t, { config: { quotas: [LIMIT] } })
    const client = await scene.client()
    const frames = Array.from({ length: 4 }, () => client.send(API_KEY.Produce, 9, produceBody(patternBytes(600_000))))
    await waitFor('one is held', () => scene.sluice.counters.quota('producers').heldRequests > 0, FAST)
    const startedMs = performance.now()
    assert.equal(await scene.sluice.drain(20_000), 'clean')
    const passed = scene.broker.requests(API_KEY.Produce).length
    assert.ok(passed >= 2, 'the held one did not go')
    assert.equal(client.frames.length, passed, 'every request that went was answered')
    assert.equal(scene.broker.clientConnections[0]?.pendingBytes, 0, 'no request was cut')
    assert.ok(frames.length >= passed)
    assert.ok(performance.now() - startedMs < 20_000)
  })

  test('what a client goes on asking is not begun, and costs it nothing that was promised', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const release = await fetchUnderWay(scene, client, patternBytes(MIB))
    const drained = scene.sluice.drain(10_000)
    client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
    release()
    assert.ok((await client.frame()).length > MIB)
    assert.equal(await drained, 'clean')
    await client.leftInPeace()
  })

  test('a broker that hangs: the deadline cuts it off, counted', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await fetchUnderWay(scene, client, patternBytes(10))
    assert.equal(await scene.sluice.drain(200), 'deadline')
    await scene.ended({ drain_deadline: 1 })
    await waitFor('the client hears of it', () => client.closed, FAST)
  })

  test('new connections are refused', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const port = await scene.portOf(0)
    const release = await fetchUnderWay(scene, client, patternBytes(10))
    const drained = scene.sluice.drain(10_000)
    await assert.rejects(scene.client(), { code: 'ECONNREFUSED' })
    await assert.rejects(scene.client(port), { code: 'ECONNREFUSED' })
    release()
    assert.equal(await drained, 'clean')
  })

  test('a second drain does no harm: both end the same', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const release = await fetchUnderWay(scene, client, patternBytes(10))
    const first = scene.sluice.drain(10_000)
    const second = scene.sluice.drain(60_000)
    release()
    assert.deepEqual(await Promise.all([first, second]), ['clean', 'clean'])
    assert.equal(await scene.sluice.drain(1), 'clean')
  })

  test('kill ends a drain at once', async (t) => {
    const scene = await startScene(t, { config: { admin: { host: '127.0.0.1', port: 0 } } })
    const client = await scene.client()
    const others = openSockets()
    await fetchUnderWay(scene, client, patternBytes(10))
    const drained = scene.sluice.drain(60_000)
    scene.sluice.kill()
    await drained
    await waitFor('the client hears of it', () => client.closed, FAST)
    assert.ok(openSockets() < others)
    scene.sluice.kill()
  })

  test('a client that does not answer the goodbye is left when the deadline is over', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    client.socket.removeAllListeners('end') // and so never closes its side
    assert.equal(await scene.sluice.drain(300), 'deadline')
    await scene.ended({ drained: 1 })
  })
})
