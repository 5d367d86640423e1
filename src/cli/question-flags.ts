/** Flags that describe a client, and how wide what is said of it may be. */
import { InvalidArgumentError } from 'commander'
import { suggestion } from '../config/suggest.ts'
import { API_NAMES } from '../policy/api-classes.ts'
import type { Terminal } from './terminal.ts'

const TEXT_COLUMNS_MIN = 40
const TEXT_COLUMNS_MAX = 100

/** Kafka's name of an API, whatever its upper and lower case. */
export function parseApi(text: string): string {
  const api = API_NAMES.find((name) => name.toLowerCase() === text.toLowerCase())
  if (api === undefined) throw new InvalidArgumentError(`Kafka has no API of that name${nearest(text)}`)
  return api
}

/** Of the many APIs there are only a near one is worth naming. */
function nearest(text: string): string {
  const near = suggestion(text, API_NAMES)
  return near.startsWith('; did you mean') ? near : '; the names are those of Kafka: Produce, Fetch, Metadata …'
}

/** Collects `key=value`. */
export function parseLabel(
  text: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It is written key=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Columns that text is broken at: the terminal's, within what is pleasant to read. */
export function textWidth(terminal: Terminal): number {
  const columns = terminal.isTerminal ? terminal.columns() : TEXT_COLUMNS_MAX
  return Math.min(TEXT_COLUMNS_MAX, Math.max(TEXT_COLUMNS_MIN, columns))
}
