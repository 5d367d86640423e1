/** The move from the cluster's own quotas, each of which counts on each broker, to one limit over all of them. */
import { type KafkaConfigs, startKafkaConfigs } from '../support/kafka-configs.ts'
import { MEGA, type Recipe, written, writtenPanel } from './recipe.ts'
import { writes } from './recipes-data.ts'

const ENTITY = { clients: 'etl-moved' } as const
/** Started before the clock: a JVM takes its time. */
let tool: KafkaConfigs | undefined

export const KAFKA_QUOTAS: Recipe = {
  name: 'kafka-quotas',
  title: 'A quota of the cluster, enforced by the sluice over all brokers',
  description:
    'A client writes 3 MB/s over two brokers until kafka-configs allows it 1 MB/s: then it gets 1 MB/s, not 1 MB/s of each broker.',
  seconds: 44,
  begin: 0,
  topics: [{ topic: 'moved', partitions: 2 }],
  prepare: async (stage) => {
    const configs = await startKafkaConfigs(stage.kafka.internalBootstrap)
    tool = configs
    stage.after(async () => {
      await configs.alter(ENTITY, { producer_byte_rate: null })
      await configs.stop()
    })
  },
  acts: [
    writes(0, 'franz-go', { topic: 'moved', clientId: ENTITY.clients, bytesPerSecond: 3 * MEGA }),
    {
      second: 8,
      label: 'kafka-configs sets 1 MB/s',
      play: async () => tool?.alter(ENTITY, { producer_byte_rate: MEGA }),
    },
  ],
  panels: [
    writtenPanel(
      [written('etl-moved (franz-go), over two brokers', ENTITY.clients)],
      { value: 2, label: 'what two brokers would give' },
      { value: 1, label: 'producer_byte_rate 1 MB/s' },
    ),
  ],
}
