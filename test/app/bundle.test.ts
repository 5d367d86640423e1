/**
 * The bundle that goes into the image: it is the whole program in a few files, it runs without the repository around it, and a
 * sluice without TLS loads nothing that it has no use for. What the image takes is measured in test/image.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { startFakeBroker } from '../support/fake-broker.ts'
import { LineProcess } from '../support/processes.ts'
import { waitFor } from '../support/wait.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** A dependency that comes along whole by mistake is seen here. */
const BYTES_MAX = 3_200_000
/** 16.0 MiB of its own when it has started; the schema of the configuration alone would be 2.5 more. Lower it, never raise it. */
const START_ANON_KIB_MAX = 17.5 * 1024
const directory = mkdtempSync(join(tmpdir(), 'sluice-bundle-'))
const program = join(directory, 'bin/kafka-sluice.js')

before(() => {
  execFileSync(process.execPath, [join(ROOT, 'docker/bundle.ts'), '--out', directory], { stdio: 'pipe' })
})
after(() => rmSync(directory, { recursive: true }))

function kafkaSluice(...args: string[]): { readonly code: number | null; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: '/', encoding: 'utf8' })
  return { code: status, out: stdout + stderr }
}

test('it has the program, package.json and the licence of each package inside, and is small', () => {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  assert.ok(bytes < BYTES_MAX, `${bytes} bytes`)
  const speaksDutch = files.filter(({ parentPath, name }) =>
    /Ongeldig/u.test(readFileSync(join(parentPath, name), 'utf8')),
  )
  assert.deepEqual(speaksDutch, [], "zod's 50 languages take 6 MB of memory: import * as z from 'zod', not { z }")
  for (const name of ['pino.txt', 'yaml.txt', 'zod.txt', 'commander.txt']) {
    assert.match(readFileSync(join(directory, 'licences', name), 'utf8'), /permission/i)
  }
  assert.ok(files.some(({ name }) => name === 'LICENSE'))
})

test('commands work without the repository', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  assert.deepEqual(kafkaSluice('--version'), { code: 0, out: `${version}\n` })
  const config = join(directory, 'sluice.yaml')
  writeFileSync(config, 'upstream: { bootstrap: [k:9092] }\nquotas: [{ name: a, limit: { requests: fast } }]\n')
  const { code, out } = kafkaSluice('check-config', config)
  assert.equal(code, 2)
  assert.match(out, /sluice\.yaml:2:\d+.*quotas\[0\]\.limit\.requests/s)
  const port = 1 // nobody listens there
  writeFileSync(config, `admin: { port: ${port} }\n`)
  const health = kafkaSluice('health', '--config', config)
  assert.equal(health.code, 1)
  assert.match(health.out, /no sluice answers at 127\.0\.0\.1:1:/)
  const schema = kafkaSluice('schema')
  assert.deepEqual([schema.code, typeof JSON.parse(schema.out)], [0, 'object'])
})

test('it listens, becomes ready, reloads a long file in its thread, drains; and has loaded neither TLS nor a WebSocket client', async (t) => {
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const config = join(directory, 'long.yaml')
  const write = (quotas: number): void => {
    const lines = Array.from({ length: quotas }, (_, i) => `  - { name: q${i}, limit: { requests: 1k/s } }`)
    writeFileSync(config, `upstream: { bootstrap: ["127.0.0.1:${broker.port}"] }\nquotas:\n${lines.join('\n')}\n`)
  }
  write(1)
  const tell = `process.on('SIGUSR2', () => console.log(JSON.stringify({ loaded: process.moduleLoadList })))`
  const lines: Record<string, unknown>[] = []
  const sluice = new LineProcess(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(tell)}`, '--expose-gc', program, 'run'].concat([
      '--config',
      config,
      '--listen',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--no-watch',
    ]),
    { cwd: '/', onLine: (line) => lines.push(JSON.parse(line)) },
  )
  t.after(() => sluice.kill())
  const admin = String((await waitFor('it listens', () => lines.find((line) => 'admin' in line)))['admin'])
  await waitFor('it is ready', async () => (await fetch(`${admin}/readyz`)).ok)
  for (const page of ['/', '/metrics', '/api/status']) assert.equal((await fetch(admin + page)).status, 200, page)

  process.kill(sluice.pid, 'SIGUSR2')
  const { loaded } = await waitFor('it tells what it has loaded', () => lines.find((line) => 'loaded' in line))
  const modules = (loaded as string[]).filter((name) => /NativeModule (tls|https|.*undici)/u.test(name))
  assert.deepEqual(modules, [], 'each is megabytes; src/net/builtins.ts says how to do without')

  write(400)
  const reloaded = await fetch(`${admin}/api/reload`, { method: 'POST' })
  assert.equal(((await reloaded.json()) as { quotas: string[] }).quotas.length, 400)
  process.kill(sluice.pid, 'SIGTERM')
  assert.equal(await sluice.ended, 0)
})

test('started as the image starts it, it keeps little: the schema that read the configuration is gone', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  const broker = await startFakeBroker()
  t.after(() => broker.close())
  const dockerfile = readFileSync(join(ROOT, 'docker/Dockerfile'), 'utf8')
  const [, ...flags] = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[]
  const allocator = [...dockerfile.matchAll(/(MALLOC_\w+)=(\d+)/g)].map(([, name, value]) => [name, value])
  const lines: Record<string, unknown>[] = []
  const addresses = ['--upstream', `127.0.0.1:${broker.port}`, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const sluice = new LineProcess(process.execPath, [...flags.slice(0, -1), program, 'run', ...addresses], {
    cwd: '/',
    // Who collects coverage keeps megabytes more.
    env: { ...process.env, NODE_V8_COVERAGE: undefined, ...Object.fromEntries(allocator) },
    onLine: (line) => lines.push(JSON.parse(line)),
  })
  t.after(() => sluice.kill())
  await waitFor('it knows its broker', () => lines.find(({ event }) => event === 'broker_joined'))
  const anonKib = (): number =>
    Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${sluice.pid}/status`, 'utf8'))?.[1])
  await waitFor('it has given back what the start took', () => anonKib() <= START_ANON_KIB_MAX, {
    seen: () => `${anonKib()} KiB`,
  })
})
