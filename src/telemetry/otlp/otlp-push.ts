/**
 * Metrics pushed by OTLP, with OpenTelemetry's own SDK: loaded only where it is switched on, because it costs memory and time. It
 * takes at each push what a scrape would take, keeps nothing, and has one push under way at a time; whatever a collector does, the
 * data path does not notice.
 */
import type { HrTime } from '@opentelemetry/api'
import { OTLPMetricExporter as JsonExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  type CollectionResult,
  MeterProvider,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { OTLP_BATCH_SERIES_MAX } from '../../bounds.ts'
import type { Counters } from '../../session/counters.ts'
import type { LogLimiter } from '../log-limiter.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import { metricData } from './points.ts'
import { pushFault } from './push-faults.ts'
import type { OtlpSettings } from './settings.ts'

export interface OtlpSources {
  readonly settings: OtlpSettings
  readonly metrics: Metrics
  readonly counters: Counters
  readonly logger: Logger
  readonly limitedLog: LogLimiter
  /** Headers out of a file, as it is now. */
  readonly secretHeaders: () => Readonly<Record<string, string>>
  readonly version: string
  readonly labels: Readonly<Record<string, string>>
}

/** A push that runs. */
export interface OtlpPush {
  /** One last push, then no more; never longer than this, never rejects. */
  stop(deadlineMs: number): Promise<void>
}

type Result = Parameters<Parameters<PushMetricExporter['export']>[1]>[0]

/** `ExportResultCode.SUCCESS`. */
const SUCCESS = 0
/** One retried push at a time; another one waits for its turn at the next interval. */
const CONCURRENCY_MAX = 1

export function startOtlp(sources: OtlpSources): OtlpPush {
  const { settings, logger } = sources
  const reader = new PeriodicExportingMetricReader({
    exporter: new CountedExporter(exporterOf(sources), sources),
    exportIntervalMillis: settings.intervalMs,
    exportTimeoutMillis: settings.intervalMs, // the exporter gives up before and says why
    maxExportBatchSize: OTLP_BATCH_SERIES_MAX,
    metricProducers: [new FamiliesProducer(sources)],
  })
  const provider = new MeterProvider({ resource: resourceOf(sources), readers: [reader] })
  const { url, protocol, intervalMs } = settings
  logger.log(
    'otlp_started',
    { endpoint: url, protocol, intervalMs },
    `metrics are pushed to ${url} every ${intervalMs / 1000} s`,
  )
  return { stop: (deadlineMs) => stop(provider, deadlineMs) }
}

async function stop(provider: MeterProvider, deadlineMs: number): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, deadlineMs)
  // What goes wrong with the last push was logged and counted by the exporter.
  await Promise.race([provider.shutdown({ timeoutMillis: deadlineMs }).catch(() => undefined), late.promise])
  clearTimeout(timer)
}

function exporterOf({ settings, secretHeaders }: OtlpSources): PushMetricExporter {
  const { url, protocol, timeoutMs, headers } = settings
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter
  return new Exporter({
    url,
    timeoutMillis: timeoutMs,
    concurrencyLimit: CONCURRENCY_MAX,
    headers: async () => ({ ...headers, ...secretHeaders() }),
  })
}

/** Which of our labels OpenTelemetry has names for. */
const LABEL_ATTRIBUTES: Readonly<Record<string, string>> = {
  namespace: 'k8s.namespace.name',
  pod: 'k8s.pod.name',
  serviceAccount: 'k8s.serviceaccount.name',
}

/** The configuration wins over OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, those over what we know ourselves. */
function resourceOf({ settings, version, labels }: OtlpSources): Resource {
  const named = Object.entries(LABEL_ATTRIBUTES).flatMap(([label, attribute]) =>
    labels[label] === undefined ? [] : [[attribute, labels[label]] as const],
  )
  const ours = { 'service.name': 'kafka-sluice', 'service.version': version, 'service.instance.id': instanceId() }
  return resourceFromAttributes({ ...ours, ...Object.fromEntries(named) })
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(resourceFromAttributes({ ...settings.resource }))
}

/** Another one at each start, so that counters that begin anew are seen to. */
function instanceId(): string {
  return crypto.randomUUID()
}

/** Gives the SDK what `/metrics` prints. */
class FamiliesProducer implements MetricProducer {
  readonly #metrics: Metrics
  readonly #scope: { readonly name: string; readonly version: string }
  readonly #startTime: HrTime

  constructor({ metrics, version }: OtlpSources) {
    this.#metrics = metrics
    this.#scope = { name: 'kafka-sluice', version }
    this.#startTime = hrTime(performance.timeOrigin)
  }

  async collect(): Promise<CollectionResult> {
    const period = { startTime: this.#startTime, endTime: hrTime(Date.now()) }
    const readings = await this.#metrics.collect()
    const metrics = readings.flatMap((reading) => metricData(reading, period) ?? [])
    return {
      resourceMetrics: { resource: resourceFromAttributes({}), scopeMetrics: [{ scope: this.#scope, metrics }] },
      errors: [],
    }
  }
}

/** Seconds and nanoseconds. */
function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000)
  return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)]
}

/** Says and counts what becomes of each push. */
class CountedExporter implements PushMetricExporter {
  readonly #inner: PushMetricExporter
  readonly #sources: OtlpSources
  #failuresInRow = 0

  constructor(inner: PushMetricExporter, sources: OtlpSources) {
    this.#inner = inner
    this.#sources = sources
  }

  export(metrics: ResourceMetrics, told: (result: Result) => void): void {
    this.#inner.export(metrics, (result) => {
      if (result.code === SUCCESS) this.#succeeded()
      else this.#failed(result.error)
      told(result)
    })
  }

  forceFlush(): Promise<void> {
    return this.#inner.forceFlush()
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown()
  }

  #succeeded(): void {
    const { counters, logger, settings } = this.#sources
    counters.otlpPushes.ok++
    if (this.#failuresInRow > 0) {
      const failuresInRow = this.#failuresInRow
      logger.log('otlp_recovered', { endpoint: settings.url, failuresInRow }, 'metrics can be pushed again')
    }
    this.#failuresInRow = 0
  }

  #failed(error: unknown): void {
    const { counters, limitedLog, settings } = this.#sources
    const { url } = settings
    counters.otlpPushes.failed++
    this.#failuresInRow++
    const message = `metrics could not be pushed: ${pushFault(error, url)}`
    limitedLog.log('otlp_failed', url, { endpoint: url }, message)
  }
}
