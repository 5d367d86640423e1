// The demo whole, as `npm start` runs it: a real Kafka, the sluice, two client applications, and the end of them all.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
// The first start on a machine fetches Kafka.
const TEST_DEADLINE_MS = 600_000
/** What an application that got no processor fails, and no fault of the sluice: such a run gets another chance. Losses get none. */
const OF_RATES: readonly string[] = ['limit', 'others-undisturbed']
const ATTEMPTS_MAX = 3

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly text: string
}

interface Line {
  readonly t: 'notice' | 'second' | 'report'
  readonly [field: string]: unknown
}

interface Demo {
  readonly child: ChildProcess
  readonly lines: Line[]
  readonly exited: Promise<number | null>
  stderr: string
}

/** `seen` is called for each line, as it comes. */
function startDemo(args: readonly string[], seen: (line: Line, child: ChildProcess) => void = () => {}): Demo {
  const child = spawn(process.execPath, ['-C', 'source', 'src/main.ts', 'demo', '--json', ...args], {
    cwd: REPOSITORY,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const demo: Demo = {
    child,
    lines: [],
    stderr: '',
    exited: once(child, 'close').then(([code]) => code as number | null),
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    demo.stderr += text
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    demo.lines.push(line)
    seen(line, child)
  })
  return demo
}

/** True, and the test skipped by name, where no Kafka can be had. */
function skipped(t: TestContext, { stderr }: Demo): boolean {
  if (!stderr.includes('There is no way to run Kafka') || process.env['SLUICE_REQUIRE_ALL'] === '1') return false
  t.skip('needs Docker, or Java 17 and Maven')
  return true
}

describe('the demo', { timeout: TEST_DEADLINE_MS }, () => {
  test('shows a limit that holds, loses nothing and leaves the other application alone', async (t) => {
    for (let attempt = 1; ; attempt++) {
      const demo = startDemo(['--seconds', '10'])
      const exitCode = await demo.exited
      if (skipped(t, demo)) return
      const report = demo.lines.at(-1)
      assert.equal(report?.t, 'report', demo.stderr)
      const failed = (report['checks'] as Check[]).filter(({ ok }) => !ok)
      if (attempt < ATTEMPTS_MAX && failed.length > 0 && failed.every(({ name }) => OF_RATES.includes(name))) continue
      assert.deepEqual(failed, [])
      assert.equal(report['ok'], true)
      assert.equal(exitCode, 0)
      assert.ok(demo.lines.filter((line) => line.t === 'second').length >= 5)
      return
    }
  })

  test('stops all it started when it is interrupted in mid-run', async (t) => {
    let metrics = ''
    const demo = startDemo(['--seconds', '60'], (line, child) => {
      if (line.t !== 'second') return
      metrics = String(line['metrics'])
      child.kill('SIGINT')
    })
    const exitCode = await demo.exited
    if (skipped(t, demo)) return
    assert.equal(exitCode, 130, demo.stderr)
    assert.equal(demo.stderr, '')
    // 'close' came, so nobody holds its stdout and stderr any more; and the sluice's ports are free.
    await assert.rejects(fetch(metrics))
    const kafka = demo.lines.find((line) => /^Kafka at /.test(String(line['text'])))
    const bootstrap = /^Kafka at (\S+)/.exec(String(kafka?.['text']))?.[1]
    await assert.rejects(fetch(`http://${bootstrap}`), 'Kafka has gone')
  })

  test('stops at once when it is interrupted while Kafka starts', async (t) => {
    const demo = startDemo(['--seconds', '60'], (line, child) => {
      if (line.t === 'notice') child.kill('SIGTERM')
    })
    const exitCode = await demo.exited
    if (skipped(t, demo)) return
    // A second signal, for the next notice, does not wait for anything.
    assert.equal(exitCode, 130, demo.stderr)
  })

  test("says clearly that a Kafka of the user's own cannot be reached", async () => {
    const demo = startDemo(['--upstream', '127.0.0.1:1'])
    assert.equal(await demo.exited, 1)
    assert.match(demo.stderr, /127\.0\.0\.1:1/)
    assert.doesNotMatch(demo.stderr, /\n\s+at /)
  })
})
