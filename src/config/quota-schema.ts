/** Quotas as zod sees them: matches, limits, shares, overrides, windows. What several keys say together is in `check-quota.ts`. */
import { z } from 'zod'
import {
  EXCEPTIONS_MAX,
  LABELS_MAX,
  OVERRIDES_MAX,
  PATTERN_CHARS_MAX,
  RAMP_MAX_MS,
  SCHEDULE_WINDOWS_MAX,
  SHARE_MINIMUM_MAX,
  SHARE_MINIMUM_MIN,
  WEIGHT_MAX,
  WEIGHT_MIN,
} from '../bounds.ts'
import { API_NAMES } from '../policy/api-classes.ts'
import { DIMENSIONS, type Dimension, isLevel, UNITS } from '../policy/dimensions.ts'
import { compilePattern } from '../policy/match.ts'
import { compileAddress } from '../policy/match-address.ts'
import { type Match, type MatchField, PLAIN_FIELDS, type PlainField } from '../policy/quota-rule.ts'
import type { LimitDocument, OverrideDocument, QuotaDocument, WindowDocument } from './document.ts'
import { LABEL_NAME, parseLabelName } from './labels.ts'
import {
  BURST,
  BYTE_RATE,
  COUNT_RATE,
  DURATION,
  LEVEL,
  listOf,
  named,
  PERCENT,
  section,
  string,
  text,
} from './schema-parts.ts'
import { suggestion } from './suggest.ts'
import { parseDuring, parseTimeZone } from './timetable.ts'
import { parseDuration, parseLevel, parsePercent, parseRate } from './units.ts'

/** A pattern of any field but the address. */
export const pattern: z.ZodType<string, string> = string(
  (value) => compilePattern(value).text,
  { maxLength: PATTERN_CHARS_MAX, examples: ['checkout-*'] },
  'pattern',
)

const address = string(
  (value) => compileAddress(value).text,
  { examples: ['10.0.0.0/8', '10.1.2.3', 'fd00::/8'] },
  'address',
)

const api = string(
  (value) => {
    const { text: name, kind, matches } = compilePattern(value)
    if (API_NAMES.some(matches)) return name
    throw new RangeError(
      kind === 'exact' ? `Kafka has no API ${name}${suggestion(name, API_NAMES)}` : `no API of Kafka matches ${name}`,
    )
  },
  { anyOf: [{ enum: API_NAMES }, { pattern: '[*?]|^/.*/[iu]*$' }] },
  'api',
)

/** What every pattern is. */
export const PATTERN_HELP = 'Exactly, as a glob (* and ?) or a /regular expression/; one or a list.'

const FIELD_HELP: Readonly<Record<PlainField, string>> = {
  clientId: `client.id of the request; '' if it has none. ${PATTERN_HELP}`,
  principal: `SASL user; '' without SASL. ${PATTERN_HELP}`,
  group: `Consumer group: the one that the request names, else the one that the client is known to be in; '' where it is in none or in several. ${PATTERN_HELP}`,
  topic: `Topic: the quota then applies to each topic that a request carries. Of produceBytes, fetchBytes, produceRecords, fetchRecords and requests. ${PATTERN_HELP}`,
  api: `Kafka's name of the API (Produce, Metadata …). ${PATTERN_HELP}`,
  software: `Client library as it names itself (apache-kafka-java, librdkafka …); '' if it does not. ${PATTERN_HELP}`,
  softwareVersion: `Version of the client library as it names it: 3.9.*. ${PATTERN_HELP}`,
  address: 'Where the connection comes from: an address or a network (10.0.0.0/8, fd00::/8); one or a list.',
  sni: `Server name of the client's TLS hello; '' on plaintext. ${PATTERN_HELP}`,
}

const LABELS_HELP = `Labels of the workload that this process stands beside, each by name. ${PATTERN_HELP}`

/** What people call a field in other tools. */
const FIELD_HINTS: Readonly<Record<string, string>> = {
  user: 'did you mean principal?',
  username: 'did you mean principal?',
  client: 'did you mean clientId?',
  consumerGroup: 'did you mean group?',
  groupId: 'did you mean group?',
  ip: 'did you mean address?',
  cidr: 'did you mean address?',
  version: 'did you mean softwareVersion?',
  library: 'did you mean software?',
  host: 'did you mean sni, the server name, or address, where the client is?',
  namespace: 'a label: write labels: { namespace: … }',
  pod: 'a label: write labels: { pod: … }',
  serviceAccount: 'a label: write labels: { serviceAccount: … }',
  app: 'a label: write labels: { app: … }',
}

const PATTERNS: Readonly<Partial<Record<PlainField, z.ZodType<string, string>>>> = { api, address }

const matchShape = {
  ...(Object.fromEntries(
    PLAIN_FIELDS.map((field) => [
      field,
      listOf(PATTERNS[field] ?? pattern)
        .optional()
        .describe(FIELD_HELP[field]),
    ]),
  ) as Record<PlainField, z.ZodOptional<z.ZodType<string[], string | string[]>>>),
  labels: named(parseLabelName, { pattern: LABEL_NAME.source }, listOf(pattern))
    .refine((labels) => Object.keys(labels).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`)
    .optional()
    .describe(LABELS_HELP),
}

type MatchInput = { readonly [Field in PlainField]?: readonly string[] | undefined } & {
  readonly labels?: Readonly<Record<string, readonly string[]>> | undefined
}

function toMatch({ labels = {}, ...fields }: MatchInput): Match {
  const plain = Object.entries(fields).filter(([, patterns]) => patterns !== undefined)
  const ofLabels = Object.entries(labels).map(([name, patterns]) => [`labels.${name}`, patterns])
  return Object.fromEntries([...plain, ...ofLabels]) as Match
}

const exception = section(matchShape, FIELD_HINTS)
  .transform(toMatch)
  .refine((match) => Object.keys(match).length > 0, 'an empty match excepts everybody; name whom it is for')
  .meta({ id: 'match' })

const A_MATCH = 'expected a match like { clientId: a }, or a list of them'

/** Whom something is not for: one match, or a list of them. */
export const exceptions: z.ZodType<Match[], unknown> = z.union(
  [
    exception.transform((match) => [match]),
    z.array(exception, { error: A_MATCH }).max(EXCEPTIONS_MAX, `at most ${EXCEPTIONS_MAX} exceptions`),
  ],
  { error: A_MATCH },
)

const NOT_HELP = 'Not those that match this, or any of a list.'

const match = section({ ...matchShape, not: exceptions.optional().describe(NOT_HELP) }, FIELD_HINTS).transform(
  ({ not = [], ...fields }) => ({ fields: toMatch(fields), not }),
)

/** What is limited, dimension by dimension. */
export const DIMENSION_HELP: Readonly<Record<Dimension, string>> = {
  produceBytes: 'Bytes of Produce requests: 5 MB/s, 512 KiB/s, 1 GB/min.',
  fetchBytes: 'Bytes of Fetch answers: 5 MB/s.',
  produceRecords: 'Records produced, as the batches count them: 20k/s.',
  fetchRecords: 'Records fetched, as the batches count them: 20k/s.',
  requests: 'Requests: 100/s, 20k/s, 30/min. Heartbeats, logins and the like do not count.',
  commits: 'Commits of consumer offsets: 10/s.',
  joins: 'Members that join a consumer group anew: 5/min. Those that merely stay are never held up.',
  mutations: 'Partitions created and deleted: 50/s.',
  newConnections: 'Connections opened: 10/s.',
  connections: 'Connections open at a time: 100. A plain number, not a rate.',
  inFlight: 'Requests waiting at the brokers at a time: 100. A plain number, not a rate.',
}

/** What Kafka and others call a limit. */
const DIMENSION_HINTS: Readonly<Record<string, string>> = {
  records: 'did you mean produceRecords or fetchRecords?',
  messages: 'did you mean produceRecords or fetchRecords?',
  bytes: 'did you mean produceBytes or fetchBytes?',
  produce: 'did you mean produceBytes or produceRecords?',
  fetch: 'did you mean fetchBytes or fetchRecords?',
  producer_byte_rate: 'did you mean produceBytes?',
  consumer_byte_rate: 'did you mean fetchBytes?',
  controller_mutation_rate: 'did you mean mutations?',
  connection_creation_rate: 'did you mean newConnections?',
  request_percentage: 'a share of threads cannot be seen from here; limit requests instead',
  burst: 'burst stands beside limit, not in it',
}

function parseLimit(dimension: Dimension, value: string): number {
  if (isLevel(dimension)) {
    return parseLevel(value, dimension, dimension === 'connections' ? 'newConnections' : 'requests')
  }
  if (dimension === 'newConnections' && /^\s*\d+\s*$/u.test(value)) {
    throw new RangeError(`newConnections is a rate; write ${value.trim()}/s; for a number at a time use connections`)
  }
  return parseRate(value, UNITS[dimension])
}

/**
 * The limit of one dimension as written, `unlimited` included.
 * @throws RangeError
 */
export function parseLimitOrNone(dimension: Dimension, value: string): number {
  return value === 'unlimited' ? Number.POSITIVE_INFINITY : parseLimit(dimension, value)
}

/** `unlimited` lifts one; a quota that is unlimited itself has overrides or windows that limit. */
function limitSection(): z.ZodType<LimitDocument> {
  const shape = DIMENSIONS.map((dimension) => {
    const form = isLevel(dimension) ? LEVEL : UNITS[dimension] === 'bytes' ? BYTE_RATE : COUNT_RATE
    const one = text((value) => parseLimitOrNone(dimension, value), { anyOf: [form, { enum: ['unlimited'] }] })
    return [dimension, one.optional().describe(DIMENSION_HELP[dimension])] as const
  })
  return section(Object.fromEntries(shape), DIMENSION_HINTS) as unknown as z.ZodType<LimitDocument>
}

const burst = z
  .union([z.string(), z.number()])
  .meta({ json: BURST })
  .describe(
    'What may go at once: seconds of the rate (2s), or an amount (10 MB, 500) where all rates are of one unit. Default 1s.',
  )

/**
 * A field to tell keys apart by: `clientId`, `labels.app`.
 * @throws RangeError
 */
export function parseField(value: string): MatchField {
  const plain = PLAIN_FIELDS.find((field) => field === value)
  if (plain !== undefined) return plain
  if (value === 'labels') throw new RangeError('labels are many; say which one, as in labels.app')
  if (value.startsWith('labels.')) return `labels.${parseLabelName(value.slice('labels.'.length))}`
  const hint = Object.hasOwn(FIELD_HINTS, value)
    ? `; ${FIELD_HINTS[value]?.replace(/^a label:.*/u, `did you mean labels.${value}?`)}`
    : undefined
  throw new RangeError(`"${value}" is no field${hint ?? suggestion(value, [...PLAIN_FIELDS, 'labels.NAME'])}`)
}

const field = string(parseField, { anyOf: [{ enum: PLAIN_FIELDS }, { pattern: '^labels\\.' }] }, 'field')

const fields = z.union([
  field.transform((one) => [one]),
  z.array(field, { error: 'expected a field like clientId, or a list of them' }),
])

const weight = z
  .number({ error: `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}` })
  .min(WEIGHT_MIN, `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`)
  .max(WEIGHT_MAX, `a weight is a number from ${WEIGHT_MIN} to ${WEIGHT_MAX}`)

const priority = z.enum(['high', 'normal', 'low'], { error: 'the priorities are high, normal and low' })

const share = section({
  by: listOf(
    field as z.ZodType<MatchField, string>,
    'say by what the bucket is divided, as in by: [clientId]',
  ).describe('Keys that divide the bucket: each combination of these is one.'),
  weight: weight.optional().describe('Part of a key among those that want more than there is. Default 1.'),
  priority: priority.optional().describe('Who is served first. Default normal.'),
  minimum: text((value) => {
    const part = parsePercent(value)
    if (part >= SHARE_MINIMUM_MIN && part <= SHARE_MINIMUM_MAX) return part
    throw new RangeError(`${value.trim()} is not from ${SHARE_MINIMUM_MIN * 100}% to ${SHARE_MINIMUM_MAX * 100}%`)
  }, PERCENT)
    .optional()
    .describe('What the lower classes together are sure of while a higher one takes all it can. Default 10%.'),
})

const override: z.ZodType<OverrideDocument> = section(
  {
    ...matchShape,
    not: exceptions.optional().describe(NOT_HELP),
    limit: limitSection()
      .optional()
      .describe('Limits of these keys; what is absent stays as in the quota. unlimited lifts one.'),
    burst: burst.optional(),
    per: fields
      .optional()
      .describe('Buckets of their own: one for each combination of these; []: one for all that match here.'),
    weight: weight.optional().describe('Weight of these keys, in a quota with share.'),
    priority: priority.optional().describe('Class of these keys, in a quota with share.'),
  },
  FIELD_HINTS,
).transform(({ not = [], limit, burst: ownBurst, per, weight: ownWeight, priority: ownPriority, ...matched }) => ({
  fields: toMatch(matched),
  not,
  limit,
  burst: ownBurst,
  per,
  weight: ownWeight,
  priority: ownPriority,
}))

const window: z.ZodType<WindowDocument> = section({
  during: string(parseDuring, { examples: ['* 22-23,0-5 * * mon-fri'] }).describe(
    'Minutes in which the window is open, as five cron fields: minute, hour, day of the month, month, day of the week.',
  ),
  timeZone: string(parseTimeZone, { examples: ['Europe/Berlin'] })
    .optional()
    .describe('Whose clock is meant. Default UTC.'),
  limit: limitSection().describe(
    'Limits while the window is open; what is absent stays as it is. unlimited lifts one.',
  ),
  burst: burst.optional(),
})

/** `enforce` or `observe`. */
export const mode: z.ZodEnum<{ enforce: 'enforce'; observe: 'observe' }> = z.enum(['enforce', 'observe'], {
  error: 'the modes are enforce and observe',
})

const QUOTA_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/u

/** One quota. */
export const quota: z.ZodType<QuotaDocument> = section({
  name: string(
    (value) => {
      if (!QUOTA_NAME.test(value))
        throw new RangeError('a name is 1 to 64 letters, digits, - _ . and begins with a letter or digit')
      return value
    },
    { pattern: QUOTA_NAME.source },
  ).describe('Name in metrics, logs and explain.'),
  limit: limitSection().describe(
    'What is limited, and to how much; unlimited where only overrides or windows of the schedule limit.',
  ),
  burst: burst.optional(),
  match: match.optional().describe('Whom it concerns: every field given must match. Absent: all requests.'),
  exempt: exceptions.optional().describe('Whom it does not concern: the same as match.not.'),
  per: fields
    .optional()
    .describe(
      `One bucket for each combination of these: ${PLAIN_FIELDS.join(', ')}, labels.NAME. Absent: one bucket that all who match share.`,
    ),
  share: share.optional().describe('Divides each bucket among keys when they want more than there is.'),
  overrides: z
    .array(override, { error: 'expected a list: each names its keys, as in "- { clientId: a, limit: … }"' })
    .max(OVERRIDES_MAX, `at most ${OVERRIDES_MAX} overrides`)
    .optional()
    .describe('Something of their own for particular keys; the most specific one counts.'),
  mode: mode.optional().describe('observe: compute and report, but slow nobody. Default enforce.'),
  rampIn: text((value) => {
    const rampMs = parseDuration(value)
    if (rampMs > 0 && rampMs <= RAMP_MAX_MS) return rampMs
    throw new RangeError(`"${value}" is ${rampMs > 0 ? 'more than 7 days' : 'no time; leave rampIn out'}`)
  }, DURATION)
    .optional()
    .describe('How long a new or lowered limit takes to come down from what was used: 10m. Default: at once.'),
  schedule: z
    .array(window, { error: 'expected a list: each begins with "- during: …"' })
    .max(SCHEDULE_WINDOWS_MAX, `at most ${SCHEDULE_WINDOWS_MAX} windows`)
    .optional()
    .describe('Other limits at certain times; the first window that is open counts.'),
}).meta({ id: 'quota' })
