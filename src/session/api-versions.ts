/**
 * ApiVersions passing by: from the request we learn the client's library (KIP-511), in the answer we lower what the broker
 * offers to what the codec knows, so that no request can come that we could not read (protocol-facts B.2).
 */
import { API_KEY, apiSchema, decode, encodeResponse, type Struct } from 'kafka-protocol-codec'

const UNSUPPORTED_VERSION = 35

/** The library named by an ApiVersions request, undefined below v3. */
export function softwareOf(
  version: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): { name: string; version: string } | undefined {
  const schema = apiSchema(API_KEY.ApiVersions)?.request
  if (schema === undefined || version < 3) return undefined
  const { value } = decode(schema, version, bytes.subarray(from, to))
  return { name: String(value['clientSoftwareName'] ?? ''), version: String(value['clientSoftwareVersion'] ?? '') }
}

/**
 * A broker's answer, lowered: `max` is at most what the codec knows, APIs that it does not know are dropped. `min` stays as
 * the broker says, Produce's above all (KAFKA-18659), and so do the features: no version is capped below a broker of the
 * codec's own release. `frame` is whole; the answer to an unsupported version has the body of v0.
 */
export function lowerApiVersions(frame: Uint8Array, version: number, correlationId: number): Uint8Array {
  const schema = apiSchema(API_KEY.ApiVersions)?.response
  if (schema === undefined) throw new Error('the codec lacks ApiVersions')
  const body = frame.subarray(8)
  const errorCode = ((body[0] ?? 0) << 8) | (body[1] ?? 0)
  const bodyVersion = errorCode === UNSUPPORTED_VERSION ? 0 : version
  const { value } = decode(schema, bodyVersion, body)
  const apiKeys = (value['apiKeys'] as Struct[]).flatMap((entry) => {
    const known = apiSchema(Number(entry['apiKey']))
    if (known === undefined) return []
    const maxVersion = Math.min(Number(entry['maxVersion']), known.request.versions[1])
    return maxVersion < Number(entry['minVersion']) ? [] : [{ ...entry, maxVersion }]
  })
  return encodeResponse(API_KEY.ApiVersions, bodyVersion, correlationId, { ...value, apiKeys })
}
