// The log: what a line looks like, what is struck out, and how a flood of equal lines is kept short.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventName } from '../../src/telemetry/events/events.ts'
import { LogLimiter, type LogLimiterOptions } from '../../src/telemetry/log-limiter.ts'
import { createLogger, type LoggerOptions } from '../../src/telemetry/logger.ts'
import { prettyLine } from '../../src/telemetry/pretty.ts'

function collecting(options: Partial<LoggerOptions> = {}): {
  lines: string[]
  logger: ReturnType<typeof createLogger>
} {
  const lines: string[] = []
  const destination = { write: (line: string): void => void lines.push(line) }
  return { lines, logger: createLogger({ level: 'info', pretty: false, destination, ...options }) }
}

function parsed(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? '') as Record<string, unknown>
}

describe('JSON lines', () => {
  test('have an ISO time, the level as a word, the message, the fields, and nothing of the machine', () => {
    const { lines, logger } = collecting({ level: 'debug' })
    logger.log('broker_listener', { nodeId: 1, port: 9092 }, 'port 9092 stands for broker 1')
    const { time, ...rest } = parsed(lines[0])
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    const said = { event: 'broker_listener', nodeId: 1, port: 9092, msg: 'port 9092 stands for broker 1' }
    assert.deepEqual(rest, { level: 'debug', ...said })
  })

  test('below the level are not written', () => {
    const { lines, logger } = collecting({ level: 'warn' })
    logger.log('drained', { tookMs: 1 }, 'no')
    logger.log('drain_incomplete', { tookMs: 1 }, 'yes')
    assert.deepEqual(
      lines.map((line) => parsed(line)['msg']),
      ['yes'],
    )
    logger.level = 'info'
    logger.log('drained', { tookMs: 1 }, 'now')
    assert.equal(lines.length, 2)
  })

  test('for an audit are written whatever the level, unless nothing is', () => {
    for (const level of ['info', 'warn', 'fatal'] as const) {
      const { lines, logger } = collecting({ level })
      logger.log('secrets_reloaded', { section: 'listen.tls', files: [] }, 'read again')
      assert.equal(parsed(lines[0])['audit'], true, level)
    }
    const { lines, logger } = collecting({ level: 'silent' })
    logger.log('secrets_reloaded', { section: 'listen.tls', files: [] }, 'read again')
    assert.deepEqual(lines, [])
  })

  test('name the series that counts them, with the labels of the line', () => {
    const { lines, logger } = collecting()
    const quota = 'a "quoted" one'
    const client = { clientId: 'c', principal: '', peer: '10.0.0.1:4000', connection: 7, api: 'CreateTopics' }
    logger.log('mutation_refused', { quota, ...client, topicsRefused: 2 }, 'refused')
    logger.log('admin_forbidden', { peer: '10.0.0.1', path: '/api/status', detail: 'no token' }, 'denied')
    assert.deepEqual(
      lines.map((line) => parsed(line)['metric']),
      ['sluice_throttled_requests_total{quota="a \\"quoted\\" one",action="refused"}', 'sluice_admin_forbidden_total'],
    )
  })

  test('strike out secrets, wherever in a config they are', () => {
    const { lines, logger } = collecting()
    const cause = { password: 'p1', sasl: { username: 'u', password: 'p2' }, upstream: { sasl: { token: 'p3' } } }
    logger.log('drain_failed', { err: cause }, 'config')
    assert.doesNotMatch(lines[0] ?? '', /p[123]/)
    assert.match(lines[0] ?? '', /"username":"u","password":"\[redacted\]"/)
  })

  test('of an error carry its stack', () => {
    const { lines, logger } = collecting()
    logger.log('drain_failed', { err: new Error('boom') }, 'failed')
    const { err } = parsed(lines[0]) as { err: { message: string; stack: string } }
    assert.equal(err.message, 'boom')
    assert.match(err.stack, /logger\.test\.ts/)
  })
})

describe('pretty lines', () => {
  test('are time, level, message and fields on one line', () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.log('client_tls', { peer: '10.0.0.1', reason: 'two words', connection: 1 }, 'a client speaks TLS')
    assert.match(
      lines[0] ?? '',
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}a client speaks TLS event=client_tls peer=10\.0\.0\.1 reason="two words" connection=1\n$/,
    )
  })

  test('are coloured only when asked for', () => {
    const line = '{"level":"error","time":"2026-01-02T03:04:05.678Z","msg":"m"}\n'
    assert.ok(prettyLine(line, true).includes('\x1b[31mERROR'))
    assert.ok(!prettyLine(line, false).includes('\x1b'))
  })

  test('show a stack indented below', () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.log('drain_failed', { err: new Error('boom') }, 'failed')
    assert.match(lines[0] ?? '', /ERROR failed event=drain_failed\n {4}Error: boom\n {8}at /)
  })

  test("never pass a client's escape sequences on to the terminal", () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.log('client_tls', { peer: '\x9b2J', reason: '', clientId: '\x1b]0;x\x07' }, 'hello \x1b[2J\x9b')
    const line = (lines[0] ?? '').trimEnd()
    assert.ok(
      [...line].every((character) => character >= ' ' && !(character >= '\x7f' && character <= '\x9f')),
      line,
    )
    assert.match(line, /hello \\x1b\[2J\\x9b/)
  })

  test('that are no JSON are passed on as they are', () => {
    assert.equal(prettyLine('plain\n', true), 'plain\n')
  })
})

describe('LogLimiter', () => {
  function limited(bounds: LogLimiterOptions = {}): {
    at: (nowMs: number, event: EventName & ('client_tls' | 'client_http'), peer: string) => void
    said: () => string[]
    limiter: LogLimiter
    clock: (nowMs: number) => void
  } {
    const { lines, logger } = collecting()
    let now = 0
    const limiter = new LogLimiter(logger, {
      windowMs: 60_000,
      nowMs: () => now,
      ...bounds,
    })
    return {
      limiter,
      clock: (nowMs) => {
        now = nowMs
      },
      at: (nowMs, event, peer) => {
        now = nowMs
        limiter.log(event, peer, { peer, reason: event }, `${event} happened`)
      },
      said: () =>
        lines.map((line) => {
          const { event, peer, suppressed } = parsed(line)
          return `${String(event).replace('client_', '')} ${peer}${suppressed === undefined ? '' : ` +${suppressed}`}`
        }),
    }
  }

  test('says an event of a peer once a minute, and then how often it was silent', () => {
    const { at, said } = limited()
    for (let second = 0; second <= 59; second++) at(second * 1000, 'client_tls', 'a')
    assert.deepEqual(said(), ['tls a'])
    at(60_000, 'client_tls', 'a')
    assert.deepEqual(said(), ['tls a', 'tls a +59', 'tls a'])
  })

  test('tells peers and events apart', () => {
    const { at, said } = limited()
    at(0, 'client_tls', 'a')
    at(1, 'client_tls', 'b')
    at(2, 'client_http', 'a')
    assert.deepEqual(said(), ['tls a', 'tls b', 'http a'])
  })

  test('says what it owes when another pair logs after the minute', () => {
    const { at, said } = limited()
    at(0, 'client_tls', 'a')
    at(1, 'client_tls', 'a')
    at(70_000, 'client_http', 'b')
    assert.deepEqual(said(), ['tls a', 'tls a +1', 'http b'])
  })

  test('forgets the oldest pair early rather than growing', () => {
    const { at, said } = limited({ pairsMax: 2 })
    at(0, 'client_tls', 'a')
    at(1, 'client_tls', 'a')
    at(2, 'client_tls', 'b')
    at(3, 'client_tls', 'c')
    assert.deepEqual(said(), ['tls a', 'tls b', 'tls a +1', 'tls c'])
  })

  test('flush says all that is owed', () => {
    const { at, said, limiter } = limited()
    at(0, 'client_tls', 'a')
    at(1, 'client_tls', 'a')
    limiter.flush()
    limiter.flush()
    assert.deepEqual(said(), ['tls a', 'tls a +1'])
  })

  test('says what it owes when the clock comes by', () => {
    const { at, said, limiter, clock } = limited()
    at(0, 'client_tls', 'a')
    at(1, 'client_tls', 'a')
    clock(59_999)
    limiter.sweep()
    assert.deepEqual(said(), ['tls a'])
    clock(60_000)
    limiter.sweep()
    assert.deepEqual(said(), ['tls a', 'tls a +1'])
  })

  test('does not let the log be flooded by ever other subjects', () => {
    const { at, said, limiter } = limited({ subjectsMax: 2 })
    for (let i = 0; i < 1_000; i++) at(i, 'client_tls', `peer-${i}`)
    at(1_000, 'client_http', 'a')
    limiter.flush()
    assert.deepEqual(said(), ['tls peer-0', 'tls peer-1', 'http a', 'tls undefined +998'])
  })
})
