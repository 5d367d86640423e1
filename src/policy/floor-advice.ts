/**
 * What to change in a client whose limit lies below its floor (design.md §5): which settings make its requests smaller, by
 * library. A request that is too large for its limit cannot be held back long enough without breaking the client.
 */
import { API_KEY } from 'kafka-protocol-codec'
import { isFetch } from './api-classes.ts'

interface Settings {
  readonly produce: string
  readonly fetch: string
}

const ANY: Settings = {
  produce: 'a smaller batch size and maximum request size',
  fetch: 'a smaller maximum fetch size',
}

/** By the names of `client-libraries.ts`. */
const BY_LIBRARY: Readonly<Record<string, Settings>> = {
  java: { produce: 'batch.size, max.request.size', fetch: 'max.partition.fetch.bytes, fetch.max.bytes' },
  librdkafka: { produce: 'batch.size, message.max.bytes', fetch: 'fetch.message.max.bytes, fetch.max.bytes' },
  sarama: { produce: 'Producer.Flush.MaxMessages, Producer.MaxMessageBytes', fetch: 'Consumer.Fetch.Default' },
  'franz-go': { produce: 'ProducerBatchMaxBytes', fetch: 'FetchMaxPartitionBytes, FetchMaxBytes' },
  'kafka-python': { produce: 'batch_size, max_request_size', fetch: 'max_partition_fetch_bytes, fetch_max_bytes' },
  platformatic: { produce: 'fewer messages in a send', fetch: 'maxBytes' },
}

/** The settings of `library` that make requests of this API smaller, undefined for an API whose requests have no size to speak of. */
export function floorAdvice(library: string, apiKey: number): string | undefined {
  const settings = BY_LIBRARY[library] ?? ANY
  if (apiKey === API_KEY.Produce) return settings.produce
  return isFetch(apiKey) ? settings.fetch : undefined
}
