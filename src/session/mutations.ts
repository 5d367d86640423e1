/**
 * KIP-599's strict mode, on the broker's behalf: of a CreateTopics, DeleteTopics or CreatePartitions request the topics are judged
 * one after the other. Each is let through while the bucket is not in debt, however large it is; after that each is refused with
 * THROTTLING_QUOTA_EXCEEDED (89). What is refused never reaches the broker; in the answer it stands as the broker would have put it.
 *
 *     request frame ─▶ readMutation ─▶ splitMutation ─▶ forward: the frame without the refused topics  ─▶ broker
 *                                            │                                                              │
 *                                            └─▶ refused ──────────────▶ mergeAnswer (or mergeHead)  ◀──────┘
 *     all refused ─▶ refusal: an answer of our own
 *
 * Frames are re-encoded by the codec behind their own header bytes, so client id and tags stay as they are.
 */
import {
  API_KEY,
  apiSchema,
  decodeRequest,
  decodeResponse,
  ERROR_CODE,
  encode,
  encodeResponse,
  type MessageSchema,
  ProtocolError,
  responseBodyOffset,
  type Struct,
  structsOf,
  type Value,
  ZERO_UUID,
} from 'kafka-protocol-codec'
import { changesOf, type KnownTopics, type TopicChange, totalCost } from './mutation-costs.ts'
import { uvarint } from './rewrite.ts'

/** A request, read. It refers to the frame that it was read from. */
export interface Mutation {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly changes: readonly TopicChange[]
  /** Of all its topics. */
  readonly cost: number
  readonly frame: Uint8Array
  readonly bodyOffset: number
  readonly value: Struct
}

/** What becomes of a request. It refers to no frame, and waits for the answer. */
export interface MutationSplit {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly changes: readonly TopicChange[]
  /** For each change. */
  readonly isRefused: readonly boolean[]
  readonly refusedCount: number
  /** Of the topics that were let through. */
  readonly cost: number
}

/**
 * Reads the frame of such a request; `frame` is exactly that frame, its size prefix included.
 * @throws ProtocolError for what is none
 */
export function readMutation(frame: Uint8Array, topics: KnownTopics, defaultPartitions?: number): Mutation {
  const { apiKey, apiVersion: version, correlationId, bodyOffset, value, end } = decodeRequest(frame)
  if (end !== frame.length) throw new ProtocolError('trailing_bytes', 'there is more than one frame')
  const changes = changesOf(apiKey, value, topics, defaultPartitions)
  return { apiKey, version, correlationId, changes, cost: totalCost(changes), frame, bodyOffset, value }
}

/**
 * Judges the topics in the order of the request.
 * @param mayPass is asked for each topic that costs something, and takes what it costs if it says yes
 * @returns `forward`: the request's own frame when nothing is refused, one without the refused topics, or undefined when none is left
 */
export function splitMutation(
  mutation: Mutation,
  mayPass: (cost: number) => boolean,
): { readonly split: MutationSplit; readonly forward: Uint8Array | undefined } {
  const { apiKey, version, correlationId, changes } = mutation
  const isRefused = changes.map(({ cost }) => cost > 0 && !mayPass(cost))
  const passed = changes.filter((_, i) => !isRefused[i])
  const refusedCount = changes.length - passed.length
  const split = { apiKey, version, correlationId, changes, isRefused, refusedCount, cost: totalCost(passed) }
  if (refusedCount === 0) return { split, forward: mutation.frame }
  if (passed.length === 0) return { split, forward: undefined }
  return { split, forward: withoutRefused(mutation, isRefused) }
}

/** The answer when every topic is refused. */
export function refusal(split: MutationSplit, throttleMs: number): Uint8Array {
  const { apiKey, version, correlationId } = split
  return encodeResponse(apiKey, version, correlationId, {
    throttleTimeMs: throttleMs,
    [resultsName(apiKey)]: refusedResults(split),
  })
}

/**
 * The broker's answer with the refused topics in it, all in the order of the request, and the larger throttle time.
 * @param answer exactly the answer's frame
 * @throws ProtocolError for what is no answer to this request
 */
export function mergeAnswer(split: MutationSplit, answer: Uint8Array, throttleMs: number): Uint8Array {
  const { apiKey, version } = split
  const { value } = decodeResponse(apiKey, version, answer)
  const name = resultsName(apiKey)
  const results = inOrder(split, structsOf(value[name]))
  const throttleTimeMs = Math.max(throttleMs, Number(value['throttleTimeMs']))
  const body = encode(schemaOf(apiKey, 'response'), version, { ...value, throttleTimeMs, [name]: results })
  return behindHead(answer, responseBodyOffset(answer, 0, answer.length, apiKey, version), body)
}

/**
 * As `mergeAnswer`, for an answer too long to be awaited (CreateTopics tells every topic's configuration): the refused topics come
 * first, and the rest of the answer follows as it is. All versions that may be refused begin with the throttle time and the list.
 * @param from where the answer's frame begins; its head is in sight (`hasHead`)
 * @returns what takes the place of `bytes[from, upTo)`
 */
export function mergeHead(
  split: MutationSplit,
  bytes: Uint8Array,
  from: number,
  to: number,
  throttleMs: number,
): { readonly head: Uint8Array; readonly upTo: number } {
  const { apiKey, version } = split
  const bodyAt = responseBodyOffset(bytes, from, to, apiKey, version)
  const count = readCount(bytes, bodyAt + THROTTLE_BYTES, to)!
  const refused = encode(schemaOf(apiKey, 'response'), version, { [resultsName(apiKey)]: refusedResults(split) })
  const own = readCount(refused, THROTTLE_BYTES, refused.length)!
  const entries = refused.subarray(own.end, refused.length - 1) // without the tags at the end
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const newCount = uvarint(count.value + split.refusedCount + 1)
  const head = new Uint8Array(bodyAt - from + THROTTLE_BYTES + newCount.length + entries.length)
  const headView = new DataView(head.buffer)
  head.set(bytes.subarray(from, bodyAt))
  headView.setInt32(0, view.getInt32(from) + head.length - (count.end - from))
  headView.setInt32(bodyAt - from, Math.max(throttleMs, view.getInt32(bodyAt)))
  head.set(newCount, bodyAt - from + THROTTLE_BYTES)
  head.set(entries, head.length - entries.length)
  return { head, upTo: count.end }
}

/** Whether so much of an answer is in sight that `mergeHead` may be asked. */
export function hasHead({ apiKey, version }: MutationSplit, bytes: Uint8Array, from: number, to: number): boolean {
  const bodyAt = responseBodyOffset(bytes, from, to, apiKey, version)
  return bodyAt >= 0 && readCount(bytes, bodyAt + THROTTLE_BYTES, to) !== undefined
}

/**
 * How much more (or, negative, less) the topics that were let through cost than was taken for them: what the broker refused costs
 * nothing, and its default number of partitions is known only now.
 */
export function costDifference(split: MutationSplit, answer: Uint8Array): number {
  const results = structsOf(decodeResponse(split.apiKey, split.version, answer).value[resultsName(split.apiKey)])
  let difference = 0
  for (const [i, change] of split.changes.entries()) {
    if (split.isRefused[i]) continue
    const result = results.find((each) => isOf(change, each))
    if (result !== undefined) difference += actualCost(change, result) - change.cost
  }
  return difference
}

const THROTTLE_BYTES = 4

function actualCost({ cost }: TopicChange, result: Struct): number {
  if (result['errorCode'] !== 0) return 0
  const created = Number(result['numPartitions'] ?? -1)
  return created > 0 ? created : cost
}

function withoutRefused(
  { apiKey, version, frame, bodyOffset, value }: Mutation,
  isRefused: readonly boolean[],
): Uint8Array {
  // Of DeleteTopics either list is empty: v6 has `topics`, older versions `topicNames`.
  const keep = (list: Value | undefined): Value => (Array.isArray(list) ? list.filter((_, i) => !isRefused[i]) : [])
  const body: Struct = { ...value, topics: keep(value['topics']) }
  if (apiKey === API_KEY.DeleteTopics) body['topicNames'] = keep(value['topicNames'])
  return behindHead(frame, bodyOffset, encode(schemaOf(apiKey, 'request'), version, body))
}

/** A frame with the head of another and a body of its own. */
function behindHead(frame: Uint8Array, bodyOffset: number, body: Uint8Array): Uint8Array {
  const all = new Uint8Array(bodyOffset + body.length)
  all.set(frame.subarray(0, bodyOffset))
  all.set(body, bodyOffset)
  new DataView(all.buffer).setInt32(0, all.length - 4)
  return all
}

function inOrder(split: MutationSplit, results: readonly Struct[]): Struct[] {
  const left = [...results]
  const ordered: Struct[] = []
  for (const [i, change] of split.changes.entries()) {
    if (split.isRefused[i]) {
      ordered.push(refusedResult(split.apiKey, change))
      continue
    }
    const at = left.findIndex((result) => isOf(change, result))
    if (at >= 0) ordered.push(...left.splice(at, 1))
  }
  return [...ordered, ...left]
}

function isOf({ name, id }: TopicChange, result: Struct): boolean {
  return id === ZERO_UUID ? result['name'] === name : result['topicId'] === id
}

function refusedResults({ apiKey, changes, isRefused }: MutationSplit): Struct[] {
  return changes.filter((_, i) => isRefused[i]).map((change) => refusedResult(apiKey, change))
}

/** As Kafka fills it: no message, as that would only repeat the error's name; no numbers, as there is no topic. */
function refusedResult(apiKey: number, { knownName, knownId }: TopicChange): Struct {
  const errorCode = ERROR_CODE.THROTTLING_QUOTA_EXCEEDED
  if (apiKey === API_KEY.DeleteTopics) return { name: knownName, topicId: knownId, errorCode, errorMessage: null }
  return { name: knownName, errorCode, errorMessage: null }
}

function resultsName(apiKey: number): string {
  if (apiKey === API_KEY.CreateTopics) return 'topics'
  return apiKey === API_KEY.DeleteTopics ? 'responses' : 'results'
}

function schemaOf(apiKey: number, kind: 'request' | 'response'): MessageSchema {
  const schema = apiSchema(apiKey)
  if (schema === undefined) throw new Error(`the codec lacks API ${apiKey}`)
  return schema[kind]
}

/** The count of a compact array: an unsigned varint of count + 1. */
function readCount(bytes: Uint8Array, from: number, to: number): { value: number; end: number } | undefined {
  let value = 0
  for (let at = from; at < to && at < from + 5; at++) {
    value += (bytes[at]! & 0x7f) * 2 ** (7 * (at - from))
    if (bytes[at]! < 0x80) return { value: value - 1, end: at + 1 }
  }
  return undefined
}
