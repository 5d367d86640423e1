/**
 * Whole frames: size, header, body. For tests, a fake broker, answers of our own and tools; the proxy's data path reads
 * heads in place instead (`headers.ts`).
 */

import { apiSchema, requestHeaderVersion, responseHeaderVersion } from './apis.ts'
import { type Decoded, decode } from './decode.ts'
import { writeMessage } from './encode.ts'
import { ProtocolError } from './errors.ts'
import { REQUEST_HEADER, RESPONSE_HEADER } from './generated/headers.ts'
import { Reader } from './reader.ts'
import type { ApiSchema } from './schema.ts'
import type { Struct } from './value.ts'
import { Writer } from './writer.ts'

const SIZE_BYTES = 4

/** The head of a request frame. */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/** A decoded request header, and where its body starts in the bytes given. */
export interface DecodedRequestHeader extends RequestHeader {
  readonly bodyOffset: number
}

/** A decoded request frame. */
export interface DecodedRequest extends DecodedRequestHeader, Decoded {}

/** A decoded response frame. */
export interface DecodedResponse extends Decoded {
  readonly correlationId: number
}

function schemaOf(apiKey: number): ApiSchema {
  const schema = apiSchema(apiKey)
  if (schema === undefined) throw new ProtocolError('unknown_api', `unknown API key ${apiKey}`)
  return schema
}

function finishFrame(writer: Writer): Uint8Array {
  writer.patchInt32(0, writer.length - SIZE_BYTES)
  return writer.finish()
}

/** The bytes of one frame without its size, or an error when they are not there. */
function frameAt(bytes: Uint8Array, offset: number): Uint8Array {
  const size = new Reader(bytes, offset).int32()
  const from = offset + SIZE_BYTES
  if (size < 0) throw new ProtocolError('bad_length', `frame of ${size} bytes`)
  if (size > bytes.length - from) {
    throw new ProtocolError('truncated', `frame of ${size} bytes, ${bytes.length - from} there`)
  }
  return bytes.subarray(0, from + size)
}

/** Refuses a frame that goes on after its body. */
function checkEnd(frame: Uint8Array, decoded: Decoded, what: string): void {
  if (decoded.end !== frame.length) {
    throw new ProtocolError('trailing_bytes', `${frame.length - decoded.end} bytes after the body of a ${what}`)
  }
}

/**
 * One request frame: int32 size, header, body.
 * @throws ProtocolError `unknown_api`, `unknown_version`, `bad_value`
 */
export function encodeRequest(header: RequestHeader, value: Struct): Uint8Array {
  const { apiKey, apiVersion, correlationId, clientId } = header
  const writer = new Writer()
  writer.int32(0)
  const head: Struct = { requestApiKey: apiKey, requestApiVersion: apiVersion, correlationId, clientId }
  writeMessage(writer, REQUEST_HEADER, requestHeaderVersion(apiKey, apiVersion), head)
  writeMessage(writer, schemaOf(apiKey).request, apiVersion, value)
  return finishFrame(writer)
}

/**
 * One response frame: int32 size, header, body.
 * @throws ProtocolError `unknown_api`, `unknown_version`, `bad_value`
 */
export function encodeResponse(apiKey: number, apiVersion: number, correlationId: number, value: Struct): Uint8Array {
  const writer = new Writer()
  writer.int32(0)
  writeMessage(writer, RESPONSE_HEADER, responseHeaderVersion(apiKey, apiVersion), { correlationId })
  writeMessage(writer, schemaOf(apiKey).response, apiVersion, value)
  return finishFrame(writer)
}

/**
 * The header of the request frame at `offset` (where its size field is). The version of the request itself may be one
 * that the codec does not know, as a broker must read the header of any ApiVersions request.
 * @throws ProtocolError `truncated` when the frame is not wholly there, `bad_length`, `unknown_api` …
 */
export function decodeRequestHeader(bytes: Uint8Array, offset = 0): DecodedRequestHeader {
  const frame = frameAt(bytes, offset)
  const reader = new Reader(frame, offset + SIZE_BYTES)
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const headerVersion = requestHeaderVersion(apiKey, apiVersion)
  const { value, end } = decode(REQUEST_HEADER, headerVersion, frame, offset + SIZE_BYTES)
  return {
    apiKey,
    apiVersion,
    correlationId: Number(value['correlationId']),
    clientId: typeof value['clientId'] === 'string' ? value['clientId'] : null,
    bodyOffset: end,
  }
}

/**
 * The request frame at `offset`, which must be wholly there; `end` is where the next frame starts.
 * @throws ProtocolError as `decodeRequestHeader` and `decode`; `trailing_bytes` when the frame is longer than its body
 */
export function decodeRequest(bytes: Uint8Array, offset = 0): DecodedRequest {
  const frame = frameAt(bytes, offset)
  const header = decodeRequestHeader(frame, offset)
  const decoded = decode(schemaOf(header.apiKey).request, header.apiVersion, frame, header.bodyOffset)
  checkEnd(frame, decoded, 'request')
  return { ...header, ...decoded }
}

/**
 * The response frame at `offset`, which must be wholly there; `end` is where the next frame starts.
 * @param apiKey and `apiVersion` are those of the request that it answers: the frame does not say
 * @throws ProtocolError as `decode`; `trailing_bytes` when the frame is longer than its body
 */
export function decodeResponse(apiKey: number, apiVersion: number, bytes: Uint8Array, offset = 0): DecodedResponse {
  const frame = frameAt(bytes, offset)
  const header = decode(RESPONSE_HEADER, responseHeaderVersion(apiKey, apiVersion), frame, offset + SIZE_BYTES)
  const decoded = decode(schemaOf(apiKey).response, apiVersion, frame, header.end)
  checkEnd(frame, decoded, 'response')
  return { correlationId: Number(header.value['correlationId']), ...decoded }
}
