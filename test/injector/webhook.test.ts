/** The webhook over real TLS: what API servers get, and that nobody else brings it down. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import type { BadRequest } from '../../src/injector/injector-counters.ts'
import { InjectorScene } from '../support/injector-process.ts'
import { podOf } from '../support/injector-scene.ts'
import { waitFor } from '../support/wait.ts'

const REVIEW = JSON.stringify({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { uid: 'u', kind: { kind: 'Pod' }, operation: 'CREATE', object: podOf() },
})

describe('reviews', () => {
  test('of pods that ask, and on behalf of namespaces', async (t) => {
    const scene = await InjectorScene.start(t)
    const asked = await scene.post('/inject?timeout=10s', REVIEW)
    assert.equal(asked.status, 200)
    assert.equal(asked.type, 'application/json')
    assert.equal(asked.response['allowed'], true)
    const plain = REVIEW.replaceAll('"kafka-sluice.io/inject":"true"', '"x":"y"')
    assert.equal((await scene.post('/inject', plain)).response['patch'], undefined)
    assert.notEqual((await scene.post('/inject/namespace', plain)).response['patch'], undefined)
    assert.deepEqual(scene.injector.counters.reviews, { injected: 2, present: 0, unasked: 1, refused: 0, checked: 0 })
  })

  test('that are refused are logged with their reasons', async (t) => {
    const scene = await InjectorScene.start(t)
    await scene.post('/inject', REVIEW.replace('kafka:9092', 'kafka'))
    const line = scene.lines.find(({ event }) => event === 'pod_refused')
    assert.deepEqual(line?.['faults'], ['annotation kafka-sluice.io/upstream: "kafka" has no port; write kafka:9092'])
    assert.equal(scene.injector.counters.reviews.refused, 1)
  })
})

describe('what is no review', () => {
  const REFUSED: readonly (readonly [
    reason: BadRequest,
    status: number,
    message: RegExp,
    ask: (scene: InjectorScene) => ReturnType<InjectorScene['post']>,
  ])[] = [
    ['path', 404, /no such path; reviews go to \/inject or/, (scene) => scene.post('/mutate', REVIEW)],
    ['method', 405, /GET is not possible here; POST is/, (scene) => scene.post('/inject', '', { method: 'GET' })],
    [
      'content_type',
      415,
      /"text\/plain"; a review is application\/json/,
      (scene) => scene.post('/inject', REVIEW, { type: 'text/plain' }),
    ],
    ['content_type', 415, /content type is ""/, (scene) => scene.post('/inject', REVIEW, { type: '' })],
    ['not_an_admission_review', 400, /the body is no JSON/, (scene) => scene.post('/inject', '\0\u{ff}{')],
    ['not_an_admission_review', 400, /no AdmissionReview/, (scene) => scene.post('/inject', '{}')],
    ['too_large', 413, /at most 4194304 bytes/, (scene) => scene.post('/inject', 'x'.repeat(4_194_305))],
    [
      'too_large',
      413,
      /at most 4194304 bytes/,
      (scene) => scene.post('/inject', 'x'.repeat(4_194_305), { isChunked: true }),
    ],
  ]
  for (const [reason, status, message, ask] of REFUSED) {
    test(`${reason}: ${message}`, async (t) => {
      const scene = await InjectorScene.start(t)
      const answer = await ask(scene)
      assert.equal(answer.status, status)
      assert.match(answer.text, message)
      assert.equal(scene.injector.counters.badRequests[reason], 1)
      assert.equal((await scene.post('/inject', REVIEW)).status, 200, 'the next one is answered')
    })
  }

  test('bytes that are no HTTP, no TLS, or that stop half-way', async (t) => {
    const scene = await InjectorScene.start(t)
    const noise = connect({ port: scene.injector.port, ca: scene.ca, servername: 'localhost' })
    noise.end('\x16\x03 nothing\r\n\r\n')
    noise.resume()
    await once(noise, 'close')
    assert.equal(scene.injector.counters.badRequests.incomplete, 1)
    // As a kubelet's probe of a TCP socket ends.
    const probe = connectPlain(scene.injector.port)
    await once(probe, 'connect')
    probe.resetAndDestroy()
    const plain = connectPlain(scene.injector.port).on('error', () => {})
    plain.write('GET /inject HTTP/1.1\r\n\r\n')
    await once(plain, 'close')
    await waitFor('the handshake is told of', () => scene.lines.some(({ event }) => event === 'webhook_tls_failed'))
    const half = connect({ port: scene.injector.port, ca: scene.ca, servername: 'localhost' })
    half.on('error', () => {})
    half.write('POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
    await waitFor('the request has begun', () => half.bytesWritten > 0)
    half.destroy()
    assert.equal((await scene.post('/inject', REVIEW)).status, 200)
  })
})

describe('certificates', () => {
  test('that change on disk are those of new connections; open ones go on', async (t) => {
    const scene = await InjectorScene.start(t)
    const agent = scene.agent({ keepAlive: true })
    const first = await scene.post('/inject', REVIEW, { agent })
    scene.renew()
    await waitFor('the new one is served', async () => (await scene.post('/inject', REVIEW)).serial !== first.serial)
    const kept = await scene.post('/inject', REVIEW, { agent })
    assert.equal(kept.serial, first.serial)
    assert.equal(kept.status, 200)
    assert.equal(scene.injector.counters.secretReloads.ok, 1)
  })

  test('with faults leave the old one in use', async (t) => {
    const scene = await InjectorScene.start(t)
    const before = await scene.post('/inject', REVIEW)
    scene.files.write('injector.crt', 'nonsense')
    await waitFor('it is refused', () => scene.injector.counters.secretReloads.failed > 0)
    assert.equal((await scene.post('/inject', REVIEW)).serial, before.serial)
  })
})

describe('pages', () => {
  test('say how it is', async (t) => {
    const scene = await InjectorScene.start(t)
    await scene.post('/inject', REVIEW)
    assert.deepEqual(await (await fetch(`${scene.admin}/healthz`)).json(), { alive: true })
    const ready = await fetch(`${scene.admin}/readyz`)
    assert.equal(ready.status, 200)
    const metrics = await (await fetch(`${scene.admin}/metrics`)).text()
    assert.match(metrics, /^sluice_injector_reviews_total\{result="injected"\} 1$/m)
    assert.match(metrics, /^sluice_injector_bad_requests_total\{reason="too_large"\} 0$/m)
    assert.match(metrics, /^sluice_injector_certificate_expiry_timestamp_seconds 1\d{9}$/m)
    assert.equal((await fetch(`${scene.admin}/x`)).status, 404)
    assert.equal((await fetch(`${scene.admin}/healthz`, { method: 'POST' })).status, 405)
  })
})

test('stopping it answers what is under way, says that it is not ready, and takes no more', async (t) => {
  const scene = await InjectorScene.start(t)
  const headers = { 'content-type': 'application/json', 'content-length': REVIEW.length, expect: '100-continue' }
  const asked = request({ ...scene.target('/inject', new Agent()), method: 'POST', headers })
  const answered = once(asked, 'response') as Promise<[IncomingMessage]>
  asked.flushHeaders()
  await once(asked, 'continue')
  const { port } = scene.injector
  const stopped = scene.injector.stop()
  assert.deepEqual(scene.injector.notReady(), ['stopping'])
  assert.equal((await fetch(`${scene.admin}/readyz`)).status, 503)
  await waitFor('nobody listens', async () => {
    const socket = connectPlain(port)
    return once(socket, 'connect').then(
      () => socket.destroy() && false,
      () => true,
    )
  })
  asked.end(REVIEW)
  const [response] = await answered
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers.connection, 'close')
  response.resume()
  await stopped
})
