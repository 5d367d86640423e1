/** What comes to the Kafka port and is not Kafka, told apart by its first bytes and named for the log. */
import { apiSchema, describeFirstBytes } from 'kafka-protocol-codec'
import type { CloseReason } from './counters.ts'

/** Fewer bytes of a connection do not tell what it speaks. */
export const FIRST_BYTES = 5

/** The client's bytes are not Kafka's, or not acceptable: a `ProtocolError` that knows its close reason. */
export class ClientRefused extends Error {
  override readonly name = 'ClientRefused'
  readonly reason: CloseReason
  /** The quota that refuses; undefined where none does. */
  readonly quota: string | undefined

  constructor(reason: CloseReason, message: string, quota?: string) {
    super(message)
    this.reason = reason
    this.quota = quota
  }
}

/**
 * Looks at the first bytes of a connection, `FIRST_BYTES` at least. Returns whether they are a SASL token without a header.
 * @throws ClientRefused for what is not Kafka's
 */
export function refuseForeign(bytes: Uint8Array, from: number, to: number): 'sasl' | 'request' {
  const looks = describeFirstBytes(bytes, from, to)
  if (looks === 'tls') {
    throw new ClientRefused(
      'client_tls',
      'a client speaks TLS to a plaintext port; configure listen.tls, or set security.protocol to PLAINTEXT or SASL_PLAINTEXT in the client',
    )
  }
  if (looks === 'http') throw new ClientRefused('client_http', 'an HTTP request came to the Kafka port')
  if (looks === 'sasl') return 'sasl'
  if (looks === 'garbage') {
    throw new ClientRefused('client_garbage', 'the first bytes of a client are no Kafka request')
  }
  if (to - from >= 8 && apiSchema((bytes[from + 4]! << 8) | bytes[from + 5]!) === undefined) {
    throw new ClientRefused('client_garbage', 'the first request of a client names an API that Kafka does not have')
  }
  return 'request'
}

/** @throws ClientRefused for a frame that says it is larger than `frameBytesMax` */
export function refuseTooLarge(view: DataView, from: number, to: number, frameBytesMax: number): void {
  if (to - from < 4) return
  const size = view.getInt32(from)
  if (size <= frameBytesMax) return
  throw new ClientRefused(
    'client_frame_too_large',
    `a request of ${size} bytes is over the limit of ${frameBytesMax} (limits.frameBytesMax)`,
  )
}
