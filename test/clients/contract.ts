/**
 * What every client program understands and says, whatever its language. Each is started as `program MODE`, reads its
 * configuration as one line of JSON from stdin (or from its second argument), and prints JSON lines. A second line on
 * stdin, or the end of stdin, asks it to stop early and report. Everything that is not named here is the library's default.
 *
 * A record's value is `run instance sequence crc32 ` followed by filler up to the wanted size; the CRC is the filler's, in hex.
 * So a consumer in any language knows of every record whether it is whole, seen before, or out of its partition's order.
 */

export type ClientMode =
  /** Produce `count` records, or as many as `seconds` allow. */
  | 'produce'
  /** Consume `count` distinct records, or for `seconds`: together in a group, or, without one, each instance everything. */
  | 'consume'
  /** Produce `count`, then consume and check them all. */
  | 'roundtrip'
  /** Consume as members of a group and report each turn of it, while producing under the same client id (Sarama only). */
  | 'group'

export interface ClientConfig {
  readonly bootstrap: string
  readonly topic: string
  /** Every other record goes there (Java and librdkafka only). */
  readonly otherTopic?: string
  readonly count?: number
  readonly seconds?: number
  /** Size of a record's value; 1024 unless given. */
  readonly recordBytes?: number
  /** How many instances of the library's client run in the program, all under the same client id. */
  readonly connections?: number
  readonly clientId?: string
  readonly acks?: 'all' | 0 | 1
  readonly idempotent?: boolean
  /** Produces in transactions; each instance's id is this one and its number (not in the two Node programs). */
  readonly transactionalId?: string
  /** Records in each transaction; 100 unless given. */
  readonly transactionRecords?: number
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  /** All instances together; a flood unless given. */
  readonly bytesPerSecond?: number
  /** Most records on their way in one instance; the library's own bounds unless given. */
  readonly maxPending?: number
  /** When `seconds` are over: wait for all answers (true), or leave (false, unless given). With `count` always true. */
  readonly drain?: boolean
  readonly group?: string
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
    readonly username: string
    readonly password: string
  }
  /** Marks the records of one run; a consumer that is given one checks only those. */
  readonly run?: string
  /** Settings in the library's own words, on top of everything else. */
  readonly producer?: Readonly<Record<string, unknown>>
  readonly consumer?: Readonly<Record<string, unknown>>
}

/** What a program knows at the moment, and at the end. Counters that a mode does not touch stay 0. */
export interface ClientCounts {
  readonly seconds: number
  readonly sent: number
  readonly acked: number
  /** Value bytes of the acknowledged records. */
  readonly bytes: number
  readonly errors: number
  /** Requests, and records, that the library gave up on for time. */
  readonly timeouts: number
  /** Connections that ended without our asking for it, and attempts that failed. */
  readonly disconnects: number
  /** Assignments after each instance's first. */
  readonly rebalances: number
  /** From handing a record over to its acknowledgement. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly received: number
  readonly receivedBytes: number
  readonly duplicates: number
  readonly outOfOrder: number
  readonly corrupt: number
  /** Roundtrip: of `count`. Consume: gaps below the highest sequence number seen, so of meaning once all was consumed. */
  readonly lost: number
}

export type ClientMessage =
  | ({ readonly t: 'progress' } & ClientCounts)
  | ({ readonly t: 'result' } & ClientCounts)
  | { readonly t: 'event'; readonly kind: ClientEventKind; readonly text: string }
  /** The program could not do its work; it ends with 1. */
  | { readonly t: 'error'; readonly message: string }

export type ClientEventKind = 'assigned' | 'revoked' | 'error' | 'timeout' | 'disconnect' | 'session' | 'ready'
