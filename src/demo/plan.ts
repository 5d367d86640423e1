/** What the two applications of the demo do, computed from the limit: one stays under it, one wants all it can get. */
import { randomBytes } from 'node:crypto'
import type { AppConfig } from './app-messages.ts'

/** The steady application's share of its limit. */
const STEADY_SHARE = 0.4
/** Batches at the limit: small enough that rates are smooth, large enough that kafkajs can flood. */
const BATCHES_PER_SECOND = 20
const BATCH_BYTES_MAX = 256_000
const RECORD_BYTES_MAX = 1_000
/** Requests that the flood has under way. */
const FLOOD_PARTITIONS = 3

/** Both applications, the steady one first. Topics have a name of their own in each run: the Kafka may be shared. */
export function appConfigs(plan: {
  readonly bootstrap: string
  readonly limitBytesPerSecond: number
  readonly deleteTopic: boolean
}): readonly [steady: AppConfig, flood: AppConfig] {
  const { bootstrap, limitBytesPerSecond, deleteTopic } = plan
  const run = randomBytes(3).toString('hex')
  const batchBytes = Math.min(BATCH_BYTES_MAX, limitBytesPerSecond / BATCHES_PER_SECOND)
  const recordBytes = Math.max(12, Math.min(RECORD_BYTES_MAX, Math.floor(batchBytes)))
  const app = (name: string, partitions: number, bytes: number): AppConfig => ({
    name,
    bootstrap,
    topic: `sluice-demo-${name}-${run}`,
    partitions,
    recordBytes,
    batchRecords: Math.max(1, Math.round(bytes / recordBytes)),
    deleteTopic,
  })
  return [
    { ...app('steady', 1, batchBytes * STEADY_SHARE), bytesPerSecond: limitBytesPerSecond * STEADY_SHARE },
    app('flood', FLOOD_PARTITIONS, batchBytes),
  ]
}
