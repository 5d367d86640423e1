/** Wakes the group coordinator of fresh brokers, past the sluice: kafkajs takes "still loading" for a crash of its consumer. */
import { createTopic, type KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { runClient } from '../../support/clients.ts'

const TOPIC = 'warm-up'

export async function warmUp({ internalBootstrap: bootstrap }: KafkaCluster): Promise<void> {
  await createTopic(bootstrap, { topic: TOPIC, partitions: 1 })
  await runClient('kafkajs', 'roundtrip', { bootstrap, topic: TOPIC, count: 10 })
}
