// `diff` from outside: exit codes as those of diff(1), both files' faults, and the quotas of a real sluice.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import type { PolicyDifference } from '../../src/explain/difference.ts'
import { cli, failing, startProcess } from '../support/cli.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw, patternBytes, produceBody } from '../support/net.ts'
import { freePort } from '../support/ports.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-diff-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, rate: string, upstream = 'kafka:9092'): string {
  const path = join(directory, name)
  writeFileSync(
    path,
    [
      `upstream: { bootstrap: ["${upstream}"] }`,
      'quotas:',
      `  - name: producers`,
      `    limit: { produceBytes: ${rate} }`,
      '    per: [clientId]',
      '    overrides: [{ clientId: free, limit: { produceBytes: unlimited } }]',
    ].join('\n'),
  )
  return path
}

const FIVE = file('five.yaml', '5 MB/s')
const FOUR = file('four.yaml', '4 MB/s')

describe('two files', () => {
  test('equal: 0; different: 1, and what differs', async () => {
    assert.deepEqual(await cli(['diff', FIVE, FIVE]), { exitCode: 0, out: 'no difference\n', err: '' })
    const { exitCode, out } = await cli(['diff', FIVE, FOUR])
    assert.equal(exitCode, 1)
    assert.match(out, /^quotas: 1 stricter$/m)
    assert.match(out, /^producers: stricter \(every client\)\n {2}produceBytes +5 MB\/s → 4 MB\/s \(−20 %\)$/m)
  })

  test('what needs a restart is a difference too', async () => {
    const { exitCode, out } = await cli(['diff', FIVE, file('moved.yaml', '5 MB/s', 'other:9092')])
    assert.equal(exitCode, 1)
    assert.match(out, /upstream: differs too; a reload refuses that, it needs a restart/)
  })

  test('what a client will notice', async () => {
    const { out } = await cli(['diff', FIVE, FOUR, '--client-id', 'a', '--software', 'librdkafka', '--api', 'Produce'])
    assert.match(out, /For client a\n {2}before\n.*may send 5 MB\/s[\s\S]*\n {2}after\n.*may send 4 MB\/s/)
    assert.match((await cli(['diff', FIVE, FOUR, '--client-id', 'free'])).out, /For client free nothing changes:/)
  })

  test('as JSON', async () => {
    const { out } = await cli(['diff', FIVE, FOUR, '--json'])
    const { quotas } = JSON.parse(out) as PolicyDifference
    assert.deepEqual(
      quotas.map(({ kind, quota, effect, changes }) => [kind, quota, effect, Math.round(changes[0]?.percent ?? 0)]),
      [['changed', 'producers', 'stricter', -20]],
    )
  })
})

describe('what is wrong exits 2', () => {
  test('the faults of both files are told', async () => {
    const bad = join(directory, 'bad.yaml')
    writeFileSync(bad, 'upstream: { bootstrap: [] }\n')
    const err = await failing(['diff', bad, 'absent.yaml'], 2)
    assert.match(err, /bad\.yaml:1:/)
    assert.match(err, /absent\.yaml.*there is no such file/)
    assert.match(await failing(['diff', FIVE, bad], 2), /bad\.yaml:1:/)
  })

  test('too few files, too many, and none', async () => {
    assert.match(await failing(['diff', FIVE], 2), /Give two files: the old one and the new one, not 1/)
    assert.match(
      await failing(['diff', '--running', FIVE, FOUR], 2),
      /With --running give one file: the new one, not 2/,
    )
    assert.match(await failing(['diff'], 2), /missing required argument/)
  })

  test('a sluice that cannot be asked', async () => {
    const admin = `127.0.0.1:${await freePort()}`
    assert.match(await failing(['diff', '--running', FIVE, '--admin', admin], 2), /no sluice answers at/)
  })
})

test('a running sluice: what its new file would change, for a client that it has seen', async (t) => {
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const upstream = `127.0.0.1:${broker.port}`
  const sluice = await startProcess(t, ['--config', file('running.yaml', '5 MB/s', upstream)])
  const diff = (...args: string[]): ReturnType<typeof cli> =>
    cli(['diff', '--running', '--admin', sluice.admin, ...args])

  assert.deepEqual(await diff(FIVE), { exitCode: 0, out: 'no difference\n', err: '' })
  assert.equal((await diff(FOUR)).exitCode, 1)

  const client = await connectRaw({ host: '127.0.0.1', port: sluice.port }, 'a')
  t.after(() => client.destroy())
  await client.request(API_KEY.ApiVersions, 3, { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.10.0' })
  await client.request(API_KEY.Produce, 9, produceBody(patternBytes(80_000)))
  // As libraries do: one more that only asks, which counts as little here as in explain.
  const idle = await connectRaw({ host: '127.0.0.1', port: sluice.port }, 'a')
  t.after(() => idle.destroy())
  await idle.request(API_KEY.ApiVersions, 3, { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.10.0' })
  const { exitCode, out } = await diff(FOUR, '--client-id', 'a')
  assert.equal(exitCode, 1)
  assert.match(out, /before\n {4}A producer named a \(librdkafka\) may send 5 MB\/s[\s\S]*after\n.*may send 4 MB\/s/)
  assert.match(out, /Requests of 80 kB over one connection: the\s+limit is above the floor/)
})
