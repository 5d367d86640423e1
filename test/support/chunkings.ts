/**
 * Ways to cut a byte stream into chunks, and a feeder that offers them as a socket's read buffer would: what a parser does not take is
 * offered again, together with what comes next. A parser must not be able to tell how its bytes were cut.
 */

/** One way of cutting: positions at which more bytes have arrived, ascending, the last is the whole length. */
export interface Chunking {
  readonly name: string
  readonly arrivals: readonly number[]
}

/** Reads what it can of `[from, to)`, may change it in place, and returns the position up to which it took it. */
export type Take = (bytes: Uint8Array, view: DataView, from: number, to: number) => number

/** What `feed` saw. */
export interface Fed {
  /** All bytes that were taken, as they were when they were taken. */
  readonly taken: Uint8Array
  /** How many bytes the parser left at the end. */
  readonly left: number
}

/** Cuts that every parser test runs: whole, byte by byte, and in two at up to `splitsMax` places (all of them when they are fewer). */
export function* chunkings(length: number, splitsMax = 400): Generator<Chunking> {
  yield { name: 'whole', arrivals: [length] }
  yield { name: 'byte by byte', arrivals: Array.from({ length }, (_, index) => index + 1) }
  const step = Math.max(1, Math.ceil((length - 1) / splitsMax))
  for (let at = 1; at < length; at += step) yield { name: `split at ${at}`, arrivals: [at, length] }
}

/** Where `from` is put in the buffer, so that no test passes only because offsets start at 0. */
const MARGIN_BYTES = 5

/**
 * Offers `bytes` as they arrive. Each offer is a fresh copy in a buffer with `poison` all around it, so that a parser that keeps a chunk,
 * or looks beyond what it was given, gives itself away.
 */
export function feed(bytes: Uint8Array, arrivals: readonly number[], take: Take, poison = 0xa5): Fed {
  const taken = new Uint8Array(bytes.length)
  let start = 0
  for (const arrived of arrivals) {
    const size = arrived - start
    const chunk = new Uint8Array(size + 2 * MARGIN_BYTES).fill(poison)
    chunk.set(bytes.subarray(start, arrived), MARGIN_BYTES)
    const to = MARGIN_BYTES + size
    const next = take(chunk, new DataView(chunk.buffer), MARGIN_BYTES, to)
    if (next < MARGIN_BYTES || next > to) throw new RangeError(`took up to ${next} of [${MARGIN_BYTES}, ${to})`)
    taken.set(chunk.subarray(MARGIN_BYTES, next), start)
    start += next - MARGIN_BYTES
    chunk.fill(poison)
  }
  return { taken: taken.subarray(0, start), left: bytes.length - start }
}
