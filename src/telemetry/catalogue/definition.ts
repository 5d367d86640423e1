/** What is said of a metric in one place: its HELP, what `docs/metrics.md` tells, what the tests hold its samples against. */

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** In the order in which they are printed; a histogram's `le` is not among them. */
  readonly labels: readonly string[]
  /** What bounds the number of its series. */
  readonly bounds: string
  /** Where it comes from: fields of Kafka's protocol, or the process itself. */
  readonly source: string
  /** What it does not say, or says late. */
  readonly caveat?: string
}

export type MetricName = `sluice_${string}`

export type Definitions = Readonly<Record<MetricName, MetricDefinition>>

/** Bounds that several metrics share. */
export const BY_API = 'APIs of Kafka that were seen (at most 128)'
export const BY_QUOTA = 'quotas of the configuration, and those that a reload removed'
export const BY_CLIENT = '`metrics.clientsMax` clients, and `(other)`'
export const BY_GROUP = '`metrics.groupsMax` groups, and `(other)`'
export const BY_PARTITION = '`metrics.partitionsMax` partitions of groups'
export const BY_NODE = 'brokers of the cluster, and `bootstrap`'
