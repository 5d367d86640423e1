/**
 * A log line for a person at a terminal: `15:04:05.123 WARN  message  key=value`. A pure function of pino's JSON line.
 * pino-pretty would do the same for eleven more packages in every sidecar's memory.
 */
import { styleText } from 'node:util'

const LEVEL_STYLE: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  trace: 'dim',
  debug: 'dim',
  info: 'green',
  warn: 'yellow',
  error: 'red',
  fatal: 'red',
}

/** Formats one JSON log line; a line that is no JSON object comes back as it is. Control characters are escaped. */
export function prettyLine(line: string, colour: boolean): string {
  const record = parseRecord(line)
  if (record === undefined) return line
  const { time, level, msg, err, metric: _metric, audit: _audit, ...fields } = record // those are for programs
  const word = String(level ?? 'info')
  const levelText = word.toUpperCase().padEnd(5)
  const parts = [
    paint(clockTime(time), 'dim', colour),
    paint(levelText, LEVEL_STYLE[word] ?? 'reset', colour),
    printable(String(msg ?? '')),
    ...Object.entries(fields).map(([key, value]) => paint(`${printable(key)}=`, 'dim', colour) + fieldText(value)),
  ]
  return `${parts.filter((part) => part !== '').join(' ')}${stackOf(err)}\n`
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Local time of day: a terminal session lasts hours, not days. */
function clockTime(time: unknown): string {
  const date = new Date(String(time))
  if (Number.isNaN(date.getTime())) return ''
  const pad = (value: number, width: number): string => String(value).padStart(width, '0')
  return `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@*+-]+$/.test(value) ? value : printable(JSON.stringify(value))
  return printable(JSON.stringify(value) ?? 'undefined')
}

/** The stack of pino's serialized error, indented under its line. */
function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message } = error as { stack?: unknown; message?: unknown }
  const text = String(stack ?? message ?? JSON.stringify(error))
  return `\n${printable(text, true).replace(/^/gm, '    ')}`
}

/** A client id or a bad frame may carry escape sequences; a terminal must not obey them. */
function printable(text: string, keepLines = false): string {
  let result = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const control = code < 0x20 || (code >= 0x7f && code <= 0x9f)
    result += control && !(keepLines && code === 0x0a) ? `\\x${code.toString(16).padStart(2, '0')}` : character
  }
  return result
}

function paint(text: string, style: Parameters<typeof styleText>[0], colour: boolean): string {
  return colour && text !== '' ? styleText(style, text, { validateStream: false }) : text
}
