/**
 * The configuration of one process: a YAML file, `SLUICE_*` variables and flags, validated whole, resolved to plain numbers.
 * Every fault is found in one go and told with its place.
 */
import { dirname } from 'node:path'
import { FAULTS_MAX } from '../bounds.ts'
import type { ClientOverride } from '../policy/client-libraries.ts'
import type { Match, Mode, QuotaRule } from '../policy/quota-rule.ts'
import type { SeriesLimits } from '../session/series-books.ts'
import type { BrokerPorts, HostPort } from './addresses.ts'
import { checkDocument } from './checks.ts'
import { ConfigError, type Fault } from './config-error.ts'
import type { FollowKafka, LogLevel } from './document.ts'
import { faultsOf } from './issues.ts'
import { parseLabelsFile } from './labels.ts'
import { type ConfigFlags, overlay, type RawDocument } from './overlay.ts'
import { type DocumentFault, faultOf } from './raw.ts'
import { resolve } from './resolve.ts'
import { configSchema } from './schema.ts'
import type { ListenTls, UpstreamSasl, UpstreamTls } from './security.ts'
import type { Telemetry } from './telemetry.ts'
import { formatPath, YamlFile } from './yaml-file.ts'

export { ConfigError } from './config-error.ts'
export type { ConfigFlags } from './overlay.ts'

/** A configuration that is right. */
export interface Config {
  readonly upstream: {
    readonly bootstrap: readonly HostPort[]
    /** Undefined: plaintext. */
    readonly tls?: UpstreamTls | undefined
    /** Undefined: clients log in themselves, if anybody does. */
    readonly sasl?: UpstreamSasl | undefined
  }
  readonly listen: {
    readonly host: string
    /** 0: any that is free. */
    readonly port: number
    /** What clients are told; undefined: the host, or loopback for a wildcard. */
    readonly advertisedHost: string | undefined
    readonly brokerPorts: BrokerPorts
    /** Undefined: plaintext. */
    readonly tls?: ListenTls | undefined
    /** Undefined: logins of clients pass through. */
    readonly sasl?: { readonly usersFile: string } | undefined
  }
  /** Undefined: no admin pages. */
  readonly admin: (HostPort & { readonly tokenFile?: string | undefined }) | undefined
  /** `observe`: every quota only observes. */
  readonly mode: Mode
  /** Labels of the workload that this process stands beside. */
  readonly labels: Readonly<Record<string, string>>
  /** Whom no quota limits. Every quota has them among its `except` already; for those that are made elsewhere. */
  readonly exempt: readonly Match[]
  readonly quotas: readonly QuotaRule[]
  /** Undefined: the quotas that the cluster itself keeps are left to it. */
  readonly followKafka: FollowKafka | undefined
  readonly clients: readonly ClientOverride[]
  readonly log: { readonly level: LogLevel }
  /** How many series with names of clients, groups and partitions there may be. */
  readonly metrics: SeriesLimits
  readonly telemetry: Telemetry
  readonly limits: { readonly frameBytesMax: number; readonly connectionsMax: number; readonly bucketsMax: number }
}

/** What a configuration is made from. */
export interface ConfigSources {
  readonly file?: { readonly path: string; readonly text: string } | undefined
  readonly flags: ConfigFlags
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads the file that `labelsFile` names; throws RangeError if it cannot. Undefined: it is not read, only its name is checked. */
  readonly readLabels?: ((path: string) => string) | undefined
}

/**
 * Reads a configuration. Environment overrides file, flags override both.
 * @throws ConfigError with all faults at once
 */
export function loadConfig({ file, flags, env, readLabels }: ConfigSources): Config {
  const yaml = file === undefined ? undefined : new YamlFile(file.text)
  if (yaml !== undefined && yaml.faults.length > 0) throw configError(yaml.faults, file?.path)
  const written: unknown = yaml?.value ?? {}
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    throw configError([yaml!.fault([], 'expected a mapping that begins with upstream:')], file?.path)
  }
  const raw: RawDocument = { ...written }
  const faults = overlay(raw, flags, env)
  const result = configSchema.safeParse(raw)
  const labels = labelsOfFile(raw['labelsFile'], readLabels)
  const found = [
    ...(result.success ? [] : result.error.issues.flatMap((issue) => faultsOf(issue, raw, []))),
    ...checkDocument(raw),
    ...labels.faults,
  ]
  const isUpstreamFaulty = faults.some(({ path }) => /upstream$/iu.test(path))
  for (const { path, key, message } of found) {
    if (path[0] === 'upstream' && isUpstreamFaulty) continue // it was given, wrongly: said already
    faults.push(yaml?.fault(path, message, key) ?? { path: formatPath(path), line: 0, column: 0, message })
  }
  if (!result.success || faults.length > 0) throw configError(faults, file?.path)
  return resolve(result.data, labels.labels, file === undefined ? '.' : dirname(file.path))
}

function configError(faults: readonly Fault[], file: string | undefined): ConfigError {
  const inOrder = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return new ConfigError(inOrder.slice(0, FAULTS_MAX), file)
}

function labelsOfFile(
  path: unknown,
  read: ConfigSources['readLabels'],
): { readonly labels: Readonly<Record<string, string>>; readonly faults: readonly DocumentFault[] } {
  if (typeof path !== 'string' || path === '' || read === undefined) return { labels: {}, faults: [] }
  let labels: Readonly<Record<string, string>> = {}
  const message = faultOf(() => {
    labels = parseLabelsFile(read(path))
  })
  return { labels, faults: message === undefined ? [] : [{ path: ['labelsFile'], message: `${path}: ${message}` }] }
}
