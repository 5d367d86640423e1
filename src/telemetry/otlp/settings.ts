/** How metrics are pushed: the configuration, and where that is silent the variables of OpenTelemetry's specification. */
import { ConfigError } from '../../config/config-error.ts'
import { OTLP_PROTOCOLS, type Otlp, type OtlpProtocol, parseOtlpUrl } from '../../config/telemetry.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface OtlpSettings {
  /** Where each push goes: a whole URL. */
  readonly url: string
  readonly protocol: OtlpProtocol
  readonly intervalMs: number
  /** Of one push; over before the next one is due. */
  readonly timeoutMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly resource: Readonly<Record<string, string>>
}

const ENDPOINT_DEFAULT = 'http://localhost:4318'
const SIGNAL_PATH = 'v1/metrics'
const INTERVAL_DEFAULT_MS = 60_000
const TIMEOUT_DEFAULT_MS = 10_000
const TIMEOUT_PART_MAX = 0.9
/** Of a timer. */
const TIME_MAX_MS = 2 ** 31 - 1

/**
 * Undefined where nothing is to be pushed: without the section, and without OTEL_METRICS_EXPORTER=otlp. An endpoint in the
 * environment alone is no wish: operators set it on whole namespaces.
 * @throws ConfigError for variables that make no sense
 */
export function otlpSettings(otlp: Otlp | undefined, env: Environment): OtlpSettings | undefined {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined
  if (otlp === undefined && env['OTEL_METRICS_EXPORTER'] !== 'otlp') return undefined
  const intervalMs = otlp?.intervalMs ?? timeOf(env, ['OTEL_METRIC_EXPORT_INTERVAL'], INTERVAL_DEFAULT_MS)
  const timeouts = ['OTEL_EXPORTER_OTLP_METRICS_TIMEOUT', 'OTEL_EXPORTER_OTLP_TIMEOUT', 'OTEL_METRIC_EXPORT_TIMEOUT']
  const timeoutMs = otlp?.timeoutMs ?? timeOf(env, timeouts, TIMEOUT_DEFAULT_MS)
  return {
    url: otlp?.endpoint === undefined ? urlOf(env) : withPath(otlp.endpoint),
    protocol: otlp?.protocol ?? protocolOf(env),
    intervalMs,
    timeoutMs: Math.min(timeoutMs, intervalMs * TIMEOUT_PART_MAX),
    headers: otlp?.headers ?? {},
    resource: otlp?.resource ?? {},
  }
}

function urlOf(env: Environment): string {
  const own = ofFirst(env, ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'])
  if (own !== undefined) return checked(...own)
  const [name, url] = ofFirst(env, ['OTEL_EXPORTER_OTLP_ENDPOINT']) ?? ['', ENDPOINT_DEFAULT]
  return withPath(checked(name, url))
}

function checked(name: string, url: string): string {
  try {
    return parseOtlpUrl(url)
  } catch (error) {
    throw fault(name, (error as RangeError).message)
  }
}

/** The path of the signal behind a base URL, as the specification has it; one that is there already stays. */
function withPath(endpoint: string): string {
  const url = new URL(endpoint)
  if (!url.pathname.endsWith(`/${SIGNAL_PATH}`)) url.pathname = `${url.pathname.replace(/\/$/u, '')}/${SIGNAL_PATH}`
  return url.href
}

function protocolOf(env: Environment): OtlpProtocol {
  const [name, written] = ofFirst(env, ['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) ?? []
  if (name === undefined || written === undefined) return 'http/protobuf'
  const known = OTLP_PROTOCOLS.find((protocol) => protocol === written)
  if (known !== undefined) return known
  throw fault(name, `"${written}" is not spoken; ${OTLP_PROTOCOLS.join(' and ')} are`)
}

function timeOf(env: Environment, names: readonly string[], defaultMs: number): number {
  const [name, written] = ofFirst(env, names) ?? []
  if (name === undefined || written === undefined) return defaultMs
  const ms = Number(written)
  if (ms >= 1 && ms <= TIME_MAX_MS) return ms
  throw fault(name, `"${written}" is no number of milliseconds`)
}

/** The first variable that says something. */
function ofFirst(env: Environment, names: readonly string[]): readonly [name: string, value: string] | undefined {
  for (const name of names) {
    const value = env[name]?.trim()
    if (value !== undefined && value !== '') return [name, value]
  }
  return undefined
}

function fault(path: string, message: string): ConfigError {
  return new ConfigError([{ path, line: 0, column: 0, message }])
}
