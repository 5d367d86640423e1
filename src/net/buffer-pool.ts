/**
 * Read buffers of two sizes: a connection starts with a small one and gets a large one when its reads fill it. Large ones are
 * reused, so that connections that come and go do not churn memory.
 */
import { READ_BUFFER_BYTES, READ_BUFFER_SMALL_BYTES } from '../bounds.ts'

const IDLE_MAX = 64
const idle: Uint8Array[] = []

export function smallBuffer(): Uint8Array {
  return Buffer.allocUnsafeSlow(READ_BUFFER_SMALL_BYTES)
}

export function largeBuffer(): Uint8Array {
  return idle.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
}

/** Only for a buffer that nobody reads into or writes from any more. */
export function giveBack(buffer: Uint8Array): void {
  if (buffer.length === READ_BUFFER_BYTES && idle.length < IDLE_MAX) idle.push(buffer)
}
