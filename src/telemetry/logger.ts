/**
 * The log: JSON lines on stdout as other sidecars write them, or short coloured lines on a terminal. Set up once by the
 * command; everything else gets a `Logger` handed in. Secrets are struck out by key, wherever somebody logs a config.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import type { LogLevel } from '../config/document.ts'
import { prettyLine } from './pretty.ts'

/** What every room that logs asks for. */
export type Logger = PinoLogger

/** How to set up the log. */
export interface LoggerOptions {
  readonly level: LogLevel
  /** Lines for people instead of JSON. */
  readonly pretty: boolean
  /** Only with `pretty`. */
  readonly colour?: boolean
  /** Where lines go; tests and the demo collect them. Absent: stdout. */
  readonly destination?: DestinationStream
}

const SECRET_KEYS: readonly string[] = ['password', 'passphrase', 'privateKey', 'token', 'secret', 'authorization']

/** A logger of its own: no globals, so tests can have many. */
export function createLogger(options: LoggerOptions): Logger {
  const target = options.destination ?? standardOutput()
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Numbers mean nothing to who reads JSON logs.
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths(), censor: '[redacted]' },
    },
    options.pretty ? { write: (line) => target.write(prettyLine(line, options.colour ?? false)) } : target,
  )
}

/** Secrets at the top, one and two levels down: config sections are no deeper. */
function redactedPaths(): string[] {
  return SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`])
}

/** Beyond this much unwritten log, lines are dropped. */
const BACKLOG_BYTES_MAX = 1_048_576

/** Asynchronous and bounded: a log reader that hangs must not stop the data path, nor one that dies. Flushed at exit. */
function standardOutput(): DestinationStream {
  const target = pino.destination({ fd: 1, sync: false, maxLength: BACKLOG_BYTES_MAX })
  target.on('error', () => {})
  return target
}
