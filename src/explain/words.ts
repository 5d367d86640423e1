/** Small words for people that explain, diff and advise share: rates and amounts with their unit, names, lists, lines. */
import { RATE_MAX_PER_SECOND } from '../bounds.ts'
import { formatBytes, formatCount, formatDuration, formatExact } from '../cli/format.ts'
import { type Dimension, isLevel, UNITS } from '../policy/dimensions.ts'

/** `5 MB/s`, `100 requests/s`, `30 requests/min`; of `connections` and `inFlight` `at most 50`. */
export function limitWords(dimension: Dimension, limit: number): string {
  if (limit === Number.POSITIVE_INFINITY) return 'unlimited'
  if (isLevel(dimension)) return `at most ${amountWords(dimension, limit)}`
  if (limit >= 1 || UNITS[dimension] === 'bytes') return `${amountWords(dimension, limit)}/s`
  const perMinute = limit * 60
  return perMinute >= 0.9995 ? `${amountWords(dimension, perMinute)}/min` : `${amountWords(dimension, limit * 3600)}/h`
}

/** What is left of the limit before; a quota that is new begins with none. */
export function rampWords(dimension: Dimension, limit: number): string {
  return limit >= RATE_MAX_PER_SECOND ? 'no limit' : limitWords(dimension, limit)
}

/** `10 MB`, `500 requests`, `1 request`. */
export function amountWords(dimension: Dimension, amount: number): string {
  const unit = UNITS[dimension]
  if (unit === 'bytes') return formatBytes(amount)
  const count = amount >= 100 && amount < 1e6 ? formatExact(amount) : formatCount(amount)
  return `${count} ${count === '1' ? unit.slice(0, -1) : unit}`
}

/** `at once`, `in 3.2 s`. */
export function whenWords(afterMs: number): string {
  return afterMs < 0.5 ? 'at once' : `in ${formatDuration(afterMs)}`
}

/** `a`, `a and b`, `a, b and c`. */
export function listWords(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** A name that a client gave itself, safe to print: one of any but plain characters, or of none, is quoted and escaped. */
export function shown(name: string): string {
  return /^[\p{L}\p{N}._:@/+*?#=-]+$/u.test(name) ? name : quoted(name)
}

function quoted(name: string): string {
  // JSON leaves the C1 controls, the line separators and the marks that turn text around as they are.
  return JSON.stringify(name).replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

/** Cut to so many characters, with a mark where something is missing. */
export function cut(text: string, charsMax: number): string {
  const characters = [...text]
  return characters.length <= charsMax ? text : `${characters.slice(0, charsMax - 1).join('')}…`
}

/** What shares a bucket, by field; undefined for the key of an override with buckets of its own, or a key that was cut. */
export function keyFields(key: string): readonly (readonly [field: string, value: string])[] | undefined {
  if (key === '') return []
  const only = /^([\w.]+)=(.*)$/su.exec(key)
  if (only !== null) return [[only[1]!, only[2]!]]
  const fields: [string, string][] = []
  for (let rest = key; rest !== ''; ) {
    const field = /^([\w.]+)\((\d+)\)=/u.exec(rest)
    if (field === null) return undefined
    const from = field[0].length
    const to = from + Number(field[2])
    if (to > rest.length) return undefined
    fields.push([field[1]!, rest.slice(from, to)])
    rest = rest.slice(to + 1)
  }
  return fields
}

/** The key of an override with buckets of its own, in words: `override clientId "app2"`; undefined for any other key. */
export function overrideWords(key: string): string | undefined {
  const [, label = '', rest = ''] = /^(\{.*?\}|\[.*?\])(?: ([\w.]+[=(].*))?$/su.exec(key) ?? []
  const written = parsed(label)
  if (typeof written !== 'object' || written === null) return undefined
  const match: object = Array.isArray(written) ? written[0] : written
  const clauses = Object.entries(match).map(
    ([field, texts]) =>
      `${field} ${[texts]
        .flat()
        .map((text) => quoted(String(text)))
        .join(' or ')}`,
  )
  const fields = rest === '' ? [] : keyFields(rest)
  if (fields === undefined) return undefined
  const override = `override ${listWords(clauses)}${Array.isArray(written) ? ' with exceptions' : ''}`
  return fields.length === 0 ? override : `${override}: ${fieldWords(fields)}`
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** `clientId a and api Metadata`. */
export function fieldWords(fields: readonly (readonly [field: string, value: string])[]): string {
  return listWords(fields.map(([field, value]) => `${field} ${shown(value)}`))
}

/** A number and the unit behind it stay on one line. */
const NUMBER_AND_UNIT =
  /(?<=\d) (?=(?:[kMGT]?B|[kM]|ms|s|m|requests?|records?|commits?|joins?|partitions?|connections?)\b)/gu
const UNBREAKABLE = '\u00a0'

/** Breaks a paragraph into lines of at most `width` characters, `indent` before each; a longer word stays whole. */
export function wrapped(text: string, width: number, indent = ''): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.replaceAll(NUMBER_AND_UNIT, UNBREAKABLE).split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  lines.push(indent + line)
  return lines.join('\n').replaceAll(UNBREAKABLE, ' ')
}
