/** Frames for transcripts, built by the codec: requests, answers, and what the limiter and the SASL observer care about. */
import {
  API_KEY,
  type ApiName,
  apiSchema,
  type DecodedResponse,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type MessageSchema,
  type Struct,
} from 'kafka-protocol-codec'

/** What a request header says beyond the API. */
export interface Caller {
  readonly correlationId?: number
  readonly clientId?: string | null
}

/** The schema of an API's request or answer; the test is wrong if there is none. */
export function schemaOf(api: ApiName, kind: 'request' | 'response'): MessageSchema {
  const schema = apiSchema(API_KEY[api])
  if (schema === undefined) throw new Error(`no API ${api}`)
  return schema[kind]
}

/** Every version of an API. */
export function versionsOf(api: ApiName): number[] {
  const [min, max] = schemaOf(api, 'request').versions
  return Array.from({ length: max - min + 1 }, (_, i) => min + i)
}

export function request(api: ApiName, apiVersion: number, value: Struct = {}, caller: Caller = {}): Uint8Array {
  const { correlationId = 1, clientId = 'client-1' } = caller
  return encodeRequest({ apiKey: API_KEY[api], apiVersion, correlationId, clientId }, value)
}

export function answer(api: ApiName, apiVersion: number, value: Struct = {}, correlationId = 1): Uint8Array {
  return encodeResponse(API_KEY[api], apiVersion, correlationId, value)
}

/** The one answer that `bytes` hold, and nothing behind it. */
export function readAnswer(api: ApiName, apiVersion: number, bytes: Uint8Array): DecodedResponse {
  const decoded = decodeResponse(API_KEY[api], apiVersion, bytes)
  if (decoded.end !== bytes.length) throw new Error(`${bytes.length - decoded.end} bytes after the answer`)
  return decoded
}

/** A frame with a header of version 1 and any body: for APIs and versions that the codec does not know. */
export function rawRequest(apiKey: number, apiVersion: number, correlationId: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(14 + body.length)
  const view = new DataView(frame.buffer)
  view.setInt32(0, frame.length - 4)
  view.setInt16(4, apiKey)
  view.setInt16(6, apiVersion)
  view.setInt32(8, correlationId)
  view.setInt16(12, -1)
  frame.set(body, 14)
  return frame
}

/** A frame with a response header of version 0 and any body. */
export function rawAnswer(correlationId: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(8 + body.length)
  const view = new DataView(frame.buffer)
  view.setInt32(0, frame.length - 4)
  view.setInt32(4, correlationId)
  frame.set(body, 8)
  return frame
}

/** Size and bytes without any header, as tokens travel after SaslHandshake v0. */
export function rawToken(token: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + token.length)
  new DataView(frame.buffer).setInt32(0, token.length)
  frame.set(token, 4)
  return frame
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** The frames of a stream, each with its size; throws when the stream ends inside one. */
export function framesOf(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + view.getInt32(at)
    if (end > bytes.length) throw new Error(`a frame of ${end - at} bytes, ${bytes.length - at} there`)
    frames.push(bytes.slice(at, end))
    at = end
  }
  return frames
}

/** The correlation id of a frame, request or answer. */
export function correlationOf(frame: Uint8Array, kind: 'request' | 'answer'): number {
  return new DataView(frame.buffer, frame.byteOffset).getInt32(kind === 'request' ? 8 : 4)
}

/** `bytes` in chunks of `sizeBytes`. */
export function chunksOf(bytes: Uint8Array, sizeBytes: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += sizeBytes) chunks.push(bytes.slice(at, at + sizeBytes))
  return chunks
}

/** `bytes` cut at these places (sorted, within the bytes). */
export function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    chunks.push(bytes.slice(from, cut))
    from = cut
  }
  return chunks
}

/** A record batch (magic 2) of that size that says it holds `records` records. */
export function recordBatch(records: number, sizeBytes: number = 61 + records * 10): Uint8Array {
  const batch = new Uint8Array(sizeBytes)
  const view = new DataView(batch.buffer)
  view.setInt32(8, sizeBytes - 12)
  view.setInt8(16, 2)
  view.setInt32(57, records)
  return batch
}

/** A Produce request whose frame has exactly `frameBytes` bytes. */
export function produce(frameBytes: number, caller: Caller & { version?: number; acks?: number } = {}): Uint8Array {
  const { version = 9, acks = 1 } = caller
  // Where the length of the records takes a byte more, one size is passed over: a transactional id of one letter has it.
  for (const transactionalId of [null, 't']) {
    const build = (records: Uint8Array): Uint8Array =>
      request(
        'Produce',
        version,
        {
          ...{ transactionalId, acks, timeoutMs: 30_000 },
          topicData: [{ name: 'orders', partitionData: [{ index: 0, records }] }],
        },
        caller,
      )
    let recordsBytes = Math.max(0, frameBytes - build(new Uint8Array(0)).length)
    for (let tries = 0; tries < 8; tries++) {
      const frame = build(recordsBytes < 61 ? new Uint8Array(recordsBytes) : recordBatch(1, recordsBytes))
      if (frame.length === frameBytes) return frame
      recordsBytes += frameBytes - frame.length
    }
  }
  throw new Error(`no Produce v${version} frame has exactly ${frameBytes} bytes`)
}

export function produceAnswer(correlationId = 1, throttleTimeMs = 0, version = 9): Uint8Array {
  const partitionResponses = [{ index: 0, errorCode: 0, baseOffset: 7n }]
  return answer(
    'Produce',
    version,
    { responses: [{ name: 'orders', partitionResponses }], throttleTimeMs },
    correlationId,
  )
}

/** A Fetch request with limits that a test can tell apart. */
export function fetch(caller: Caller & { version?: number; limits?: Struct } = {}): Uint8Array {
  const { version = 11, limits = {} } = caller
  return request('Fetch', version, { maxWaitMs: 500, minBytes: 1, maxBytes: 52_428_800, ...limits }, caller)
}

/** A Fetch answer whose frame has about (from v12 on) or exactly `frameBytes` bytes. */
export function fetchAnswer(
  frameBytes: number,
  options: { correlationId?: number; version?: number; throttleTimeMs?: number; more?: Struct } = {},
): Uint8Array {
  const { correlationId = 1, version = 11, throttleTimeMs = 0, more = {} } = options
  const build = (records: Uint8Array): Uint8Array =>
    answer(
      'Fetch',
      version,
      { throttleTimeMs, responses: [{ topic: 'orders', partitions: [{ partitionIndex: 0, records }] }], ...more },
      correlationId,
    )
  let recordsBytes = Math.max(0, frameBytes - build(new Uint8Array(0)).length)
  let frame = build(new Uint8Array(0))
  for (let tries = 0; tries < 8 && recordsBytes > 0; tries++) {
    frame = build(recordsBytes < 61 ? new Uint8Array(recordsBytes) : recordBatch(1, recordsBytes))
    if (frame.length === frameBytes) break
    recordsBytes += frameBytes - frame.length
  }
  return frame
}

/** What a client library says of itself (KIP-511), and the broker's answer. */
export function hello(software: string, caller: Caller = {}): Uint8Array {
  return request('ApiVersions', 3, { clientSoftwareName: software, clientSoftwareVersion: '1.0' }, caller)
}

export function helloAnswer(correlationId = 1): Uint8Array {
  return answer('ApiVersions', 3, { apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] }, correlationId)
}
