/**
 * The heads of frames as they stream past: what a request is, whose it is, and where its body starts; which request a response answers.
 *
 *   request   size:int32 | apiKey:int16 | apiVersion:int16 | correlationId:int32 | clientId:nullable string | [tags] | body
 *   response  size:int32 | correlationId:int32 | [tags] | body
 *
 * The client id has an int16 length in every header version (`RequestHeader.json`); tags stand in header v2 of requests and v1 of responses.
 * A head object is reused for every frame and holds numbers only; all offsets are indexes into the chunk that was read.
 * Nothing is consumed: a head that is not wholly there yet is read again from its start.
 */

import { requestHeaderVersion, responseHeaderVersion } from './apis.ts'
import { NEED_MORE, readInt32, readUvarint, uvarintBytes, uvarintValue } from './bytes.ts'
import { ProtocolError } from './errors.ts'
import { API_SCHEMAS } from './generated/index.ts'

/** A header's tags are small where there are any (Kafka defines none): more would make a head that no buffer can hold. */
const HEADER_TAGS_BYTES_MAX = 1024

/** Up to the client id, the size prefix included. */
const REQUEST_HEAD_BYTES = 12
const RESPONSE_HEAD_BYTES = 8
const SIZE_PREFIX_BYTES = 4

/** By API key and version: version of the request header, read once from the tables. An unknown API or version has none. */
const REQUEST_HEADER_VERSIONS: readonly (Int8Array | undefined)[] = tableOf((key, version) =>
  requestHeaderVersion(key, version),
)
const RESPONSE_HEADER_VERSIONS: readonly (Int8Array | undefined)[] = tableOf((key, version) =>
  responseHeaderVersion(key, version),
)

function tableOf(headerVersion: (apiKey: number, version: number) => number): readonly (Int8Array | undefined)[] {
  const table: (Int8Array | undefined)[] = []
  for (const { key, request } of API_SCHEMAS) {
    const versions = new Int8Array(request.versions[1] + 1).fill(-1)
    for (let version = request.versions[0]; version < versions.length; version++)
      versions[version] = headerVersion(key, version)
    table[key] = versions
  }
  return Array.from(table)
}

/** What `readRequestHead` found; of a head that is not whole yet, only what it says there. */
export class RequestHead {
  /** The whole frame, its size prefix included. Known as soon as 4 bytes are, so that a frame can be refused early. */
  frameBytes = 0
  apiKey = -1
  apiVersion = -1
  correlationId = 0
  /** Where the client id's bytes are, and how many; −1 for none. */
  clientIdOffset = -1
  clientIdLength = -1
  /** 1 or 2; −1 for an API or a version that the codec does not know. */
  headerVersion = -1
  /** Where the body starts, −1 for an API or a version that the codec does not know. */
  bodyOffset = -1
}

/**
 * Reads the head of the request frame that starts at `from`, as far as bytes before `to` are there.
 * `view` must be over the same memory as `bytes` with the same origin.
 * @returns true when the head is whole; false when more bytes are needed (`head` then has `frameBytes`, or 0 if not even that is there)
 * @throws ProtocolError `bad_length`, `bad_count` or `bad_varint` for a head that cannot be
 */
export function readRequestHead(
  bytes: Uint8Array,
  view: DataView,
  from: number,
  to: number,
  head: RequestHead,
): boolean {
  const visible = to - from
  head.frameBytes = 0
  if (visible < SIZE_PREFIX_BYTES) return false
  head.frameBytes = frameBytesAt(view, from, REQUEST_HEAD_BYTES)
  if (visible < REQUEST_HEAD_BYTES) return false
  const apiKey = view.getInt16(from + 4)
  const apiVersion = view.getInt16(from + 6)
  const headerVersion = REQUEST_HEADER_VERSIONS[apiKey]?.[apiVersion] ?? -1
  head.apiKey = apiKey
  head.apiVersion = apiVersion
  head.correlationId = view.getInt32(from + 8)
  head.headerVersion = headerVersion
  head.bodyOffset = -1
  const clientIdEnd = readClientId(view, from, to, head)
  if (clientIdEnd < 0 || clientIdEnd > to) return false
  if (headerVersion < 0) return true
  head.bodyOffset = headerVersion >= 2 ? skipTags(bytes, clientIdEnd, to, from + head.frameBytes) : clientIdEnd
  return head.bodyOffset !== NEED_MORE
}

/** Sets the client id and returns its end, which may lie beyond `to`; or `NEED_MORE`. */
function readClientId(view: DataView, from: number, to: number, head: RequestHead): number {
  const start = from + REQUEST_HEAD_BYTES + 2
  const end = from + head.frameBytes
  if (start > end) throw new ProtocolError('bad_length', 'a request is shorter than its header')
  if (start > to) return NEED_MORE
  const length = view.getInt16(start - 2)
  if (length < -1 || length > end - start)
    throw new ProtocolError('bad_length', 'a client id does not fit into its request')
  head.clientIdLength = length
  head.clientIdOffset = length < 0 ? -1 : start
  return length < 0 ? start : start + length
}

/** What `readResponseHead` found. */
export class ResponseHead {
  /** The whole frame, its size prefix included; 0 when not even that is there. */
  frameBytes = 0
  correlationId = 0
}

/**
 * Reads the head of the response frame that starts at `from`, as far as bytes before `to` are there.
 * @returns whether it is whole; when not, nothing is consumed
 * @throws ProtocolError `bad_length` for a size that cannot be
 */
export function readResponseHead(view: DataView, from: number, to: number, head: ResponseHead): boolean {
  head.frameBytes = 0
  if (to - from < SIZE_PREFIX_BYTES) return false
  head.frameBytes = frameBytesAt(view, from, RESPONSE_HEAD_BYTES)
  if (to - from < RESPONSE_HEAD_BYTES) return false
  head.correlationId = view.getInt32(from + 4)
  return true
}

/**
 * Where the body of the response frame at `from` starts: behind the correlation id, or behind the tags that follow it in header v1.
 * An ApiVersions answer never has tags there. The API and version are those of the request that it answers.
 * @returns an index into the chunk, or −1 (`NEED_MORE`) while the head is not wholly there
 * @throws ProtocolError `unknown_api` or `unknown_version` when the codec does not know what was asked; others for tags that cannot be
 */
export function responseBodyOffset(
  bytes: Uint8Array,
  from: number,
  to: number,
  apiKey: number,
  apiVersion: number,
): number {
  const versions = RESPONSE_HEADER_VERSIONS[apiKey]
  if (versions === undefined) throw new ProtocolError('unknown_api', `unknown API key ${apiKey}`)
  const headerVersion = versions[apiVersion] ?? -1
  if (headerVersion < 0)
    throw new ProtocolError('unknown_version', `API key ${apiKey} has no known version ${apiVersion}`)
  const at = from + RESPONSE_HEAD_BYTES
  if (at > to) return NEED_MORE
  return headerVersion === 0 ? at : skipTags(bytes, at, to, from + SIZE_PREFIX_BYTES + readInt32(bytes, from))
}

function frameBytesAt(view: DataView, from: number, frameBytesMin: number): number {
  const frameBytes = view.getInt32(from) + SIZE_PREFIX_BYTES
  if (frameBytes < frameBytesMin) {
    throw new ProtocolError('bad_length', `a frame size of ${frameBytes - SIZE_PREFIX_BYTES} cannot be`)
  }
  return frameBytes
}

/** The position behind the tag section at `at`, nearly always the one byte 0; or `NEED_MORE`. */
function skipTags(bytes: Uint8Array, at: number, to: number, frameEnd: number): number {
  if (at < to && at < frameEnd && bytes[at] === 0) return at + 1
  const limit = Math.min(to, frameEnd)
  const next = skipSomeTags(bytes, at, limit, Math.min(frameEnd, at + HEADER_TAGS_BYTES_MAX))
  if (next === NEED_MORE && limit === frameEnd) throw new ProtocolError('truncated', 'a frame ends inside its header')
  return next
}

function skipSomeTags(bytes: Uint8Array, from: number, limit: number, end: number): number {
  const count = readUvarint(bytes, from, limit)
  if (count === NEED_MORE) return NEED_MORE
  let at = from + uvarintBytes(count)
  for (let left = uvarintValue(count); left > 0; left--) {
    const tag = readUvarint(bytes, at, limit)
    if (tag === NEED_MORE) return NEED_MORE
    const size = readUvarint(bytes, at + uvarintBytes(tag), limit)
    if (size === NEED_MORE) return NEED_MORE
    at += uvarintBytes(tag) + uvarintBytes(size) + uvarintValue(size)
    if (at > end) throw new ProtocolError('bad_length', 'the tags of a header are longer than a header may be')
  }
  return at > limit ? NEED_MORE : at
}
