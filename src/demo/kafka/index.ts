/** The face of the Kafka harness, for the demo and the tests. */
export { createTopic, deleteTopic, describeBrokers, describeTopic, endOffsets, moveLeader } from './admin.ts'
export {
  KAFKA_VERSION,
  type KafkaBroker,
  type KafkaCluster,
  type KafkaOptions,
  KafkaUnavailableError,
} from './cluster.ts'
export { startKafka } from './kafka.ts'
