/**
 * The configuration file that `import-quotas` writes: Kafka's quotas as ours, each with the entity that it comes from, and what
 * is different in comments where the operator will look for it.
 */
import { Document, isMap, isSeq, type YAMLMap } from 'yaml'
import type { Dimension } from '../policy/dimensions.ts'
import type { TranslatedQuota, Translation } from '../policy/kafka-quotas.ts'
import { rateText, type Written, writtenQuota } from './quota-text.ts'

/** Where the quotas come from. */
export interface QuotaSource {
  /** `HOST:PORT`s. */
  readonly bootstrap: readonly string[]
  readonly brokersCount: number
  /** Limits were multiplied by the number of brokers. */
  readonly isMultiplied: boolean
}

const COMMENT_CHARS_MAX = 110

/** The document as plain values: what `--json` prints, and what the YAML has. */
export function kafkaQuotasDocument(source: QuotaSource, { quotas }: Translation): Written {
  return { upstream: { bootstrap: [...source.bootstrap] }, quotas: quotas.map(({ rule }) => writtenQuota(rule)) }
}

/** The file. The same quotas give the same text. */
export function kafkaQuotasYaml(source: QuotaSource, translation: Translation): string {
  const document = new Document(kafkaQuotasDocument(source, translation))
  document.commentBefore = comment(headOf(source, translation))
  const bootstrap = document.getIn(['upstream', 'bootstrap'], true)
  if (isSeq(bootstrap)) bootstrap.flow = true
  for (const [i, quota] of translation.quotas.entries()) {
    const map = document.getIn(['quotas', i], true)
    if (isMap(map)) commentQuota(map, quota, source)
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

function headOf({ bootstrap, brokersCount, isMultiplied }: QuotaSource, { quotas, notes }: Translation): string[] {
  const brokers = brokersCount === 1 ? 'one broker' : `${brokersCount} brokers`
  const lines = [
    `The client quotas of the Kafka cluster at ${bootstrap.join(', ')} (${brokers}), by kafka-sluice import-quotas.`,
    'What is the same and what is not: docs/kafka-quotas.md',
  ]
  if (quotas.some(({ isPerBroker }) => isPerBroker)) lines.push('', ...scopeLines(brokersCount, isMultiplied))
  if (quotas.length === 0) lines.push('', 'The cluster has no quota that limits anybody here.')
  if (notes.length > 0) lines.push('', 'Beside that:', ...notes.map((note) => `- ${note}`))
  return lines
}

function scopeLines(brokersCount: number, isMultiplied: boolean): string[] {
  if (brokersCount <= 1) {
    return [
      'With one broker a limit here is what it is in Kafka. Kafka keeps it on each broker, the sluice once for all.',
    ]
  }
  const perBroker = `Kafka keeps a limit on each broker: whoever uses all ${brokersCount} gets up to ${brokersCount} times as much.`
  if (isMultiplied) {
    return [
      `${perBroker} The limits here are for the whole cluster and were multiplied by ${brokersCount} (--multiply): nobody gets`,
      'less than before, and a client that uses only some of the brokers may get more of them.',
    ]
  }
  return [
    `${perBroker} The limits here have the same numbers, for the whole cluster.`,
    `To leave everybody what they can have now, import with --multiply (× ${brokersCount}).`,
  ]
}

function commentQuota(map: YAMLMap, quota: TranslatedQuota, source: QuotaSource): void {
  map.commentBefore = comment([aboutQuota(quota, source)])
  const limit = map.get('limit', true)
  if (isMap(limit)) {
    limit.flow = true
    limit.comment = quota.from === '' ? ' no default in Kafka: only those below are limited' : ` ${quota.from}`
  }
  const per = map.get('per', true)
  if (isSeq(per)) per.flow = true
  const overrides = map.get('overrides', true)
  if (!isSeq(overrides)) return
  for (const [i, override] of overrides.items.entries()) {
    if (!isMap(override)) continue
    override.flow = true
    override.comment = ` ${quota.overridesFrom[i]}`
  }
}

/** What one quota is in Kafka, with one of its own limits as the example where the number of brokers matters. */
function aboutQuota(
  { rule, kafkaKey, isPerBroker, from, overridesFrom }: TranslatedQuota,
  source: QuotaSource,
): string {
  if (!isPerBroker) return `${kafkaKey}: for the whole cluster in Kafka too, where the controller counts it.`
  const { brokersCount, isMultiplied } = source
  const limits = [rule.limit, ...rule.overrides.map(({ limit }) => limit)].flatMap((limit) => Object.entries(limit))
  const example = limits.findIndex(([, perSecond]) => perSecond !== Number.POSITIVE_INFINITY)
  const [dimension, perSecond] = limits[example] ?? []
  if (brokersCount <= 1 || dimension === undefined || perSecond === undefined) return `${kafkaKey}.`
  const [inKafka, most] = isMultiplied ? [perSecond / brokersCount, perSecond] : [perSecond, perSecond * brokersCount]
  const [one, all, here] = [inKafka, most, perSecond].map((rate) => rateText(dimension as Dimension, rate))
  const who = [from, ...overridesFrom][example]
  return `${kafkaKey}. ${who}: in Kafka ${one} on each broker, up to ${all} on ${brokersCount}; here ${here} in all.`
}

/** Lines that fit a screen, each with the space that YAML wants after its #. */
function comment(lines: readonly string[]): string {
  return lines
    .flatMap(wrapped)
    .map((line) => (line === '' ? '' : ` ${line}`))
    .join('\n')
}

function wrapped(line: string): string[] {
  const indent = line.startsWith('- ') ? '  ' : ''
  const rows: string[] = ['']
  for (const word of line.split(' ')) {
    const row = rows.at(-1)!
    if (row !== '' && row.length + word.length >= COMMENT_CHARS_MAX) rows.push(`${indent}${word}`)
    else rows[rows.length - 1] = row === '' ? word : `${row} ${word}`
  }
  return rows
}
