// `advise` from outside: what it refuses, its three forms, and a real sluice that has seen a producer.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { Advice } from '../../src/explain/advice.ts'
import { policyDocument } from '../../src/explain/policy-document.ts'
import type { Observation } from '../../src/observe/observation.ts'
import { cli, failing, startProcess } from '../support/cli.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw, patternBytes, produceBody } from '../support/net.ts'
import { observedClient, observedRates } from '../support/observed.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-advise-'))
after(() => rmSync(directory, { recursive: true }))

const BUSY = observedClient('a', { rates: { producedBytes: observedRates(1e6) } })

/** A sluice that has observed this. */
async function observing(t: TestContext, parts: Partial<Observation>): Promise<string> {
  const observation: Observation = { observedMs: 600_000, clients: [BUSY], unwatched: 0, ...parts }
  const config = {
    mode: 'enforce',
    quotas: [],
    clients: [],
    upstream: { bootstrap: [{ host: 'kafka', port: 9092 }] },
  } as const
  const policy = policyDocument(config, [])
  const server = createServer((request, response) =>
    response.setHeader('connection', 'close').end(JSON.stringify(request.url === '/api/policy' ? policy : observation)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('less than a minute of observation', () => {
  test('is no ground for advice: says what there is and when to ask again', async (t) => {
    const admin = await observing(t, { observedMs: 12_345 })
    assert.equal(
      await failing(['advise', '--admin', admin], 1),
      'this sluice has observed for 12 s and seen 1 client at work; advice on less than 60 s would be a guess. ' +
        'Ask again in 48 s, or guess with --force\n',
    )
  })

  test('is enough with --force, as sixty seconds are without', async (t) => {
    const short = await observing(t, { observedMs: 12_345 })
    assert.equal((await cli(['advise', '--admin', short, '--force'])).exitCode, 0)
    const long = await observing(t, { observedMs: 60_000 })
    assert.equal((await cli(['advise', '--admin', long])).exitCode, 0)
  })

  test('nothing observed is nothing even with --force', async (t) => {
    const admin = await observing(t, { clients: [observedClient('idle')] })
    assert.match(
      await failing(['advise', '--admin', admin, '--force'], 1),
      /seen no client at work: there is nothing to advise on yet/,
    )
  })
})

describe('forms', () => {
  test('a table, JSON and a file, with the headroom asked for', async (t) => {
    const admin = await observing(t, {})
    const advise = async (...args: string[]): Promise<string> => (await cli(['advise', '--admin', admin, ...args])).out
    assert.match(await advise(), /^a +unnamed +produceBytes +1 MB\/s +1 MB\/s +1\.3 MB\/s +1 s$/m)
    const json = JSON.parse(await advise('--json', '--headroom', '100%')) as Advice
    assert.deepEqual([json.headroom, json.clients[0]?.limits[0]?.limit], [1, 2e6])
    const path = join(directory, 'advised.yaml')
    writeFileSync(path, await advise('--yaml', '--headroom', '12.5 %'))
    const { exitCode, out } = await cli(['check-config', path])
    assert.equal(exitCode, 0)
    assert.match(out, /mode +observe[\s\S]*advised-produce\n +limits produceBytes to 1\.2 MB\/s/)
  })

  test('colour only on a terminal', async (t) => {
    const admin = await observing(t, {})
    const plain = await cli(['advise', '--admin', admin])
    assert.ok(!plain.out.includes('\u001b'))
    const coloured = await cli(['advise', '--admin', admin], { isTerminal: true, colour: true, columns: 120 })
    assert.ok(coloured.out.includes('\u001b[1m'))
  })
})

describe('what is wrong', () => {
  const WRONG: readonly (readonly [args: string[], message: RegExp])[] = [
    [['--headroom', '30'], /It is a percentage: 30%/],
    [['--headroom', '5000%'], /1000% at most/],
    [['--headroom', '-1%'], /percentage/],
    [['--json', '--yaml'], /cannot be used with option/],
    [['--admin', 'off'], /start it with --admin HOST:PORT/],
    [['stray'], /too many arguments/],
  ]
  for (const [args, message] of WRONG) {
    test(`advise ${args.join(' ')}`, async () => assert.match(await failing(['advise', ...args], 2), message))
  }

  test('nobody listens', async () => {
    const admin = `127.0.0.1:${await freePort()}`
    assert.match(await failing(['advise', '--admin', admin], 1), new RegExp(`no sluice answers at ${admin}`))
  })

  test('admin pages that are off cannot be asked', async (t) => {
    const sluice = await startProcess(t, ['--upstream', '127.0.0.1:1', '--admin', 'off'])
    assert.equal(sluice.admin, 'off')
    assert.match(await failing(['advise', '--admin', sluice.admin], 2), /without admin pages cannot be asked/)
  })
})

test('a running sluice that has seen a producer', async (t) => {
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const sluice = await startProcess(t, ['--upstream', `127.0.0.1:${broker.port}`])
  const advise = (...args: string[]): ReturnType<typeof cli> => cli(['advise', '--admin', sluice.admin, ...args])
  assert.match((await advise()).err, /seen no client at work/)

  const client = await connectRaw({ host: '127.0.0.1', port: sluice.port }, 'checkout-7')
  t.after(() => client.destroy())
  await client.request(API_KEY.ApiVersions, 3, {
    clientSoftwareName: 'apache-kafka-java',
    clientSoftwareVersion: '4.1.0',
  })
  for (let i = 0; i < 10; i++) await client.request(API_KEY.Produce, 9, produceBody(patternBytes(50_000)))

  const seen = await waitFor('the observer has seen the bytes', async () => {
    const { exitCode, out } = await advise('--force', '--json')
    return exitCode === 0 && (JSON.parse(out) as Advice)
  })
  const [advised] = seen.clients
  assert.deepEqual([advised?.clientId, advised?.library, advised?.connections], ['checkout-7', 'java', 1])
  const limit = advised?.limits.find(({ dimension }) => dimension === 'produceBytes')
  // Half a megabyte in one second or two, so at least a quarter in the busiest.
  assert.ok((limit?.peak ?? 0) > 200_000 && (limit?.peak ?? 0) < 800_000, JSON.stringify(limit))
  assert.ok((advised?.frames.largestProduceBytes ?? 0) > 50_000 && advised?.floors.length === 0)
  assert.ok((limit?.limit ?? 0) >= (limit?.p99Of10s ?? 0) * 1.3)

  const { exitCode, err } = await advise()
  assert.equal(exitCode, 1)
  assert.match(
    err,
    /has observed for \d+(\.\d)? s and seen 1 client at work; advice on less than 60 s would be a guess/,
  )
  const path = join(directory, 'running.yaml')
  writeFileSync(path, (await advise('--force', '--yaml')).out)
  const checked = await cli(['explain', '--config', path, '--client-id', 'checkout-7', '--json'])
  assert.match(checked.out, /"quota": "advised-produce",\s+"applies": true/)
})
