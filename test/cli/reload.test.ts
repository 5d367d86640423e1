// What a reload does with a file, and what it keeps for those who ask; who asks for it makes no difference.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { Reloader, type ReloadTrigger } from '../../src/cli/reload.ts'
import { type Config, ConfigError, loadConfig } from '../../src/config/config.ts'
import { Counters } from '../../src/session/counters.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const GOOD = 'quotas: [{ name: a, limit: { requests: 1/s } }]\n'
const BAD = 'quotas: [{ nmae: x }]\nlisten: { port: 99999 }\n'

interface Scene {
  readonly reloader: Reloader
  readonly counters: Counters
  readonly lines: Record<string, unknown>[]
  /** Quotas of the configurations that the sluice was given. */
  readonly given: string[][]
  text: string | Error
  refuses: Error | undefined
  /** To load a file takes until then. */
  untilLoaded: Promise<unknown>
}

function scene(text: string): Scene {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string): void => void lines.push(JSON.parse(line)) }
  const counters = new Counters()
  let hours = 0
  const reloader = new Reloader({
    file: {
      path: 's.yaml',
      readText: () => {
        if (it.text instanceof Error) throw it.text
        return it.text
      },
      loadAside: async (found: string): Promise<Config> => {
        await it.untilLoaded
        return loadConfig({ file: { path: 's.yaml', text: found }, flags: { upstream: 'k:9092' }, env: {} })
      },
    },
    text,
    counters,
    logger: createLogger({ level: 'info', pretty: false, destination }),
    now: () => new Date(Date.UTC(2026, 10, 23, hours++)),
  })
  const it: Scene = { reloader, counters, lines, given: [], text, refuses: undefined, untilLoaded: Promise.resolve() }
  reloader.attach({
    reload: ({ quotas }) => {
      if (it.refuses !== undefined) throw it.refuses
      it.given.push(quotas.map(({ name }) => name))
    },
  })
  return it
}

const TRIGGERS: readonly ReloadTrigger[] = ['SIGHUP', 'POST /api/reload', 'file']

for (const trigger of TRIGGERS) {
  describe(`a reload by ${trigger}`, () => {
    test('takes a good file, counts it, and says which quotas there are', async () => {
      const it = scene('')
      it.text = GOOD
      assert.deepEqual(await it.reloader.reload(trigger), { kind: 'reloaded', quotas: ['a'] })
      assert.deepEqual(it.given, [['a']])
      assert.deepEqual(it.counters.configReloads, { ok: 1, failed: 0 })
      assert.deepEqual(it.reloader.report(), { valid: true, faults: [], since: '2026-11-23T00:00:00.000Z' })
      const { msg, quotas, trigger: by, audit, sha256, added } = it.lines.at(-1) ?? {}
      assert.deepEqual([msg, quotas, by, audit], ['configuration reloaded', ['a'], trigger, true])
      assert.equal(sha256, createHash('sha256').update(GOOD).digest('hex'))
      assert.deepEqual(added, ['a (every client): requests 1 request/s, per one bucket for all'])
    })

    test('of a bad file changes nothing, logs every fault with its place, and shows them until they are mended', async () => {
      const it = scene(GOOD)
      it.text = BAD
      const outcome = await it.reloader.reload(trigger)
      assert.equal(outcome.kind, 'refused')
      assert.deepEqual(it.given, [])
      assert.deepEqual(it.counters.configReloads, { ok: 0, failed: 1 })
      const report = it.reloader.report()
      assert.equal(report.valid, false)
      assert.ok(report.faults.length >= 3)
      assert.deepEqual(outcome, { kind: 'refused', faults: report.faults })
      assert.equal(it.lines.length, report.faults.length)
      assert.deepEqual(
        it.lines.map(({ file, line, path }) => [file, line, path]),
        report.faults.map(({ line, path }) => ['s.yaml', line, path]),
      )
      it.text = `${BAD}mode: x\n`
      await it.reloader.reload(trigger)
      assert.equal(it.reloader.report().since, report.since, 'it has been bad since the first fault')
      it.text = GOOD
      assert.deepEqual(await it.reloader.reload(trigger), { kind: 'reloaded', quotas: ['a'] })
      assert.equal(it.reloader.report().valid, true)
      assert.notEqual(it.reloader.report().since, report.since)
    })

    test('for what a reload cannot change is refused', async () => {
      const it = scene('')
      it.text = GOOD
      const faults = [{ path: 'listen', line: 0, column: 0, message: 'changed, and needs a restart' }]
      it.refuses = new ConfigError(faults)
      assert.deepEqual(await it.reloader.reload(trigger), { kind: 'refused', faults })
      assert.equal(it.lines.at(-1)?.['message'], 'changed, and needs a restart')
    })

    test('of a file that is empty lifts no quota', async () => {
      const it = scene(GOOD)
      it.text = '\n'
      const outcome = await it.reloader.reload(trigger)
      assert.match(outcome.kind === 'refused' ? (outcome.faults[0]?.message ?? '') : '', /^the file is empty/)
      assert.deepEqual(it.given, [])
    })

    test('of a file that cannot be read is refused', async () => {
      const it = scene(GOOD)
      it.text = new ConfigError([{ path: '', line: 0, column: 0, message: 'there is no such file' }], 's.yaml')
      assert.equal((await it.reloader.reload(trigger)).kind, 'refused')
      assert.equal(it.reloader.report().faults[0]?.message, 'there is no such file')
    })

    test('that fails by our own fault says so, with its stack in the log only', async () => {
      const it = scene('')
      it.text = GOOD
      it.refuses = new TypeError('x is undefined')
      const outcome = await it.reloader.reload(trigger)
      assert.match(outcome.kind === 'refused' ? (outcome.faults[0]?.message ?? '') : '', /the log says why/)
      assert.match(JSON.stringify(it.lines.at(-1)), /x is undefined.*reload\.test\.ts/)
    })

    test('while draining, or before there is a sluice, is impossible', async () => {
      const it = scene('')
      it.text = GOOD
      it.reloader.stop()
      assert.equal((await it.reloader.reload(trigger)).kind, 'impossible')
      assert.deepEqual(it.given, [])
    })
  })
}

test('a second reload says what differs from the first, and a POST who sent it; a refusal has the hash of what was refused', async () => {
  const it = scene('')
  it.text = GOOD
  await it.reloader.reload('file')
  it.text = GOOD.replace('1/s', '2/s')
  await it.reloader.reload('POST /api/reload', '10.0.0.7')
  const { trigger, peer, file, added, removed, changed } = it.lines.at(-1) ?? {}
  assert.deepEqual([trigger, peer, file], ['POST /api/reload', '10.0.0.7', 's.yaml'])
  assert.deepEqual([added, removed], [[], []])
  assert.deepEqual(changed, ['a (every client): looser; requests 1 request/s → 2 requests/s (+100 %)'])
  it.text = BAD
  await it.reloader.reload('SIGHUP')
  assert.equal(it.lines.at(-1)?.['sha256'], createHash('sha256').update(BAD).digest('hex'))
  assert.equal(it.lines.at(-1)?.['audit'], true)
})

describe('the watched file', () => {
  test('is not taken twice for one text, not even for one that was refused', async () => {
    const it = scene(GOOD)
    assert.deepEqual(await it.reloader.reload('file'), { kind: 'unchanged' }, 'it is in force already')
    it.text = BAD
    assert.equal((await it.reloader.reload('file')).kind, 'refused')
    assert.equal((await it.reloader.reload('file')).kind, 'unchanged')
    it.text = GOOD
    assert.equal((await it.reloader.reload('SIGHUP')).kind, 'reloaded')
    assert.equal((await it.reloader.reload('file')).kind, 'unchanged')
    assert.equal((await it.reloader.reload('SIGHUP')).kind, 'reloaded', 'who asks for it gets it')
    assert.deepEqual(it.counters.configReloads, { ok: 2, failed: 1 })
  })

  test('that goes is told of once, and taken again when it is back', async () => {
    const it = scene(GOOD)
    it.text = new ConfigError([{ path: '', line: 0, column: 0, message: 'there is no such file' }], 's.yaml')
    assert.equal((await it.reloader.reload('file')).kind, 'refused')
    assert.equal((await it.reloader.reload('file')).kind, 'unchanged')
    it.text = GOOD
    assert.equal((await it.reloader.reload('file')).kind, 'reloaded')
    assert.equal(it.reloader.report().valid, true)
  })
})

test('without a file there is nothing to reload, and the log says how to have one', async () => {
  const lines: string[] = []
  const logger = createLogger({
    level: 'info',
    pretty: false,
    destination: { write: (line: string): void => void lines.push(line) },
  })
  const reloader = new Reloader({ file: undefined, counters: new Counters(), logger })
  const reason = 'there is no configuration file to reload (--config FILE)'
  assert.deepEqual(await reloader.reload('SIGHUP'), { kind: 'impossible', reason })
  assert.match(lines.join(), /SIGHUP: there is no configuration file to reload/)
  assert.equal(reloader.report().valid, true)
})

describe('a reload that takes its time', () => {
  test('goes before the next one: what was asked for last is in force', async () => {
    const it = scene('')
    const { promise, resolve } = Promise.withResolvers<void>()
    it.untilLoaded = promise
    it.text = GOOD
    const first = it.reloader.reload('SIGHUP')
    await new Promise(setImmediate)
    it.text = 'quotas: [{ name: b, limit: { requests: 1/s } }]\n'
    it.untilLoaded = Promise.resolve()
    const second = it.reloader.reload('SIGHUP')
    await new Promise(setImmediate)
    assert.deepEqual(it.given, [], 'the second waits for the first')
    resolve()
    assert.deepEqual(await Promise.all([first, second]), [
      { kind: 'reloaded', quotas: ['a'] },
      { kind: 'reloaded', quotas: ['b'] },
    ])
    assert.deepEqual(it.given, [['a'], ['b']])
  })

  test('comes to nothing when the sluice begins to drain meanwhile', async () => {
    const it = scene('')
    const { promise, resolve } = Promise.withResolvers<void>()
    it.untilLoaded = promise
    it.text = GOOD
    const outcome = it.reloader.reload('file')
    await new Promise(setImmediate)
    it.reloader.stop()
    resolve()
    assert.equal((await outcome).kind, 'impossible')
    assert.deepEqual(it.given, [])
    assert.deepEqual(it.counters.configReloads, { ok: 0, failed: 0 })
  })
})
