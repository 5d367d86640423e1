/**
 * Kafka from the official image, through testcontainers, which also removes the container when this process dies without
 * cleaning up. One plaintext broker: enough for the demo and most tests; what needs more goes to the jars.
 */
import { KAFKA_VERSION, type KafkaCluster, type KafkaOptions, type KafkaProvider } from './cluster.ts'
import { freePorts } from './ports.ts'
import { type NodePlan, propertiesEnvironment, serverProperties } from './properties.ts'

const START_MAX_MS = 180_000
const STARTED = /Kafka Server started/
/** Where the image's user may write. */
const DATA_DIRECTORY = '/tmp/kafka-sluice-data'

export const dockerProvider: KafkaProvider = {
  name: 'Docker',
  async unavailable(options: KafkaOptions): Promise<string | undefined> {
    const { brokers = 1, listeners = 'PLAINTEXT', advertise, host } = options
    if (brokers !== 1 || listeners !== 'PLAINTEXT' || advertise !== undefined) return 'runs one plain broker only'
    if (host !== undefined) return 'has an address of its own'
    const testcontainers = await import('testcontainers').catch(() => undefined)
    if (testcontainers === undefined) return 'the npm package testcontainers is not installed'
    return testcontainers.getContainerRuntimeClient().then(
      () => undefined,
      () => 'no Docker engine answers',
    )
  },
  start: startContainer,
}

async function startContainer(options: KafkaOptions): Promise<KafkaCluster> {
  const { version = KAFKA_VERSION, signal } = options
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers')
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime
  const [clientPort = 0, internalPort = 0, controllerPort = 0] = await freePorts(3)
  const plan: NodePlan = {
    id: 1,
    roles: ['broker', 'controller'],
    bindHost: '0.0.0.0',
    advertisedHost: host,
    clientPort,
    advertisedPort: clientPort,
    internalPort,
    controllerPort,
    dataDirectory: DATA_DIRECTORY,
  }
  const cluster = {
    brokersCount: 1,
    controllerVoter: `1@localhost:${controllerPort}`,
    listeners: 'PLAINTEXT',
    saslUsers: {},
    properties: options.properties ?? {},
  } as const
  options.log?.(`starting Kafka ${version} in Docker (the first time, the image is pulled)`)
  const container = await new GenericContainer(`apache/kafka:${version}`)
    .withEnvironment(propertiesEnvironment(serverProperties(cluster, plan)))
    .withExposedPorts(...[clientPort, internalPort].map((port) => ({ container: port, host: port })))
    .withWaitStrategy(Wait.forLogMessage(STARTED))
    .withStartupTimeout(START_MAX_MS)
    .start()
  const stop = async (): Promise<void> => {
    await container.stop()
  }
  if (signal?.aborted === true) {
    await stop()
    signal.throwIfAborted()
  }
  signal?.addEventListener('abort', () => void stop(), { once: true })
  const refuse = (): Promise<never> => Promise.reject(new Error('the Docker provider runs one broker, for good'))
  return {
    provider: 'docker',
    bootstrap: `${host}:${clientPort}`,
    internalBootstrap: `${host}:${internalPort}`,
    brokers: [{ id: 1, host, port: clientPort, boundPort: clientPort }],
    stop,
    killBroker: refuse,
    startBroker: refuse,
    addBroker: refuse,
  }
}
