/** The face of the Kafka harness, for the demo and the tests. */
export { createTopic, describeBrokers, describeTopic, endOffsets, moveLeader } from './admin.ts'
export {
  type KafkaCluster,
  type KafkaOptions,
  KafkaUnavailableError,
} from './cluster.ts'
export { startKafka } from './kafka.ts'
