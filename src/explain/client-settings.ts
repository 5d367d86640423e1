/**
 * Which settings of a client library change how it takes a limit, by what was observed of it. Names and defaults are those of the
 * libraries' own documentation. What makes requests smaller is in `policy/floor-advice.ts`.
 */

/** What may be wrong with the way in which a client sends. */
export type Habit = 'smallProduces' | 'smallFetches' | 'throttled' | 'manyConnections'

const CONNECTIONS: Readonly<Record<string, string>> = {
  java: 'share one KafkaProducer between threads; it is thread-safe',
  librdkafka: 'share one producer handle between threads',
  sarama: 'share one Client and one AsyncProducer between goroutines',
  'franz-go': 'share one kgo.Client between goroutines',
}
const ANY_CONNECTIONS = 'share one producer in a process'

const ANY: Readonly<Record<Exclude<Habit, 'manyConnections'>, string>> = {
  smallProduces:
    'kafkajs: more messages in one send() or sendBatch(); kafka-go: Writer.BatchSize and BatchTimeout; others: a longer linger and a larger batch',
  smallFetches: 'kafkajs: minBytes and maxWaitTimeInMs; kafka-go: ReaderConfig.MinBytes and MaxWait',
  throttled:
    'kafkajs: maxInFlightRequests (unbounded by default) bounds what waits here, requestTimeout (30 s) has to exceed it; kafka-go: Writer.WriteTimeout (10 s)',
}

/** By the names of `policy/client-libraries.ts`. */
const BY_LIBRARY: Readonly<Record<string, typeof ANY>> = {
  java: {
    smallProduces: 'linger.ms (5 ms since 4.0, 0 before) and batch.size (16 kB) larger: more records in a request',
    smallFetches: 'fetch.min.bytes (1) and fetch.max.wait.ms (500 ms) larger',
    throttled:
      'buffer.memory (32 MB) bounds what waits in the client, then send() blocks for max.block.ms (60 s); delivery.timeout.ms (120 s) has to exceed the wait; max.in.flight.requests.per.connection (5)',
  },
  librdkafka: {
    smallProduces: 'linger.ms (5 ms) and batch.num.messages (10,000) larger: more messages in a request',
    smallFetches: 'fetch.min.bytes (1) and fetch.wait.max.ms (500 ms) larger',
    throttled:
      'queue.buffering.max.messages and queue.buffering.max.kbytes (1 GB) bound what waits in the client; message.timeout.ms (300 s) has to exceed the wait; max.in.flight (1,000,000) lower, so that fewer requests age while they wait',
  },
  sarama: {
    smallProduces:
      'Producer.Flush.Frequency, Flush.Messages and Flush.Bytes (all 0: it sends as soon as it can, a few messages at a time)',
    smallFetches: 'Consumer.Fetch.Min (1) and Consumer.MaxWaitTime larger',
    throttled:
      'ChannelBufferSize (256) bounds what waits in the client, and blocks the application behind it; Net.MaxOpenRequests (5) lower, so that fewer requests, and heartbeats, wait behind a held one',
  },
  'franz-go': {
    smallProduces: 'ProducerLinger longer: more records in a request',
    smallFetches: 'FetchMinBytes (1) and FetchMaxWait (5 s) larger',
    throttled:
      'MaxBufferedRecords (10,000) and MaxBufferedBytes bound what waits in the client; RecordDeliveryTimeout, where it is set, has to exceed the wait',
  },
  'kafka-python': {
    smallProduces: 'linger_ms (0) and batch_size (16 kB) larger: more records in a request',
    smallFetches: 'fetch_min_bytes (1) and fetch_max_wait_ms (500 ms) larger',
    throttled:
      'nothing bounds what waits in a producer of kafka-python 3 (before: buffer_memory): await futures, or flush(), every so many records; delivery_timeout_ms (120 s) has to exceed the wait',
  },
  platformatic: {
    smallProduces: 'more messages in one send()',
    smallFetches: 'minBytes and maxWaitTime larger',
    throttled: 'await each send(); the timeout of a request (30 s) has to exceed the wait',
  },
  rskafka: {
    smallProduces: 'BatchProducerBuilder::with_linger longer, and a larger RecordAggregator',
    smallFetches: 'StreamConsumerBuilder::with_min_batch_size and with_max_wait_ms larger',
    throttled: 'await each produce(): it returns when its batch is stored',
  },
}

/** The settings of `library` that mend a habit. */
export function settingsFor(habit: Habit, library: string): string {
  if (habit === 'manyConnections') return CONNECTIONS[library] ?? ANY_CONNECTIONS
  return (BY_LIBRARY[library] ?? ANY)[habit]
}
