/**
 * A bounds-checked cursor over bytes from the network. Every length is checked against what remains before anything is
 * made for it, so that no input asks for more memory than a constant times its own size. Throws only `ProtocolError`.
 */

import { ProtocolError, type ProtocolErrorReason } from './errors.ts'

/** Kafka refuses longer strings in either notation. */
const STRING_BYTES_MAX = 32767
const UUID_BYTES = 16
const VARINT_BYTES_MAX = 5

/** Reads Kafka's primitive types in order, from `offset` up to `end`. Byte strings are views, not copies. */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #text: Buffer
  readonly #end: number
  #position: number

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    if (offset < 0 || offset > end || end > bytes.length) {
      throw new ProtocolError('bad_length', `bytes ${offset} to ${end} of ${bytes.length} do not exist`)
    }
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#position = offset
    this.#end = end
  }

  /** Where the next byte lies in the bytes given to the constructor. */
  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#end - this.#position
  }

  #fail(reason: ProtocolErrorReason, problem: string, at: number): never {
    throw new ProtocolError(reason, `${problem} at byte ${at}`)
  }

  /** Steps over `count` bytes and returns where they began. */
  #take(count: number): number {
    const from = this.#position
    if (count > this.#end - from) {
      this.#fail('truncated', `${count} bytes wanted, ${this.#end - from} remain`, from)
    }
    this.#position = from + count
    return from
  }

  bool(): boolean {
    return this.#view.getInt8(this.#take(1)) !== 0
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1))
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  /** In Kafka's own text form: base64url without padding, 22 characters (`org.apache.kafka.common.Uuid`). */
  uuid(): string {
    const from = this.#take(UUID_BYTES)
    return this.#text.toString('base64url', from, from + UUID_BYTES)
  }

  /** An unsigned varint of at most 32 bits (KIP-482, `ByteUtils.readUnsignedVarint`). */
  uvarint(): number {
    const from = this.#position
    let value = 0
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.#view.getUint8(this.#take(1))
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) {
        if (value > 0xffffffff) this.#fail('bad_varint', `varint ${value} is over 32 bits`, from)
        return value
      }
    }
    return this.#fail('bad_varint', `varint is over ${VARINT_BYTES_MAX} bytes`, from)
  }

  /** The length of a string: compact (n+1, 0 for null) or int16 (-1 for null). */
  stringLength(compact: boolean): number {
    const from = this.#position
    const length = compact ? this.uvarint() - 1 : this.int16()
    if (length > STRING_BYTES_MAX) this.#fail('bad_length', `a string of ${length} bytes`, from)
    return this.#checkedLength(length, from)
  }

  /** The length of a byte string: compact (n+1, 0 for null) or int32 (-1 for null). */
  bytesLength(compact: boolean): number {
    const from = this.#position
    return this.#checkedLength(compact ? this.uvarint() - 1 : this.int32(), from)
  }

  #checkedLength(length: number, from: number): number {
    if (length < -1) this.#fail('bad_length', `length ${length}`, from)
    if (length > this.remaining) this.#fail('bad_length', `length ${length}, ${this.remaining} bytes remain`, from)
    return length
  }

  /**
   * The count of an array: compact (n+1, 0 for null) or int32 (-1 for null), refused where the elements cannot fit.
   * @param elementBytesMin the least size of an element; 0 counts as 1, so that the count stays bounded
   */
  arrayCount(compact: boolean, elementBytesMin: number): number {
    const from = this.#position
    const count = compact ? this.uvarint() - 1 : this.int32()
    if (count < -1) this.#fail('bad_count', `array of ${count} elements`, from)
    if (count * Math.max(1, elementBytesMin) > this.remaining) {
      this.#fail('bad_count', `array of ${count} elements, ${this.remaining} bytes remain`, from)
    }
    return count
  }

  /** UTF-8 text; invalid sequences become U+FFFD, as in Java. */
  text(length: number): string {
    const from = this.#take(length)
    return this.#text.toString('utf8', from, from + length)
  }

  /** The next bytes, as a view. */
  view(length: number): Uint8Array {
    const from = this.#take(length)
    return this.#bytes.subarray(from, from + length)
  }
}
