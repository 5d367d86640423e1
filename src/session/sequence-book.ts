/**
 * The last base sequence of each partition of each idempotent producer (KIP-98): a batch whose base sequence is not beyond it was
 * sent before, on whichever connection. A table of fixed size, made when the first such batch comes: a key has four places, and the
 * one used longest ago gives way. What is forgotten looks new once more. Topics are told apart by a hash; two that meet in all its
 * 32 bits, in partition and producer, would be taken for one.
 */
const WAYS = 4
/** Sequences go from 0 to 2³¹ − 1 and around; further apart than this they have gone around. */
const HALF_ROUND = 0x4000_0000
const NOBODY = -1

export class SequenceBook {
  readonly #places: number
  #producers: Float64Array = new Float64Array(0)
  #topics: Int32Array = new Int32Array(0)
  #partitions: Int32Array = new Int32Array(0)
  #epochs: Int16Array = new Int16Array(0)
  #sequences: Int32Array = new Int32Array(0)
  #usedAt: Uint32Array = new Uint32Array(0)
  #uses = 0

  /** @param placesMax a power of two */
  constructor(placesMax: number) {
    this.#places = placesMax
  }

  /** Takes note of a batch; whether it was sent before. */
  isRepeated(producer: number, epoch: number, topic: number, partition: number, sequence: number): boolean {
    if (this.#producers.length === 0) this.#make()
    const place = this.#placeOf(producer, topic, partition)
    this.#usedAt[place] = ++this.#uses
    const isKnown =
      this.#producers[place] === producer && this.#topics[place] === topic && this.#partitions[place] === partition
    if (isKnown && this.#epochs[place] === epoch) {
      if (!isBeyond(sequence, this.#sequences[place]!)) return true
      this.#sequences[place] = sequence
      return false
    }
    this.#producers[place] = producer
    this.#topics[place] = topic
    this.#partitions[place] = partition
    this.#epochs[place] = epoch
    this.#sequences[place] = sequence
    return false
  }

  /** The place of a key, or the one that it takes over. */
  #placeOf(producer: number, topic: number, partition: number): number {
    const first = (mixed(producer, topic, partition) & (this.#places / WAYS - 1)) * WAYS
    let oldest = first
    for (let place = first; place < first + WAYS; place++) {
      if (
        this.#producers[place] === producer &&
        this.#topics[place] === topic &&
        this.#partitions[place] === partition
      ) {
        return place
      }
      if (this.#usedAt[place]! < this.#usedAt[oldest]!) oldest = place
    }
    return oldest
  }

  #make(): void {
    this.#producers = new Float64Array(this.#places).fill(NOBODY)
    this.#topics = new Int32Array(this.#places)
    this.#partitions = new Int32Array(this.#places)
    this.#epochs = new Int16Array(this.#places)
    this.#sequences = new Int32Array(this.#places)
    this.#usedAt = new Uint32Array(this.#places)
  }
}

function isBeyond(sequence: number, last: number): boolean {
  const ahead = sequence - last
  return (ahead > 0 && ahead < HALF_ROUND) || ahead < -HALF_ROUND
}

function mixed(producer: number, topic: number, partition: number): number {
  let hash = Math.imul(producer | 0, 0x9e3779b1) ^ Math.imul(topic, 0x85ebca6b) ^ Math.imul(partition, 0xc2b2ae35)
  hash ^= hash >>> 15
  return Math.imul(hash, 0x2c1b3c6d) >>> 3
}
