// A reload swaps the quotas between two frames; connections do not notice, buckets keep their balance.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { ConfigError } from '../../src/config/config.ts'
import type { QuotaRule } from '../../src/policy/quota-rule.ts'
import { startScene } from '../net/scene.ts'
import { FAST, patternBytes, produceBody } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'

function limit(bytesPerSecond: number): QuotaRule {
  return {
    name: 'producers',
    limit: { produceBytes: bytesPerSecond },
    burst: { seconds: 0.1 },
    match: {},
    per: ['clientId'],
    overrides: [],
    mode: 'enforce',
  }
}

test('a reload puts a limit on connections that are open, and lifts it again, without dropping one', async (t) => {
  const scene = await startScene(t)
  const client = await scene.client()
  const produce = async (): Promise<number> => {
    const answer = await client.request(API_KEY.Produce, 9, produceBody(patternBytes(50_000)))
    return Number(answer['throttleTimeMs'])
  }
  assert.equal(await produce(), 0)
  scene.sluice.reload({ ...scene.config, quotas: [limit(10_000)] })
  assert.ok((await produce()) > 1_000, 'the new limit does not bind')
  assert.deepEqual(
    scene.sluice.status().quotas.map(({ name, limitPerSecond }) => [name, limitPerSecond]),
    [['producers', 10_000]],
  )
  scene.sluice.reload({ ...scene.config, quotas: [] })
  assert.equal(await produce(), 0)
  assert.deepEqual(scene.counted(), {})
  assert.equal(scene.broker.clientConnections.length, 1)
})

test('the debt of a bucket outlives a reload that changes its rate', async (t) => {
  const scene = await startScene(t, { config: { quotas: [limit(10_000)] } })
  const first = await scene.client()
  await first.request(API_KEY.Produce, 9, produceBody(patternBytes(50_000)))
  scene.sluice.reload({ ...scene.config, quotas: [limit(20_000)] })
  const second = await scene.client()
  second.send(API_KEY.Produce, 9, produceBody(patternBytes(1_000)))
  await waitFor(
    'it is held for what the other owes',
    () => scene.sluice.counters.quota('producers').heldRequests > 0,
    FAST,
  )
})

test('observe mode changes nothing and counts what it would have done', async (t) => {
  const scene = await startScene(t, { config: { quotas: [limit(10_000)] } })
  scene.sluice.reload({ ...scene.config, quotas: [limit(10_000)], mode: 'observe' })
  const client = await scene.client()
  for (let i = 0; i < 3; i++) {
    const answer = await client.request(API_KEY.Produce, 9, produceBody(patternBytes(50_000)))
    assert.equal(answer['throttleTimeMs'], 0)
  }
  assert.ok(scene.sluice.counters.quota('producers').observedRequests > 0)
})

test('a frame that is held when the limit is lifted goes on in its time, in order', async (t) => {
  const scene = await startScene(t, { config: { quotas: [limit(200_000)] } })
  const client = await scene.client()
  const frames = Array.from({ length: 5 }, (_, i) =>
    client.send(API_KEY.Produce, 9, produceBody(patternBytes(50_000, i))),
  )
  await waitFor('one is held', () => scene.sluice.counters.quota('producers').heldRequests > 0, FAST)
  scene.sluice.reload({ ...scene.config, quotas: [] })
  await waitFor('all of them have gone', () => scene.broker.requests().length === frames.length, FAST)
  for (const [i, request] of scene.broker.requests().entries()) {
    assert.ok(Buffer.from(request.frame).equals(frames[i] as Uint8Array))
  }
})

test('what only a restart can change is refused whole, and says so', async (t) => {
  const scene = await startScene(t)
  const { listen } = scene.config
  assert.throws(
    () => scene.sluice.reload({ ...scene.config, listen: { ...listen, host: '::' }, quotas: [limit(1)] }),
    ConfigError,
  )
  assert.deepEqual(scene.sluice.status().quotas, [])
})
