/** What the Java client calls its metrics (`kafka.producer`, `kafka.consumer` in JMX), and the query that says the same from here. */

export interface JavaName {
  readonly java: string
  readonly query: string
  /** Where the two are not the same. */
  readonly difference?: string
}

const BY_CLIENT = '{client_id="…"}'

export const PRODUCER_NAMES: readonly JavaName[] = [
  {
    java: 'record-send-rate',
    query: `rate(sluice_client_produced_records_total${BY_CLIENT}[1m])`,
    difference: 'failed and repeated records included',
  },
  {
    java: 'outgoing-byte-rate',
    query: `rate(sluice_client_produced_bytes_total${BY_CLIENT}[1m])`,
    difference: 'Produce requests only',
  },
  { java: 'request-rate', query: `rate(sluice_client_requests_total${BY_CLIENT}[1m])` },
  {
    java: 'request-latency-avg',
    query: `rate(sluice_client_produce_latency_seconds_sum${BY_CLIENT}[1m]) / rate(sluice_client_produce_latency_seconds_count${BY_CLIENT}[1m])`,
    difference: 'in seconds; without the time held, which Java sees too',
  },
  {
    java: 'request-latency-max',
    query: `histogram_quantile(0.99, rate(sluice_client_produce_latency_seconds_bucket${BY_CLIENT}[1m]))`,
    difference: 'a quantile, no maximum',
  },
  {
    java: 'batch-size-avg',
    query: `rate(sluice_client_produce_batch_bytes_total${BY_CLIENT}[1m]) / sum by (client_id) (rate(sluice_client_produce_batches_total${BY_CLIENT}[1m]))`,
  },
  {
    java: 'batch-size-max',
    query: `sluice_client_largest_batch_bytes${BY_CLIENT}`,
    difference: 'since the client has series',
  },
  {
    java: 'records-per-request-avg',
    query: `rate(sluice_client_produced_records_total${BY_CLIENT}[1m]) / rate(sluice_client_produce_requests_total${BY_CLIENT}[1m])`,
  },
  {
    java: 'record-retry-rate',
    query: `rate(sluice_produce_retries_total${BY_CLIENT}[1m])`,
    difference: 'batches, not records; idempotent producers only',
  },
  {
    java: 'record-error-rate',
    query: `sum(rate(sluice_client_errors_total${BY_CLIENT}[1m]))`,
    difference: 'answers with an error, those that are retried included; errors of all APIs',
  },
  {
    java: 'produce-throttle-time-avg',
    query: `rate(sluice_client_throttle_seconds_total${BY_CLIENT}[1m])`,
    difference:
      "seconds in a second; the sluice's own throttle; the brokers' is in `sluice_broker_throttle_seconds_total`",
  },
  { java: 'connection-count', query: `sluice_client_connections${BY_CLIENT}` },
  {
    java: 'compression-rate-avg',
    query: 'none',
    difference:
      'what a batch was before compression is not on the wire; `sluice_client_produce_batches_total{codec=…}` says which codec',
  },
  { java: 'buffer-available-bytes, record-queue-time-avg', query: 'none', difference: 'inside the application' },
]

export const CONSUMER_NAMES: readonly JavaName[] = [
  {
    java: 'records-lag (by partition)',
    query: 'sluice_consumer_lag_records{group="…",topic="…",partition="…"}',
    difference: 'what was fetched ahead and not polled does not count',
  },
  { java: 'records-lag-max', query: 'max by (group) (sluice_consumer_lag_records{group="…"})' },
  {
    java: 'records-consumed-rate',
    query: `rate(sluice_client_fetched_records_total${BY_CLIENT}[1m])`,
    difference: 'fetched, not polled',
  },
  {
    java: 'bytes-consumed-rate',
    query: `rate(sluice_client_fetched_bytes_total${BY_CLIENT}[1m])`,
    difference: 'frames, headers included',
  },
  { java: 'fetch-rate', query: `rate(sluice_client_fetch_requests_total${BY_CLIENT}[1m])` },
  {
    java: 'fetch-latency-avg',
    query: `rate(sluice_client_fetch_latency_seconds_sum${BY_CLIENT}[1m]) / rate(sluice_client_fetch_latency_seconds_count${BY_CLIENT}[1m])`,
    difference: 'in seconds; without the time held',
  },
  {
    java: 'fetch-size-avg',
    query: `rate(sluice_client_fetched_bytes_total${BY_CLIENT}[1m]) / rate(sluice_client_fetch_requests_total${BY_CLIENT}[1m])`,
  },
  {
    java: 'records-per-request-avg',
    query: `rate(sluice_client_fetched_records_total${BY_CLIENT}[1m]) / rate(sluice_client_fetch_requests_total${BY_CLIENT}[1m])`,
  },
  {
    java: 'fetch-throttle-time-avg',
    query: `rate(sluice_client_throttle_seconds_total${BY_CLIENT}[1m])`,
    difference: "the sluice's own",
  },
]

export const GROUP_NAMES: readonly JavaName[] = [
  {
    java: 'rebalance-total',
    query: 'sum by (group) (sluice_group_rebalances_total{group="…"})',
    difference: 'of the group, once for all members behind the sluice',
  },
  { java: 'rebalance-rate-per-hour', query: 'sum by (group) (increase(sluice_group_rebalances_total{group="…"}[1h]))' },
  {
    java: 'rebalance-latency-avg',
    query:
      'rate(sluice_group_rebalance_seconds_sum{group="…"}[1h]) / rate(sluice_group_rebalance_seconds_count{group="…"}[1h])',
  },
  {
    java: 'last-heartbeat-seconds-ago',
    query: 'histogram_quantile(0.99, rate(sluice_group_heartbeat_gap_seconds_bucket{group="…"}[5m]))',
    difference: 'gaps that have ended, not the one that lasts',
  },
  {
    java: 'heartbeat-rate',
    query: 'rate(sluice_group_heartbeat_gap_seconds_count{group="…"}[1m])',
    difference: 'of all members behind the sluice',
  },
  { java: 'commit-rate', query: 'rate(sluice_requests_total{api="OffsetCommit"}[1m])', difference: 'of all clients' },
  {
    java: 'commit-latency-avg',
    query:
      'rate(sluice_broker_latency_seconds_sum{api="OffsetCommit"}[1m]) / rate(sluice_broker_latency_seconds_count{api="OffsetCommit"}[1m])',
    difference: 'of all clients',
  },
  {
    java: 'assigned-partitions',
    query: 'count by (group) (sluice_consumer_lag_records{group="…"})',
    difference: 'of all members behind the sluice',
  },
]
