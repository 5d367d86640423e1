/** What comes from the upstream's port and is no answer that was due, named for the log with what mends it. */
import { describeFirstBytes } from 'kafka-protocol-codec'

const NO_KAFKA_ANSWER = "the broker's answer is not Kafka's protocol"
const SPEAKS_TLS = ': it speaks TLS; configure upstream.tls, or point --upstream at a plaintext listener'

/** For an answer that is refused because of what the broker speaks. */
export const TLS_ANSWER: string = NO_KAFKA_ANSWER + SPEAKS_TLS

/** What a TLS server says to plain bytes: a record of two bytes, level and description. 7 bytes in all, less than an answer's head. */
export function isTlsAlert(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 5 || to - from > 7 || bytes[from] !== 0x15 || bytes[from + 1] !== 0x03) return false
  return bytes[from + 3] === 0 && bytes[from + 4] === 2
}

/** Bytes that came while nothing was owed. */
export function describeUnasked(bytes: Uint8Array, from: number, to: number): string {
  return `the broker sent what nobody asked for${hint(bytes, from, to)}`
}

/** A head that is not that of the answer that was due. `[from, to)`: 8 bytes at least. */
export function describeMismatch(bytes: Uint8Array, view: DataView, from: number, to: number, due: number): string {
  const looks = hint(bytes, from, to)
  if (looks !== '') return NO_KAFKA_ANSWER + looks
  return `the broker answered ${view.getInt32(from + 4)} (${view.getInt32(from)} bytes) where ${due} was due`
}

function hint(bytes: Uint8Array, from: number, to: number): string {
  const looks = describeFirstBytes(bytes, from, to)
  if (looks === 'tls' || (bytes[from] === 0x15 && bytes[from + 1] === 0x03)) return SPEAKS_TLS
  return looks === 'http' ? ': it speaks HTTP; is --upstream a Kafka listener?' : ''
}
