/** Finds the tables of an API by its number, and which header its frames carry. */

import { ProtocolError } from './errors.ts'
import { API_KEY, API_SCHEMAS } from './generated/index.ts'
import type { ApiSchema, MessageSchema } from './schema.ts'

/** Kafka's name of a client-facing API: `Produce`. */
export type ApiName = keyof typeof API_KEY

const BY_KEY: ReadonlyMap<number, ApiSchema> = new Map(API_SCHEMAS.map((schema) => [schema.key, schema]))

/** ControlledShutdown is no client's API, but the one whose v0 has request header v0 (`RequestHeader.json`). */
const CONTROLLED_SHUTDOWN_KEY = 7

/** The tables of an API; undefined for one that the codec does not know. */
export function apiSchema(apiKey: number): ApiSchema | undefined {
  return BY_KEY.get(apiKey)
}

function knownSchema(apiKey: number): ApiSchema {
  const schema = BY_KEY.get(apiKey)
  if (schema === undefined) throw new ProtocolError('unknown_api', `unknown API key ${apiKey}`)
  return schema
}

/**
 * Whether a version is flexible, known or not: a broker parses the header of an ApiVersions request of any version, and
 * versions before the first known one (share groups had an early-access v0) are as that one is.
 */
function isFlexible({ flexible, versions }: MessageSchema, version: number): boolean {
  return flexible[1] >= flexible[0] && Math.max(version, versions[0]) >= flexible[0]
}

/**
 * The version of the header in front of a request (Kafka's `ApiMessageType.requestHeaderVersion`).
 * @param version the request's version, which may be one that the codec does not know
 * @returns 1, or 2 for flexible versions (KIP-482); 0 only for ControlledShutdown v0
 * @throws ProtocolError `unknown_api`
 */
export function requestHeaderVersion(apiKey: number, version: number): number {
  if (apiKey === CONTROLLED_SHUTDOWN_KEY && version === 0) return 0
  return isFlexible(knownSchema(apiKey).request, version) ? 2 : 1
}

/**
 * The version of the header in front of a response (Kafka's `ApiMessageType.responseHeaderVersion`).
 * @returns 0, or 1 for flexible versions; ApiVersions always has 0, because its client does not know yet what the broker speaks
 * @throws ProtocolError `unknown_api`
 */
export function responseHeaderVersion(apiKey: number, version: number): number {
  if (apiKey === API_KEY.ApiVersions) return 0
  return isFlexible(knownSchema(apiKey).response, version) ? 1 : 0
}
