/** What the fake broker answers when a test does not say otherwise: an empty, friendly cluster. */
import { API_KEY, API_SCHEMAS, type Struct, structsOf } from 'kafka-protocol-codec'

/** A broker as Metadata and its kin name it. */
export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** What the default answers are made of. */
export interface Cluster {
  readonly self: BrokerAddress
  readonly brokers: readonly BrokerAddress[]
}

/** The body of the answer, undefined for a request that has none (Produce with acks 0). */
export function defaultAnswer(
  apiKey: number,
  apiVersion: number,
  request: Struct,
  cluster: Cluster,
): Struct | undefined {
  switch (apiKey) {
    case API_KEY.Produce:
      return request['acks'] === 0 ? undefined : produced(request)
    case API_KEY.Fetch:
      return { responses: structsOf(request['topics']).map((topic) => fetchedNothing(topic)) }
    case API_KEY.Metadata:
      return {
        brokers: cluster.brokers.map((broker) => ({ ...broker })),
        controllerId: cluster.self.nodeId,
        topics: [],
      }
    case API_KEY.FindCoordinator:
      return foundCoordinator(apiVersion, request, cluster.self)
    case API_KEY.ApiVersions:
      return { apiKeys: API_SCHEMAS.map(({ key, request: { versions } }) => offered(key, versions)) }
    case API_KEY.SaslHandshake:
      return { mechanisms: ['PLAIN'] }
    default:
      return {}
  }
}

function produced(request: Struct): Struct {
  return {
    responses: structsOf(request['topicData']).map((topic) => ({
      ...namesOf(topic),
      partitionResponses: structsOf(topic['partitionData']).map((partition) => ({ index: partition['index'] ?? 0 })),
    })),
  }
}

function fetchedNothing(topic: Struct): Struct {
  return {
    topic: topic['topic'],
    topicId: topic['topicId'],
    partitions: structsOf(topic['partitions']).map((partition) => ({ partitionIndex: partition['partition'] ?? 0 })),
  }
}

function namesOf(topic: Struct): Struct {
  return { name: topic['name'], topicId: topic['topicId'] }
}

function foundCoordinator(apiVersion: number, request: Struct, self: BrokerAddress): Struct {
  if (apiVersion < 4) return { ...self }
  const keys = (request['coordinatorKeys'] ?? []) as string[]
  return { coordinators: keys.map((key) => ({ ...self, key })) }
}

function offered(apiKey: number, [minVersion, maxVersion]: readonly [number, number]): Struct {
  return { apiKey, minVersion, maxVersion }
}
