/**
 * The skim: walks a message body as it streams past, reports the fields that its plan wants with their place in the chunk, and steps
 * over the rest. It sees whatever part of the body has arrived, and holds nothing but integers between two parts.
 *
 *   start(plan, bodyBytes) → run(chunk) → run(chunk) → … → done; then `remaining` body bytes are left that nobody wants
 *
 * What is skipped may be split anywhere. An atom (a varint, a length, a wanted value or text, a batch header) is taken whole or not at
 * all: `run` returns where it stopped, and the caller offers those few bytes again together with what follows.
 * Every length and count is checked against the body bytes that remain before it is believed, so the time is bounded by the
 * body's size. This is the hot path (design.md §4): no allocation, no closures, no BigInt.
 */

import { NEED_MORE, readUvarint, uvarintBytes, uvarintValue } from './bytes.ts'
import { ProtocolError } from './errors.ts'
import { batchHeaderBytes, COMPACT, numberAt } from './skim-code.ts'
import type { SkimPlan } from './skim-plan.ts'

/**
 * What a skim finds, in wire order. `field` is an index into the plan's `wanted`; offsets are indexes into the chunk that was given to
 * `run`, valid until it returns, so that fixed-size fields can be overwritten in place.
 */
export interface SkimSink {
  /** A number, a boolean (0, 1), the count of an array (−1: null) at its length prefix, or a nullable struct's marker (−1: null). */
  value(field: number, value: number, offset: number): void
  /** A string, bytes, or a UUID (16 bytes); `view` is over the same memory. Null: offset and length −1. Longer than the plan's bound: offset −1 and the length. */
  text(field: number, bytes: Uint8Array, offset: number, length: number, view: DataView): void
  /**
   * A tagged field is there: `offset` is that of its tag number, `sizeBytes` that of its content. What is wanted of the content
   * follows: the value of a scalar, nothing of an array or struct unless fields in it are wanted too.
   */
  tag(field: number, offset: number, sizeBytes: number): void
  /**
   * A record batch (magic 2) or a message set entry (magic 0, 1) that lies whole in its records field; its header is visible. A
   * batch that is cut off by the end of the field, as a Fetch answer may end, is not reported, as clients drop it too.
   */
  batch(field: number, bytes: Uint8Array, offset: number, sizeBytes: number, view: DataView): void
  /** A row of numbers at `offset`, and where it has each of them (`SkimPlan.places`). Only for plans that want one. */
  row?(field: number, view: DataView, offset: number, places: readonly number[]): void
}

/** A nullable length that is null, and what `#length` says when it cannot see all of it. */
const NULL_LENGTH = -1
const LENGTH_UNSEEN = -2

/** baseOffset and batchLength: the part of a batch that its length does not count. */
const BATCH_PREFIX_BYTES = 12
const BATCH_LENGTH_OFFSET = 8
const BATCH_MAGIC_OFFSET = 16

const UUID_BYTES = 16
/** A tag number and a size. */
const TAG_BYTES_MIN = 2

const NO_CODE = new Int32Array(1)

/** A resumable run of a skim plan over one message body after another; one object a stream, never shared. */
export class Skim {
  /** All that is wanted has been seen; the `remaining` bytes need no `run`. */
  done = true
  /** Body bytes that `run` has not taken yet. */
  remaining = 0
  #code: Int32Array = NO_CODE
  #plan: SkimPlan | undefined
  /** Address in the code. */
  #next = 0
  /** Bytes at the start of the next chunk to step over first. */
  #skip = 0
  /** Array counts, tag counts, and ends of tags and records (as the number of body bytes that remain after them). */
  #slots: Int32Array = new Int32Array(16)
  /** Where the body ends and where the visible part of it ends, as indexes into the present chunk. */
  #bodyEnd = 0
  #limit = 0
  /** Size of the length prefix that `#length` has read. */
  #prefixBytes = 0

  /** Begins a body of `bodyBytes` bytes. What was left of another is forgotten. */
  start(plan: SkimPlan, bodyBytes: number): void {
    this.#code = plan.code
    this.#plan = plan
    this.#next = 0
    this.#skip = 0
    this.remaining = bodyBytes
    this.done = plan.code[0] === 0
    if (plan.slots > this.#slots.length) this.#slots = new Int32Array(plan.slots)
  }

  /**
   * Goes on with the body over `bytes` from `from` to `to`; `view` must be over the same memory with the same origin.
   * @returns the position up to which bytes were taken; less than `to` when the body is done, ends, or an atom is cut off
   * @throws ProtocolError when a length does not fit into the body; after that only `start` is allowed
   */
  run(bytes: Uint8Array, view: DataView, from: number, to: number, sink: SkimSink): number {
    const bodyEnd = from + this.remaining
    const limit = Math.min(to, bodyEnd)
    this.#bodyEnd = bodyEnd
    this.#limit = limit
    const code = this.#code
    const slots = this.#slots
    let ip = this.#next
    // A position beyond `to` stands for bytes that are still to come: whatever wants to read there finds too few.
    let at = from + this.#skip
    // The numbers are those of `OP`: literals, because V8 makes a jump table of them and of nothing else.
    for (;;) {
      let next = at
      switch (code[ip]) {
        case 1: // skip
          at = this.#forward(at, code[ip + 1]!)
          ip += 2
          continue
        case 8: {
          // loop
          const slot = code[ip + 1]!
          const left = slots[slot]! - 1
          slots[slot] = left
          ip = left > 0 ? code[ip + 2]! : ip + 3
          continue
        }
        case 9: // tags
          if (at < limit && bytes[at] === 0) {
            at += 1
            ip = code[ip + 2]!
            continue
          }
          next = this.#tags(ip, bytes, at)
          break
        case 2: // skipText
          next = this.#skipText(ip, bytes, view, at)
          break
        case 3: // value
          next = this.#value(ip, view, at, sink)
          break
        case 15: // row
          next = this.#row(ip, bytes, view, at, sink)
          break
        case 13: // records
          next = this.#records(ip, bytes, view, at, sink)
          break
        case 0: // done
          this.done = true
          return this.#pause(ip, at, to)
        default:
          next = this.#step(ip, bytes, view, at, sink)
      }
      if (next < 0) break
      at = next
      ip = this.#next
    }
    if (to >= bodyEnd) throw new ProtocolError('truncated', 'the message ends inside a field')
    return this.#pause(ip, at, to)
  }

  #pause(ip: number, at: number, to: number): number {
    const taken = Math.min(at, to)
    this.#next = ip
    this.#skip = at - taken
    this.remaining = this.#bodyEnd - taken
    return taken
  }

  /** The rarer instructions. */
  #step(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    switch (this.#code[ip]) {
      case 4: // uuid
        return this.#uuid(ip, bytes, view, at, sink)
      case 5: // text
        return this.#text(ip, bytes, view, at, sink)
      case 6: // array
        return this.#array(ip, bytes, view, at, sink)
      case 7: // fixedArray
        return this.#fixedArray(ip, bytes, view, at, sink)
      case 10: // tag
        return this.#tag(ip, bytes, at, sink)
      case 11: // tagEnd
        return this.#tagEnd(ip, at)
      case 12: // nullable
        return this.#nullable(ip, view, at, sink)
      default: // batch
        return this.#batch(ip, bytes, view, at, sink)
    }
  }

  #forward(at: number, sizeBytes: number): number {
    if (sizeBytes > this.#bodyEnd - at) throw tooLong()
    return at + sizeBytes
  }

  /** Reads a nullable length; `#prefixBytes` is then its own size. */
  #length(coding: number, bytes: Uint8Array, view: DataView, at: number): number {
    if (coding === COMPACT) {
      if (at >= this.#limit) return LENGTH_UNSEEN
      const first = bytes[at]!
      if (first >= 0x80) return this.#longLength(first, bytes, at)
      this.#prefixBytes = 1
      return first - 1
    }
    if (this.#limit - at < coding) return LENGTH_UNSEEN
    this.#prefixBytes = coding
    const length = coding === 2 ? view.getInt16(at) : view.getInt32(at)
    if (length < NULL_LENGTH) throw new ProtocolError('bad_length', 'a length is negative')
    return length
  }

  #longLength(first: number, bytes: Uint8Array, at: number): number {
    // Two bytes, up to 16 KiB, are what most records fields have.
    if (this.#limit - at > 1 && bytes[at + 1]! < 0x80) {
      this.#prefixBytes = 2
      return ((first & 0x7f) | (bytes[at + 1]! << 7)) - 1
    }
    const packed = readUvarint(bytes, at, this.#limit)
    if (packed === NEED_MORE) return LENGTH_UNSEEN
    this.#prefixBytes = uvarintBytes(packed)
    return uvarintValue(packed) - 1
  }

  #skipText(ip: number, bytes: Uint8Array, view: DataView, at: number): number {
    const length = this.#length(this.#code[ip + 1]!, bytes, view, at)
    if (length === LENGTH_UNSEEN) return NEED_MORE
    this.#next = ip + 2
    return this.#forward(at + this.#prefixBytes, Math.max(length, 0))
  }

  #value(ip: number, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const sizeBytes = code[ip + 2]!
    if (this.#limit - at < sizeBytes) return NEED_MORE
    sink.value(code[ip + 3]!, numberAt(code[ip + 1]!, view, at), at)
    this.#next = ip + 4
    return at + sizeBytes
  }

  #row(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const sizeBytes = code[ip + 1]!
    if (this.#limit - at < sizeBytes) return NEED_MORE
    const field = code[ip + 2]!
    sink.row?.(field, view, at, this.#plan!.places[field]!)
    this.#next = ip + 6
    const restBytes = code[ip + 3]!
    return restBytes < 0 ? at + sizeBytes : this.#endOfRow(ip, bytes, at + sizeBytes, restBytes)
  }

  /** Over the rest of an element to the next one; not where it is cut off, or has tagged fields. */
  #endOfRow(ip: number, bytes: Uint8Array, at: number, restBytes: number): number {
    const code = this.#code
    const { flexible } = this.#plan!
    const end = at + restBytes + (flexible ? 1 : 0)
    if (end > this.#limit || (flexible && bytes[end - 1] !== 0)) return at
    const slot = code[ip + 4]!
    const left = this.#slots[slot]! - 1
    this.#slots[slot] = left
    this.#next = left > 0 ? ip : code[ip + 5]!
    return end
  }

  #uuid(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    if (this.#limit - at < UUID_BYTES) return NEED_MORE
    sink.text(this.#code[ip + 1]!, bytes, at, UUID_BYTES, view)
    this.#next = ip + 2
    return at + UUID_BYTES
  }

  #text(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const length = this.#length(code[ip + 1]!, bytes, view, at)
    if (length === LENGTH_UNSEEN) return NEED_MORE
    const start = at + this.#prefixBytes
    const end = this.#forward(start, Math.max(length, 0))
    const whole = length <= code[ip + 3]!
    if (whole && end > this.#limit) return NEED_MORE
    sink.text(code[ip + 2]!, bytes, whole && length >= 0 ? start : -1, length, view)
    this.#next = ip + 4
    return end
  }

  #array(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const count = this.#length(code[ip + 1]!, bytes, view, at)
    if (count === LENGTH_UNSEEN) return NEED_MORE
    const start = at + this.#prefixBytes
    this.#checkCount(count, code[ip + 5]!, start)
    if (code[ip + 2]! >= 0) sink.value(code[ip + 2]!, count, at)
    this.#slots[code[ip + 3]!] = count
    this.#next = count > 0 ? ip + 6 : code[ip + 4]!
    return start
  }

  #fixedArray(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const count = this.#length(code[ip + 1]!, bytes, view, at)
    if (count === LENGTH_UNSEEN) return NEED_MORE
    const start = at + this.#prefixBytes
    this.#checkCount(count, code[ip + 3]!, start)
    if (code[ip + 2]! >= 0) sink.value(code[ip + 2]!, count, at)
    this.#next = ip + 4
    return count > 0 ? start + count * code[ip + 3]! : start
  }

  /** So many elements must fit into what remains, or the loop over them would not be bounded by the body's size. */
  #checkCount(count: number, leastBytes: number, start: number): void {
    if (count * leastBytes > this.#bodyEnd - start) {
      throw new ProtocolError('bad_count', 'an array has more elements than its message can hold')
    }
  }

  /** The count of a tag section, which is nearly always 0. */
  #tags(ip: number, bytes: Uint8Array, at: number): number {
    if (at >= this.#limit) return NEED_MORE
    if (bytes[at] === 0) {
      this.#next = this.#code[ip + 2]!
      return at + 1
    }
    const packed = readUvarint(bytes, at, this.#limit)
    if (packed === NEED_MORE) return NEED_MORE
    const start = at + uvarintBytes(packed)
    this.#checkCount(uvarintValue(packed), TAG_BYTES_MIN, start)
    this.#slots[this.#code[ip + 1]!] = uvarintValue(packed)
    this.#next = ip + 3
    return start
  }

  /** The next tagged field: into its content when something of it is wanted, else over it. */
  #tag(ip: number, bytes: Uint8Array, at: number, sink: SkimSink): number {
    const code = this.#code
    const slot = code[ip + 1]!
    const left = this.#slots[slot]!
    if (left === 0) {
      this.#next = code[ip + 2]!
      return at
    }
    const tag = readUvarint(bytes, at, this.#limit)
    if (tag === NEED_MORE) return NEED_MORE
    const size = readUvarint(bytes, at + uvarintBytes(tag), this.#limit)
    if (size === NEED_MORE) return NEED_MORE
    const start = at + uvarintBytes(tag) + uvarintBytes(size)
    const end = this.#forward(start, uvarintValue(size))
    this.#slots[slot] = left - 1
    const entry = this.#tagEntry(ip, uvarintValue(tag))
    if (entry < 0) return end
    if (code[entry + 1]! >= 0) sink.tag(code[entry + 1]!, at, uvarintValue(size))
    this.#slots[slot + 1] = this.#bodyEnd - end
    this.#next = code[entry + 2]!
    return start
  }

  /** Address of the entry for `tag` in the present `tag` instruction, or −1. */
  #tagEntry(ip: number, tag: number): number {
    const code = this.#code
    const first = ip + 4
    const end = first + code[ip + 3]! * 3
    for (let entry = first; entry < end; entry += 3) if (code[entry] === tag) return entry
    return -1
  }

  #tagEnd(ip: number, at: number): number {
    if (this.#bodyEnd - at !== this.#slots[this.#code[ip + 1]! + 1]) {
      throw new ProtocolError('bad_length', 'a tagged field is not as long as it says')
    }
    this.#next = this.#code[ip + 2]!
    return at
  }

  #nullable(ip: number, view: DataView, at: number, sink: SkimSink): number {
    if (at >= this.#limit) return NEED_MORE
    const code = this.#code
    const marker = view.getInt8(at)
    if (code[ip + 1]! >= 0) sink.value(code[ip + 1]!, marker, at)
    this.#next = marker < 0 ? code[ip + 2]! : ip + 3
    return at + 1
  }

  /** The length of a records field, and its first batch where that can be seen: there is one in nearly every such field. */
  #records(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const code = this.#code
    const length = this.#length(code[ip + 1]!, bytes, view, at)
    if (length === LENGTH_UNSEEN) return NEED_MORE
    const start = at + this.#prefixBytes
    const end = this.#forward(start, Math.max(length, 0))
    const next = this.#nextBatch(ip + 4, bytes, view, start, end, sink)
    if (next === end) return end
    this.#slots[code[ip + 3]!] = this.#bodyEnd - end
    this.#next = ip + 4
    return next < 0 ? start : next
  }

  #batch(ip: number, bytes: Uint8Array, view: DataView, at: number, sink: SkimSink): number {
    const end = this.#bodyEnd - this.#slots[this.#code[ip + 2]!]!
    return this.#nextBatch(ip, bytes, view, at, end, sink)
  }

  /** One batch. What does not look like one is the broker's business: the rest of the records field is stepped over. */
  #nextBatch(ip: number, bytes: Uint8Array, view: DataView, at: number, end: number, sink: SkimSink): number {
    const visible = this.#limit - at
    if (end - at > BATCH_MAGIC_OFFSET) {
      if (visible <= BATCH_MAGIC_OFFSET) return NEED_MORE
      const headerBytes = batchHeaderBytes(bytes[at + BATCH_MAGIC_OFFSET]!)
      const sizeBytes = BATCH_PREFIX_BYTES + view.getInt32(at + BATCH_LENGTH_OFFSET)
      if (sizeBytes >= headerBytes && sizeBytes <= end - at) {
        if (visible < headerBytes) return NEED_MORE
        sink.batch(this.#code[ip + 1]!, bytes, at, sizeBytes, view)
        if (at + sizeBytes < end) return at + sizeBytes
      }
    }
    this.#next = ip + 3
    return end
  }
}

function tooLong(): ProtocolError {
  return new ProtocolError('bad_length', 'a field is longer than its message')
}
