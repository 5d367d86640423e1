/** The facts that a quota may ask about a client. All texts are '' while unknown. */
export interface Identity {
  /** `client.id` of the request header; it may differ from one request to the next. */
  readonly clientId: string
  /** The SASL user, believed only after the broker's success or ours; else whom the client's certificate belongs to. */
  readonly principal: string
  /**
   * The consumer group: the one that the request names, else the one that this client id and principal is known to be in; ''
   * where it is in several.
   */
  readonly group: string
  /** `client_software_name` of ApiVersions v3+ (KIP-511): `apache-kafka-java`, `librdkafka`, `sarama`, `kgo` … */
  readonly software: string
  readonly softwareVersion: string
  /** Where the connection comes from: an IPv4 or IPv6 address without port, IPv4-mapped ones as IPv4. */
  readonly address: string
  /** The server name of the client's TLS hello; '' on plaintext. */
  readonly sni: string
  /** Labels of the workload that this process stands beside: the same for all its clients. */
  readonly labels: Readonly<Record<string, string>>
}

export const NOBODY: Identity = {
  clientId: '',
  principal: '',
  group: '',
  software: '',
  softwareVersion: '',
  address: '',
  sni: '',
  labels: {},
}
