/**
 * Read buffers of two sizes: a connection starts with a small one and gets a large one when its reads fill it. Both are reused: connections
 * that come and go do not churn memory, and a TLS target, which takes every write later, has its source read into another buffer each time.
 */
import { READ_BUFFER_BYTES, READ_BUFFER_SMALL_BYTES } from '../bounds.ts'

const IDLE_LARGE_MAX = 64
const IDLE_SMALL_MAX = 256
const idleLarge: Uint8Array[] = []
const idleSmall: Uint8Array[] = []

export function smallBuffer(): Uint8Array {
  return idleSmall.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_SMALL_BYTES)
}

export function largeBuffer(): Uint8Array {
  return idleLarge.pop() ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
}

/** Only for a buffer that nobody reads into or writes from any more. */
export function giveBack(buffer: Uint8Array): void {
  if (buffer.length === READ_BUFFER_BYTES && idleLarge.length < IDLE_LARGE_MAX) idleLarge.push(buffer)
  else if (buffer.length === READ_BUFFER_SMALL_BYTES && idleSmall.length < IDLE_SMALL_MAX) idleSmall.push(buffer)
}
