/**
 * What a request that creates or deletes partitions costs, topic by topic, counted as the broker counts it for its own
 * `controller_mutation_rate` (KIP-599; Kafka's ReplicationControlManager):
 *
 *   CreateTopics      as many as it asks for, or as it assigns by hand; −1 is the cluster's default, which the answer tells
 *   DeleteTopics      as many as the topic has
 *   CreatePartitions  as many as are added to what the topic has
 *
 * `validateOnly` costs the same: the broker's quota does not ask. What the broker refuses for another reason it refuses before its
 * quota is asked; as far as that can be told from here it costs nothing, and the rest is given back with the answer
 * (`mutations.ts`). A topic of unknown size costs 1.
 */
import { API_KEY, type Struct, structsOf, ZERO_UUID } from 'kafka-protocol-codec'
import { MUTATION_COST_MAX } from '../bounds.ts'
import type { TopicBook } from '../cluster/topic-book.ts'

/** What is known of topics. */
export type KnownTopics = Pick<TopicBook, 'partitionsOf' | 'nameOfId' | 'idOf'>

/** What happens to one topic of a request. */
export interface TopicChange {
  /** As the request names it; null for one that it names by id only. */
  readonly name: string | null
  /** As the request says; the zero id for one that it names. */
  readonly id: string
  /** Partitions that are created or deleted. 0: the broker will refuse it for another reason. */
  readonly cost: number
  /** Both, as far as they are known: the broker's answer has them. */
  readonly knownName: string | null
  readonly knownId: string
}

/** First version in which one topic may be refused with error 89; below it such a request can only be held and stamped. */
const STRICT_SINCE: ReadonlyMap<number, number> = new Map([
  [API_KEY.CreateTopics, 6],
  [API_KEY.DeleteTopics, 5],
  [API_KEY.CreatePartitions, 3],
])

/** Whether topics of such a request may be refused, as the broker's strict quota does. */
export function mayRefuse(apiKey: number, version: number): boolean {
  return version >= (STRICT_SINCE.get(apiKey) ?? Number.POSITIVE_INFINITY)
}

/** Partitions of a topic that says nothing and of which nothing is known. */
const UNKNOWN_COST = 1

/**
 * The changes that a decoded request asks for, in its order. Any version; none for another API.
 * @param defaultPartitions the cluster's `num.partitions`, where it is known
 */
export function changesOf(
  apiKey: number,
  value: Struct,
  topics: KnownTopics,
  defaultPartitions: number = UNKNOWN_COST,
): readonly TopicChange[] {
  switch (apiKey) {
    case API_KEY.CreateTopics:
      return namedChanges(value, (topic, name) => creationCost(topic, name, topics, defaultPartitions))
    case API_KEY.CreatePartitions:
      return namedChanges(value, (topic, name) => Math.max(0, additionCost(topic, name, topics)))
    case API_KEY.DeleteTopics:
      return deletions(value, topics)
    default:
      return []
  }
}

/** All that a request costs. */
export function totalCost(changes: readonly TopicChange[]): number {
  return changes.reduce((sum, { cost }) => sum + cost, 0)
}

function namedChanges(value: Struct, costOf: (topic: Struct, name: string) => number): TopicChange[] {
  const all = structsOf(value['topics'])
  const seen = countOf(all.map((topic) => String(topic['name'])))
  return all.map((topic) => {
    const name = String(topic['name'])
    // A name that comes twice is refused as "Duplicate topic name", before any quota.
    const cost = seen.get(name) === 1 ? Math.min(costOf(topic, name), MUTATION_COST_MAX) : 0
    return { name, id: ZERO_UUID, cost, knownName: name, knownId: ZERO_UUID }
  })
}

function creationCost(topic: Struct, name: string, topics: KnownTopics, defaultPartitions: number): number {
  if (topics.partitionsOf(name) !== undefined) return 0 // it exists
  const partitions = Number(topic['numPartitions'])
  const replicas = Number(topic['replicationFactor'])
  const assigned = structsOf(topic['assignments']).length
  if (assigned > 0) return partitions === -1 && replicas === -1 ? assigned : 0
  if (replicas < -1 || replicas === 0 || partitions < -1) return 0
  return partitions === -1 ? defaultPartitions : partitions
}

function additionCost(topic: Struct, name: string, topics: KnownTopics): number {
  const known = topics.partitionsOf(name)
  return known === undefined ? UNKNOWN_COST : Number(topic['count']) - known
}

function deletions(value: Struct, topics: KnownTopics): TopicChange[] {
  const names = Array.isArray(value['topicNames']) ? value['topicNames'].map(String) : []
  const entries = structsOf(value['topics']).map(({ name, topicId }) => ({
    name: typeof name === 'string' ? name : null,
    id: String(topicId),
  }))
  const all = [...names.map((name) => ({ name, id: ZERO_UUID })), ...entries]
  const seen = countOf(all.map(({ name, id }) => name ?? id))
  return all.map(({ name, id }) => {
    const hasId = id !== ZERO_UUID
    const knownName = name ?? topics.nameOfId(id) ?? null
    const knownId = hasId || name === null ? id : topics.idOf(name)
    // Exactly one of name and id must be there, and only once.
    const isValid = (name !== null) !== hasId && seen.get(name ?? id) === 1
    const partitions = knownName === null ? undefined : topics.partitionsOf(knownName)
    return { name, id, cost: isValid ? (partitions ?? UNKNOWN_COST) : 0, knownName, knownId }
  })
}

function countOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return counts
}
