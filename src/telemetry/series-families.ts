/** The metric families whose series carry names of clients, groups, partitions or brokers; made from the books of the data path. */
import { errorName } from 'kafka-protocol-codec'
import type { BrokerCounts } from '../cluster/broker-book.ts'
import type { Histogram } from '../histogram.ts'
import type { ClientSeries } from '../session/client-book.ts'
import type { SeriesBooks } from '../session/series-books.ts'
import type { SessionTotals } from '../session/session-parts.ts'
import type { MetricName } from './catalogue/definition.ts'
import { type Family, family, histogramSamples, type Sample } from './family.ts'

/** Families by client id. */
export function clientFamilies({ clients }: SeriesBooks): Family[] {
  const each = (name: MetricName, samples: (client: ClientSeries) => Sample[]): Family =>
    family(name, () => [...clients.series()].flatMap(samples))
  const plain = (name: MetricName, value: (client: ClientSeries) => number): Family =>
    each(name, (client) => [{ labels: { client_id: client.clientId }, value: value(client) }])
  const total = (name: MetricName, of: keyof SessionTotals, scale = 1): Family =>
    plain(name, ({ totals }) => totals[of] * scale)
  const histogram = (name: MetricName, of: (client: ClientSeries) => Histogram): Family =>
    each(name, (client) => samplesOf(name, { client_id: client.clientId }, of(client)))
  return [
    each('sluice_client_info', (client) =>
      client.variants.map(({ software, softwareVersion, principal }) => ({
        labels: { client_id: client.clientId, software, software_version: softwareVersion, principal },
        value: 1,
      })),
    ),
    plain('sluice_client_connections', ({ connections }) => connections),
    total('sluice_client_requests_total', 'requests'),
    total('sluice_client_produce_requests_total', 'produceRequests'),
    total('sluice_client_fetch_requests_total', 'fetchRequests'),
    total('sluice_client_produced_bytes_total', 'producedBytes'),
    total('sluice_client_fetched_bytes_total', 'fetchedBytes'),
    total('sluice_client_produced_records_total', 'producedRecords'),
    total('sluice_client_fetched_records_total', 'fetchedRecords'),
    total('sluice_client_throttle_seconds_total', 'throttleMs', 1 / 1000),
    total('sluice_client_hold_seconds_total', 'heldMs', 1 / 1000),
    each('sluice_client_errors_total', ({ clientId, errors }) =>
      [...errors].map(([code, value]) => ({
        labels: { client_id: clientId, error: errorName(code) ?? 'UNKNOWN' },
        value,
      })),
    ),
    histogram('sluice_client_produce_latency_seconds', ({ produceLatency }) => produceLatency),
    histogram('sluice_client_fetch_latency_seconds', ({ fetchLatency }) => fetchLatency),
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
        .flatMap(({ node, latency }) => samplesOf('sluice_broker_node_latency_seconds', { node }, latency)),
    ),
    plain('sluice_broker_node_errors_total', ({ errors }) => errors),
    plain('sluice_broker_node_throttle_seconds_total', ({ throttleMs }) => throttleMs / 1000),
  ]
}

/** How many series there are, of how many there may be. */
export function boundFamilies({ clients, limits }: SeriesBooks): Family[] {
  return [
    family('sluice_metrics_series', () => [{ labels: { kind: 'client' }, value: clients.size }]),
    family('sluice_metrics_series_limit', () => [{ labels: { kind: 'client' }, value: limits.clientsMax }]),
    family('sluice_metrics_folded_total', () => [{ labels: { kind: 'client' }, value: clients.folded }]),
  ]
}

/** Nothing before the first observation. */
function samplesOf(name: MetricName, labels: Readonly<Record<string, string>>, histogram: Histogram): Sample[] {
  const { bounds, counts, sum } = histogram
  return counts.some((count) => count > 0) ? histogramSamples(name, labels, bounds, counts, sum) : []
}
