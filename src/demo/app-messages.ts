/** What the demo and one of its client applications say to one another, over the IPC channel of the child process. */

/** What an application is to do; sent once, first. */
export interface AppConfig {
  /** Its client id. */
  readonly name: string
  /** Where it finds Kafka: the sluice, and nothing else. */
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  readonly recordBytes: number
  readonly batchRecords: number
  /** Payload it wants to send; absent: all it can. */
  readonly bytesPerSecond?: number
  /** Delete topic and group at the end: the Kafka is somebody's own. */
  readonly deleteTopic: boolean
}

/** Demo → application. `stop`: produce no more, consume the rest, say `done`. `abort`: leave as soon as possible. */
export type ToApp =
  | { readonly t: 'start'; readonly config: AppConfig }
  | { readonly t: 'stop' }
  | { readonly t: 'abort' }

/** Application → demo. */
export type FromApp =
  | { readonly t: 'ready' }
  | { readonly t: 'progress'; readonly progress: AppProgress }
  | { readonly t: 'done'; readonly progress: AppProgress }
  | { readonly t: 'failed'; readonly message: string }

/** One acknowledged Produce request: when its answer came (epoch milliseconds), and the size of its request frame. */
export type Ack = readonly [atMs: number, frameBytes: number]

/** Everything since the start, but for `acks`: those since the last progress. */
export interface AppProgress {
  readonly acks: readonly Ack[]
  readonly ackedRecords: number
  /** Payload, without the wire's overhead. */
  readonly ackedBytes: number
  readonly receivedRecords: number
  readonly check: SequenceCounts
  /** Sends that failed, requests that timed out, connections lost. */
  readonly errors: number
  /** Of the sends of the last seconds; null before the first. */
  readonly latencyP50Ms: number | null
  readonly latencyP99Ms: number | null
}

/** What the checks of sequence and content found wrong; all 0 when all is well. */
export interface SequenceCounts {
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  readonly damaged: number
}
