/** The one error of this package: the peer (or a caller's value) broke Kafka's wire format. */

/** A closed list, so that it can label a counter. */
export type ProtocolErrorReason =
  | 'truncated'
  | 'bad_length'
  | 'bad_varint'
  | 'bad_count'
  | 'bad_value'
  | 'trailing_bytes'
  | 'unknown_api'
  | 'unknown_version'

/** Bytes that are not what Kafka's definitions say, or a value that cannot be written as one. */
export class ProtocolError extends Error {
  readonly reason: ProtocolErrorReason

  constructor(reason: ProtocolErrorReason, message: string) {
    super(message)
    this.name = 'ProtocolError'
    this.reason = reason
  }
}
