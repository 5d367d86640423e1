// What signals do to a running sluice, with signals and sluice played by the test.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, test } from 'node:test'
import { SIGNAL_ECHO_MS } from '../../src/bounds.ts'
import { installLastResort } from '../../src/cli/last-resort.ts'
import { type Supervised, supervise } from '../../src/cli/supervise.ts'
import { createLogger, type Logger } from '../../src/telemetry/logger.ts'

function collectingLogger(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string): void => void lines.push(JSON.parse(line)) }
  return { logger: createLogger({ level: 'info', pretty: false, destination }), lines }
}

/** A supervised sluice whose drain the test ends, and everything that happened to it. */
function scene(): {
  signals: EventEmitter
  /** Lets time pass. */
  pass: (ms: number) => void
  calls: string[]
  lines: Record<string, unknown>[]
  drained: (end: 'clean' | 'deadline') => void
  drainFails: (error: Error) => void
  exitCode: Promise<number>
} {
  const calls: string[] = []
  const draining = Promise.withResolvers<'clean' | 'deadline'>()
  const { logger, lines } = collectingLogger()
  const signals = new EventEmitter()
  let nowMs = 0
  const supervised: Supervised = {
    sluice: {
      drain: () => {
        calls.push('drain')
        return draining.promise
      },
      kill: () => void calls.push('kill'),
    },
    logger,
    signals,
    nowMs: () => nowMs,
    reloader: {
      reload: (trigger) => {
        calls.push(`reload by ${trigger}`)
        return Promise.resolve({ kind: 'unchanged' as const })
      },
      stop: () => void calls.push('no more reloads'),
    },
  }
  return {
    signals,
    pass: (ms) => {
      nowMs += ms
    },
    calls,
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
      assert.deepEqual(calls, ['no more reloads', 'drain'])
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
    const { signals, pass, calls, exitCode } = scene()
    signals.emit('SIGTERM')
    pass(SIGNAL_ECHO_MS)
    signals.emit('SIGINT')
    assert.equal(await exitCode, 1)
    assert.deepEqual(calls, ['no more reloads', 'drain', 'kill'])
  })

  test('one that comes twice, from the terminal and from what started us, cuts nobody off', async () => {
    const { signals, pass, calls, lines, drained, exitCode } = scene()
    signals.emit('SIGINT')
    pass(SIGNAL_ECHO_MS - 1)
    signals.emit('SIGINT')
    drained('clean')
    assert.equal(await exitCode, 0)
    assert.deepEqual(calls, ['no more reloads', 'drain'])
    assert.ok(!lines.some(({ event }) => event === 'second_signal'))
  })

  test('a drain that fails cuts the connections and exits 1', async () => {
    const { signals, calls, drainFails, exitCode } = scene()
    signals.emit('SIGTERM')
    drainFails(new Error('boom'))
    assert.equal(await exitCode, 1)
    assert.deepEqual(calls, ['no more reloads', 'drain', 'kill'])
  })
})

describe('SIGHUP', () => {
  test('reloads', () => {
    const { signals, calls } = scene()
    signals.emit('SIGHUP')
    assert.deepEqual(calls, ['reload by SIGHUP'])
  })

  test('while draining does nothing', () => {
    const { signals, calls } = scene()
    signals.emit('SIGTERM')
    signals.emit('SIGHUP')
    assert.deepEqual(calls, ['no more reloads', 'drain'])
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
