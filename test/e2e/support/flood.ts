/** Clients that produce or consume as fast as they can until they are told to stop, and what they say of it. */
import type { ClientConfig } from '../../support/clients.ts'
import { type PerfTool, startPerfConsumer, startPerfProducer } from '../../support/perf-tools.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { startProgram } from './program-flood.ts'

/** Java with one connection is Kafka's own performance tool; all else are the programs in test/clients. */
export const FLOOD_LIBRARIES = ['java', 'librdkafka', 'kafkajs', 'sarama', 'franz-go'] as const
export type FloodLibrary = (typeof FLOOD_LIBRARIES)[number]

type Settings = Readonly<Record<string, unknown>>

export interface FloodConfig {
  readonly library: FloodLibrary
  readonly bootstrap: string
  readonly topic: string
  readonly clientId: string
  readonly connections: number
  readonly recordBytes: number
  /** Settings in the library's own words, where the defaults will not do. */
  readonly settings?: Settings
}

/** What the client met: nothing, if all was well. */
export interface FloodEnd {
  readonly timeouts: number
  readonly disconnects: number
  readonly errors: number
  /** For people: the first complaints. */
  readonly complaints: readonly string[]
}

export interface Flood {
  /** How it ended, if it has by itself. */
  readonly ended: string | undefined
  /** For people: what it has told last. */
  says(): string
  stop(): Promise<FloodEnd>
}

/** More than any flood here comes to. */
const ENDLESS_RECORDS = 1_000_000_000
const COMPLAINTS_MAX = 5
/** Kafka's consumer tool leaves after ten seconds without a record, which a crowded machine takes to start it. */
const CONSUMER_PATIENCE_MS = 600_000
/**
 * What one instance of our programs may have on its way: more than the kernel takes (8 MB), so that it is always a flood, and
 * not the 100 MB and more that a library would hoard, which costs time and, in eight Java producers, more than the heap.
 * kafkajs has no bound but what the application awaits: five calls of 100 records, as our program and most applications do; each
 * call more is one that waits 30 s at most from its write, wherever it waits.
 */
const PENDING_BYTES_MAX: Readonly<Record<FloodLibrary, number | undefined>> = {
  ...{ java: 8_000_000, librdkafka: 16_000_000, kafkajs: undefined, sarama: 16_000_000, 'franz-go': 16_000_000 },
}
/** All instances of one program together: fifty floods fit into a heap and are made in seconds. */
const PENDING_BYTES_ALL = 128_000_000

/**
 * Settings for a flood of requests, where the defaults make few large ones: librdkafka, Sarama and franz-go fill up to 1 MB while
 * they wait, and all consumers ask for 1 MB of a partition. Fifty of those a second are more than two cores can make.
 */
export const REQUEST_FLOOD: Readonly<Record<FloodLibrary, { readonly produce: Settings; readonly fetch: Settings }>> = {
  // Batches of 16 kB, five requests at a time.
  java: { produce: {}, fetch: { 'max.partition.fetch.bytes': 65_536 } },
  librdkafka: { produce: { 'batch.num.messages': 10 }, fetch: { 'fetch.message.max.bytes': 65_536 } },
  // Our program hands it 100 records a call.
  kafkajs: { produce: {}, fetch: { maxBytesPerPartition: 65_536 } },
  sarama: {
    produce: { Producer: { Flush: { MaxMessages: 10 } } },
    fetch: { Consumer: { Fetch: { Default: 65_536 } } },
  },
  'franz-go': { produce: { ProducerBatchMaxBytes: 16_384 }, fetch: { FetchMaxPartitionBytes: 65_536 } },
}

export async function startProducers(context: Surroundings, config: FloodConfig): Promise<Flood> {
  const { library, bootstrap, topic, clientId, connections, recordBytes, settings = {} } = config
  if (library === 'java' && connections === 1) {
    const properties = { 'client.id': clientId, ...strings(settings) }
    const options = { bootstrap, topic, records: ENDLESS_RECORDS, recordBytes, properties }
    return fromTool(context, await startPerfProducer(options))
  }
  const pendingBytes = PENDING_BYTES_MAX[library]
  const bound =
    pendingBytes === undefined ? Number.POSITIVE_INFINITY : Math.min(pendingBytes, PENDING_BYTES_ALL / connections)
  const maxPending = Number.isFinite(bound) ? { maxPending: Math.floor(bound / recordBytes) } : {}
  return startProgram(context, library, 'produce', { ...programConfig(config), ...maxPending, producer: settings })
}

/** Each of the connections reads the whole topic. */
export async function startConsumers(context: Surroundings, config: FloodConfig): Promise<Flood> {
  const { library, bootstrap, topic, clientId, connections, settings } = config
  // The tool overrules settings for the size of a fetch with flags of its own.
  if (library === 'java' && connections === 1 && settings === undefined) {
    const properties = { 'client.id': clientId }
    return fromTool(
      context,
      await startPerfConsumer({
        ...{ bootstrap, topic, records: ENDLESS_RECORDS, properties },
        timeoutMs: CONSUMER_PATIENCE_MS,
      }),
    )
  }
  return startProgram(context, library, 'consume', { ...programConfig(config), consumer: settings ?? {} })
}

function programConfig({ bootstrap, topic, clientId, connections, recordBytes }: FloodConfig): ClientConfig {
  return { bootstrap, topic, clientId, connections, recordBytes }
}

function fromTool(context: Surroundings, tool: PerfTool): Flood {
  context.after(() => tool.kill())
  let ended: string | undefined
  tool.ended.then(
    (end) => {
      ended = `with ${end}`
    },
    (error: Error) => {
      ended = error.message
    },
  )
  return {
    get ended() {
      return ended
    },
    says: () => tool.lines.slice(-COMPLAINTS_MAX).join(', '),
    stop: async () => {
      const complaints = [...tool.timeouts, ...tool.disconnects]
      const [timeouts, disconnects] = [tool.timeouts.length, tool.disconnects.length]
      await tool.kill()
      return { timeouts, disconnects, errors: 0, complaints: complaints.slice(0, COMPLAINTS_MAX) }
    },
  }
}

function strings(settings: Settings): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]))
}
