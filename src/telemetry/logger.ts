/**
 * The log: JSON lines on stdout as other sidecars write them, or short coloured lines on a terminal. Set up once by the
 * command; everything else gets a `Logger` handed in. Each line is one of the events that are written down (`events/`), with the
 * series that counts it. Secrets are struck out by key, wherever somebody logs a config.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import type { LogLevel } from '../config/document.ts'
import type { EventDefinition } from './events/definition.ts'
import { type EventFields, type EventName, eventOf } from './events/events.ts'
import { prettyLine } from './pretty.ts'

/** What every room that logs asks for. */
export interface Logger {
  /** Lines of events below it are not written, but those that are for an audit. */
  level: LogLevel
  /** @param message in words for an operator, with what mends it */
  log<Name extends EventName>(event: Name, fields: EventFields<Name>, message: string): void
  /** So many lines of the event were kept back. @param fields whom they were about, as far as that is one */
  summary<Name extends EventName>(event: Name, fields: Partial<EventFields<Name>>, suppressed: number): void
}

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
  return new EventLog(
    pino(
      {
        level: options.level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        // Numbers mean nothing to who reads JSON logs.
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: redactedPaths(), censor: '[redacted]' },
      },
      options.pretty ? { write: (line) => target.write(prettyLine(line, options.colour ?? false)) } : target,
    ),
  )
}

class EventLog implements Logger {
  readonly #lines: PinoLogger
  /** Its level stays: what an audit asks for is not a matter of how talkative the log is. */
  readonly #audit: PinoLogger

  constructor(lines: PinoLogger) {
    this.#lines = lines
    this.#audit = lines.child({}, { level: 'info' })
  }

  get level(): LogLevel {
    return this.#lines.level as LogLevel
  }

  set level(level: LogLevel) {
    this.#lines.level = level
  }

  log<Name extends EventName>(event: Name, fields: EventFields<Name>, message: string): void {
    this.#write(event, fields, message)
  }

  summary<Name extends EventName>(event: Name, fields: Partial<EventFields<Name>>, suppressed: number): void {
    this.#write(event, { ...fields, suppressed }, `${event}: ${suppressed} more like it, not logged`)
  }

  #write(event: EventName, fields: Readonly<Record<string, unknown>>, message: string): void {
    const definition = eventOf(event)
    const { level, audit } = definition
    const lines = audit === true && this.#lines.level !== 'silent' ? this.#audit : this.#lines
    if (!lines.isLevelEnabled(level)) return
    const metric = seriesOf(definition, fields)
    lines[level](
      { event, ...fields, ...(metric === undefined ? {} : { metric }), ...(audit === true ? { audit } : {}) },
      message,
    )
  }
}

/** `sluice_disconnects_total{reason="client_tls"}`, as one asks Prometheus for it. */
function seriesOf({ metric }: EventDefinition, fields: Readonly<Record<string, unknown>>): string | undefined {
  if (metric === undefined) return undefined
  const { name, labels = [], fixed = {} } = metric
  const known = labels.filter((label) => fields[label] !== undefined)
  const pairs = [...known.map((label) => [label, String(fields[label])] as const), ...Object.entries(fixed)]
  if (pairs.length === 0) return name
  return `${name}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`
}

/** Secrets at the top and three levels down: in a field, config sections are no deeper. */
function redactedPaths(): string[] {
  return SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`])
}

/** Beyond this much unwritten log, lines are dropped. */
const BACKLOG_BYTES_MAX = 1_048_576

/** Asynchronous and bounded: a log reader that hangs must not stop the data path, nor one that dies. Flushed at exit. */
function standardOutput(): DestinationStream {
  const target = pino.destination({ fd: 1, sync: false, maxLength: BACKLOG_BYTES_MAX })
  // At exit it would try for ever what a full disk refuses, and hold the process: what is refused is lost.
  let isRefused = false
  target.on('error', () => {
    isRefused = true
  })
  target.on('write', () => {
    isRefused = false
  })
  const flush = target.flushSync.bind(target)
  target.flushSync = () => {
    if (!isRefused) flush()
  }
  return target
}
