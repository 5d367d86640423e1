// `run` as a process: its start line, its admin pages, its signals. No Kafka is needed to start and stop.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const DEADLINE_MS = 30_000

interface Line {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A running `kafka-sluice run`, its log line by line. */
class Run {
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
  readonly lines: Line[] = []
  readonly #waiting = new Set<() => void>()
  stderr = ''

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, ['-C', 'source', 'src/main.ts', 'run', ...args], {
      cwd: REPOSITORY,
      stdio: 'pipe',
    })
    this.exited = once(this.child, 'close').then(([code]) => code as number | null)
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line)
      for (const look of this.#waiting) look()
    })
  }

  /** The first line, past or to come, that the pattern matches. */
  line(pattern: RegExp): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find(({ msg }) => pattern.test(msg))
        if (found === undefined) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(found)
      }
      const timer = setTimeout(() => {
        reject(new Error(`no line ${pattern} in ${JSON.stringify(this.lines)} ${this.stderr}`))
      }, DEADLINE_MS)
      this.#waiting.add(look)
      look()
    })
  }
}

let running: Run | undefined
const directory = mkdtempSync(join(tmpdir(), 'sluice-run-'))

// Port 1 is nobody's: the brokers are unreachable, and that is no reason not to start.
function start(...args: string[]): Run {
  running = new Run(['--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args])
  return running
}

afterEach(async () => {
  running?.child.kill('SIGKILL')
  await running?.exited
  running = undefined
})

process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

describe('run', () => {
  test('says in one line what it does, serves its pages, and drains on SIGTERM', async () => {
    const run = start('--produce-rate', '5MB/s', '--observe')
    const line = await run.line(/^listening on /)
    assert.deepEqual(line['upstream'], ['127.0.0.1:1'])
    assert.deepEqual(line['quotas'], ['produce-rate: produceBytes 5 MB/s (observe)'])
    const admin = String(line['admin'])
    assert.equal((await fetch(`${admin}/healthz`)).status, 200)
    await run.line(/^no answer from 127\.0\.0\.1:1/)
    const ready = await fetch(`${admin}/readyz`)
    assert.equal(ready.status, 503)
    assert.match(await ready.text(), /127\.0\.0\.1:1/)
    const metrics = await (await fetch(`${admin}/metrics`)).text()
    assert.match(metrics, /^sluice_quota_limit\{quota="produce-rate",dimension="produceBytes"\} 5000000$/m)
    assert.match(metrics, /^sluice_config_valid 1$/m)
    run.child.kill('SIGTERM')
    assert.equal(await run.exited, 0)
    await run.line(/^drained/)
    assert.equal(run.stderr, '')
  })

  test('serves no admin pages when they are off', async () => {
    const run = new Run(['--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--admin', 'off'])
    running = run
    assert.equal((await run.line(/^listening on /))['admin'], 'off')
  })

  test('reloads its file on SIGHUP, whole or not at all', async () => {
    const file = join(directory, 'sluice.yaml')
    const write = (text: string): void => {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    }
    write('quotas: [{ name: first, limit: { produceBytes: 1 MB/s } }]\n')
    const run = start('--config', file, '--no-watch')
    const admin = String((await run.line(/^listening on /))['admin'])
    const metrics = async (): Promise<string> => (await fetch(`${admin}/metrics`)).text()
    assert.match(await metrics(), /sluice_quota_limit\{quota="first",dimension="produceBytes"\} 1000000$/m)

    write('quotas: [{ name: second, limit: { produceBytes: 2 bananas } }]\n')
    run.child.kill('SIGHUP')
    assert.equal((await run.line(/^configuration fault/))['line'], 1)
    const bad = await metrics()
    assert.match(bad, /^sluice_config_valid 0$/m)
    assert.match(bad, /^sluice_config_reloads_total\{result="failed"\} 1$/m)
    assert.match(bad, /sluice_quota_limit\{quota="first",dimension="produceBytes"\} 1000000$/m)

    write('quotas: [{ name: second, limit: { produceBytes: 2 MB/s } }]\n')
    run.child.kill('SIGHUP')
    await run.line(/^configuration reloaded/)
    const good = await metrics()
    assert.match(good, /^sluice_config_valid 1$/m)
    assert.match(good, /sluice_quota_limit\{quota="second",dimension="produceBytes"\} 2000000$/m)
    assert.doesNotMatch(good, /sluice_quota_limit\{quota="first"/)
  })

  test('takes a change of its file at once, keeps what it has when the file is bad, and says so on /readyz', async () => {
    // As Kubernetes mounts a ConfigMap: the file is a link through ..data, which is swapped.
    const mount = mkdtempSync(join(directory, 'mount-'))
    let versions = 0
    const write = (text: string): void => {
      const version = `..version_${versions++}`
      mkdirSync(join(mount, version))
      writeFileSync(join(mount, version, 'sluice.yaml'), text)
      symlinkSync(version, join(mount, '..data_tmp'))
      renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
    }
    write('quotas: [{ name: first, limit: { produceBytes: 1 MB/s } }]\n')
    symlinkSync('..data/sluice.yaml', join(mount, 'sluice.yaml'))
    const run = start('--config', join(mount, 'sluice.yaml'), '--label', 'app=shop')
    const admin = String((await run.line(/^listening on /))['admin'])
    const ready = async (): Promise<{ config: { valid: boolean; faults: { path: string; line: number }[] } }> =>
      (await fetch(`${admin}/readyz`)).json() as ReturnType<typeof ready>
    assert.deepEqual((await ready()).config.faults, [])

    write('quotas:\n  - { name: second, limit: { produceBytes: 2 bananas } }\n')
    assert.equal((await run.line(/^configuration fault/))['trigger'], 'file')
    const { config } = await ready()
    assert.equal(config.valid, false)
    assert.deepEqual(
      config.faults.map(({ path, line }) => [path, line]),
      [['quotas[0].limit.produceBytes', 2]],
    )
    assert.match(await (await fetch(`${admin}/metrics`)).text(), /sluice_quota_limit\{quota="first"/)

    write('quotas: [{ name: second, limit: { produceBytes: 2 MB/s } }]\n')
    assert.deepEqual((await run.line(/^configuration reloaded/))['quotas'], ['second'])
    assert.equal((await ready()).config.valid, true)
    run.child.kill('SIGTERM')
    assert.equal(await run.exited, 0, 'the watch keeps no process')
  })

  test('reloads on POST /api/reload, and answers what came of it', async () => {
    const file = join(directory, 'post.yaml')
    writeFileSync(file, 'quotas: []\n')
    const run = start('--config', file, '--no-watch')
    const admin = String((await run.line(/^listening on /))['admin'])
    const post = async (): Promise<[number, unknown]> => {
      const answer = await fetch(`${admin}/api/reload`, { method: 'POST' })
      return [answer.status, await answer.json()]
    }
    writeFileSync(file, 'quotas: [{ name: q, limit: { requests: 5/s } }]\n')
    assert.deepEqual(await post(), [200, { reloaded: true, quotas: ['q'] }])
    writeFileSync(file, 'mode: x\nlog: { level: y }\n')
    const [status, body] = await post()
    assert.equal(status, 422)
    assert.deepEqual(
      (body as { faults: { path: string }[] }).faults.map(({ path }) => path),
      ['mode', 'log.level'],
    )
    writeFileSync(file, 'labels: { app: other }\n')
    assert.deepEqual((await post())[0], 422, 'labels need a restart')
    assert.match(
      await (await fetch(`${admin}/metrics`)).text(),
      /sluice_quota_limit\{quota="q",dimension="requests"\} 5$/m,
    )
  })

  test('has nothing to reload without a file', async () => {
    const run = start()
    const admin = String((await run.line(/^listening on /))['admin'])
    const answer = await fetch(`${admin}/api/reload`, { method: 'POST' })
    assert.equal(answer.status, 409)
    assert.match(await answer.text(), /no configuration file to reload \(--config FILE\)/)
  })

  for (const flag of ['--listen', '--admin']) {
    test(`exits 1 when the port of ${flag} is taken, and says which flag mends it`, async () => {
      const blocker = createServer()
      await once(blocker.listen(0, '127.0.0.1'), 'listening')
      const { port } = blocker.address() as AddressInfo
      try {
        const run = start(flag, `127.0.0.1:${port}`)
        assert.equal(await run.exited, 1)
        const line = run.lines.find(({ level }) => level === 'fatal')
        assert.match(line?.msg ?? '', new RegExp(`127\\.0\\.0\\.1:${port}: another process has the port.*${flag} `))
        assert.equal(run.stderr, '')
      } finally {
        blocker.close()
      }
    })
  }
})

test('a log that cannot be written, as on a full disk, keeps it neither from work nor from its end', async (t) => {
  const admin = `127.0.0.1:${await freePort()}`
  const flags = ['--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--broker-ports', '0', '--admin', admin]
  const refusing = openSync(fileURLToPath(import.meta.url), 'r')
  const child = spawn(process.execPath, ['-C', 'source', 'src/main.ts', 'run', ...flags], {
    cwd: REPOSITORY,
    stdio: ['ignore', refusing, 'ignore'],
  })
  closeSync(refusing)
  t.after(() => child.kill('SIGKILL'))
  const isAlive = async (): Promise<boolean> => {
    try {
      return (await fetch(`http://${admin}/healthz`)).ok
    } catch {
      return false
    }
  }
  await waitFor('/healthz answers', isAlive, { timeoutMs: DEADLINE_MS })
  child.kill('SIGTERM')
  await waitFor('it has ended', () => child.exitCode !== null || child.signalCode !== null, { timeoutMs: DEADLINE_MS })
  assert.equal(child.signalCode, null)
})
