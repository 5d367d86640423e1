/** Everything that a first run of the tests would otherwise fetch and build in their middle: `npm run test:prepare`. */
import { KAFKA_VERSION } from '../../src/demo/kafka/cluster.ts'
import { archiveKafkaClasses } from '../../src/demo/kafka/jar-provider.ts'
import { findJava, jarsUnavailable, kafkaJars } from '../../src/demo/kafka/jars.ts'
import { buildHelm, helmAvailable } from '../chart/helm.ts'
import {
  buildClient,
  buildCollector,
  buildKafkaConfigs,
  buildKafkaTools,
  CLIENT_NAMES,
  type ClientName,
  clientAvailable,
} from './clients.ts'

/** Says what is ready and what is missing; the exit code, 1 where something is. */
export async function prepare(): Promise<number> {
  const missing = await prepareKafka()
  for (const name of CLIENT_NAMES) missing.push(...(await prepareClient(name)))
  const helm = await helmAvailable()
  if (helm.ok) await buildHelm()
  else missing.push(`the chart ${helm.why}`)
  missing.push(...(await prepareCollector()))
  for (const line of missing) console.log(`missing: ${line}`)
  return missing.length === 0 ? 0 : 1
}

async function prepareKafka(): Promise<string[]> {
  const java = await findJava()
  const why = 'why' in java ? java.why : await jarsUnavailable(KAFKA_VERSION)
  if ('why' in java || why !== undefined) return [`Kafka from its jars: ${why}`]
  await archiveKafkaClasses(java, await kafkaJars(KAFKA_VERSION, console.log, undefined))
  console.log('ready: Kafka')
  return []
}

async function prepareClient(name: ClientName): Promise<readonly string[]> {
  const { ok, why } = await clientAvailable(name)
  if (!ok) return [`the ${name} client ${why}`]
  await buildClient(name)
  if (name === 'java') await buildKafkaTools()
  if (name === 'java') await buildKafkaConfigs()
  console.log(`ready: the ${name} client`)
  return []
}

async function prepareCollector(): Promise<string[]> {
  const collector = await buildCollector()
  if (typeof collector === 'string') return [`the OpenTelemetry receiver ${collector}`]
  console.log('ready: the OpenTelemetry receiver')
  return []
}
