/**
 * The state of the cluster's partitions as Metadata answers that pass by tell it: who leads, how many replicas are in sync. One book for
 * all connections; the same topic is told of again and again, so finding it compares bytes. Bounded: what nobody has been told of for
 * `idleMs` is forgotten, and a cluster that is larger than the book is known in part.
 */
import { ERROR_CODE } from 'kafka-protocol-codec'
import { CLUSTER_PARTITIONS_MAX, TOPICS_MAX } from '../bounds.ts'
import { TopicBook } from '../cluster/topic-book.ts'
import { NO_TOPIC, TopicKeys } from './topic-keys.ts'

const UNKNOWN = -2
const NOBODY = -1

const UNDER_REPLICATED = 1
const OFFLINE = 2

interface Topic {
  heardAtMs: number
  /** By partition. */
  leaders: Int32Array
  epochs: Int32Array
  states: Uint8Array
}

/** How many there are, and of them how many have a fault. */
export interface PartitionCounts {
  readonly known: number
  readonly underReplicated: number
  readonly offline: number
}

/** One partition as an answer tells of it. */
export interface PartitionReport {
  error: number
  index: number
  /** −1: nobody. */
  leader: number
  /** −1 where the version does not say. */
  epoch: number
  replicas: number
  inSync: number
}

export class PartitionBook {
  leaderMoves = 0
  readonly #idleMs: number
  readonly #keys: TopicKeys
  readonly #topics: (Topic | undefined)[] = []
  #size = 0

  constructor(idleMs: number) {
    this.#idleMs = idleMs
    this.#keys = new TopicKeys(new TopicBook(1), TOPICS_MAX) // told of by name, always
  }

  /** The number of a topic by its name; −1 for one that there is no room for. */
  topic(name: Uint8Array, offset: number, length: number): number {
    if (this.#keys.full) this.#forgetAll()
    return offset < 0 || length <= 0 ? NO_TOPIC : this.#keys.add(name, offset, length, false)
  }

  told(topic: number, report: PartitionReport, nowMs: number): void {
    const { index, leader, epoch } = report
    const of = this.#topicOf(topic, index, nowMs)
    if (of === undefined) return
    const knownEpoch = of.epochs[index]!
    const knownLeader = of.leaders[index]!
    if (epoch >= 0 && epoch < knownEpoch) return // of a broker that has not heard yet
    if (knownLeader === UNKNOWN) this.#size++
    else if (isMoved(knownLeader, knownEpoch, leader, epoch)) this.leaderMoves++
    of.leaders[index] = leader
    of.epochs[index] = epoch
    of.states[index] = stateOf(report)
  }

  counts(): PartitionCounts {
    let underReplicated = 0
    let offline = 0
    for (const topic of this.#topics) {
      for (const state of topic?.states ?? []) {
        if ((state & UNDER_REPLICATED) !== 0) underReplicated++
        if ((state & OFFLINE) !== 0) offline++
      }
    }
    return { known: this.#size, underReplicated, offline }
  }

  /** Forgets topics that nobody has been told of for long. */
  sweep(nowMs: number): void {
    for (const [key, topic] of this.#topics.entries()) {
      if (topic === undefined || nowMs - topic.heardAtMs < this.#idleMs) continue
      this.#size -= topic.leaders.filter((leader) => leader !== UNKNOWN).length
      this.#topics[key] = undefined
    }
  }

  #topicOf(key: number, index: number, nowMs: number): Topic | undefined {
    if (key === NO_TOPIC || index < 0 || index >= CLUSTER_PARTITIONS_MAX) return undefined
    const known = this.#topics[key]
    if (known !== undefined && index < known.leaders.length) {
      known.heardAtMs = nowMs
      return known
    }
    if (this.#size >= CLUSTER_PARTITIONS_MAX) return undefined
    const length = Math.max(4, 2 ** Math.ceil(Math.log2(index + 1)))
    const grown: Topic = {
      heardAtMs: nowMs,
      leaders: new Int32Array(length).fill(UNKNOWN),
      epochs: new Int32Array(length).fill(NOBODY),
      states: new Uint8Array(length),
    }
    if (known !== undefined) {
      grown.leaders.set(known.leaders)
      grown.epochs.set(known.epochs)
      grown.states.set(known.states)
    }
    while (this.#topics.length <= key) this.#topics.push(undefined)
    this.#topics[key] = grown
    return grown
  }

  #forgetAll(): void {
    this.#keys.clear()
    this.#topics.length = 0
    this.#size = 0
  }
}

/** An election shows by its epoch; one that put the same broker back is one too. A partition that lost its leader has not moved yet. */
function isMoved(knownLeader: number, knownEpoch: number, leader: number, epoch: number): boolean {
  if (leader < 0) return false
  if (epoch >= 0 && knownEpoch >= 0) return epoch > knownEpoch
  return knownLeader >= 0 && leader !== knownLeader
}

function stateOf({ error, leader, replicas, inSync }: PartitionReport): number {
  const isOffline = leader < 0 || error === ERROR_CODE.LEADER_NOT_AVAILABLE
  return (inSync < replicas ? UNDER_REPLICATED : 0) | (isOffline ? OFFLINE : 0)
}
