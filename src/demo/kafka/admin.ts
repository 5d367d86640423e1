/**
 * The little administration that the demo and the tests need: topics, leaders, offsets. Each call opens one connection to
 * one broker and closes it, so nothing of it lingers; give it a cluster's `internalBootstrap`, then applications' ports see
 * applications only. Any broker takes any of these requests and passes on what is the controller's.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Admin, alterPartitionReassignmentsV0, Connection, createTopicsV7, metadataV12 } from '@platformatic/kafka'

const CLIENT_ID = 'kafka-sluice-harness'
const REQUEST_MAX_MS = 10_000
const SETTLE_MAX_MS = 30_000
const SETTLE_POLL_MS = 50
const LATEST = -1n

export interface NewTopic {
  readonly topic: string
  readonly partitions?: number
  readonly replicas?: number
  readonly configs?: Readonly<Record<string, string>>
}

export interface BrokerAddress {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface PartitionState {
  readonly partition: number
  /** −1 while there is none. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/** Returns when every broker in `bootstrap` knows the topic and all its leaders, so that clients start without retries. */
export async function createTopic(bootstrap: string, options: NewTopic): Promise<void> {
  const { topic, partitions = 1, replicas = 1, configs = {} } = options
  const request = {
    name: topic,
    numPartitions: partitions,
    replicationFactor: replicas,
    assignments: [],
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  }
  await withConnection(bootstrap, (connection) =>
    createTopicsV7.api.async(connection, [request], REQUEST_MAX_MS, false),
  )
  for (const address of bootstrap.split(',')) {
    await settled(`topic ${topic} has its leaders at ${address}`, async () => {
      const found = await describeTopic(address, topic).catch(() => [])
      return found.length === partitions && found.every((partition) => partition.leader >= 0)
    })
  }
}

export async function describeTopic(bootstrap: string, topic: string): Promise<PartitionState[]> {
  const answer = await withConnection(bootstrap, (connection) =>
    metadataV12.api.async(connection, [topic], false, false),
  )
  const partitions = answer.topics.find((found) => found.name === topic)?.partitions ?? []
  return partitions
    .map((found) => ({
      partition: found.partitionIndex,
      leader: found.leaderId,
      replicas: found.replicaNodes,
      inSync: found.isrNodes,
    }))
    .sort((left, right) => left.partition - right.partition)
}

/** The brokers that are alive in the eyes of the one asked, with the addresses of the listener that was asked. */
export async function describeBrokers(bootstrap: string): Promise<BrokerAddress[]> {
  const answer = await withConnection(bootstrap, (connection) => metadataV12.api.async(connection, [], false, false))
  return answer.brokers
    .map(({ nodeId, host, port }) => ({ id: nodeId, host, port }))
    .sort((left, right) => left.id - right.id)
}

/** How many brokers the one at this address sees; 0 while it does not answer. */
export async function countBrokers(address: string): Promise<number> {
  return describeBrokers(address).then(
    (brokers) => brokers.length,
    () => 0,
  )
}

/**
 * Makes `to` the leader: it becomes the first replica, in place of the last one if it was none. The controller's balancer
 * (every 2 s in our clusters) hands it the leadership.
 */
export async function moveLeader(bootstrap: string, topic: string, partition: number, to: number): Promise<void> {
  const state = (await describeTopic(bootstrap, topic)).find((found) => found.partition === partition)
  if (state === undefined) throw new Error(`there is no partition ${partition} of ${topic}`)
  const others = state.replicas.filter((replica) => replica !== to)
  const replicas = [to, ...others].slice(0, state.replicas.length)
  const request = { name: topic, partitions: [{ partitionIndex: partition, replicas }] }
  await withConnection(bootstrap, (connection) =>
    alterPartitionReassignmentsV0.api.async(connection, REQUEST_MAX_MS, false, [request]),
  )
  await settled(`broker ${to} leads partition ${partition} of ${topic}`, async () => {
    const now = await describeTopic(bootstrap, topic)
    return now[partition]?.leader === to && now[partition].replicas.length === replicas.length
  })
}

/** The offset after the last record of each partition: what the brokers really stored. */
export async function endOffsets(bootstrap: string, topic: string): Promise<Map<number, bigint>> {
  const states = await describeTopic(bootstrap, topic)
  const admin = new Admin({ clientId: CLIENT_ID, bootstrapBrokers: bootstrap.split(',') })
  try {
    const partitions = states.map(({ partition }) => ({ partitionIndex: partition, timestamp: LATEST }))
    const found = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
    return new Map(
      found.flatMap((entry) => entry.partitions.map(({ partitionIndex, offset }) => [partitionIndex, offset])),
    )
  } finally {
    await admin.close()
  }
}

/** Asks the first address that can be reached. */
async function withConnection<T>(bootstrap: string, ask: (connection: Connection) => Promise<T>): Promise<T> {
  const failures: string[] = []
  for (const address of bootstrap.split(',')) {
    const connection = new Connection(CLIENT_ID, { connectTimeout: REQUEST_MAX_MS, requestTimeout: REQUEST_MAX_MS })
    try {
      await connection.connect(...hostAndPort(address))
    } catch (error) {
      failures.push(`${address}: ${(error as Error).message}`)
      continue
    }
    try {
      return await ask(connection)
    } finally {
      await connection.close()
    }
  }
  throw new Error(`no Kafka broker answers: ${failures.join('; ')}`)
}

/** `host:port`, where the host may be an IPv6 address in brackets. */
function hostAndPort(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return [host, Number(address.slice(colon + 1))]
}

async function settled(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_MAX_MS
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`waited ${SETTLE_MAX_MS / 1000} s in vain until ${what}`)
    await delay(SETTLE_POLL_MS)
  }
}
