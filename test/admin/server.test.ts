// The admin server over real HTTP: what each page says, and that it stays small and strict.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { type Admin, AdminListenError, type AdminOptions, startAdmin } from '../../src/admin/server.ts'
import type { SluiceStatus } from '../../src/sluice.ts'

const READY: SluiceStatus = {
  ready: true,
  reasons: [],
  brokers: [{ nodeId: 1, host: 'kafka', port: 9092, localPort: 19092, reachable: true }],
  connections: 3,
  quotas: [{ name: 'producers', dimension: 'produceBytes', limitPerSecond: 5e6, mode: 'enforce' }],
  clients: [],
}

let running: Admin | undefined

async function start(options: Partial<AdminOptions> = {}): Promise<string> {
  running = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => Promise.resolve('up 1\n') },
    status: () => READY,
    ...options,
  })
  return `http://${running.host}:${running.port}`
}

afterEach(async () => {
  await running?.close()
  running = undefined
})

/** Sends raw bytes and returns all that comes back until the server closes. */
async function raw(request: string): Promise<string> {
  assert.ok(running)
  const socket = connect(running.port, running.host)
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text
  })
  socket.write(request)
  await once(socket, 'close')
  return answer
}

describe('pages', () => {
  test('/healthz says 200 while the process lives', async () => {
    const answer = await fetch(`${await start()}/healthz`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { alive: true })
  })

  test('/readyz says 200 when ready', async () => {
    const answer = await fetch(`${await start()}/readyz`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { ready: true, reasons: [] })
  })

  test('/readyz says 503 and why when not', async () => {
    const reasons = ['no broker answers at kafka:9092']
    const answer = await fetch(`${await start({ status: () => ({ ...READY, ready: false, reasons }) })}/readyz`)
    assert.equal(answer.status, 503)
    assert.deepEqual(await answer.json(), { ready: false, reasons })
  })

  test("/metrics is the metrics' text under their content type", async () => {
    const answer = await fetch(`${await start()}/metrics`)
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(await answer.text(), 'up 1\n')
  })

  test('/api/status is the whole status as JSON', async () => {
    const answer = await fetch(`${await start()}/api/status`)
    assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.deepEqual(await answer.json(), READY)
  })

  test('/ says how things stand and links every page', async () => {
    const reasons = ['<b>no broker</b>']
    const text = await (await fetch(await start({ status: () => ({ ...READY, ready: false, reasons }) }))).text()
    assert.match(text, /not ready: &#60;b&#62;no broker/)
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/status']) assert.ok(text.includes(`href="${path}"`))
  })

  test('a query means nothing', async () => {
    assert.equal((await fetch(`${await start()}/healthz?x=1`)).status, 200)
  })
})

describe('what is refused', () => {
  test('an unknown path is 404 and says which there are', async () => {
    const base = await start()
    for (const path of ['/nothing', '/healthz/', '/constructor', '/..%2f', '//metrics']) {
      const answer = await fetch(base + path)
      assert.equal(answer.status, 404, path)
      assert.match(await answer.text(), /\/healthz \/readyz \/metrics \/api\/status/)
    }
  })

  test('anything but GET and HEAD is 405', async () => {
    const base = await start()
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await fetch(`${base}/metrics`, { method })
      assert.equal(answer.status, 405, method)
      assert.equal(answer.headers.get('allow'), 'GET, HEAD')
      assert.equal(answer.headers.get('connection'), 'close')
    }
  })

  test('HEAD has the headers and no body', async () => {
    const base = await start()
    const answer = await fetch(`${base}/metrics`, { method: 'HEAD' })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-length'), '5')
    assert.equal(await answer.text(), '')
  })

  test('headers beyond 8 KiB are refused', async () => {
    await start()
    assert.match(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(10_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  })

  test('bytes that are no HTTP are refused', async () => {
    await start()
    assert.match(await raw('\x00\x00\x00\x20\x00\x12\x00\x03\r\n\r\n'), /^HTTP\/1\.1 400 /)
  })

  test('a page that fails is 500, is told, and harms no other', async () => {
    const failures: string[] = []
    const base = await start({
      metrics: { contentType: 'text/plain', text: () => Promise.reject(new Error('boom')) },
      onError: (error, path) => failures.push(`${path} ${(error as Error).message}`),
    })
    const answer = await fetch(`${base}/metrics`)
    assert.equal(answer.status, 500)
    assert.doesNotMatch(await answer.text(), /boom/)
    assert.deepEqual(failures, ['/metrics boom'])
    assert.equal((await fetch(`${base}/healthz`)).status, 200)
  })
})

describe('listening and closing', () => {
  test('a port in use is an error that names the flag', async () => {
    await start()
    const port = running?.port ?? 0
    const second = startAdmin({
      host: '127.0.0.1',
      port,
      metrics: { contentType: '', text: () => Promise.resolve('') },
      status: () => READY,
    })
    await assert.rejects(second, (error) => {
      assert.ok(error instanceof AdminListenError)
      assert.equal(error.code, 'EADDRINUSE')
      assert.match(
        error.message,
        new RegExp(`127\\.0\\.0\\.1:${port}: another process has the port\\. .*--admin HOST:PORT`),
      )
      return true
    })
  })

  test('close ends idle connections and half-sent requests', async () => {
    await start()
    const socket = connect(running?.port ?? 0, '127.0.0.1')
    await once(socket, 'connect')
    socket.write('GET /healthz HTTP/1.1\r\n')
    // A reset is as good an end as any; `once` would take it for a failure.
    const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
    await running?.close()
    await closed
  })
})
