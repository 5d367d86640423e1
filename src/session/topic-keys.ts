/**
 * Topics as they stand in the frames of one connection: the bytes of a name, or the 16 of an id, each with a small number. A
 * connection speaks of few topics and of the same ones again and again, so finding one compares bytes and makes nothing; its name as
 * a text is made when somebody asks. Bounded; whoever holds numbers asks `full` between two frames and begins anew with `clear`.
 */
import type { TopicBook } from '../cluster/topic-book.ts'

const FIRST_BYTES = 256
/** What is no UTF-8 has no name, rather than that of another topic that is none either. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/** What `add` says when there is no room, and `find` when there is no such topic. */
export const NO_TOPIC = -1

export class TopicKeys {
  readonly #book: TopicBook
  readonly #keysMax: number
  /** All keys one behind the other, and where each begins; the last entry is where the next will. */
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES)
  #view: DataView = new DataView(this.#bytes.buffer)
  readonly #starts: number[] = [0]
  readonly #isId: boolean[] = []
  /** By hash of the bytes the newest topic; for each topic the one before it with that hash. */
  readonly #byHash: Map<number, number> = new Map()
  readonly #before: number[] = []
  readonly #names: (string | undefined)[] = []
  /** Of an id, the version of the book that was asked; of a name, 1 once it has been read. */
  readonly #askedAt: number[] = []

  constructor(book: TopicBook, keysMax: number) {
    this.#book = book
    this.#keysMax = keysMax
  }

  get size(): number {
    return this.#isId.length
  }

  get full(): boolean {
    return this.size >= this.#keysMax
  }

  /** Every number given out so far means nothing any more. */
  clear(): void {
    this.#starts.length = 1
    this.#isId.length = 0
    this.#byHash.clear()
    this.#before.length = 0
    this.#names.length = 0
    this.#askedAt.length = 0
  }

  /** The number of a topic, a new one if it was not seen before; `NO_TOPIC` when there is no room for it. */
  add(bytes: Uint8Array, offset: number, length: number, isId: boolean): number {
    const hash = hashOf(bytes, offset, length)
    const known = this.#findHashed(hash, bytes, offset, length, isId)
    if (known !== NO_TOPIC || this.full) return known
    const key = this.size
    const start = this.#starts[key]!
    this.#makeRoom(start + length)
    for (let i = 0; i < length; i++) this.#bytes[start + i] = bytes[offset + i]!
    this.#starts.push(start + length)
    this.#isId.push(isId)
    this.#before.push(this.#byHash.get(hash) ?? NO_TOPIC)
    this.#byHash.set(hash, key)
    this.#names.push(undefined)
    this.#askedAt.push(0)
    return key
  }

  /** The number of a topic that was seen before. */
  find(bytes: Uint8Array, offset: number, length: number, isId: boolean): number {
    return this.#findHashed(hashOf(bytes, offset, length), bytes, offset, length, isId)
  }

  /** The topic's name; undefined for an id that nobody has named yet, and for bytes that are no text. */
  nameOf(key: number): string | undefined {
    const start = this.#starts[key]
    const end = this.#starts[key + 1]
    if (start === undefined || end === undefined) return undefined
    const version = this.#isId[key] ? this.#book.version : 1
    if (this.#askedAt[key] !== version) {
      this.#askedAt[key] = version
      this.#names[key] = this.#isId[key] ? this.#book.nameOf(this.#bytes, start) : textOf(this.#bytes, start, end)
    }
    return this.#names[key]
  }

  #findHashed(hash: number, bytes: Uint8Array, offset: number, length: number, isId: boolean): number {
    let key = this.#byHash.get(hash) ?? NO_TOPIC
    while (key !== NO_TOPIC && !this.#isSame(key, bytes, offset, length, isId)) key = this.#before[key]!
    return key
  }

  /** Whether a number is that of these bytes: for whoever can guess it, as comparing words costs a fourth of finding the number. */
  is(key: number, view: DataView, offset: number, length: number, isId: boolean): boolean {
    if (!this.#isAlike(key, length, isId)) return false
    const start = this.#starts[key]!
    let i = 0
    for (; i <= length - 4; i += 4) if (this.#view.getInt32(start + i) !== view.getInt32(offset + i)) return false
    for (; i < length; i++) if (this.#bytes[start + i] !== view.getUint8(offset + i)) return false
    return true
  }

  #isSame(key: number, bytes: Uint8Array, offset: number, length: number, isId: boolean): boolean {
    if (!this.#isAlike(key, length, isId)) return false
    const start = this.#starts[key]!
    for (let i = 0; i < length; i++) if (this.#bytes[start + i] !== bytes[offset + i]) return false
    return true
  }

  #isAlike(key: number, length: number, isId: boolean): boolean {
    return this.#starts[key + 1]! - this.#starts[key]! === length && this.#isId[key] === isId
  }

  #makeRoom(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(sizeBytes, this.#bytes.length * 2))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

function textOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  try {
    return decoder.decode(bytes.subarray(from, to))
  } catch {
    return undefined
  }
}

/** FNV-1a over the bytes: topics of a client often differ in their last letters only. */
function hashOf(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5 | 0
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[offset + i]!, 0x01000193)
  return hash
}
