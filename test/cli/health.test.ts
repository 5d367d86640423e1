// `health` as a container's HEALTHCHECK runs it: where it asks, what it says, and by which exit code.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { cli, failing, startProcess } from '../support/cli.ts'
import { startFakeBroker } from '../support/fake-broker.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-health-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

test('a sluice is ready with a broker, and without one alive', async (t) => {
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const { admin } = await startProcess(t, ['--upstream', `127.0.0.1:${broker.port}`])
  const health = (...flags: string[]): ReturnType<typeof cli> => cli(['health', '--admin', admin, ...flags])
  await waitFor('it is ready', async () => (await health()).exitCode === 0)
  assert.deepEqual(await health(), { exitCode: 0, out: 'ready\n', err: '' })
  const lonely = await startProcess(t, ['--upstream', `127.0.0.1:${await freePort()}`])
  const { exitCode, err } = await cli(['health', '--admin', lonely.admin])
  assert.equal(exitCode, 1)
  assert.match(err, /^not ready: .*broker.*\n$/)
  const alive = await cli(['health', '--admin', lonely.admin, '--alive'])
  assert.deepEqual(alive, { exitCode: 0, out: 'alive\n', err: '' })
})

test('nobody there, and something else there, is not healthy', async (t) => {
  const port = await freePort()
  assert.match(await failing(['health', '--admin', `127.0.0.1:${port}`], 1), /nothing listens there/)
  const web = createServer((_request, response) => response.writeHead(404).end('<h1>Not found</h1>'))
  web.listen(0, '127.0.0.1')
  await once(web, 'listening')
  t.after(() => web.close())
  const admin = `127.0.0.1:${(web.address() as AddressInfo).port}`
  assert.match(await failing(['health', '--admin', admin], 1), /\/readyz answers 404; is it a kafka-sluice\?/)
})

describe('where it asks', () => {
  /** Asks where nobody is, and returns the address that the complaint names. */
  async function asked(t: TestContext, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const { exitCode, out, err } = await cli(['health', ...args], { env })
    assert.deepEqual([exitCode, out], [1, ''], t.name)
    return /no sluice answers at (\S+):/.exec(err)?.[1] ?? err
  }

  test('the flag, else the variable, else the file, a wildcard being this machine', async (t) => {
    const port = await freePort()
    const config = file('sluice.yaml', `admin: { host: "::", port: ${port} }\nquotas: [{ nonsense: 1 }]\n`)
    const env = { SLUICE_ADMIN: `0.0.0.0:${port}`, SLUICE_CONFIG: config }
    assert.equal(await asked(t, ['--admin', `127.0.0.2:${port}`], env), `127.0.0.2:${port}`)
    assert.equal(await asked(t, [], env), `127.0.0.1:${port}`)
    assert.equal(await asked(t, [], { SLUICE_CONFIG: config }), `[::1]:${port}`)
    assert.equal(await asked(t, ['--config', config]), `[::1]:${port}`)
  })

  test('admin pages that are off, and a file that cannot be read, are told', async () => {
    const off = file('off.yaml', 'admin: off\n')
    assert.match(await failing(['health', '--config', off], 1), /says admin: off/)
    assert.match(await failing(['health', '--config', join(directory, 'none.yaml')], 1), /cannot read .*none\.yaml/)
    assert.match(await failing(['health', '--config', file('bad.yaml', 'admin: [\n')], 1), /cannot read .*bad\.yaml/)
    const { exitCode, err } = await cli(['health'], { env: { SLUICE_ADMIN: 'off' } })
    assert.equal(exitCode, 1)
    assert.match(err, /SLUICE_ADMIN is off/)
    assert.equal((await cli(['health'], { env: { SLUICE_ADMIN: 'nowhere' } })).exitCode, 2)
    assert.match(await failing(['health', '--admin', 'off'], 2), /cannot be asked/)
  })
})
