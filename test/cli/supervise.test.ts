// What signals do to a running sluice, with signals and sluice played by the test.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { installLastResort } from '../../src/cli/last-resort.ts'
import { ConfigHealth, type Supervised, supervise } from '../../src/cli/supervise.ts'
import { type Config, ConfigError, loadConfig } from '../../src/config/config.ts'
import { Counters } from '../../src/session/counters.ts'
import { createLogger, type Logger } from '../../src/telemetry/logger.ts'

const CONFIG: Config = loadConfig({ flags: { upstream: 'kafka:9092' }, env: {} })

function collectingLogger(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string): void => void lines.push(JSON.parse(line)) }
  return { logger: createLogger({ level: 'info', pretty: false, destination }), lines }
}

/** A supervised sluice whose drain the test ends, and everything that happened to it. */
function scene(options: { readConfig?: () => Config; reload?: (config: Config) => void } = {}): {
  signals: EventEmitter
  calls: string[]
  counters: Counters
  health: ConfigHealth
  lines: Record<string, unknown>[]
  drained: (end: 'clean' | 'deadline') => void
  drainFails: (error: Error) => void
  exitCode: Promise<number>
} {
  const calls: string[] = []
  const draining = Promise.withResolvers<'clean' | 'deadline'>()
  const { logger, lines } = collectingLogger()
  const supervised: Supervised = {
    sluice: {
      drain: () => {
        calls.push('drain')
        return draining.promise
      },
      kill: () => void calls.push('kill'),
      reload: (config) => {
        calls.push('reload')
        options.reload?.(config)
      },
    },
    counters: new Counters(),
    health: new ConfigHealth(),
    logger,
    signals: new EventEmitter(),
    readConfig: options.readConfig,
  }
  const { signals, counters, health } = supervised
  return {
    signals: signals as EventEmitter,
    calls,
    counters,
    health,
    lines,
    drained: draining.resolve,
    drainFails: draining.reject,
    exitCode: supervise(supervised),
  }
}

describe('stopping', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} drains and exits 0`, async () => {
      const { signals, calls, drained, exitCode } = scene()
      signals.emit(signal)
      drained('clean')
      assert.equal(await exitCode, 0)
      assert.deepEqual(calls, ['drain'])
      assert.equal(signals.eventNames().length, 0)
    })
  }

  test('a drain that the deadline cut off exits 0 too, and says so', async () => {
    const { signals, drained, exitCode, lines } = scene()
    signals.emit('SIGTERM')
    drained('deadline')
    assert.equal(await exitCode, 0)
    assert.match(String(lines.at(-1)?.['msg']), /deadline/)
  })

  test('a second signal leaves at once', async () => {
    const { signals, calls, exitCode } = scene()
    signals.emit('SIGTERM')
    signals.emit('SIGINT')
    assert.equal(await exitCode, 1)
    assert.deepEqual(calls, ['drain', 'kill'])
  })

  test('a drain that fails cuts the connections and exits 1', async () => {
    const { signals, calls, drainFails, exitCode } = scene()
    signals.emit('SIGTERM')
    drainFails(new Error('boom'))
    assert.equal(await exitCode, 1)
    assert.deepEqual(calls, ['drain', 'kill'])
  })
})

describe('SIGHUP', () => {
  test('reloads the file, counts it, and says which quotas there are', () => {
    const { signals, calls, counters, health, lines } = scene({ readConfig: () => CONFIG })
    signals.emit('SIGHUP')
    assert.deepEqual(calls, ['reload'])
    assert.deepEqual(counters.configReloads, { ok: 1, failed: 0 })
    assert.equal(health.valid, true)
    assert.equal(lines.at(-1)?.['msg'], 'configuration reloaded')
  })

  test('of a bad file keeps the old one, logs every fault with its place, and shows it until it is mended', () => {
    let text = 'quotas: [{ nmae: x }]\nlisten: { port: 99999 }\n'
    const readConfig = (): Config =>
      loadConfig({ file: { path: 's.yaml', text }, flags: { upstream: 'k:9092' }, env: {} })
    const { signals, calls, counters, health, lines } = scene({ readConfig })
    signals.emit('SIGHUP')
    assert.deepEqual(calls, [])
    assert.deepEqual(counters.configReloads, { ok: 0, failed: 1 })
    assert.equal(health.valid, false)
    assert.ok(lines.length >= 2)
    assert.ok(lines.some((line) => line['line'] === 2))
    text = ''
    signals.emit('SIGHUP')
    assert.deepEqual(calls, ['reload'])
    assert.equal(health.valid, true)
  })

  test('for what a reload cannot change is a failed reload', () => {
    const reload = (): void => {
      throw new ConfigError([{ path: 'listen.port', line: 1, column: 1, message: 'needs a restart' }])
    }
    const { signals, counters, health, lines } = scene({ readConfig: () => CONFIG, reload })
    signals.emit('SIGHUP')
    assert.deepEqual(counters.configReloads, { ok: 0, failed: 1 })
    assert.equal(health.valid, false)
    assert.equal(lines.at(-1)?.['message'], 'needs a restart')
  })

  test('without a file says that there is none', () => {
    const { signals, calls, lines } = scene()
    signals.emit('SIGHUP')
    assert.deepEqual(calls, [])
    assert.match(String(lines.at(-1)?.['msg']), /--config/)
  })

  test('while draining does nothing', () => {
    const { signals, calls } = scene({ readConfig: () => CONFIG })
    signals.emit('SIGTERM')
    signals.emit('SIGHUP')
    assert.deepEqual(calls, ['drain'])
  })
})

describe('what nobody caught', () => {
  test('is logged with its stack and counted, and the process goes on', () => {
    const source = new EventEmitter()
    const { logger, lines } = collectingLogger()
    const exits: number[] = []
    const remove = installLastResort(
      source,
      logger,
      (code) => exits.push(code),
      () => 0,
    )
    source.emit('uncaughtException', new Error('boom'))
    source.emit('unhandledRejection', 'a string')
    assert.deepEqual(exits, [])
    assert.deepEqual(
      lines.map((line) => line['bugs']),
      [1, 2],
    )
    assert.match(JSON.stringify(lines[0]), /boom.*supervise\.test\.ts/)
    assert.match(JSON.stringify(lines[1]), /not an Error: a string/)
    remove()
    assert.equal(source.eventNames().length, 0)
  })

  test('a hundred times in a minute ends it, spread over hours does not', () => {
    let now = 0
    const exits: number[] = []
    const { logger } = collectingLogger()
    const source = new EventEmitter()
    installLastResort(
      source,
      logger,
      (code) => exits.push(code),
      () => now,
    )
    for (let i = 0; i < 500; i++) {
      now += 1_000
      source.emit('uncaughtException', new Error('now and then'))
    }
    assert.deepEqual(exits, [])
    now += 60_000
    for (let i = 0; i < 101; i++) source.emit('uncaughtException', new Error('loop'))
    assert.deepEqual(exits, [1])
  })
})
