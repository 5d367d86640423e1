/**
 * How far consumers are behind: by group, topic and partition what was asked for last and what was committed last, and by topic and
 * partition the high watermark that a broker told last. Sessions hold entries and write into them; nothing is computed before somebody
 * looks. Bounded: what finds no room is not told of, and counted; what nobody has spoken of for `idleMs` is forgotten.
 */

/** Nobody has said. */
const UNKNOWN = -1

/** The end of a partition, for all its readers. */
interface PartitionEnd {
  highWatermark: number
  /** Entries that look at it. */
  readers: number
}

export class LagEntry {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly end: PartitionEnd
  position: number = UNKNOWN
  committed: number = UNKNOWN
  heardAtMs: number

  constructor(group: string, topic: string, partition: number, end: PartitionEnd, nowMs: number) {
    this.group = group
    this.topic = topic
    this.partition = partition
    this.end = end
    this.heardAtMs = nowMs
  }

  /** Offsets between what was asked for and the end; undefined while one of the two is not known. */
  get lag(): number | undefined {
    return this.#behind(this.position)
  }

  /** The same from what was committed. */
  get committedLag(): number | undefined {
    return this.#behind(this.committed)
  }

  /** A topic that was made anew has a shorter end than before: nobody is behind it. */
  #behind(offset: number): number | undefined {
    const { highWatermark } = this.end
    return offset < 0 || highWatermark < 0 ? undefined : Math.max(0, highWatermark - offset)
  }
}

type ByPartition<T> = Map<string, Map<number, T>>

export class LagBook {
  /** Grows when entries were forgotten: whoever holds one asks again. */
  version = 1
  /** Times that a partition of a group found no room. */
  left = 0
  readonly partitionsMax: number
  readonly #idleMs: number
  readonly #groups = new Map<string, ByPartition<LagEntry>>()
  readonly #ends: ByPartition<PartitionEnd> = new Map()
  #size = 0
  /** What those without room write into. */
  readonly #nowhere = new LagEntry('', '', 0, { highWatermark: UNKNOWN, readers: 0 }, 0)

  constructor(partitionsMax: number, idleMs: number) {
    this.partitionsMax = partitionsMax
    this.#idleMs = idleMs
  }

  get size(): number {
    return this.#size
  }

  /** The entry of one partition of a group, made at first use. */
  entry(group: string, topic: string, partition: number, nowMs: number): LagEntry {
    const known = this.#groups.get(group)?.get(topic)?.get(partition)
    if (known !== undefined) return known
    if (this.#size >= this.partitionsMax) {
      this.left++
      return this.#nowhere
    }
    const end = inner(this.#ends, topic).get(partition) ?? { highWatermark: UNKNOWN, readers: 0 }
    inner(this.#ends, topic).set(partition, end)
    end.readers++
    const entry = new LagEntry(group, topic, partition, end, nowMs)
    let topics = this.#groups.get(group)
    if (topics === undefined) {
      topics = new Map()
      this.#groups.set(group, topics)
    }
    inner(topics, topic).set(partition, entry)
    this.#size++
    return entry
  }

  *entries(): Generator<LagEntry> {
    for (const topics of this.#groups.values()) {
      for (const partitions of topics.values()) yield* partitions.values()
    }
  }

  /** Forgets what nobody has spoken of for long. */
  sweep(nowMs: number): void {
    for (const [group, topics] of this.#groups) {
      for (const [topic, partitions] of topics) {
        for (const entry of partitions.values()) {
          if (nowMs - entry.heardAtMs >= this.#idleMs) this.#forget(entry, partitions)
        }
        if (partitions.size === 0) topics.delete(topic)
      }
      if (topics.size === 0) this.#groups.delete(group)
    }
  }

  #forget(entry: LagEntry, partitions: Map<number, LagEntry>): void {
    const { topic, partition, end } = entry
    partitions.delete(partition)
    this.#size--
    this.version++
    end.readers--
    if (end.readers > 0) return
    const ends = this.#ends.get(topic)
    ends?.delete(partition)
    if (ends?.size === 0) this.#ends.delete(topic)
  }
}

function inner<T>(topics: ByPartition<T>, topic: string): Map<number, T> {
  let partitions = topics.get(topic)
  if (partitions === undefined) {
    partitions = new Map()
    topics.set(topic, partitions)
  }
  return partitions
}
