/** Random conversations of a client and a broker: any APIs, any versions, any values, cut anywhere. */
import {
  API_KEY,
  API_SCHEMAS,
  type ApiName,
  apiSchema,
  encodeRequest,
  encodeResponse,
  type Struct,
} from 'kafka-protocol-codec'
import { type Random, randomValue } from './vectors.ts'

/** One request, and what is answered to it. */
export interface Exchange {
  readonly apiKey: number
  readonly apiVersion: number
  readonly request: Uint8Array
  /** Undefined where Kafka has none: Produce with acks 0. */
  readonly answer: Uint8Array | undefined
  /** What the client must get. */
  readonly delivered: Uint8Array | undefined
}

const CLIENT_IDS: readonly (string | null)[] = [null, '', 'checkout-7', 'größe', 'x'.repeat(300)]

export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

/** An answer's value without any broker address: those are the one thing that may change. */
function withoutAddresses(apiKey: number, value: Struct): Struct {
  switch (apiKey) {
    case API_KEY.Metadata:
    case API_KEY.DescribeCluster:
      return { ...value, brokers: [] }
    case API_KEY.FindCoordinator:
      return { ...value, nodeId: -1, host: '', port: -1, coordinators: [] }
    case API_KEY.Produce:
    case API_KEY.Fetch:
    case API_KEY.ShareFetch:
    case API_KEY.ShareAcknowledge:
      return { ...value, nodeEndpoints: [] }
    default:
      return value
  }
}

/** What is left of a broker's offer: nothing beyond the codec's versions, nothing that it does not know. */
export function loweredOffer(value: Struct): Struct {
  const apiKeys = (value['apiKeys'] as Struct[]).flatMap((entry): Struct[] => {
    const known = apiSchema(Number(entry['apiKey']))?.request.versions[1]
    if (known === undefined || Number(entry['minVersion']) > known) return []
    const maxVersion = Math.min(known, Number(entry['maxVersion']))
    return maxVersion < Number(entry['minVersion']) ? [] : [{ ...entry, maxVersion }]
  })
  return { ...value, apiKeys }
}

/** A random exchange of one API and version; `delivered` holds only for one without addresses. */
export function exchange(
  apiKey: number,
  apiVersion: number,
  correlationId: number,
  random: Random,
  withAddresses = false,
): Exchange {
  const schema = apiSchema(apiKey)
  if (schema === undefined) throw new Error(`no API ${apiKey}`)
  const clientId = CLIENT_IDS[below(random, CLIENT_IDS.length)] ?? null
  const asked = randomValue(schema.request, apiVersion, random)
  const said = randomValue(schema.response, apiVersion, random)
  const value = withAddresses ? said : withoutAddresses(apiKey, said)
  if (apiKey === API_KEY.ApiVersions) value['errorCode'] = 0
  const encode = (body: Struct): Uint8Array => encodeResponse(apiKey, apiVersion, correlationId, body)
  const isAnswered = apiKey !== API_KEY.Produce || asked['acks'] !== 0
  const sent = isAnswered ? encode(value) : undefined
  return {
    apiKey,
    apiVersion,
    request: encodeRequest({ apiKey, apiVersion, correlationId, clientId }, asked),
    answer: sent,
    delivered: isAnswered && apiKey === API_KEY.ApiVersions ? encode(loweredOffer(value)) : sent,
  }
}

/** An exchange of any API in any version. */
export function anyExchange(
  correlationId: number,
  random: Random,
  only?: readonly ApiName[],
  withAddresses = false,
): Exchange {
  const keys = only === undefined ? API_SCHEMAS.map((schema) => schema.key) : only.map((name) => API_KEY[name])
  const apiKey = keys[below(random, keys.length)] ?? 0
  const [min, max] = apiSchema(apiKey)?.request.versions ?? [0, 0]
  return exchange(apiKey, min + below(random, max - min + 1), correlationId, random, withAddresses)
}
