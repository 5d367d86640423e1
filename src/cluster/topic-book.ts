/**
 * Topic id ↔ name, and how many partitions a topic has, learnt from answers that pass by (`session/learn-topics.ts`). From Produce
 * and Fetch v13 on a request says only the id; a limit for a topic is written with its name.
 *
 * One book for all connections, so what one client is told must not spoil what others know: an error forgets nothing.
 * UNKNOWN_TOPIC_ID and the like are also what Kafka says to those who may not see the topic, and what a broker says that has not
 * heard of it yet. Only a deletion that succeeded, or the same name under another id, ends an entry.
 *
 * Bounded: entries stand in numbered places; when all are taken a hand goes round and frees the first that nobody has asked for or
 * been told of since it last came by. Looking up an id allocates nothing: it is compared where it lies in the chunk.
 */
import { ZERO_UUID } from 'kafka-protocol-codec'

/** Kafka's longest topic name (`Topic.MAX_NAME_LENGTH`). Longer ones are no topics. */
export const TOPIC_NAME_CHARS_MAX = 249

const ID_BYTES = 16
const ID_WORDS = 4
const NONE = -1
const decoder = new TextDecoder()

/** What is known of one topic. */
export interface TopicEntry {
  readonly name: string
  /** As Kafka prints it: 22 characters of base64url; '' while unknown. */
  readonly id: string
  /** 0 while unknown. */
  readonly partitions: number
}

/** Whether the 16 bytes at `offset` are those at the start of `previous`: cheaper than asking the book again. */
export function sameId(bytes: Uint8Array, offset: number, previous: Uint8Array): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (bytes[offset + i] !== previous[i]) return false
  return true
}

export class TopicBook {
  /** Grows when an id may have got another name, or none. Whoever keeps names by id looks again then. */
  version = 1
  readonly #topicsMax: number
  /** By place: the name ('' for a free one), how many partitions, the id's four words (all 0: unknown), whether in use lately. */
  readonly #names: string[] = []
  readonly #partitions: Int32Array
  readonly #ids: Int32Array
  readonly #used: Uint8Array
  /** Places by hash of the id: the first, and for each place the next with that hash. */
  readonly #first: Int32Array
  readonly #next: Int32Array
  readonly #places: Map<string, number> = new Map()
  readonly #free: number[] = []
  #hand = 0

  constructor(topicsMax: number) {
    this.#topicsMax = topicsMax
    this.#partitions = new Int32Array(topicsMax)
    this.#ids = new Int32Array(topicsMax * ID_WORDS)
    this.#used = new Uint8Array(topicsMax)
    this.#first = new Int32Array(2 ** Math.ceil(Math.log2(topicsMax + 1))).fill(NONE)
    this.#next = new Int32Array(topicsMax).fill(NONE)
  }

  get size(): number {
    return this.#places.size
  }

  /** The name of the topic whose id is the 16 bytes at `offset`; undefined while nobody has said. */
  nameOf(bytes: Uint8Array, offset: number): string | undefined {
    const place = this.#placeOfId(bytes, offset)
    if (place < 0) return undefined
    this.#used[place] = 1
    return this.#names[place]
  }

  /** As `nameOf`, for an id as Kafka prints it. */
  nameOfId(id: string): string | undefined {
    const bytes = Buffer.from(id, 'base64url')
    return bytes.length === ID_BYTES ? this.nameOf(bytes, 0) : undefined
  }

  /** The topic's id as Kafka prints it; the zero id while unknown. */
  idOf(name: string): string {
    const place = this.#places.get(name)
    return (place === undefined ? '' : this.#idText(place)) || ZERO_UUID
  }

  /** How many partitions the topic has, as far as anybody has said; undefined while unknown. */
  partitionsOf(name: string): number | undefined {
    const place = this.#places.get(name)
    if (place === undefined) return undefined
    this.#used[place] = 1
    return this.#partitions[place] || undefined
  }

  /**
   * Takes note of a topic. An id of zeros is none. Another id than the known one: the topic was deleted and made again. As long as
   * the id stays the same, partitions only ever grow, so that an answer with a part of them does no harm.
   * @param partitions 0: not said
   */
  learn(name: string, id: Uint8Array | undefined, partitions: number, idAt = 0): void {
    if (name === '' || name.length > TOPIC_NAME_CHARS_MAX) return
    const hasId = id !== undefined && !isZero(id, idAt)
    const known = this.#places.get(name)
    if (known === undefined) this.#add(name, hasId ? id : undefined, idAt, partitions)
    else if (!hasId) this.#told(known, partitions > 0 ? partitions : this.#partitions[known]!)
    else if (this.#hasId(known, id, idAt)) this.#told(known, Math.max(partitions, this.#partitions[known]!))
    else this.#renew(known, id, idAt, partitions)
  }

  /** As `learn`, for a name that lies in a chunk: nothing is allocated when it says what is known already. */
  learnBytes(
    nameBytes: Uint8Array,
    nameAt: number,
    nameLength: number,
    id: Uint8Array | undefined,
    idAt: number,
    partitions: number,
  ): void {
    if (nameLength <= 0 || nameLength > TOPIC_NAME_CHARS_MAX) return
    if (id !== undefined) {
      const place = this.#placeOfId(id, idAt)
      if (place >= 0 && isSpelt(this.#names[place]!, nameBytes, nameAt, nameLength)) {
        this.#told(place, Math.max(partitions, this.#partitions[place]!))
        return
      }
    }
    this.learn(decoder.decode(nameBytes.subarray(nameAt, nameAt + nameLength)), id, partitions, idAt)
  }

  /** The topic of that name is gone. */
  forget(name: string): void {
    const place = this.#places.get(name)
    if (place !== undefined) this.#remove(place)
  }

  /** The topic with that id is gone. */
  forgetId(bytes: Uint8Array, offset: number): void {
    const place = this.#placeOfId(bytes, offset)
    if (place >= 0) this.#remove(place)
  }

  /** Everything known, for people. */
  *entries(): Generator<TopicEntry> {
    for (const [name, place] of this.#places) {
      yield { name, id: this.#idText(place), partitions: this.#partitions[place]! }
    }
  }

  #told(place: number, partitions: number): void {
    this.#partitions[place] = partitions
    this.#used[place] = 1
  }

  #add(name: string, id: Uint8Array | undefined, idAt: number, partitions: number): void {
    if (id !== undefined) this.forgetId(id, idAt) // a topic is never renamed: the other name was wrong
    const place = this.#freePlace()
    this.#names[place] = name
    this.#places.set(name, place)
    this.#told(place, partitions)
    if (id !== undefined) this.#link(place, id, idAt)
  }

  #renew(place: number, id: Uint8Array, idAt: number, partitions: number): void {
    this.forgetId(id, idAt)
    const knewId = this.#isLinked(place)
    if (knewId) this.#unlink(place)
    // An id that was not known before says nothing about the partitions; another one does.
    this.#told(place, knewId ? partitions : Math.max(partitions, this.#partitions[place]!))
    this.#link(place, id, idAt)
  }

  #remove(place: number): void {
    if (this.#isLinked(place)) this.#unlink(place)
    this.#places.delete(this.#names[place]!)
    this.#names[place] = ''
    this.#used[place] = 0
    this.#free.push(place)
  }

  #freePlace(): number {
    const freed = this.#free.pop()
    if (freed !== undefined) return freed
    if (this.#places.size < this.#topicsMax) return this.#places.size
    for (;;) {
      const place = this.#hand
      this.#hand = (place + 1) % this.#topicsMax
      if (this.#used[place] === 1) {
        this.#used[place] = 0
        continue
      }
      this.#remove(place)
      return this.#free.pop()!
    }
  }

  #placeOfId(bytes: Uint8Array, offset: number): number {
    let place = this.#first[this.#hash(bytes, offset)]!
    while (place >= 0 && !this.#hasId(place, bytes, offset)) place = this.#next[place]!
    return place
  }

  #hasId(place: number, bytes: Uint8Array, offset: number): boolean {
    for (let i = 0; i < ID_WORDS; i++) {
      if (this.#ids[place * ID_WORDS + i] !== wordAt(bytes, offset + i * 4)) return false
    }
    return true
  }

  /** Ids are random; a word of one is as good as a hash. */
  #hash(bytes: Uint8Array, offset: number): number {
    return wordAt(bytes, offset) & (this.#first.length - 1)
  }

  #link(place: number, bytes: Uint8Array, offset: number): void {
    for (let i = 0; i < ID_WORDS; i++) this.#ids[place * ID_WORDS + i] = wordAt(bytes, offset + i * 4)
    const hash = this.#hash(bytes, offset)
    this.#next[place] = this.#first[hash]!
    this.#first[hash] = place
    this.version++
  }

  #isLinked(place: number): boolean {
    const at = place * ID_WORDS
    return (this.#ids[at]! | this.#ids[at + 1]! | this.#ids[at + 2]! | this.#ids[at + 3]!) !== 0
  }

  #unlink(place: number): void {
    const hash = this.#ids[place * ID_WORDS]! & (this.#first.length - 1)
    if (this.#first[hash] === place) this.#first[hash] = this.#next[place]!
    else {
      let before = this.#first[hash]!
      while (this.#next[before] !== place) before = this.#next[before]!
      this.#next[before] = this.#next[place]!
    }
    this.#ids.fill(0, place * ID_WORDS, (place + 1) * ID_WORDS)
    this.version++
  }

  #idText(place: number): string {
    if (!this.#isLinked(place)) return ''
    const bytes = Buffer.alloc(ID_BYTES)
    for (let i = 0; i < ID_WORDS; i++) bytes.writeInt32BE(this.#ids[place * ID_WORDS + i]!, i * 4)
    return bytes.toString('base64url')
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

function isZero(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (bytes[at + i] !== 0) return false
  return true
}

/** Whether the bytes are the text's. Topic names are ASCII; what is not is found unequal and looked up as a text. */
function isSpelt(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) {
    const byte = bytes[at + i]!
    if (byte >= 0x80 || byte !== text.charCodeAt(i)) return false
  }
  return true
}
