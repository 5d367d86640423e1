/**
 * The shape of the generated tables: one `ApiSchema` for each Kafka API, with every version of its request and response.
 * They are a compact form of Kafka's own message definitions (`common/message/*.json` in the clients jar).
 */

/** An inclusive range of versions. `NONE` (`[0, -1]`) holds no version. */
export type VersionRange = readonly [min: number, max: number]

/** No version at all. */
export const NONE: VersionRange = [0, -1]

/** Whether `version` lies in `range`. */
export function inRange(version: number, range: VersionRange): boolean {
  return version >= range[0] && version <= range[1]
}

/** Element types of the wire. `struct` has `fields` of its own; `records` is a byte string of record batches. */
export type FieldType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'
  | 'struct'

/** What a field means to Kafka beyond its type (`entityType` in the definitions). */
export type EntityType = 'topicName' | 'groupId' | 'transactionalId' | 'producerId' | 'brokerId'

/** One field of a message or of a struct in it. */
export interface Field {
  /** Kafka's name in camelCase with a lower first letter: `throttleTimeMs`. */
  readonly name: string
  readonly type: FieldType
  /** An array of `type` (`[]type` in Kafka's notation). */
  readonly array?: true
  /** Versions in which the field exists. */
  readonly versions: VersionRange
  /** Versions in which it may be null. */
  readonly nullable?: VersionRange
  /** Versions in which it is a tagged field, and its tag. */
  readonly tagged?: VersionRange
  readonly tag?: number
  /** Versions in which this very field is flexible, where that differs from its message (`clientId` of a request header). */
  readonly flexible?: VersionRange
  readonly entity?: EntityType
  /**
   * The value of a field that is absent; where Kafka names none: 0, false, '', empty bytes, [], zero UUID, null for
   * nullable ones with `"null"`. An int64 beyond 2^53 stands as decimal digits.
   */
  readonly default?: number | boolean | string | null
  /** The fields of a struct, inlined also where Kafka uses a common struct. */
  readonly fields?: readonly Field[]
}

/** Sizes of the types that have the same one in every version. */
export const FIXED_BYTES: Readonly<Partial<Record<FieldType, number>>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  float64: 8,
  uuid: 16,
}

/** A request or a response of one API. */
export interface MessageSchema {
  /** Kafka's name: `ProduceRequest`. */
  readonly name: string
  readonly apiKey: number
  readonly kind: 'request' | 'response'
  /** Every version known to the codec, the ones that Kafka 4.0 removed (KIP-896) included. */
  readonly versions: VersionRange
  /** Versions with compact lengths and tagged fields (KIP-482). They use request header v2 and response header v1. */
  readonly flexible: VersionRange
  readonly fields: readonly Field[]
}

/** One API: its number, its name, both messages. */
export interface ApiSchema {
  readonly key: number
  /** Kafka's name: `Produce`, `ConsumerGroupHeartbeat`. */
  readonly name: string
  readonly request: MessageSchema
  readonly response: MessageSchema
}
