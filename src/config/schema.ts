/**
 * The configuration document as zod sees it: what is written in, plain numbers out. Every key is described, because the JSON
 * Schema for editors is made from this. What concerns several keys at once is in `checks.ts`.
 */
import { z } from 'zod'
import {
  BUCKETS_MAX,
  CONNECTIONS_MAX,
  FRAME_BYTES_MAX,
  HOLD_MAX_MS,
  OVERRIDES_MAX,
  QUOTAS_MAX,
  STAMP_MAX_MS,
} from '../bounds.ts'
import { API_NAMES, EXEMPT_REASONS } from '../policy/api-classes.ts'
import { type Dimension, UNITS } from '../policy/dimensions.ts'
import { compilePattern } from '../policy/match.ts'
import { parseAddress, parseAddresses, parseBrokerPorts, parseHost } from './addresses.ts'
import { type Document, type LimitDocument, LOG_LEVELS } from './document.ts'
import { suggestion } from './suggest.ts'
import { parseAmount, parseDuration, parseRate, type Quantity } from './units.ts'

/** What a dimension counts. */
export function quantityOf(dimension: Dimension): Quantity {
  return UNITS[dimension] === 'bytes' ? 'bytes' : 'requests'
}

/** An object that refuses keys it does not know: one line for each, with what was probably meant. */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => `unknown key${suggestion(key, known)}`).join('\n')
      return issue.code === 'invalid_type' ? `expected a mapping with ${known.join(', ')}` : undefined
    },
  })
}

/** Text with a form of its own; the parser's RangeError is the fault. Numbers are taken as their text, so that it can say what they lack. */
function text<T>(parse: (value: string) => T): z.ZodType<T, string | number> {
  return z.union([z.string(), z.number()]).transform((value, context) => attempt(() => parse(String(value)), context))
}

/** As `text`, where a number in the file is most likely a mistake. */
function string<T>(parse: (value: string) => T): z.ZodType<T, string> {
  return z.string({ error: notText }).transform((value, context) => attempt(() => parse(value), context))
}

function notText({ input }: { readonly input?: unknown }): string {
  return `expected text, not ${JSON.stringify(input)}; put it in quotes`
}

function attempt<T>(parse: () => T, context: z.core.$RefinementCtx): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
}

/** A list, or one value in its place. */
function listOf<T>(one: z.ZodType<T, string>): z.ZodType<T[], string | string[]> {
  return z.union([
    one.transform((value) => [value]),
    z.array(one, { error: notText }).min(1, 'an empty list matches nothing; leave the key out'),
  ])
}

const port = (min: 0 | 1): z.ZodInt => {
  const error = `ports are whole numbers from ${min} to 65535`
  return z.int({ error }).min(min, { error }).max(65_535, { error })
}

const count = (max: number): z.ZodInt => {
  const error = `expected a whole number from 1 to ${max}`
  return z.int({ error }).min(1, { error }).max(max, { error })
}

function bounded(valueMs: number, maxMs: number): number {
  if (valueMs > maxMs) throw new RangeError(`at most ${maxMs / 1000}s: clients give up on a request after 30 s`)
  return valueMs
}

const upstream = section({
  bootstrap: z
    .union([
      string(parseAddresses),
      z
        .array(
          string((value) => parseAddress(value, 1)),
          { error: notText },
        )
        .min(1, 'give at least one HOST:PORT'),
    ])
    .describe('Where Kafka is: HOST:PORT, several as a list or with commas. The first that answers is used.'),
}).describe('The brokers.')

const listen = section({
  host: string(parseHost).optional().describe('Address to listen on. Default 127.0.0.1: this machine or pod only.'),
  port: port(0)
    .optional()
    .describe('Port that applications put into bootstrap.servers. Default 9092; 0: any that is free.'),
  advertisedHost: string(parseHost)
    .optional()
    .describe(
      'Host that clients are told for every broker. Default: listen.host, or loopback where that is 0.0.0.0 or ::.',
    ),
  brokerPorts: text(parseBrokerPorts)
    .optional()
    .describe('Ports that stand for the brokers, one each: a range. Default 19092-19191; 0: any that are free.'),
}).describe('Where applications connect.')

const admin = z
  .union([
    z.literal(['off', false], { error: 'expected off' }),
    section({
      host: string(parseHost).optional().describe('Address of the admin pages. Default 127.0.0.1.'),
      port: port(0).optional().describe('Port of the admin pages. Default 9404; 0: any that is free.'),
    }),
  ])
  .describe('Health and metrics over HTTP; off: none.')

const pattern = string((value) => compilePattern(value).text)

const api = string((value) => {
  const { text: name, kind, matches } = compilePattern(value)
  const names = API_NAMES.filter(matches)
  if (names.length === 0) {
    throw new RangeError(
      kind === 'exact' ? `Kafka has no API ${name}${suggestion(name, API_NAMES)}` : `no API of Kafka matches ${name}`,
    )
  }
  if (names.every((known) => EXEMPT_REASONS[known] !== undefined)) {
    throw new RangeError(`${names.join(', ')} is never limited: ${EXEMPT_REASONS[names[0]!]}`)
  }
  return name
})

const PATTERN_HELP = 'Exactly, as a glob (* and ?) or a /regular expression/; one or a list.'

const matchShape = {
  clientId: listOf(pattern).optional().describe(`client.id of the request; '' if it has none. ${PATTERN_HELP}`),
  principal: listOf(pattern).optional().describe(`SASL user; '' without SASL. ${PATTERN_HELP}`),
  software: listOf(pattern)
    .optional()
    .describe(
      `Client library as it names itself (apache-kafka-java, librdkafka …); '' if it does not. ${PATTERN_HELP}`,
    ),
  api: listOf(api).optional().describe(`Kafka's name of the API (Produce, Metadata …). ${PATTERN_HELP}`),
}

const rate = (dimension: Dimension): z.ZodType<number, string | number> =>
  text((value) => parseRate(value, quantityOf(dimension)))

/** In an override `unlimited` lifts the limit. */
const overrideRate = (dimension: Dimension): z.ZodType<number, string | number> =>
  text((value) => (value === 'unlimited' ? Number.POSITIVE_INFINITY : parseRate(value, quantityOf(dimension))))

const limitOf = (of: typeof rate): z.ZodType<LimitDocument> =>
  section({
    produceBytes: of('produceBytes').optional().describe('Bytes of Produce requests: 5 MB/s, 512 KiB/s, 1 GB/min.'),
    fetchBytes: of('fetchBytes').optional().describe('Bytes of Fetch answers: 5 MB/s.'),
    requests: of('requests')
      .optional()
      .describe('Requests: 100/s, 20k/s, 30/min. Heartbeats, logins and the like do not count.'),
  })

const burst = z
  .union([z.string(), z.number()])
  .describe('What may go at once: seconds of the rate (2s) or an amount (10 MB; for requests 500). Default 1s.')

const override = section({
  ...matchShape,
  limit: limitOf(overrideRate).describe(
    'Limits of these keys; what is absent stays as in the quota. unlimited lifts one.',
  ),
  burst: burst.optional(),
})

const mode = z.enum(['enforce', 'observe'], { error: 'the modes are enforce and observe' })

const QUOTA_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/u

const quota = section({
  name: string((value) => {
    if (!QUOTA_NAME.test(value))
      throw new RangeError('a name is 1 to 64 letters, digits, - _ . and begins with a letter or digit')
    return value
  }).describe('Name in metrics, logs and explain.'),
  limit: limitOf(rate).describe('What is limited, and to how much.'),
  burst: burst.optional(),
  match: section(matchShape)
    .optional()
    .describe('Whom it concerns: every field given must match. Absent: all requests.'),
  per: z
    .array(
      z.enum(['clientId', 'principal', 'software', 'api'], {
        error: 'per takes clientId, principal, software and api',
      }),
    )
    .optional()
    .describe('One bucket for each combination of these. Absent: one bucket that all who match share.'),
  overrides: z
    .array(override)
    .max(OVERRIDES_MAX, `at most ${OVERRIDES_MAX} overrides`)
    .optional()
    .describe('Limits of their own for particular keys; the most specific one counts.'),
  mode: mode.optional().describe('observe: compute and report, but slow nobody. Default enforce.'),
})

const client = section({
  software: pattern.describe(
    "Client library as it names itself, exactly, as a glob or a /regular expression/; '' for none.",
  ),
  hold: text((value) => bounded(parseDuration(value), HOLD_MAX_MS))
    .optional()
    .describe('How long a request may be held back: 8s.'),
  throttle: text((value) => bounded(parseDuration(value), STAMP_MAX_MS))
    .optional()
    .describe('Longest throttle_time_ms that is told: 10s. 0s: none.'),
})

const limits = section({
  frameBytesMax: text((value) => {
    const bytes = /^\d+$/u.test(value) ? Number(value) : parseAmount(value, 'bytes')
    if (bytes < 1024 || bytes > 2 ** 31 - 1) throw new RangeError('a frame is at least 1 KiB and less than 2 GiB')
    return Math.floor(bytes)
  })
    .optional()
    .describe(
      `Largest frame that is let through. Default ${FRAME_BYTES_MAX}, as the broker's socket.request.max.bytes.`,
    ),
  connectionsMax: count(1_000_000).optional().describe(`Client connections at a time. Default ${CONNECTIONS_MAX}.`),
  bucketsMax: count(10_000_000).optional().describe(`Buckets at a time. Default ${BUCKETS_MAX}.`),
}).describe('Bounds of the process itself.')

/** The whole document. */
export const configSchema: z.ZodType<Document> = section({
  upstream,
  listen: listen.optional(),
  admin: admin.optional(),
  mode: mode.optional().describe('observe: every quota only observes, whatever its own mode. Default enforce.'),
  quotas: z
    .array(quota, { error: 'expected a list of quotas: each begins with "- name: …"' })
    .max(QUOTAS_MAX, `at most ${QUOTAS_MAX} quotas`)
    .optional()
    .describe('The limits. Every quota that matches a request applies to it.'),
  clients: z
    .array(client, { error: 'expected a list: each begins with "- software: …"' })
    .max(OVERRIDES_MAX, `at most ${OVERRIDES_MAX} clients`)
    .optional()
    .describe('Other times for client libraries than our own table has; the first that matches counts.'),
  log: section({
    level: z
      .enum(LOG_LEVELS, { error: `the levels are ${LOG_LEVELS.join(', ')}` })
      .optional()
      .describe('Default info.'),
  })
    .optional()
    .describe('What is logged.'),
  limits: limits.optional(),
}).describe('Configuration of kafka-sluice.')
