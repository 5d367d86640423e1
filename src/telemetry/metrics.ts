/**
 * `/metrics`: the plain counters of the data path, folded into Prometheus series when they are scraped and only then.
 * prom-client's own `inc` with labels costs 100 times a typed-array bump, so its Counter and Histogram are not used:
 * a `Family` is the small part of a metric that its Registry asks for, computed on the spot.
 * Names and labels are an interface (design.md §9). Everything here is bounded: APIs, error codes, reasons are closed
 * lists, quotas are as many as the configuration has. Series by API or error appear with their first count.
 */
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import type { Counters } from '../session/counters.ts'
import type { QuotaStatus } from '../sluice.ts'
import { apiFamilies, type Family } from './api-families.ts'
import { quotaFamilies } from './quota-families.ts'

/** What the metrics tell of, besides the counters. */
export interface MetricsSources {
  readonly counters: Counters
  /** The version of kafka-sluice. */
  readonly version: string
  /** The newest Kafka release whose protocol the codec knows. */
  readonly kafkaProtocol: string
  /** The quotas of the policy in force; asked at each scrape. */
  readonly quotas: () => readonly QuotaStatus[]
  /** Whether the configuration file, as it stands, is the one in force. */
  readonly configValid: () => boolean
  /** Metrics of the process itself (CPU, memory, event loop); default true. Tests switch them off. */
  readonly processMetrics?: boolean
}

/** The text of `/metrics` and its content type. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

/** Builds the registry; nothing is computed before the first scrape. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry()
  const families = [
    ...apiFamilies(sources.counters),
    ...quotaFamilies(sources.counters, sources.quotas),
    ...connectionFamilies(sources.counters),
    ...configFamilies(sources),
  ]
  for (const family of families) registry.registerMetric(asMetric(family))
  if (sources.processMetrics ?? true) collectDefaultMetrics({ register: registry })
  return { contentType: registry.contentType, text: () => registry.metrics() }
}

function connectionFamilies(counters: Counters): Family[] {
  return [
    {
      name: 'sluice_connections',
      help: 'Client connections open now.',
      type: 'gauge',
      samples: () => [{ value: counters.connections }],
    },
    {
      name: 'sluice_connections_total',
      help: 'Client connections by what became of them at accept.',
      type: 'counter',
      samples: () => byLabel('result', counters.connectionsTotal),
    },
    {
      name: 'sluice_disconnects_total',
      help: 'Client connections that ended, by reason.',
      type: 'counter',
      samples: () => byLabel('reason', counters.disconnects),
    },
  ]
}

function configFamilies({ counters, configValid, version, kafkaProtocol }: MetricsSources): Family[] {
  return [
    {
      name: 'sluice_config_reloads_total',
      help: 'Reloads of the configuration file, by result.',
      type: 'counter',
      samples: () => byLabel('result', counters.configReloads),
    },
    {
      name: 'sluice_secret_reloads_total',
      help: 'Certificates, keys, passwords, tokens and lists of users read again, by result; after a failure the old ones stay in force.',
      type: 'counter',
      samples: () => byLabel('result', counters.secretReloads),
    },
    {
      name: 'sluice_kafka_quota_polls_total',
      help: 'Questions for the quotas of the cluster itself (followKafka), by result; after a failure the last answer stays in force.',
      type: 'counter',
      samples: () => byLabel('result', counters.quotaPolls),
    },
    {
      name: 'sluice_config_valid',
      help: 'Whether the configuration file as it stands is in force (1), or an older one because it has faults (0).',
      type: 'gauge',
      samples: () => [{ value: configValid() ? 1 : 0 }],
    },
    {
      name: 'sluice_build_info',
      help: 'Version of kafka-sluice and of the Kafka protocol it knows; always 1.',
      type: 'gauge',
      samples: () => [{ labels: { version, kafka_protocol: kafkaProtocol }, value: 1 }],
    },
  ]
}

/** One sample for each key of a small closed record; zeros too, so that `rate()` sees the first count. */
function byLabel(label: string, counts: Readonly<Record<string, number>>): ReturnType<Family['samples']> {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }))
}

/** The part of prom-client's Metric that a Registry uses when it prints. */
function asMetric(family: Family): Metric {
  const { name, help, type } = family
  const printed = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: family.samples() }),
  }
  return printed as unknown as Metric
}
