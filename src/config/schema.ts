/**
 * The configuration document as zod sees it: what is written in, plain numbers out. Every key is described, because the JSON
 * Schema for editors is made from this. What concerns several keys at once is in `checks.ts`.
 */
import * as z from 'zod'
import {
  BUCKETS_MAX,
  CONNECTIONS_MAX,
  FOLLOW_INTERVAL_MAX_MS,
  FOLLOW_INTERVAL_MIN_MS,
  FRAME_BYTES_MAX,
  HOLD_MAX_MS,
  LABELS_MAX,
  METRICS_CLIENTS_LIMIT,
  METRICS_CLIENTS_MAX,
  METRICS_GROUPS_LIMIT,
  METRICS_GROUPS_MAX,
  METRICS_IDLE_MAX_MS,
  METRICS_IDLE_MIN_MS,
  METRICS_PARTITIONS_LIMIT,
  METRICS_PARTITIONS_MAX,
  OVERRIDES_MAX,
  QUOTAS_MAX,
  STAMP_MAX_MS,
} from '../bounds.ts'
import { parseAddress, parseAddresses, parseBrokerPorts, parseHost } from './addresses.ts'
import { type Document, type FollowKafka, LOG_LEVELS, type QuotasDocument } from './document.ts'
import { LABEL_NAME, parseLabelName, parseLabelValue } from './labels.ts'
import { exceptions, pattern } from './match-schema.ts'
import { mode, quota } from './quota-schema.ts'
import { count, DURATION, named, port, SIZE, section, string, text } from './schema-parts.ts'
import { adminTokenFile, listenSasl, listenTls, upstreamSasl, upstreamTls } from './security-schema.ts'
import { telemetrySchema } from './telemetry-schema.ts'
import { parseAmount, parseDuration } from './units.ts'

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
          string((value) => parseAddress(value, 1), { examples: ['kafka-0:9092'] }),
          { error: 'expected HOST:PORT, or a list of them' },
        )
        .min(1, 'give at least one HOST:PORT'),
    ])
    .describe('Where Kafka is: HOST:PORT, several as a list or with commas. The first that answers is used.'),
  tls: upstreamTls.optional().describe('TLS to the brokers: true, or a mapping. Default: none.'),
  sasl: upstreamSasl
    .optional()
    .describe(
      'We log in at the brokers ourselves; applications need no credentials. Default: logins of clients pass through.',
    ),
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
  brokerPorts: text(parseBrokerPorts, {
    anyOf: [{ type: 'string', pattern: '^\\s*(0|\\d{1,5}\\s*-\\s*\\d{1,5})\\s*$' }, { enum: [0] }],
    examples: ['19092-19191'],
  })
    .optional()
    .describe('Ports that stand for the brokers, one each: a range. Default 19092-19191; 0: any that are free.'),
  tls: listenTls.optional().describe('TLS on every port that applications connect to. Default: none.'),
  sasl: listenSasl
    .optional()
    .describe('Logins of clients are verified here. Default: they pass through to the broker.'),
}).describe('Where applications connect.')

const admin = z
  .union([
    z.literal(['off', false], { error: 'expected off' }),
    section({
      host: string(parseHost).optional().describe('Address of the admin pages. Default 127.0.0.1.'),
      port: port(0).optional().describe('Port of the admin pages. Default 9404; 0: any that is free.'),
      tokenFile: adminTokenFile
        .optional()
        .describe(
          'File of a token: with it as bearer, /api may be used from other machines. Default: from this one only.',
        ),
    }),
  ])
  .describe('Health and metrics over HTTP; off: none.')

const client = section({
  software: pattern.describe(
    "Client library as it names itself, exactly, as a glob or a /regular expression/; '' for none.",
  ),
  hold: text((value) => bounded(parseDuration(value), HOLD_MAX_MS), DURATION)
    .optional()
    .describe('How long a request may be held back: 8s.'),
  throttle: text((value) => bounded(parseDuration(value), STAMP_MAX_MS), DURATION)
    .optional()
    .describe('Longest throttle_time_ms that is told: 10s. 0s: none.'),
})

const limits = section({
  frameBytesMax: text((value) => {
    const bytes = /^\d+$/u.test(value) ? Number(value) : parseAmount(value, 'bytes')
    if (bytes < 1024 || bytes > 2 ** 31 - 1) throw new RangeError('a frame is at least 1 KiB and less than 2 GiB')
    return Math.floor(bytes)
  }, SIZE)
    .optional()
    .describe(
      `Largest frame that is let through. Default ${FRAME_BYTES_MAX}, as the broker's socket.request.max.bytes.`,
    ),
  connectionsMax: count(1_000_000).optional().describe(`Client connections at a time. Default ${CONNECTIONS_MAX}.`),
  bucketsMax: count(10_000_000).optional().describe(`Buckets at a time. Default ${BUCKETS_MAX}.`),
}).describe('Bounds of the process itself.')

const metrics = section({
  clientsMax: count(METRICS_CLIENTS_LIMIT, 0)
    .optional()
    .describe(
      `Client ids with series of their own; the others share (other). 0: none has. Default ${METRICS_CLIENTS_MAX}.`,
    ),
  groupsMax: count(METRICS_GROUPS_LIMIT, 0)
    .optional()
    .describe(
      `Consumer groups with series of their own; the others share (other). 0: none has. Default ${METRICS_GROUPS_MAX}.`,
    ),
  partitionsMax: count(METRICS_PARTITIONS_LIMIT, 0)
    .optional()
    .describe(`Partitions of groups whose lag is told. 0: lag is not followed. Default ${METRICS_PARTITIONS_MAX}.`),
  idle: text((value) => {
    const idleMs = parseDuration(value)
    if (idleMs >= METRICS_IDLE_MIN_MS && idleMs <= METRICS_IDLE_MAX_MS) return idleMs
    throw new RangeError(`"${value}" is not from 1m to 1d`)
  }, DURATION)
    .optional()
    .describe('How long the series of clients, groups and partitions stay that nobody hears of. Default 15m.'),
}).describe('How many series /metrics may have.')

const INTERVAL_DEFAULT_MS = 30_000

const followKafka: z.ZodType<FollowKafka | undefined> = z
  .union([
    z.boolean({ error: 'expected true' }),
    section({
      interval: text((value) => {
        const intervalMs = parseDuration(value)
        if (intervalMs >= FOLLOW_INTERVAL_MIN_MS && intervalMs <= FOLLOW_INTERVAL_MAX_MS) return intervalMs
        throw new RangeError(`"${value}" is not from ${FOLLOW_INTERVAL_MIN_MS / 1000}s to 1h`)
      }, DURATION)
        .optional()
        .describe('How often the cluster is asked. Default 30s.'),
      mode: mode.optional().describe('observe: what is followed only observes. Default enforce.'),
    }),
  ])
  .transform((written) => {
    if (written === false) return undefined
    const { interval = INTERVAL_DEFAULT_MS, mode: ofAll = 'enforce' } = written === true ? {} : written
    return { intervalMs: interval, mode: ofAll }
  })

const FOLLOW_HELP =
  'Also enforces the quotas that the cluster itself keeps (kafka-configs), each over all brokers at once, and follows their changes.'

const rules = z
  .array(quota, { error: 'expected a list of quotas: each begins with "- name: …"' })
  .max(QUOTAS_MAX, `at most ${QUOTAS_MAX} quotas`)

const LIST_HINT = 'quotas is a list: each begins with "- name: …"'

const quotas: z.ZodType<QuotasDocument> = z.union(
  [
    rules.transform((list) => ({ rules: list, followKafka: undefined })),
    section(
      {
        followKafka: followKafka.optional().describe(FOLLOW_HELP),
        rules: rules.optional().describe('The limits: a list.'),
      },
      { name: LIST_HINT, limit: LIST_HINT, list: 'did you mean rules?', quotas: 'did you mean rules?' },
    ).transform(({ followKafka: follow, rules: list = [] }) => ({ rules: list, followKafka: follow })),
  ],
  { error: 'expected a list of quotas: each begins with "- name: …"; or a mapping with followKafka and rules' },
)

/** The whole document. */
export const configSchema: z.ZodType<Document> = section(
  {
    upstream,
    listen: listen.optional(),
    admin: admin.optional(),
    mode: mode.optional().describe('observe: every quota only observes, whatever its own mode. Default enforce.'),
    labels: named(parseLabelName, { pattern: LABEL_NAME.source }, string(parseLabelValue))
      .refine((labels) => Object.keys(labels).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`)
      .optional()
      .describe('Labels of the workload that this process stands beside, for quotas to match.'),
    labelsFile: string(
      (value) => {
        if (value === '') throw new RangeError('the path is empty; leave the key out')
        return value
      },
      { examples: ['/etc/podinfo/labels'] },
    )
      .optional()
      .describe("File of labels as Kubernetes' downward API writes it. Read once, at the start."),
    exempt: exceptions.optional().describe('Whom no quota ever limits: a list of matches.'),
    quotas: quotas
      .optional()
      .describe('The limits: a list. Every quota that matches a request applies to it. Or a mapping with followKafka.'),
    followKafka: followKafka.optional().describe(FOLLOW_HELP),
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
    metrics: metrics.optional(),
    telemetry: telemetrySchema.optional(),
    limits: limits.optional(),
  },
  { rules: 'did you mean quotas?', rateLimits: 'did you mean quotas?' },
).describe('Configuration of kafka-sluice.')
