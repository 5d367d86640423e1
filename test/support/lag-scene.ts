/** A consumer whose lag is followed: its Fetches and their answers, and what the book says of its group. */
import type { Struct } from 'kafka-protocol-codec'
import type { LagEntry } from '../../src/cluster/lag-book.ts'
import { answer, request } from './frames.ts'
import { Rig, type RigOptions } from './rig.ts'

/** Of `orders`. */
export const TOPIC_ID = 'AAECAwQFBgcICQoLDA0ODw'
export const TOPIC_ID_BYTES: Buffer = Buffer.from(TOPIC_ID, 'base64url')

export interface Asked {
  readonly partition?: number
  readonly offset: number
}

export interface Call {
  readonly version?: number
  readonly correlationId?: number
  readonly topic?: string
  /** Of an incremental session. */
  readonly more?: Struct
  readonly clientId?: string
}

/** The topic as that version of Fetch has it. */
function topicOf({ version = 12, topic = 'orders' }: Call): Struct {
  return version >= 13 ? { topicId: TOPIC_ID } : { topic }
}

export function fetchOf(asked: readonly Asked[], call: Call = {}): Uint8Array {
  const partitions = asked.map(({ partition = 0, offset }) => ({ partition, fetchOffset: BigInt(offset) }))
  const topics = asked.length === 0 ? [] : [{ ...topicOf(call), partitions }]
  return request(
    'Fetch',
    call.version ?? 12,
    { maxWaitMs: 500, minBytes: 1, maxBytes: 1e6, topics, ...call.more },
    call,
  )
}

export interface Fetched {
  readonly partition?: number
  readonly end: number
  readonly records?: Uint8Array
  readonly errorCode?: number
}

export function fetchedOf(fetched: readonly Fetched[], call: Call = {}): Uint8Array {
  const partitions = fetched.map(({ partition = 0, end, records, errorCode = 0 }) => {
    return { partitionIndex: partition, highWatermark: BigInt(end), errorCode, records: records ?? new Uint8Array(0) }
  })
  const responses = fetched.length === 0 ? [] : [{ ...topicOf(call), partitions }]
  return answer('Fetch', call.version ?? 12, { responses }, call.correlationId)
}

/** A member of the group `g`, whose Fetches travel beside. */
export function consumer(options: RigOptions = {}, group = 'g'): Rig {
  const rig = new Rig(options)
  return rig.client(request('Heartbeat', 4, { groupId: group, memberId: 'm' })).broker(answer('Heartbeat', 4))
}

export const entriesOf = ({ context }: Rig): LagEntry[] => [...context.series.lags.entries()]

export function lags(rig: Rig): Record<string, number | undefined> {
  return Object.fromEntries(
    entriesOf(rig).map((entry) => [`${entry.group}/${entry.topic}/${entry.partition}`, entry.lag]),
  )
}

export function committedLags(rig: Rig): Record<string, number | undefined> {
  return Object.fromEntries(entriesOf(rig).map((entry) => [`${entry.topic}/${entry.partition}`, entry.committedLag]))
}
