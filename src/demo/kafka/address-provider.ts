/** A Kafka that somebody else runs: looked at, used, left as it is. */
import { describeBrokers } from './admin.ts'
import {
  type KafkaBroker,
  type KafkaCluster,
  type KafkaOptions,
  type KafkaProvider,
  KafkaUnavailableError,
} from './cluster.ts'

export const addressProvider: KafkaProvider = {
  name: 'address given',
  unavailable: async ({ upstream }: KafkaOptions) => (upstream === undefined ? 'no address was given' : undefined),
  async start({ upstream = '', listeners }: KafkaOptions): Promise<KafkaCluster> {
    // Behind a login we cannot look from here; the applications will.
    const brokers = listeners !== undefined && listeners !== 'PLAINTEXT' ? [] : await lookAt(upstream)
    const refuse = (): Promise<never> =>
      Promise.reject(new Error(`the Kafka at ${upstream} is not ours to start and stop brokers of`))
    return {
      provider: 'address',
      bootstrap: upstream,
      internalBootstrap: upstream,
      brokers,
      stop: () => Promise.resolve(),
      killBroker: refuse,
      startBroker: refuse,
      addBroker: refuse,
    }
  },
}

async function lookAt(upstream: string): Promise<KafkaBroker[]> {
  try {
    const brokers = await describeBrokers(upstream)
    return brokers.map((broker) => ({ ...broker, boundPort: broker.port }))
  } catch (error) {
    throw new KafkaUnavailableError(`The Kafka given does not answer. ${(error as Error).message}`)
  }
}
