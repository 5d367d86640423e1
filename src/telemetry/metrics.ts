/**
 * `/metrics`: the plain counters of the data path, folded into Prometheus series when they are scraped and only then.
 * prom-client's own `inc` with labels costs 100 times a typed-array bump, so its Counter and Histogram are not used:
 * a `Family` is the small part of a metric that its Registry asks for, computed on the spot.
 * Names and labels are an interface (design.md §9); `catalogue/` has them. Everything here is bounded: APIs, error codes, reasons
 * are closed lists, quotas are as many as the configuration has, clients and groups as many as `metrics:` allows. Series by API or
 * error appear with their first count.
 */
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import type { Expiry } from '../certificate-expiry.ts'
import type { QuotaBuckets } from '../limiter/bucket-table.ts'
import type { Counters } from '../session/counters.ts'
import type { SeriesBooks } from '../session/series-books.ts'
import type { QuotaStatus } from '../sluice.ts'
import { apiFamilies } from './api-families.ts'
import type { MetricName } from './catalogue/definition.ts'
import { CATALOGUE } from './catalogue/index.ts'
import { byLabel, type Family, family, type Sample } from './family.ts'
import { bucketFamilies, quotaFamilies } from './quota-families.ts'
import {
  boundFamilies,
  brokerFamilies,
  clientFamilies,
  clusterFamilies,
  groupFamilies,
  produceFamilies,
} from './series-families.ts'

/** What the metrics tell of, besides the counters. */
export interface MetricsSources {
  readonly counters: Counters
  /** The version of kafka-sluice. */
  readonly version: string
  /** The newest Kafka release whose protocol the codec knows. */
  readonly kafkaProtocol: string
  /** The quotas of the policy in force; asked at each scrape. */
  readonly quotas: () => readonly QuotaStatus[]
  /** What is told of clients, brokers and groups by name. */
  readonly series: SeriesBooks
  /** How the buckets of each quota stand. */
  readonly buckets: () => ReadonlyMap<string, QuotaBuckets>
  /** Called before each scrape: what open sessions have done is added to the series. */
  readonly fold: () => void
  /** Whether the configuration file, as it stands, is the one in force. */
  readonly configValid: () => boolean
  /** When the certificates in use run out; none if not said. */
  readonly certificates?: () => readonly Expiry[]
  /** What `/readyz` says. */
  readonly ready: () => boolean
  /** Metrics of the process itself (CPU, memory, event loop); default true. Tests switch them off. */
  readonly processMetrics?: boolean
}

/** The text of `/metrics` and its content type. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  /** The same as values. */
  collect(): Promise<MetricReading[]>
}

/** One metric with its series, as prom-client's registry gives it. */
export interface MetricReading {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values: readonly Sample[]
}

/** Builds the registry; nothing is computed before the first scrape. */
export function createMetrics(sources: MetricsSources): Metrics {
  const { counters, quotas, series, buckets, fold } = sources
  const families = [
    ...apiFamilies(counters),
    ...connectionFamilies(counters),
    ...clientFamilies(series),
    ...produceFamilies(counters),
    ...groupFamilies(series),
    ...brokerFamilies(series),
    ...clusterFamilies(series),
    ...quotaFamilies(counters, quotas),
    ...bucketFamilies(buckets),
    ...configFamilies(sources),
    ...boundFamilies(series),
  ]
  const places = new Map(Object.keys(CATALOGUE).map((name, place) => [name as MetricName, place]))
  families.sort((a, b) => places.get(a.name)! - places.get(b.name)!)
  const { contentType, text, collect } = metricsOf(families, sources.processMetrics ?? true)
  return {
    contentType,
    text: () => {
      fold()
      return text()
    },
    collect: () => {
      fold()
      return collect()
    },
  }
}

/** Gauges of prom-client with a counter's suffix, at which promtool takes offence; the same by type are there beside. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** A registry of these; `isProcess`: with CPU, memory and the event loop. */
export function metricsOf(families: readonly Family[], isProcess: boolean): Metrics {
  const registry = new Registry()
  for (const each of families) registry.registerMetric(asMetric(each))
  if (isProcess) {
    collectDefaultMetrics({ register: registry })
    for (const name of MISNAMED) registry.removeSingleMetric(name)
  }
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    collect: () => registry.getMetricsAsJSON() as unknown as Promise<MetricReading[]>,
  }
}

function connectionFamilies(counters: Counters): Family[] {
  return [
    family('sluice_connections', () => [{ value: counters.connections }]),
    family('sluice_connections_total', () => byLabel('result', counters.connectionsTotal)),
    family('sluice_disconnects_total', () => byLabel('reason', counters.disconnects)),
  ]
}

function configFamilies({
  counters,
  certificates,
  configValid,
  ready,
  version,
  kafkaProtocol,
}: MetricsSources): Family[] {
  return [
    family('sluice_config_reloads_total', () => byLabel('result', counters.configReloads)),
    family('sluice_secret_reloads_total', () => byLabel('result', counters.secretReloads)),
    family('sluice_kafka_quota_polls_total', () => byLabel('result', counters.quotaPolls)),
    family('sluice_admin_forbidden_total', () => [{ value: counters.adminForbidden }]),
    family('sluice_otlp_pushes_total', () => byLabel('result', counters.otlpPushes)),
    family('sluice_certificate_expiry_timestamp_seconds', () =>
      (certificates?.() ?? []).map(({ role, expiresAtMs }) => ({ labels: { role }, value: expiresAtMs / 1000 })),
    ),
    family('sluice_config_valid', () => [{ value: configValid() ? 1 : 0 }]),
    family('sluice_secrets_valid', () => [{ value: counters.secretsFaulty === 0 ? 1 : 0 }]),
    family('sluice_ready', () => [{ value: ready() ? 1 : 0 }]),
    family('sluice_build_info', () => [{ labels: { version, kafka_protocol: kafkaProtocol }, value: 1 }]),
  ]
}

/** The part of prom-client's Metric that a Registry uses when it prints. */
function asMetric(each: Family): Metric {
  const { name, help, type } = each
  const printed = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: each.samples() }),
  }
  return printed as unknown as Metric
}
