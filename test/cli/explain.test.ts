// `explain` from outside: against a file, against whatever may listen at an admin address, against a real sluice.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { Explanation } from '../../src/explain/explanation.ts'
import { cli, failing, startProcess } from '../support/cli.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw, patternBytes, produceBody } from '../support/net.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-explain-'))
after(() => rmSync(directory, { recursive: true }))

const FILE = join(directory, 'sluice.yaml')
writeFileSync(
  FILE,
  [
    'upstream: { bootstrap: [kafka:9092] }',
    'quotas:',
    '  - { name: producers, limit: { produceBytes: 5 MB/s }, match: { clientId: "checkout-*" }, per: [clientId] }',
    'clients:',
    '  - { software: "apache-kafka-java*", hold: 4s }',
  ].join('\n'),
)

describe('explain --config', () => {
  test('says what the file means for a client', async () => {
    const { exitCode, out, err } = await cli(['explain', '--config', FILE, '--client-id', 'checkout-7'])
    assert.deepEqual([exitCode, err], [0, ''])
    assert.match(out, /^ {2}producers applies \(clientId "checkout-\*"\)$/m)
    assert.match(out, /A producer named checkout-7 \(no library name\) may send 5 MB\/s in bursts of 5 MB\./)
  })

  test('goes by every flag, and by clients: of the file', async () => {
    const flags = ['--software', 'apache-kafka-java', '--software-version', '4.1.0', '--principal', 'p', '--group', 'g']
    const more = [
      '--topic',
      't',
      '--address',
      '10.0.0.1',
      '--api',
      'produce',
      '--label',
      'a=b=c',
      '--label',
      'd=',
      '--json',
    ]
    const { out } = await cli(['explain', '--config', FILE, '--client-id', 'checkout-7', ...flags, ...more])
    const { client, group, requests } = JSON.parse(out) as Explanation
    assert.deepEqual(client, {
      clientId: 'checkout-7',
      principal: 'p',
      group: 'g',
      topic: 't',
      software: 'apache-kafka-java',
      softwareVersion: '4.1.0',
      address: '10.0.0.1',
    })
    assert.equal(group.state, 'given')
    assert.deepEqual(
      requests.map(({ api, holdMs }) => [api, holdMs]),
      [['Produce', 4000]],
    )
  })

  test('--client-id "" is one without a client id', async () => {
    const { exitCode, out } = await cli(['explain', '--config', FILE, '--client-id', ''])
    assert.equal(exitCode, 0)
    assert.match(out, /^client +without a client id$/m)
  })

  test('keeps to the width of a terminal', async () => {
    const args = ['explain', '--config', FILE, '--client-id', 'checkout-7']
    const { out } = await cli(args, { isTerminal: true, columns: 60 })
    for (const line of out.split('\n')) assert.ok(line.length <= 60, line)
  })
})

describe('what is wrong with the command line exits 2', () => {
  const WRONG: readonly (readonly [args: string[], message: RegExp])[] = [
    [['--config', FILE], /Which client\? Give --client-id ID/],
    [['--config', 'absent.yaml', '--client-id', 'a'], /absent\.yaml.*there is no such file/],
    [['--config', FILE, '--admin', '127.0.0.1:1', '--client-id', 'a'], /cannot be used with option/],
    [['--client-id', 'a', '--api', 'Prodcue'], /did you mean Produce\?/],
    [['--client-id', 'a', '--api', 'xyzzyxyzzy'], /the names are those of Kafka/],
    [['--client-id', 'a', '--label', 'novalue'], /key=value/],
    [['--client-id', 'a', '--admin', 'off'], /without admin pages cannot be asked; start it with --admin HOST:PORT/],
    [['--client-id', 'a', '--admin', '9404'], /write 127\.0\.0\.1:9404/],
    [['--client-id', 'a', '--admin', 'pod-7'], /"pod-7" has no port; write pod-7:9404/],
    [['--client-id', 'a', '--address', '10.0.0.1:80'], /It is an IP address, without a port/],
  ]
  for (const [args, message] of WRONG) {
    test(`explain ${args.map((arg) => arg.replace(directory, '…')).join(' ')}`, async () => {
      assert.match(await failing(['explain', ...args], 2), message)
    })
  }
})

/** Listens on a free port for the length of a test. */
async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Something that speaks HTTP, and is no sluice, or another one. */
function answering(t: TestContext, code: number, body: string): Promise<string> {
  return listening(
    t,
    createHttpServer((_request, response) => response.writeHead(code, { connection: 'close' }).end(body)),
  )
}

describe('what may listen at an admin address', () => {
  const asked = (admin: string): Promise<string> => failing(['explain', '--client-id', 'a', '--admin', admin], 1)

  test('nobody', async () => {
    const admin = `127.0.0.1:${await freePort()}`
    assert.match(
      await asked(admin),
      new RegExp(`no sluice answers at ${admin}: nothing listens there.*--admin HOST:PORT`),
    )
    assert.match(await asked('no-such-host.invalid:9404'), /the host name does not resolve/)
  })

  test('a Kafka port, or something else that speaks no HTTP', async (t) => {
    const talks = await listening(
      t,
      createServer((socket) => socket.end('SSH-2.0-x\r\n')),
    )
    assert.match(await asked(talks), /what listens at .* is no kafka-sluice/)
    const hangsUp = await listening(
      t,
      createServer((socket) => socket.resetAndDestroy()),
    )
    assert.match(await asked(hangsUp), /the connection was cut, as at the Kafka port\. Is it running/)
  })

  test('another HTTP server', async (t) => {
    assert.match(await asked(await answering(t, 404, '<h1>Not found</h1>')), /is no kafka-sluice/)
    assert.match(await asked(await answering(t, 200, '<h1>Hello</h1>')), /is no kafka-sluice/)
    assert.match(await asked(await answering(t, 200, '{"hello":1}')), /is no kafka-sluice/)
    assert.match(await asked(await answering(t, 200, 'null')), /is no kafka-sluice/)
  })

  test('an older sluice', async (t) => {
    const old = await answering(t, 404, 'no such page; there are: / /healthz /readyz /metrics /api/status\n')
    assert.match(
      await asked(old),
      /is older than this command and has no \/api\/explain; update it, or use --config FILE/,
    )
  })

  test('one that answers its own machine only, and one that fails', async (t) => {
    const far = await answering(
      t,
      403,
      'this page is for the machine (or pod) of the sluice only; run the command there',
    )
    assert.match(await asked(far), /refuses \(403\): this page is for the machine/)
    assert.match(
      await asked(await answering(t, 500, 'this page failed; the log says why\n')),
      /\(500\): this page failed/,
    )
  })
})

test('a running sluice: which clients there are, how the bucket of one stands, who is not known', async (t) => {
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const sluice = await startProcess(t, ['--upstream', `127.0.0.1:${broker.port}`, '--produce-rate', '10kB/s'])
  const explain = (...args: string[]): ReturnType<typeof cli> => cli(['explain', '--admin', sluice.admin, ...args])

  assert.match((await explain()).out, /has not seen any client yet/)
  const client = await connectRaw({ host: '127.0.0.1', port: sluice.port }, 'checkout-7')
  t.after(() => client.destroy())
  await client.request(API_KEY.ApiVersions, 3, {
    clientSoftwareName: 'apache-kafka-java',
    clientSoftwareVersion: '4.1.0',
  })
  await client.request(API_KEY.Produce, 9, produceBody(patternBytes(50_000)))

  const which = await explain()
  assert.deepEqual([which.exitCode, which.err], [0, ''])
  assert.match(which.out, /^Which client\? Give --client-id ID\.[\s\S]*^ {2}checkout-7 +apache-kafka-java +1$/m)

  const { clients } = JSON.parse((await explain('--json')).out) as { clients: { clientId: string }[] }
  assert.deepEqual(
    clients.map(({ clientId }) => clientId),
    ['checkout-7'],
  )

  const { exitCode, out } = await explain('--client-id', 'checkout-7')
  assert.equal(exitCode, 0)
  assert.match(out, /^library +java \(apache-kafka-java\)/m)
  assert.match(
    out,
    /^ {4}now +in debt by \d+(\.\d+)? kB \(\d(\.\d+)? s\), next request in \d(\.\d+)? s, 1 connection draws on it$/m,
  )
  assert.match(out, /A producer named checkout-7 \(java\) may send 10 kB\/s in bursts of 10 kB\./)

  const json = JSON.parse((await explain('--client-id', 'checkout-7', '--json')).out) as Explanation
  assert.equal(json.seen?.connections, 1)
  assert.ok((json.seen?.producedBytes ?? 0) > 50_000)
  const state = json.requests[0]?.quotas[0]?.limits[0]?.state
  assert.ok((state?.debtMs ?? 0) > 1000, JSON.stringify(state))

  client.destroy()
  await waitFor('the bucket belongs to nobody', async () => {
    const { requests } = JSON.parse((await explain('--client-id', 'checkout-7', '--json')).out) as Explanation
    return requests[0]?.quotas[0]?.limits[0]?.state?.connections === 0
  })
  assert.match(
    (await explain('--client-id', 'checkout-8')).out,
    /has not seen a client named checkout-8\. It has seen checkout-7\./,
  )
})
