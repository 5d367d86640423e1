/** An append-only byte builder for the frames that we make ourselves. The caller has checked the values. */

const INITIAL_BYTES = 256
const TEXT_ENCODER = new TextEncoder()

/** Writes Kafka's primitive types one after the other. */
export class Writer {
  #bytes: Uint8Array = new Uint8Array(INITIAL_BYTES)
  #view: DataView = new DataView(this.#bytes.buffer)
  #length = 0

  /** Bytes written so far. */
  get length(): number {
    return this.#length
  }

  /** Makes room for `count` bytes and returns where they begin. May replace the buffer and the view: call it first. */
  #grow(count: number): number {
    const from = this.#length
    if (from + count > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, from + count))
      larger.set(this.#bytes.subarray(0, from))
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    this.#length = from + count
    return from
  }

  int8(value: number): void {
    const at = this.#grow(1)
    this.#view.setInt8(at, value)
  }

  int16(value: number): void {
    const at = this.#grow(2)
    this.#view.setInt16(at, value)
  }

  uint16(value: number): void {
    const at = this.#grow(2)
    this.#view.setUint16(at, value)
  }

  int32(value: number): void {
    const at = this.#grow(4)
    this.#view.setInt32(at, value)
  }

  uint32(value: number): void {
    const at = this.#grow(4)
    this.#view.setUint32(at, value)
  }

  int64(value: bigint): void {
    const at = this.#grow(8)
    this.#view.setBigInt64(at, value)
  }

  float64(value: number): void {
    const at = this.#grow(8)
    this.#view.setFloat64(at, value)
  }

  /** An unsigned varint of at most 32 bits, in its shortest form. */
  uvarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.int8((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.int8(rest)
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** The length of a string (-1 for null), compact or int16. */
  stringLength(length: number, compact: boolean): void {
    if (compact) this.uvarint(length + 1)
    else this.int16(length)
  }

  /** The length of a byte string or the count of an array (-1 for null), compact or int32. */
  longLength(length: number, compact: boolean): void {
    if (compact) this.uvarint(length + 1)
    else this.int32(length)
  }

  /** Overwrites four bytes written before, for a size that is known late. */
  patchInt32(at: number, value: number): void {
    this.#view.setInt32(at, value)
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }
}

/** UTF-8 bytes of a text; a lone surrogate becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return TEXT_ENCODER.encode(text)
}
