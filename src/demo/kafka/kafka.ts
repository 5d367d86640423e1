/**
 * A Kafka to try things on, from whatever this machine has: an address that the user gives, else Docker, else the Apache
 * jars on local Java. The demo and the tests start theirs here.
 */
import { addressProvider } from './address-provider.ts'
import {
  KAFKA_VERSION,
  type KafkaCluster,
  type KafkaOptions,
  type KafkaProvider,
  KafkaUnavailableError,
} from './cluster.ts'
import { dockerProvider } from './docker-provider.ts'
import { jarProvider } from './jar-provider.ts'

const PROVIDERS: readonly KafkaProvider[] = [dockerProvider, jarProvider]

/** Starts a Kafka, or says why none can be had. A provider that is there but fails is an error, not a reason for the next. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  if (options.upstream !== undefined) return addressProvider.start(options)
  const reasons: string[] = []
  for (const provider of PROVIDERS) {
    const why = await provider.unavailable(options)
    options.signal?.throwIfAborted()
    if (why === undefined) return provider.start(options)
    reasons.push(`${provider.name}: ${why}`)
  }
  throw new KafkaUnavailableError(unavailableText(reasons, options.version ?? KAFKA_VERSION))
}

/** The message for a machine with nothing on it: what was tried, and every way out. */
export function unavailableText(reasons: readonly string[], version: string): string {
  return [
    `There is no way to run Kafka ${version} on this machine.`,
    ...reasons.map((reason) => `  ${reason}`),
    'Ways out:',
    '  install Docker and start its engine, or',
    '  install Java 17 or later and Maven (the Kafka jars are then fetched once and cached), or',
    '  pass --upstream HOST:PORT of a Kafka that runs already.',
  ].join('\n')
}
