/**
 * How old the request at the head of a connection may be, seen with the client's clock. Requests wait not only in our hands
 * but also in the kernel's buffers, where nobody sees them; this gives an upper bound of their age, so that a hold never
 * adds up to a request timeout (protocol-facts D.3: bound the age of the oldest frame, not the delay of each).
 *
 * - A library with a window of p requests sends request n only after it has got the answer to request n − p.
 * - Whatever the window, what is read now was written no earlier than when all but what kernel and read buffer hold of it had
 *   gone. A client that keeps more under way than its library's default is bounded by this alone.
 * - Whenever a read has emptied the socket and everything was forwarded, what comes next is fresh.
 */
import { KERNEL_QUEUE_BYTES, READ_BUFFER_BYTES } from '../bounds.ts'

const WINDOW_MAX = 8
const SAMPLES = 16
/** The newest sample may be of this very moment: the oldest of n is n − 1 steps back. */
const SAMPLE_BYTES = (KERNEL_QUEUE_BYTES + READ_BUFFER_BYTES) / (SAMPLES - 1)

export class FrameAge {
  #caughtUpAtMs: number
  readonly #answeredAtMs: Float64Array = new Float64Array(WINDOW_MAX)
  #answered = 0
  #forwarded = 0
  #position = 0
  readonly #sampleAtMs: Float64Array = new Float64Array(SAMPLES)
  #samples = 0
  #sampledAt = 0

  constructor(nowMs: number) {
    this.#caughtUpAtMs = nowMs
    this.#answeredAtMs.fill(nowMs)
    this.#sampleAtMs.fill(nowMs)
  }

  /** The socket was read empty and everything read was forwarded. */
  caughtUp(nowMs: number): void {
    this.#caughtUpAtMs = Math.max(this.#caughtUpAtMs, nowMs)
  }

  /** A request that will be answered was forwarded whole. */
  requestForwarded(): void {
    this.#forwarded++
  }

  /** An answer went out to the client. */
  answerDelivered(nowMs: number): void {
    this.#answeredAtMs[this.#answered % WINDOW_MAX] = nowMs
    this.#answered++
  }

  /** Bytes of the client were forwarded. */
  bytesForwarded(bytes: number, nowMs: number): void {
    this.#position += bytes
    if (this.#position - this.#sampledAt < SAMPLE_BYTES) return
    this.#sampledAt = this.#position
    this.#sampleAtMs[this.#samples % SAMPLES] = nowMs
    this.#samples++
  }

  /** The earliest instant at which the client can have written the request that is next in line. */
  sentNoEarlierThanMs(pipelineMax: number): number {
    return Math.max(this.#caughtUpAtMs, this.#byBytes(), pipelineMax > 0 ? this.#byWindow(pipelineMax) : 0)
  }

  #byWindow(pipelineMax: number): number {
    const answeredBefore = this.#forwarded - Math.min(pipelineMax, WINDOW_MAX) // index of the answer that made room
    if (answeredBefore < 0 || answeredBefore < this.#answered - WINDOW_MAX || answeredBefore >= this.#answered) return 0
    return this.#answeredAtMs[answeredBefore % WINDOW_MAX] as number
  }

  #byBytes(): number {
    if (this.#samples < SAMPLES) return 0
    return this.#sampleAtMs[this.#samples % SAMPLES] as number // the oldest of the samples
  }
}
