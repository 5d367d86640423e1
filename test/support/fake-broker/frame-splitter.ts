/** Cuts a byte stream into whole frames, each copied once however many chunks it came in. */

const SIZE_BYTES = 4

export class FrameSplitter {
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #size = Buffer.alloc(SIZE_BYTES)
  #sizeBytes = 0
  #frame: Buffer | undefined
  #filled = 0

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame
  }

  /** Bytes of a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#frame === undefined ? this.#sizeBytes : this.#filled
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) at += this.#frame === undefined ? this.#takeSize(chunk, at) : this.#takeBody(chunk, at)
  }

  #takeSize(chunk: Uint8Array, at: number): number {
    const bytes = Math.min(SIZE_BYTES - this.#sizeBytes, chunk.length - at)
    this.#size.set(chunk.subarray(at, at + bytes), this.#sizeBytes)
    this.#sizeBytes += bytes
    if (this.#sizeBytes === SIZE_BYTES) {
      this.#sizeBytes = 0
      this.#frame = Buffer.allocUnsafe(SIZE_BYTES + this.#size.readInt32BE())
      this.#frame.set(this.#size)
      this.#filled = SIZE_BYTES
      this.#deliver()
    }
    return bytes
  }

  #takeBody(chunk: Uint8Array, at: number): number {
    const frame = this.#frame as Buffer
    const bytes = Math.min(frame.length - this.#filled, chunk.length - at)
    frame.set(chunk.subarray(at, at + bytes), this.#filled)
    this.#filled += bytes
    this.#deliver()
    return bytes
  }

  #deliver(): void {
    const frame = this.#frame
    if (frame === undefined || this.#filled < frame.length) return
    this.#frame = undefined
    this.#onFrame(frame)
  }
}
