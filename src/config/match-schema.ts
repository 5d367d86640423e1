/** Matches as zod sees them: a pattern or a list of them for each field, labels by name, exceptions; and fields as keys of buckets. */
import * as z from 'zod'
import { EXCEPTIONS_MAX, LABELS_MAX, PATTERN_CHARS_MAX } from '../bounds.ts'
import { API_NAMES } from '../policy/api-classes.ts'
import { compilePattern } from '../policy/match.ts'
import { compileAddress } from '../policy/match-address.ts'
import { type Match, type MatchField, PLAIN_FIELDS, type PlainField } from '../policy/quota-rule.ts'
import { LABEL_NAME, parseLabelName } from './labels.ts'
import { listOf, named, section, string } from './schema-parts.ts'
import { suggestion } from './suggest.ts'

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
export const FIELD_HINTS: Readonly<Record<string, string>> = {
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

type MatchShape = Record<PlainField, z.ZodOptional<z.ZodType<string[], string | string[]>>> & {
  readonly labels: z.ZodOptional<z.ZodType<Record<string, string[]>>>
}

/** The keys of a match, for sections that have more. */
export const matchShape: MatchShape = {
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

/** A match as the policy has it: labels are fields too. */
export function toMatch({ labels = {}, ...fields }: MatchInput): Match {
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

export const NOT_HELP = 'Not those that match this, or any of a list.'

/** Whom a quota is for. */
export const match: z.ZodType<{ fields: Match; not: readonly Match[] }> = section(
  { ...matchShape, not: exceptions.optional().describe(NOT_HELP) },
  FIELD_HINTS,
).transform(({ not = [], ...fields }) => ({ fields: toMatch(fields), not }))

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

/** One such field in the file. */
export const field: z.ZodType<MatchField, string> = string(
  parseField,
  { anyOf: [{ enum: PLAIN_FIELDS }, { pattern: '^labels\\.' }] },
  'field',
)

/** Such fields, or one; none is allowed. */
export const fields: z.ZodType<MatchField[], string | string[]> = z.union([
  field.transform((one) => [one]),
  z.array(field, { error: 'expected a field like clientId, or a list of them' }),
])
