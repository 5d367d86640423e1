/**
 * Kafka's client quotas in our words (protocol-facts C.1–C.6), exactly: the same limit for every user, client id and address, and
 * the same ones sharing it (`kafka-levels.ts`). One rule for each of Kafka's keys; what has no equivalent becomes a note.
 */
import { RATE_MAX_PER_SECOND, RATE_MIN_PER_SECOND } from '../bounds.ts'
import { addressRule, type Entry, type KafkaKey, type LevelRule, userRule } from './kafka-levels.ts'
import { compilePattern, exactPattern } from './match.ts'
import { compileAddress } from './match-address.ts'
import type { Mode, QuotaRule } from './quota-rule.ts'

/** The names of the rules that stand for a cluster's quotas. */
export const FOLLOWED_NAMES: readonly string[] = [
  'kafka-produce',
  'kafka-fetch',
  'kafka-mutations',
  'kafka-connections',
]

/** One entity with its quotas as DescribeClientQuotas tells them. */
export interface KafkaQuota {
  /** `user`, `client-id`, `ip`; null is the default entity of that type. */
  readonly entity: Readonly<Record<string, string | null>>
  /** `producer_byte_rate` and the like. */
  readonly values: Readonly<Record<string, number>>
}

export interface TranslateOptions {
  readonly mode: Mode
  /** What a limit that Kafka keeps for each broker is multiplied by; 1 leaves it. */
  readonly times: number
}

/** A rule with the words of the quotas that it is made of, for comments. */
export interface TranslatedQuota extends LevelRule {
  /** The key of Kafka that it stands for. */
  readonly kafkaKey: string
  readonly isPerBroker: boolean
}

export interface Translation {
  readonly quotas: readonly TranslatedQuota[]
  /** What could not be translated, never counts, or had to be bent; for the operator, a sentence each. */
  readonly notes: readonly string[]
}

/**
 * Bursts: Kafka averages over the last ten whole seconds and the one that runs, so an idle client may send ten seconds' worth at
 * once. Mutations have a token bucket of eleven (KIP-599).
 */
const USER_KEYS: readonly KafkaKey[] = [
  {
    key: 'producer_byte_rate',
    name: 'kafka-produce',
    dimension: 'produceBytes',
    burst: { seconds: 10 },
    isPerBroker: true,
  },
  {
    key: 'consumer_byte_rate',
    name: 'kafka-fetch',
    dimension: 'fetchBytes',
    burst: { seconds: 10 },
    isPerBroker: true,
  },
  {
    key: 'controller_mutation_rate',
    name: 'kafka-mutations',
    dimension: 'mutations',
    burst: { seconds: 11 },
    isPerBroker: false,
  },
]

const IP_KEY: KafkaKey = {
  key: 'connection_creation_rate',
  name: 'kafka-connections',
  dimension: 'newConnections',
  burst: { seconds: 10 },
  isPerBroker: true,
}

/** The same quotas give the same rules, whatever the order in which they come. */
export function translateKafkaQuotas(quotas: readonly KafkaQuota[], options: TranslateOptions): Translation {
  const notes: string[] = []
  const known = quotas.toSorted(byEntity).filter((quota) => isKnown(quota, notes))
  const translated = [...USER_KEYS, IP_KEY].flatMap((kafka): TranslatedQuota[] => {
    const isWritable = kafka === IP_KEY ? isAddress : isNameable
    const entries = entriesOf(known, kafka, options, notes).filter((entry) => isWritable(entry, notes))
    if (entries.length === 0) return []
    const made =
      kafka === IP_KEY ? addressRule(kafka, entries, options.mode) : userRule(kafka, entries, options.mode, notes)
    return [{ ...made, kafkaKey: kafka.key, isPerBroker: kafka.isPerBroker }]
  })
  for (const { entity, values } of known) {
    const percentage = values['request_percentage']
    if (percentage !== undefined) notes.push(percentageNote(wordsOf(entity), percentage))
  }
  return { quotas: translated.filter(({ rule }) => limitsAnything(rule)), notes }
}

/** `user alice, default client-id`. */
function wordsOf(entity: KafkaQuota['entity']): string {
  return ['user', 'client-id', 'ip']
    .filter((type) => entity[type] !== undefined)
    .map((type) => (entity[type] === null ? `default ${type}` : `${type} ${quoted(entity[type]!)}`))
    .join(', ')
}

/** Names that could be taken for something else, or break a comment, are quoted. */
function quoted(name: string): string {
  return /^[\w.@:=/+-]+$/u.test(name) ? name : JSON.stringify(name)
}

function isKnown({ entity, values }: KafkaQuota, notes: string[]): boolean {
  const types = Object.keys(entity)
  const isOurs = types.every((type) => type === 'user' || type === 'client-id') || types.join() === 'ip'
  if (types.length > 0 && isOurs) {
    const keys = [...USER_KEYS, IP_KEY].map(({ key }) => key)
    const other = Object.keys(values).filter((key) => !keys.includes(key) && key !== 'request_percentage')
    for (const key of other) notes.push(`${wordsOf(entity)}: ${quoted(key)} is no quota that this release knows`)
    return true
  }
  const all = types.map((type) => `${quoted(type)} ${quoted(entity[type] ?? '<default>')}`).join(', ')
  notes.push(`${all}: no entity that this release knows; its quotas are left out`)
  return false
}

function byEntity(a: KafkaQuota, b: KafkaQuota): number {
  const [left, right] = [sortKey(a), sortKey(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** Defaults last, as Kafka asks for them last. */
function sortKey({ entity }: KafkaQuota): string {
  return ['user', 'client-id', 'ip']
    .map((type) => (entity[type] === undefined ? '2' : entity[type] === null ? '1' : `0${entity[type]}`))
    .join('\0')
}

function entriesOf(
  quotas: readonly KafkaQuota[],
  { key, isPerBroker }: KafkaKey,
  { times }: TranslateOptions,
  notes: string[],
): Entry[] {
  return quotas.flatMap(({ entity, values }) => {
    const value = values[key]
    if (value === undefined) return []
    const words = wordsOf(entity)
    const perSecond = rateOf(value * (isPerBroker ? times : 1))
    if (Number.isNaN(perSecond)) {
      notes.push(`${words}: ${key} is ${value}, which is no number; left out`)
      return []
    }
    if (perSecond > value && value < RATE_MIN_PER_SECOND) {
      notes.push(`${words}: ${key} is ${value}; the least that the sluice knows is one in an hour, which it gets`)
    }
    return [{ user: entity['user'], clientId: entity['client-id'], ip: entity['ip'], perSecond, words }]
  })
}

/** Kafka writes "no limit" as the largest number of a type. */
function rateOf(perSecond: number): number {
  if (perSecond > RATE_MAX_PER_SECOND) return Number.POSITIVE_INFINITY
  return Number.isNaN(perSecond) ? perSecond : Math.max(perSecond, RATE_MIN_PER_SECOND)
}

/** Whether a pattern can stand for the names. No client has an empty user, and an empty client id has no quota in Kafka. */
function isNameable({ user, clientId, words }: Entry, notes: string[]): boolean {
  if (user === '' || clientId === '') {
    notes.push(`${words}: never counts in Kafka, which has no quotas for empty names`)
    return false
  }
  try {
    for (const name of [user, clientId]) compilePattern(exactPattern(name ?? ''))
    return true
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    notes.push(`${words.slice(0, 100)}…: cannot be written as a pattern (${error.message}); left out`)
    return false
  }
}

function isAddress({ ip, words }: Entry, notes: string[]): boolean {
  try {
    if (typeof ip === 'string') compileAddress(ip)
    if (!ip?.includes('/')) return true
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  notes.push(`${words}: no address (brokers look host names up when the quota is set); left out: give its address`)
  return false
}

function percentageNote(words: string, percentage: number): string {
  return (
    `${words}: request_percentage ${percentage} has no equivalent, as only a broker knows how long its threads worked. ` +
    'Limit requests instead: begin with a quota of requests in mode observe, and set it from what `kafka-sluice advise` reports'
  )
}

function limitsAnything({ limit, overrides }: QuotaRule): boolean {
  return [limit, ...overrides.map((override) => override.limit)].some((of) =>
    Object.values(of).some((perSecond) => perSecond !== Number.POSITIVE_INFINITY),
  )
}
