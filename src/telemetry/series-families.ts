/** The metric families whose series carry names of clients, groups, partitions or brokers; made from the books of the data path. */
import { codecName, errorName } from 'kafka-protocol-codec'
import type { BrokerCounts } from '../cluster/broker-book.ts'
import type { LagEntry } from '../cluster/lag-book.ts'
import { type Histogram, LATENCY_BOUNDS_SECONDS, type Latencies, type Sizes } from '../histogram.ts'
import type { ClientSeries } from '../session/client-book.ts'
import type { Counters } from '../session/counters.ts'
import type { GroupSeries } from '../session/group-series.ts'
import type { SeriesBooks } from '../session/series-books.ts'
import type { SessionTotals } from '../session/session-parts.ts'
import type { MetricName } from './catalogue/definition.ts'
import { byLabel, type Family, family, histogramSamples, type Sample } from './family.ts'

/** Fewer bounds than the process' own, because there are as many histograms as clients and brokers. All are among those. */
const CLIENT_BOUNDS_SECONDS: readonly number[] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30]
const NODE_BOUNDS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30,
]

/** Families by client id. */
export function clientFamilies({ clients }: SeriesBooks): Family[] {
  const each = (name: MetricName, samples: (client: ClientSeries) => Sample[]): Family =>
    family(name, () => [...clients.book.series()].flatMap(samples))
  const plain = (name: MetricName, value: (client: ClientSeries) => number): Family =>
    each(name, (client) => [{ labels: { client_id: client.name }, value: value(client) }])
  const total = (name: MetricName, of: keyof SessionTotals, scale = 1): Family =>
    plain(name, ({ totals }) => totals[of] * scale)
  const latency = (name: MetricName, of: (client: ClientSeries) => Latencies): Family =>
    each(name, (client) => latencySamples(name, { client_id: client.name }, of(client), CLIENT_BOUNDS_SECONDS))
  return [
    each('sluice_client_info', (client) =>
      client.variants.map(({ software, softwareVersion, principal }) => ({
        labels: { client_id: client.name, software, software_version: softwareVersion, principal },
        value: 1,
      })),
    ),
    plain('sluice_client_connections', ({ holders }) => holders),
    total('sluice_client_requests_total', 'requests'),
    total('sluice_client_produce_requests_total', 'produceRequests'),
    total('sluice_client_fetch_requests_total', 'fetchRequests'),
    total('sluice_client_produced_bytes_total', 'producedBytes'),
    total('sluice_client_fetched_bytes_total', 'fetchedBytes'),
    total('sluice_client_produced_records_total', 'producedRecords'),
    total('sluice_client_fetched_records_total', 'fetchedRecords'),
    total('sluice_client_throttle_seconds_total', 'throttleMs', 1 / 1000),
    total('sluice_client_hold_seconds_total', 'heldMs', 1 / 1000),
    each('sluice_client_errors_total', ({ name, errors }) =>
      [...errors].map(([code, value]) => ({
        labels: { client_id: name, error: errorName(code) ?? 'UNKNOWN' },
        value,
      })),
    ),
    each('sluice_client_produce_batches_total', ({ name, batches }) =>
      codecSamples(batches, (codec) => ({ client_id: name, codec })),
    ),
    plain('sluice_client_produce_batch_bytes_total', ({ batchBytes }) => batchBytes),
    plain('sluice_client_largest_batch_bytes', ({ largestBatchBytes }) => largestBatchBytes),
    plain('sluice_produce_retries_total', ({ retries }) => retries),
    latency('sluice_client_produce_latency_seconds', ({ produceLatency }) => produceLatency),
    latency('sluice_client_fetch_latency_seconds', ({ fetchLatency }) => fetchLatency),
  ]
}

/** What producers send, all together. */
export function produceFamilies({ batches, batchBytes, batchRecords, requestRecords }: Counters): Family[] {
  const histogram = (name: MetricName, of: Sizes): Family =>
    family(name, () => histogramSamples(name, {}, of.bounds, of.counts, of.sum))
  return [
    histogram('sluice_produce_batch_bytes', batchBytes),
    histogram('sluice_produce_batch_records', batchRecords),
    histogram('sluice_produce_request_records', requestRecords),
    family('sluice_produce_batches_total', () => codecSamples(batches, (codec) => ({ codec }))),
  ]
}

/** Families by broker. */
export function brokerFamilies({ brokers }: SeriesBooks): Family[] {
  const plain = (name: MetricName, value: (broker: BrokerCounts) => number): Family =>
    family(name, () => brokers.brokers().map((broker) => ({ labels: { node: broker.node }, value: value(broker) })))
  return [
    plain('sluice_broker_connections', ({ connections }) => connections),
    plain('sluice_broker_connect_failures_total', ({ connectFailures }) => connectFailures),
    plain('sluice_broker_resets_total', ({ resets }) => resets),
    family('sluice_broker_up', () =>
      brokers.brokers().flatMap(({ node, isUp }) => {
        return isUp === undefined ? [] : { labels: { node }, value: isUp ? 1 : 0 }
      }),
    ),
    family('sluice_broker_node_latency_seconds', () =>
      brokers
        .brokers()
        .flatMap(({ node, latency }) =>
          latencySamples('sluice_broker_node_latency_seconds', { node }, latency, NODE_BOUNDS_SECONDS),
        ),
    ),
    plain('sluice_broker_node_errors_total', ({ errors }) => errors),
    plain('sluice_broker_node_throttle_seconds_total', ({ throttleMs }) => throttleMs / 1000),
  ]
}

/** Families by consumer group. */
export function groupFamilies({ groups, lags }: SeriesBooks): Family[] {
  const each = (name: MetricName, samples: (group: GroupSeries) => Sample[]): Family =>
    family(name, () => [...groups.series()].flatMap(samples))
  const histogram = (name: MetricName, of: (group: GroupSeries) => Histogram): Family =>
    each(name, (group) => {
      const { bounds, counts, sum } = of(group)
      if (counts.every((count) => count === 0)) return []
      return histogramSamples(name, { group: group.name }, bounds, counts, sum)
    })
  const lag = (name: MetricName, of: (entry: LagEntry) => number | undefined): Family =>
    family(name, () =>
      [...lags.entries()].flatMap((entry) => {
        const { group, topic, partition } = entry
        const value = of(entry)
        return value === undefined ? [] : { labels: { group, topic, partition: String(partition) }, value }
      }),
    )
  return [
    lag('sluice_consumer_lag_records', (entry) => entry.lag),
    lag('sluice_consumer_committed_lag_records', (entry) => entry.committedLag),
    histogram('sluice_consumer_end_to_end_latency_seconds', ({ endToEnd }) => endToEnd),
    each('sluice_group_members', ({ name, rebalances }) => [{ labels: { group: name }, value: rebalances.members }]),
    each('sluice_group_rebalances_total', ({ name, rebalances }) =>
      Object.entries(rebalances.counts).map(([reason, value]) => ({ labels: { group: name, reason }, value })),
    ),
    histogram('sluice_group_rebalance_seconds', ({ rebalances }) => rebalances.seconds),
    histogram('sluice_group_heartbeat_gap_seconds', ({ rebalances }) => rebalances.heartbeatGap),
    each('sluice_consumer_timestamps_ahead_total', ({ name, ahead }) => [{ labels: { group: name }, value: ahead }]),
  ]
}

/** What Metadata answers tell of the cluster. */
export function clusterFamilies({ partitions }: SeriesBooks): Family[] {
  return [
    family('sluice_cluster_partitions', () => [{ value: partitions.counts().known }]),
    family('sluice_cluster_partitions_under_replicated', () => [{ value: partitions.counts().underReplicated }]),
    family('sluice_cluster_partitions_offline', () => [{ value: partitions.counts().offline }]),
    family('sluice_cluster_leader_moves_total', () => [{ value: partitions.leaderMoves }]),
  ]
}

/** How many series there are, of how many there may be. */
export function boundFamilies({ clients, groups, lags, limits }: SeriesBooks): Family[] {
  return [
    family('sluice_metrics_series', () =>
      byLabel('kind', { client: clients.book.size, group: groups.size, partition: lags.size }),
    ),
    family('sluice_metrics_series_limit', () =>
      byLabel('kind', { client: limits.clientsMax, group: limits.groupsMax, partition: limits.partitionsMax }),
    ),
    family('sluice_metrics_folded_total', () =>
      byLabel('kind', { client: clients.book.folded, group: groups.folded, partition: lags.left }),
    ),
  ]
}

/** By codec, those that were seen; numbers that no codec has are one. */
function codecSamples(batches: Float64Array, labels: (codec: string) => Record<string, string>): Sample[] {
  const sums = new Map<string, number>()
  batches.forEach((count, code) => {
    if (count > 0) sums.set(codecName(code), (sums.get(codecName(code)) ?? 0) + count)
  })
  return [...sums].map(([codec, value]) => ({ labels: labels(codec), value }))
}

/** The buckets of latencies put together to fewer, whose bounds are among theirs. Nothing before the first observation. */
function latencySamples(
  name: MetricName,
  labels: Readonly<Record<string, string>>,
  { counts, sum }: Latencies,
  bounds: readonly number[],
): Sample[] {
  if (counts.every((count) => count === 0)) return []
  const merged = new Float64Array(bounds.length + 1)
  counts.forEach((count, i) => {
    const upTo = LATENCY_BOUNDS_SECONDS[i] ?? Number.POSITIVE_INFINITY
    const place = bounds.findIndex((bound) => upTo <= bound)
    merged[place < 0 ? bounds.length : place]! += count
  })
  return histogramSamples(name, labels, bounds, merged, sum)
}
