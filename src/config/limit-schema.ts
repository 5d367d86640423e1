/** Limits as zod sees them: each dimension in its own unit. */
import * as z from 'zod'
import { DIMENSIONS, type Dimension, isLevel, UNITS } from '../policy/dimensions.ts'
import type { LimitDocument } from './document.ts'
import { BURST, BYTE_RATE, COUNT_RATE, LEVEL, section, text } from './schema-parts.ts'
import { parseLevel, parseRate } from './units.ts'

/** What is limited, dimension by dimension. */
const DIMENSION_HELP: Readonly<Record<Dimension, string>> = {
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
export function limitSection(): z.ZodType<LimitDocument> {
  const shape = DIMENSIONS.map((dimension) => {
    const form = isLevel(dimension) ? LEVEL : UNITS[dimension] === 'bytes' ? BYTE_RATE : COUNT_RATE
    const one = text((value) => parseLimitOrNone(dimension, value), { anyOf: [form, { enum: ['unlimited'] }] })
    return [dimension, one.optional().describe(DIMENSION_HELP[dimension])] as const
  })
  const example = 'limit: { produceBytes: 5 MB/s }'
  return section(Object.fromEntries(shape), DIMENSION_HINTS, example) as unknown as z.ZodType<LimitDocument>
}

/** What may go at once; what it means depends on the limit beside it. */
export const burst: z.ZodType<string | number, string | number> = z
  .union([z.string(), z.number()])
  .meta({ json: BURST })
  .describe(
    'What may go at once: seconds of the rate (2s), or an amount (10 MB, 500) where all rates are of one unit. Default 1s.',
  )
