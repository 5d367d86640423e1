/** The facts that a quota may ask about a client. All are '' while unknown. */
export interface Identity {
  /** `client.id` of the request header; it may differ from one request to the next. */
  readonly clientId: string
  /** The SASL user, believed only after the broker's success. */
  readonly principal: string
  /** `client_software_name` of ApiVersions v3+ (KIP-511): `apache-kafka-java`, `librdkafka`, `sarama`, `kgo` … */
  readonly software: string
  readonly softwareVersion: string
}
