/**
 * Server properties for one node of a small KRaft cluster on this machine. Three listeners: CLIENT is what applications
 * and the sluice meet; INTERNAL, always plaintext, is for the brokers among themselves and for our own looking; CONTROLLER
 * is the quorum's. So whoever is connected to the CLIENT port is a client, which tests rely on.
 */
import { randomBytes } from 'node:crypto'
import type { SecurityProtocol } from './cluster.ts'

export interface NodePlan {
  readonly id: number
  readonly roles: readonly ('broker' | 'controller')[]
  /** The address that the node binds; inside a container it is not the one that it advertises. */
  readonly bindHost: string
  readonly advertisedHost: string
  readonly clientPort: number
  /** The port to tell applications for `clientPort`. */
  readonly advertisedPort: number
  readonly internalPort: number
  readonly controllerPort: number
  readonly dataDirectory: string
}

export interface ClusterPlan {
  readonly brokersCount: number
  /** `id@host:port` of the one controller. */
  readonly controllerVoter: string
  readonly listeners: SecurityProtocol
  readonly saslUsers: Readonly<Record<string, string>>
  readonly properties: Readonly<Record<string, string>>
}

export type Properties = Readonly<Record<string, string>>

const REPLICAS_MAX = 3

export function serverProperties(cluster: ClusterPlan, node: NodePlan): Properties {
  return {
    'node.id': String(node.id),
    'process.roles': node.roles.join(','),
    ...listenerProperties(cluster, node),
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': cluster.controllerVoter,
    'log.dirs': node.dataDirectory,
    ...smallClusterProperties(cluster.brokersCount),
    ...(cluster.listeners.startsWith('SASL_') ? saslProperties(cluster.saslUsers) : {}),
    ...cluster.properties,
  }
}

function listenerProperties(cluster: ClusterPlan, node: NodePlan): Properties {
  const broker = [`CLIENT://${node.bindHost}:${node.clientPort}`, `INTERNAL://${node.bindHost}:${node.internalPort}`]
  const controller = [`CONTROLLER://${node.bindHost}:${node.controllerPort}`]
  const isBroker = node.roles.includes('broker')
  const advertised = [
    `CLIENT://${node.advertisedHost}:${node.advertisedPort}`,
    `INTERNAL://${node.advertisedHost}:${node.internalPort}`,
  ]
  return {
    listeners: [...(isBroker ? broker : []), ...(node.roles.includes('controller') ? controller : [])].join(','),
    ...(isBroker ? { 'advertised.listeners': advertised.join(','), 'inter.broker.listener.name': 'INTERNAL' } : {}),
    'listener.security.protocol.map': `CLIENT:${cluster.listeners},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
  }
}

/** Kafka's defaults are for large and lasting clusters; these start fast, stay small and notice a death in seconds. */
function smallClusterProperties(brokersCount: number): Properties {
  const replicas = String(Math.min(brokersCount, REPLICAS_MAX))
  return {
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '5',
    'group.initial.rebalance.delay.ms': '0',
    'leader.imbalance.check.interval.seconds': '2',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'broker.session.timeout.ms': '6000',
    'broker.heartbeat.interval.ms': '1000',
  }
}

function saslProperties(users: Readonly<Record<string, string>>): Properties {
  const plainUsers = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`)
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  return {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.client.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required${plainUsers.join('')};`,
    'listener.name.client.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.client.scram-sha-512.sasl.jaas.config': scram,
  }
}

/** An id as Kafka writes its UUIDs; like Kafka's own it never begins with a dash, which a command line takes for an option. */
export function kafkaUuid(random: (size: number) => Buffer = randomBytes): string {
  for (;;) {
    const id = random(16).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/** What `StorageTool format` needs so that SCRAM users exist from the first second. */
export function scramArguments(users: Readonly<Record<string, string>>): string[] {
  return Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  )
}

/** As a .properties file; backslashes are that format's escape character. */
export function propertiesText(properties: Properties): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value.replaceAll('\\', '\\\\')}\n`)
    .join('')
}

/** As the official container image takes them: `a.b-c_d` → `KAFKA_A_B___C__D`. */
export function propertiesEnvironment(properties: Properties): Record<string, string> {
  const entries = Object.entries(properties).map(([key, value]): [string, string] => {
    const name = key.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_')
    return [`KAFKA_${name.toUpperCase()}`, value]
  })
  return Object.fromEntries(entries)
}
