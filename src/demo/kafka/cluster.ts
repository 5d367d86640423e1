/**
 * What a Kafka for the demo and the tests looks like from outside, whoever runs it: somebody else, Docker, or the Apache
 * jars on local Java. Types and the one error only, so that providers and callers share words and nothing else.
 */

/** The release that everything is tried against unless asked otherwise. */
export const KAFKA_VERSION = '4.4.0'

/** Kafka's names. */
export type SecurityProtocol = 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL'

export interface KafkaOptions {
  /** A Kafka that runs already, `host:port[,…]`: nothing is started, nothing is stopped. */
  readonly upstream?: string | undefined
  /** An address of this machine that brokers listen on and are known by, where loopback is not reached: from a pod, a container. */
  readonly host?: string | undefined
  /** How many brokers, node ids 1…n. One broker is its own controller; more get a controller beside them. */
  readonly brokers?: number | undefined
  readonly version?: string | undefined
  /** What clients meet (certificates come in `properties`); between brokers and for `internalBootstrap` it is always PLAINTEXT. */
  readonly listeners?: SecurityProtocol | undefined
  /** User name → password, good for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly saslUsers?: Readonly<Record<string, string>> | undefined
  /** Server properties on top of ours, for every broker. */
  readonly properties?: Readonly<Record<string, string>> | undefined
  /** Most heap for each broker's JVM. */
  readonly heapMb?: number | undefined
  /**
   * Called before a broker starts for the first time, with the address that it will bind; returns the port on the same host
   * to tell applications instead. Something that listens there, and forwards, sees all that is said to the broker.
   */
  readonly advertise?: ((broker: { id: number; host: string; port: number }) => Promise<number>) | undefined
  /** Progress for a person, line by line: the first start may download for a while. */
  readonly log?: ((line: string) => void) | undefined
  /** Aborting gives up a start that is under way, and stops a cluster that runs. */
  readonly signal?: AbortSignal | undefined
}

export interface KafkaBroker {
  readonly id: number
  readonly host: string
  /** The port that applications are told. */
  readonly port: number
  /** The port that the broker itself listens on; another one only with `advertise`. */
  readonly boundPort: number
  /** The process behind it; absent when it is not ours, not local, or not running. */
  readonly pid?: number | undefined
}

export interface KafkaCluster {
  readonly provider: 'address' | 'docker' | 'jars'
  /** What an application would put into `bootstrap.servers`: the brokers that are running. */
  readonly bootstrap: string
  /** The same brokers by a listener without login that no application uses: for administration and as a neutral view. */
  readonly internalBootstrap: string
  readonly brokers: readonly KafkaBroker[]
  stop(): Promise<void>
  /** Kills without warning, as a crash would; returns when the process is gone. */
  killBroker(id: number): Promise<void>
  /** Starts a killed broker again on its old port with its old data; returns when it serves. */
  startBroker(id: number): Promise<void>
  /** Adds one more broker and returns its id when it serves. */
  addBroker(): Promise<number>
}

/** One way of getting a Kafka. */
export interface KafkaProvider {
  readonly name: string
  /** Why it cannot do what is asked here, in a few words; undefined when it can. */
  unavailable(options: KafkaOptions): Promise<string | undefined>
  start(options: KafkaOptions): Promise<KafkaCluster>
}

/** Nothing on this machine can run Kafka, or it did not come up; the message is for the person at the terminal. */
export class KafkaUnavailableError extends Error {
  override readonly name = 'KafkaUnavailableError'
}
