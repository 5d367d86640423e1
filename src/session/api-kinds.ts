/** APIs that the streams treat alike. */
import { API_KEY } from 'kafka-protocol-codec'
import { isFetch } from '../policy/api-classes.ts'

/** Its answer waits by design: for data, or for other members of a group. */
export function waitsByDesign(apiKey: number): boolean {
  return isFetch(apiKey) || apiKey === API_KEY.JoinGroup || apiKey === API_KEY.SyncGroup
}

export function isSasl(apiKey: number): boolean {
  return apiKey === API_KEY.SaslHandshake || apiKey === API_KEY.SaslAuthenticate
}

/** Whether requests of this API commit offsets. */
export function commitsOffsets(apiKey: number): boolean {
  return apiKey === API_KEY.OffsetCommit || apiKey === API_KEY.TxnOffsetCommit
}
