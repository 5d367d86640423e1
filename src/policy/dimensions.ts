/**
 * What a quota can measure, one row each: its unit, whether it is a rate or a number at a time, and which requests it concerns.
 * Uncompressed bytes are not among them: a record batch says how many records it has, not how large they were.
 */
import { API_KEY } from 'kafka-protocol-codec'
import { type ApiClass, apiClassOf } from './api-classes.ts'

/** Measured in units a second, by a token bucket. */
export type RateDimension =
  | 'produceBytes'
  | 'fetchBytes'
  | 'produceRecords'
  | 'fetchRecords'
  | 'requests'
  | 'commits'
  | 'joins'
  | 'mutations'
  | 'newConnections'

/** Counted at a time, by a gauge. */
export type LevelDimension = 'connections' | 'inFlight'

export type Dimension = RateDimension | LevelDimension

/** In the order in which they are shown. The index of a rate in this list is its place in `Costs`. */
export const RATE_DIMENSIONS: readonly RateDimension[] = [
  'produceBytes',
  'fetchBytes',
  'produceRecords',
  'fetchRecords',
  'requests',
  'commits',
  'joins',
  'mutations',
  'newConnections',
]

export const LEVEL_DIMENSIONS: readonly LevelDimension[] = ['connections', 'inFlight']

export const DIMENSIONS: readonly Dimension[] = [...RATE_DIMENSIONS, ...LEVEL_DIMENSIONS]

/** What a dimension counts. */
export type Unit = 'bytes' | 'records' | 'requests' | 'commits' | 'joins' | 'partitions' | 'connections'

export const UNITS: Readonly<Record<Dimension, Unit>> = {
  produceBytes: 'bytes',
  fetchBytes: 'bytes',
  produceRecords: 'records',
  fetchRecords: 'records',
  requests: 'requests',
  commits: 'commits',
  joins: 'joins',
  mutations: 'partitions',
  newConnections: 'connections',
  connections: 'connections',
  inFlight: 'requests',
}

export function isLevel(dimension: Dimension): dimension is LevelDimension {
  return dimension === 'connections' || dimension === 'inFlight'
}

/** Dimensions of a connection as a whole; the others are of requests. */
export function isOfConnection(dimension: Dimension): boolean {
  return dimension === 'connections' || dimension === 'newConnections'
}

/** Dimensions that can be told apart by topic. */
export function isOfTopic(dimension: Dimension): boolean {
  const classes = MEASURED_CLASSES[dimension]
  return classes.length > 0 && classes.every((apiClass) => apiClass === 'produce' || apiClass === 'fetch')
}

const DATA: readonly ApiClass[] = ['produce', 'fetch']
const ALL_CHARGED: readonly ApiClass[] = [...DATA, 'lookup', 'metadata', 'commit', 'mutation']

/** By dimension: the classes of APIs that it concerns. `joins` is of APIs that are otherwise exempt, and stands apart. */
const MEASURED_CLASSES: Readonly<Record<Dimension, readonly ApiClass[]>> = {
  produceBytes: ['produce'],
  fetchBytes: ['fetch'],
  produceRecords: ['produce'],
  fetchRecords: ['fetch'],
  requests: ALL_CHARGED,
  commits: ['commit'],
  joins: [],
  mutations: ['mutation'],
  newConnections: [],
  connections: [],
  inFlight: ALL_CHARGED,
}

/** A member that joins a group anew: the first JoinGroup, the heartbeat of epoch 0. The session looks whether it is one. */
const JOINING: ReadonlySet<number> = new Set([
  API_KEY.JoinGroup,
  API_KEY.ConsumerGroupHeartbeat,
  API_KEY.ShareGroupHeartbeat,
  API_KEY.StreamsGroupHeartbeat,
])

/** Whether requests of this API may make somebody a member of a group. */
export function isJoining(apiKey: number): boolean {
  return JOINING.has(apiKey)
}

/** Requests that create or delete partitions; other changes of the cluster are no mutations in Kafka's sense (KIP-599). */
const MUTATING: ReadonlySet<number> = new Set([API_KEY.CreateTopics, API_KEY.DeleteTopics, API_KEY.CreatePartitions])

/** Whether requests of this API create or delete partitions. */
export function isMutating(apiKey: number): boolean {
  return MUTATING.has(apiKey)
}

/** Whether requests of this API are charged in this dimension. */
export function measures(dimension: Dimension, apiKey: number): boolean {
  if (dimension === 'joins') return JOINING.has(apiKey)
  if (dimension === 'mutations') return isMutating(apiKey)
  return MEASURED_CLASSES[dimension].includes(apiClassOf(apiKey))
}
