// The log: what a line looks like, what is struck out, and how a flood of equal lines is kept short.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LogLimiter } from '../../src/telemetry/log-limiter.ts'
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
    const { lines, logger } = collecting()
    logger.info({ port: 9092 }, 'listening')
    const { time, ...rest } = parsed(lines[0])
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    assert.deepEqual(rest, { level: 'info', port: 9092, msg: 'listening' })
  })

  test('below the level are not written', () => {
    const { lines, logger } = collecting({ level: 'warn' })
    logger.info('no')
    logger.warn('yes')
    assert.deepEqual(
      lines.map((line) => parsed(line)['msg']),
      ['yes'],
    )
  })

  test('strike out secrets, wherever in a config they are', () => {
    const { lines, logger } = collecting()
    logger.info(
      { password: 'p1', sasl: { username: 'u', password: 'p2' }, upstream: { sasl: { token: 'p3' } } },
      'config',
    )
    assert.doesNotMatch(lines[0] ?? '', /p[123]/)
    assert.match(lines[0] ?? '', /"username":"u","password":"\[redacted\]"/)
  })

  test('of an error carry its stack', () => {
    const { lines, logger } = collecting()
    logger.error({ err: new Error('boom') }, 'failed')
    const { err } = parsed(lines[0]) as { err: { message: string; stack: string } }
    assert.equal(err.message, 'boom')
    assert.match(err.stack, /logger\.test\.ts/)
  })
})

describe('pretty lines', () => {
  test('are time, level, message and fields on one line', () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.warn({ peer: '10.0.0.1', text: 'two words', list: [1, 2] }, 'a client speaks TLS')
    assert.match(
      lines[0] ?? '',
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}a client speaks TLS peer=10\.0\.0\.1 text="two words" list=\[1,2\]\n$/,
    )
  })

  test('are coloured only when asked for', () => {
    const line = '{"level":"error","time":"2026-01-02T03:04:05.678Z","msg":"m"}\n'
    assert.ok(prettyLine(line, true).includes('\x1b[31mERROR'))
    assert.ok(!prettyLine(line, false).includes('\x1b'))
  })

  test('show a stack indented below', () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.error({ err: new Error('boom') }, 'failed')
    assert.match(lines[0] ?? '', /ERROR failed\n {4}Error: boom\n {8}at /)
  })

  test("never pass a client's escape sequences on to the terminal", () => {
    const { lines, logger } = collecting({ pretty: true })
    logger.info({ clientId: '\x1b]0;x\x07', raw: '\x9b2J' }, 'hello \x1b[2J\x9b')
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
  function limited(pairsMax?: number): {
    at: (nowMs: number, event: string, peer: string) => void
    said: () => string[]
    limiter: LogLimiter
  } {
    const { lines, logger } = collecting()
    let now = 0
    const limiter = new LogLimiter(logger, {
      windowMs: 60_000,
      nowMs: () => now,
      ...(pairsMax === undefined ? {} : { pairsMax }),
    })
    return {
      limiter,
      at: (nowMs, event, peer) => {
        now = nowMs
        limiter.log('warn', event, peer, `${event} happened`)
      },
      said: () =>
        lines.map((line) => {
          const { event, peer, suppressed } = parsed(line)
          return `${event} ${peer}${suppressed === undefined ? '' : ` +${suppressed}`}`
        }),
    }
  }

  test('says an event of a peer once a minute, and then how often it was silent', () => {
    const { at, said } = limited()
    for (let second = 0; second <= 59; second++) at(second * 1000, 'tls', 'a')
    assert.deepEqual(said(), ['tls a'])
    at(60_000, 'tls', 'a')
    assert.deepEqual(said(), ['tls a', 'tls a +59', 'tls a'])
  })

  test('tells peers and events apart', () => {
    const { at, said } = limited()
    at(0, 'tls', 'a')
    at(1, 'tls', 'b')
    at(2, 'http', 'a')
    assert.deepEqual(said(), ['tls a', 'tls b', 'http a'])
  })

  test('says what it owes when another pair logs after the minute', () => {
    const { at, said } = limited()
    at(0, 'tls', 'a')
    at(1, 'tls', 'a')
    at(70_000, 'http', 'b')
    assert.deepEqual(said(), ['tls a', 'tls a +1', 'http b'])
  })

  test('forgets the oldest pair early rather than growing', () => {
    const { at, said } = limited(2)
    at(0, 'tls', 'a')
    at(1, 'tls', 'a')
    at(2, 'tls', 'b')
    at(3, 'tls', 'c')
    assert.deepEqual(said(), ['tls a', 'tls b', 'tls a +1', 'tls c'])
  })

  test('flush says all that is owed', () => {
    const { at, said, limiter } = limited()
    at(0, 'tls', 'a')
    at(1, 'tls', 'a')
    limiter.flush()
    limiter.flush()
    assert.deepEqual(said(), ['tls a', 'tls a +1'])
  })
})
