/** APIs that the streams treat alike. */
import { API_KEY } from 'kafka-protocol-codec'

/** Its answer brings data. */
export function isFetch(apiKey: number): boolean {
  return apiKey === API_KEY.Fetch || apiKey === API_KEY.ShareFetch
}

export function isSasl(apiKey: number): boolean {
  return apiKey === API_KEY.SaslHandshake || apiKey === API_KEY.SaslAuthenticate
}
