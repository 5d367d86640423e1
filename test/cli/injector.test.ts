/** The command `injector`: what it refuses before it listens, and a process from its start to SIGTERM. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from '../../src/cli/exit-code.ts'
import { cli, failing } from '../support/cli.ts'
import { INJECTOR_FILE } from '../support/injector-scene.ts'
import { SecretFiles } from '../support/secret-files.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** A file of an injector whose certificate is one of files. */
function fileIn(files: SecretFiles): string {
  const certificate = `certificate: ${JSON.stringify(files.issue('injector'))}\nstopDelay: 0s\n`
  return files.write('injector.yaml', INJECTOR_FILE.replace(/^certificate:.*\n/u, certificate))
}

test('what is wrong is told before anything listens', async (t) => {
  const files = new SecretFiles(t)
  const file = fileIn(files)
  assert.match(await failing(['injector'], EXIT_USAGE), /required option '--config <file>'/)
  assert.match(await failing(['injector', '--config', '/nowhere'], EXIT_USAGE), /cannot read the configuration/)
  assert.match(await failing(['injector', '--config', file, '--listen', 'x'], EXIT_USAGE), /^--listen: "x" has no port/)
  assert.match(
    await failing(['injector', '--config', file, '--log-level', 'x'], EXIT_USAGE),
    /^--log-level: the levels are/,
  )
  const own = files.write('own.yaml', INJECTOR_FILE)
  assert.match(await failing(['injector', '--config', own], EXIT_USAGE), /^--kubernetes: this is no pod/)
  files.write('injector.crt', 'nonsense')
  assert.match(
    await failing(['injector', '--config', file, '--listen', '127.0.0.1:0'], EXIT_USAGE),
    /certificate: .*no PEM/,
  )
})

test('a port in use ends it with the flag that mends it', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const at = `127.0.0.1:${(taken.address() as { port: number }).port}`
  const file = fileIn(new SecretFiles(t))
  for (const [flag, other] of [
    ['--listen', '--admin'],
    ['--admin', '--listen'],
  ] as const) {
    const { exitCode } = await cli([
      'injector',
      '--config',
      file,
      flag,
      at,
      other,
      '127.0.0.1:0',
      '--log-level',
      'silent',
    ])
    assert.equal(exitCode, EXIT_FAILURE)
  }
})

test('a process says where it listens, and SIGTERM ends it with 0', async (t) => {
  const { child, started } = start(t, fileIn(new SecretFiles(t)))
  const line = await started
  assert.match(line.msg, /^injecting: API servers call https:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(line['image'], 'kafka-sluice:test')
  assert.equal((await fetch(`${line['admin']}/readyz`)).status, 200)
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'close'), [EXIT_OK, null])
})

interface Line {
  readonly msg: string
  readonly [field: string]: unknown
}

function start(t: TestContext, file: string): { readonly child: ChildProcess; readonly started: Promise<Line> } {
  const args = ['injector', '--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
  const child = spawn(process.execPath, ['-C', 'source', 'src/main.ts', ...args], { cwd: REPOSITORY, stdio: 'pipe' })
  t.after(() => child.kill('SIGKILL'))
  const { promise, resolve, reject } = Promise.withResolvers<Line>()
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    if (line.msg.startsWith('injecting')) resolve(line)
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += String(chunk)
  })
  child.on('close', (code) => reject(new Error(`it ended with ${code}: ${errors}`)))
  return { child, started: promise }
}
