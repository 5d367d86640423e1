/** The few answers that the sluice makes itself. */
import { API_KEY, apiSchema, encodeResponse } from 'kafka-protocol-codec'

const UNSUPPORTED_VERSION = 35

/**
 * The answer to an ApiVersions request whose version nobody here knows: v0 form, error 35, and the one key that the client
 * needs to ask again (since Kafka 2.4; ApiVersionsRequest.getErrorResponse).
 */
export function versionMismatchReply(correlationId: number): Uint8Array {
  const api = apiSchema(API_KEY.ApiVersions)
  if (api === undefined) throw new Error('the codec lacks ApiVersions')
  const [minVersion, maxVersion] = api.request.versions
  return encodeResponse(API_KEY.ApiVersions, 0, correlationId, {
    errorCode: UNSUPPORTED_VERSION,
    apiKeys: [{ apiKey: API_KEY.ApiVersions, minVersion, maxVersion }],
  })
}
