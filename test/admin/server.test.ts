// The admin server over real HTTP: what each page says, and that it stays small and strict.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { type Answer, answerTo } from '../../src/admin/routes.ts'
import { type Admin, AdminListenError, type AdminOptions, startAdmin } from '../../src/admin/server.ts'
import { SharedText } from '../../src/admin/shared-text.ts'
import type { ReloadOutcome, SluiceStatus } from '../../src/sluice.ts'
import type { StatusDocument } from '../../src/status/status-document.ts'
import type { StatusQuery } from '../../src/status/status-query.ts'
import { statusDocument } from '../support/status.ts'
import { waitFor } from '../support/wait.ts'

const READY: SluiceStatus = {
  ready: true,
  reasons: [],
  brokers: [{ nodeId: 1, host: 'kafka', port: 9092, localPort: 19092, reachable: true }],
  connections: 3,
  quotas: [{ name: 'producers', dimension: 'produceBytes', limitPerSecond: 5e6, mode: 'enforce' }],
  clients: [],
}

const NO_INSIGHT: AdminOptions['insight'] = {
  explain: () => ({ clients: [] }),
  policy: () => ({}),
  observed: () => ({}),
  status: () => statusDocument(),
  config: () => ({}),
}

let running: Admin | undefined

async function start(options: Partial<AdminOptions> = {}): Promise<string> {
  running = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => Promise.resolve('up 1\n') },
    status: () => READY,
    insight: NO_INSIGHT,
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

  test('/readyz tells of a configuration file with faults, and stays 200: what was in force still is', async () => {
    const fault = { path: 'mode', line: 3, column: 7, message: 'the modes are enforce and observe' }
    const config = { valid: false, faults: [fault], since: '2026-11-23T10:00:00.000Z' }
    const answer = await fetch(`${await start({ configReport: () => config })}/readyz`)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { ready: true, reasons: [], config })
  })

  test("/metrics is the metrics' text under their content type", async () => {
    const answer = await fetch(`${await start()}/metrics`)
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    assert.equal(await answer.text(), 'up 1\n')
  })

  test('/api/status is the whole status as JSON, of the clients that are asked for', async () => {
    let asked: StatusQuery | undefined
    const status = (query: StatusQuery): StatusDocument => {
      asked = query
      return statusDocument({ connections: 7 })
    }
    const base = await start({ insight: { ...NO_INSIGHT, status } })
    const answer = await fetch(`${base}/api/status?top=3&sort=fetch`)
    assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8')
    assert.deepEqual(await answer.json(), statusDocument({ connections: 7 }))
    assert.deepEqual([asked?.top, asked?.sort], [3, 'fetch'])
    const refused = await fetch(`${base}/api/status?tpo=3`)
    assert.equal(refused.status, 400)
    assert.match(await refused.text(), /did you mean top\?/)
  })

  test('/ is a page that runs no script but its own, and says how things stand', async () => {
    const status = (): StatusDocument => statusDocument({ ready: false, reasons: ['<b>no broker</b>'] })
    const answer = await fetch(await start({ insight: { ...NO_INSIGHT, status } }))
    assert.equal(answer.headers.get('content-type'), 'text/html; charset=utf-8')
    const policy = answer.headers.get('content-security-policy') ?? ''
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
    assert.doesNotMatch(policy, /unsafe|\*/)
    const text = await answer.text()
    assert.match(text, /<strong>Not ready\.<\/strong> &#60;b&#62;no broker/)
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/status']) assert.ok(text.includes(`href="${path}"`))
    assert.doesNotMatch(text, /<script>| style=| on[a-z]+="/)
  })

  test('the style sheet and the script of the page are for everybody', async () => {
    const base = await start()
    for (const [path, type] of [
      ['/page.css', 'text/css; charset=utf-8'],
      ['/page.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const answer = await fetch(base + path)
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, type])
      assert.ok((await answer.text()).length > 1000, path)
    }
  })

  test('/api/explain, /api/policy and /api/observed answer this machine', async () => {
    const base = await start({
      insight: {
        ...NO_INSIGHT,
        explain: (query) => ({ clients: [query.get('clientId')] }),
        policy: () => ({ policy: 1 }),
        observed: () => ({ observedMs: 2 }),
        config: () => ({ mode: 'observe' }),
      },
    })
    assert.deepEqual(await (await fetch(`${base}/api/explain?clientId=a%20b`)).json(), { clients: ['a b'] })
    assert.deepEqual(await (await fetch(`${base}/api/config`)).json(), { mode: 'observe' })
    assert.deepEqual(await (await fetch(`${base}/api/policy`)).json(), { policy: 1 })
    assert.deepEqual(await (await fetch(`${base}/api/observed`)).json(), { observedMs: 2 })
  })

  test('a question that makes no sense is 400 and says why', async () => {
    const explain = (): never => {
      throw new RangeError('Kafka has no API Prodcue')
    }
    const answer = await fetch(`${await start({ insight: { ...NO_INSIGHT, explain } })}/api/explain?api=Prodcue`)
    assert.equal(answer.status, 400)
    assert.equal(await answer.text(), 'Kafka has no API Prodcue\n')
  })

  test('a query means nothing', async () => {
    assert.equal((await fetch(`${await start()}/healthz?x=1`)).status, 200)
  })
})

const GUARDED: readonly (readonly [method: 'GET' | 'POST', path: string])[] = [
  ...['/', '/api/status', '/api/config', '/api/explain', '/api/policy', '/api/observed'].map(
    (path) => ['GET', path] as const,
  ),
  ['POST', '/api/reload'],
]

test('pages for this machine are 403 under a name that somebody else chose', async () => {
  await start()
  for (const [method, path] of GUARDED) {
    const answer = await raw(`${method} ${path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*by address or as localhost/, path)
  }
})

test('pages for this machine are 403 for whoever comes through a proxy on it', async () => {
  const reload = (): never => assert.fail('it is not reloaded')
  await start({ reload })
  for (const [method, path] of GUARDED) {
    for (const header of [
      'X-Forwarded-For: 10.0.0.7',
      'Forwarded: for=10.0.0.7',
      'Via: 1.1 envoy',
      'X-Real-IP: 10.0.0.7',
    ]) {
      const answer = await raw(
        `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${header}\r\nConnection: close\r\n\r\n`,
      )
      assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*through a proxy on this machine/, `${path} ${header}`)
    }
  }
})

test('a token that is wrong is said to be, and one that is missing is asked for', async () => {
  const secret = 'a-token-of-its-own-9c1e'
  await start({ token: () => secret })
  const ask = (path: string, more = ''): Promise<string> =>
    raw(`GET ${path} HTTP/1.1\r\nHost: sluice.example\r\n${more}Connection: close\r\n\r\n`)
  const none = await ask('/api/policy')
  assert.match(
    none,
    /^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer[\s\S]*--token-file FILE, or Authorization: Bearer/i,
  )
  const wrong = await ask('/api/policy', 'Authorization: Bearer another\r\n')
  assert.match(wrong, /^HTTP\/1\.1 401 [\s\S]*the token is not the one in admin\.tokenFile/)
  assert.match(await ask('/api/policy', `Authorization: Bearer ${secret}\r\n`), /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(none + wrong, new RegExp(secret))
})

test('/metrics are made for each that asks from here, and for all together that ask from elsewhere', async () => {
  let made = 0
  const text = (): Promise<string> => Promise.resolve(`up ${++made}\n`)
  const metrics = { contentType: 'text/plain', text }
  const shared = new SharedText(text, () => 0)
  const sources = { metrics, metricsForMany: () => shared.get(), status: () => READY, insight: NO_INSIGHT }
  const query = new URLSearchParams()
  const scrape = (peer: string): Promise<Answer> =>
    answerTo({ method: 'GET', path: '/metrics', query, peer, origin: undefined, host: undefined }, sources)
  await Promise.all(Array.from({ length: 50 }, () => scrape('10.0.0.7')))
  assert.equal(made, 1)
  for (const expected of [2, 3]) assert.equal((await scrape('127.0.0.1')).body, `up ${expected}\n`)
})

test('nothing is for pages of other origins, nor kept by a browser', async () => {
  const base = await start()
  for (const path of ['/', '/page.js', '/metrics', '/api/status', '/nothing']) {
    const { headers } = await fetch(base + path)
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path)
    assert.equal(headers.get('access-control-allow-origin'), null, path)
    assert.equal(headers.get('cache-control'), 'no-store', path)
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
  }
})

describe('POST /api/reload', () => {
  const fault = { path: 'mode', line: 3, column: 7, message: 'the modes are enforce and observe' }
  const rows: readonly (readonly [outcome: ReloadOutcome | undefined, code: number, body: object])[] = [
    [{ kind: 'reloaded', quotas: ['a', 'b'] }, 200, { reloaded: true, quotas: ['a', 'b'] }],
    [{ kind: 'unchanged' }, 200, { reloaded: false, reason: 'the file says what it said before' }],
    [{ kind: 'refused', faults: [fault] }, 422, { reloaded: false, faults: [fault] }],
    [{ kind: 'impossible', reason: 'draining' }, 409, { reloaded: false, reason: 'draining' }],
    [undefined, 409, { reloaded: false, reason: 'there is no configuration file to reload' }],
  ]
  for (const [outcome, code, body] of rows) {
    test(`is answered with ${code} when it is ${outcome?.kind ?? 'not there'}`, async () => {
      const base = await start(outcome === undefined ? {} : { reload: () => outcome })
      const answer = await fetch(`${base}/api/reload`, { method: 'POST', body: 'what is sent is not read' })
      assert.equal(answer.status, code)
      assert.deepEqual(await answer.json(), body)
    })
  }

  test('is for programs of this machine: not for web pages, not for others', async () => {
    let reloads = 0
    const reload = (): ReloadOutcome => {
      reloads++
      return { kind: 'reloaded', quotas: [] }
    }
    const base = await start({ reload })
    const page = await fetch(`${base}/api/reload`, { method: 'POST', headers: { origin: 'http://evil.example' } })
    assert.equal(page.status, 403)
    assert.deepEqual(await page.json(), { reloaded: false, reason: 'not by a web page (http://evil.example)' })
    const sources = {
      metrics: { contentType: '', text: () => Promise.resolve('') },
      status: () => READY,
      insight: NO_INSIGHT,
      reload,
    }
    for (const [peer, code] of [
      ['10.0.0.7', 403],
      ['::ffff:10.0.0.7', 403],
      ['fd00::1', 403],
      ['127.evil', 403],
      ['', 403],
      ['127.0.0.1', 200],
      ['127.1.2.3', 200],
      ['::ffff:127.0.0.1', 200],
      ['::1', 200],
    ] as const) {
      const answer = await answerTo(
        { method: 'POST', path: '/api/reload', query: new URLSearchParams(), peer, origin: undefined, host: undefined },
        sources,
      )
      assert.equal(answer.code, code, peer)
      if (code === 403) assert.match(answer.body, new RegExp(`not for ${peer}`))
    }
    assert.equal(reloads, 4)
  })

  test('is for others with the token, and only with the right one', async () => {
    const reload = (): ReloadOutcome => ({ kind: 'reloaded', quotas: [] })
    const metrics = { contentType: '', text: () => Promise.resolve('') }
    const sources = { metrics, status: () => READY, reload, insight: NO_INSIGHT }
    const asker = { peer: '10.0.0.7', origin: undefined, host: 'sluice', query: new URLSearchParams() }
    for (const [method, path] of [
      ['POST', '/api/reload'],
      ['GET', '/api/status'],
      ['GET', '/api/config'],
      ['GET', '/api/explain'],
      ['GET', '/'],
    ] as const) {
      const question = { ...asker, method, path }
      assert.equal((await answerTo({ ...question, hasToken: true }, sources)).code, 200)
      assert.equal((await answerTo({ ...question, hasToken: false }, sources)).code, 403)
    }
    for (const path of ['/healthz', '/readyz', '/metrics', '/page.css', '/page.js']) {
      const question = { ...asker, method: 'GET', path }
      assert.equal((await answerTo(question, sources)).code, 200, path)
    }
  })

  test('a person from elsewhere is told how to see the page, and asked for the token where there is one', async () => {
    const metrics = { contentType: '', text: () => Promise.resolve('') }
    const sources = { metrics, status: () => READY, insight: NO_INSIGHT }
    const query = new URLSearchParams()
    const asker = { method: 'GET', path: '/', query, peer: '10.0.0.7', origin: undefined, host: 'sluice' }
    const without = await answerTo({ ...asker, hasTokenFile: false }, sources)
    assert.equal(without.code, 403)
    assert.match(without.body, /kubectl port-forward POD 9404:9404[\s\S]*admin: \{ tokenFile: /)
    assert.equal(without.headers?.['www-authenticate'], undefined)
    const withFile = await answerTo({ ...asker, hasTokenFile: true }, sources)
    assert.equal(withFile.code, 401)
    assert.match(withFile.headers?.['www-authenticate'] ?? '', /^Basic realm=/)
    assert.match(withFile.body, /give the token of <code>admin\.tokenFile<\/code> as the password/)
  })

  test('is not to be read', async () => {
    const answer = await fetch(`${await start()}/api/reload`)
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'POST')
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

  test('anything but GET and HEAD is 405 on a page to read', async () => {
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

describe('who holds connections', () => {
  /** Connects, and does nothing with what comes. */
  async function idle(request = ''): Promise<Socket> {
    const socket = connect(running?.port ?? 0, '127.0.0.1').pause()
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(request)
    return socket
  }

  test('does not keep probes out: the oldest of too many has to go', async () => {
    const base = await start()
    const held: Socket[] = []
    for (let i = 0; i < 70; i++) held.push(await idle())
    assert.equal((await fetch(`${base}/healthz`)).status, 200)
    await waitFor('the oldest is closed', () => held[0]?.resume().destroyed)
    assert.equal(held.at(-1)?.destroyed, false)
    for (const socket of held) socket.destroy()
  })

  test('and does not read long answers keeps neither probes out nor memory', async () => {
    // Far more than kernels take in advance.
    const length = 24_000_000
    let asked = 0
    const text = (): Promise<string> => {
      asked++
      return Promise.resolve('x'.repeat(length))
    }
    const base = await start({ metrics: { contentType: 'text/plain', text } })
    const held: Socket[] = []
    for (let i = 1; i <= 3; i++) {
      held.push(await idle('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n'))
      await waitFor('it is answered', () => asked === i)
    }
    await waitFor('the oldest is cut off', () => held[0]?.resume().destroyed)
    assert.equal((await fetch(`${base}/healthz`)).status, 200)
    assert.equal((await (await fetch(`${base}/metrics`)).text()).length, length, 'who reads gets all')
    for (const socket of held) socket.destroy()
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
      insight: NO_INSIGHT,
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
