/** Names and numbers as the page and `top` write them: short, with units, and never longer than their place. */
import { formatByteRate, formatCount, formatDuration, formatExact } from '../cli/format.ts'
import { cut, keyFields, overrideWords, shown } from '../explain/words.ts'
import { type Dimension, UNITS } from '../policy/dimensions.ts'
import type { ClientState, LagNow, LimitNow } from '../status/status-document.ts'

const NAME_CHARS_MAX = 48

/** A name from outside, cut; one without characters is said in words. */
export function nameWords(name: string, none: string, charsMax: number = NAME_CHARS_MAX): string {
  // A name of 32 kB is not looked through for what has to be escaped.
  return name === '' ? none : cut(shown(name.slice(0, charsMax * 2)), charsMax)
}

export function clientWords(clientId: string, charsMax?: number): string {
  return nameWords(clientId, '(no client id)', charsMax)
}

/** `apache-kafka-java 4.1.0`. */
export function libraryWords(software: string, versions: readonly string[], charsMax: number): string {
  if (software === '') return 'unnamed'
  return cut([software, ...versions].map((word) => nameWords(word, '', charsMax)).join(' '), charsMax)
}

/** Units a second of a dimension: `5 MB/s`, `120/s`. */
export function rateWords(dimension: string, perSecond: number): string {
  if (UNITS[dimension as Dimension] === 'bytes') return formatByteRate(perSecond)
  return perSecond === 0 || perSecond >= 0.1 ? `${formatCount(perSecond)}/s` : `${formatCount(perSecond * 60)}/min`
}

/** Delay in a second; nothing where there is none to speak of. */
export function delayWords(msPerSecond: number): string {
  return msPerSecond < 0.5 ? '–' : `${formatDuration(msPerSecond)}/s`
}

/** `93 %`, `24 ×`. */
export function percentWords(ratio: number): string {
  if (!Number.isFinite(ratio)) return '–'
  return ratio < 9.995 ? `${Math.round(ratio * 100)} %` : `${formatExact(ratio)} ×`
}

/** What the bucket is of: `clientId checkout-7`; all that match where it has no key. */
export function keyWords(key: string, charsMax: number = NAME_CHARS_MAX): string {
  if (key === '') return 'all that match'
  const fields = keyFields(key)
  if (fields === undefined) return cut(overrideWords(key) ?? nameWords(key, '', charsMax), charsMax * 2)
  return cut(fields.map(([field, value]) => `${field} ${nameWords(value, '""', charsMax)}`).join(', '), charsMax * 2)
}

export const DIMENSION_WORDS: Readonly<Record<Dimension, string>> = {
  produceBytes: 'produced bytes',
  fetchBytes: 'fetched bytes',
  produceRecords: 'produced records',
  fetchRecords: 'fetched records',
  requests: 'requests',
  commits: 'offset commits',
  joins: 'group joins',
  mutations: 'topic mutations',
  newConnections: 'new connections',
  connections: 'open connections',
  inFlight: 'requests in flight',
}

export const STATE_WORDS: Readonly<Record<ClientState, string>> = {
  limited: 'limited',
  observed: 'would be limited',
  active: 'within its limits',
  idle: 'idle',
  gone: 'gone',
}

/** The limit that binds a client most, whether it makes it wait or not. */
export function bindingLimit(limits: readonly LimitNow[]): LimitNow | undefined {
  const [first] = limits
  if (first === undefined || first.throttleMsPerSecond > 0) return first
  return limits.reduce((most, limit) => (useOfLimit(limit) > useOfLimit(most) ? limit : most), first)
}

/** Used ÷ limit, by all that share the bucket. */
export function useOfLimit({ bucketPerSecond, limitPerSecond }: LimitNow): number {
  return bucketPerSecond / limitPerSecond
}

/** Records that its groups are behind, by what they fetch; by what they commit where that is all that is known. */
export function lagWords(lag: LagNow | null): string {
  const records = lag?.records ?? lag?.committedRecords
  return records === undefined || records === null ? '–' : formatCount(records)
}

/** `2 h 5 m`, `3 d 4 h`. */
export function uptimeWords(ms: number): string {
  const hours = Math.floor(ms / 3_600_000)
  if (hours < 1) return formatDuration(Math.round(ms / 1000) * 1000)
  return hours < 48 ? `${hours} h ${Math.floor(ms / 60_000) % 60} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
