/**
 * The configuration of one process: a YAML file, `SLUICE_*` variables and flags, validated whole, resolved to plain numbers.
 * Every fault is found in one go and told with its place.
 */
import type { z } from 'zod'
import { BUCKETS_MAX, CONNECTIONS_MAX, FAULTS_MAX, FRAME_BYTES_MAX } from '../bounds.ts'
import type { ClientOverride } from '../policy/client-libraries.ts'
import type { Limit, Match, Mode, QuotaRule } from '../policy/quota-rule.ts'
import type { BrokerPorts, HostPort } from './addresses.ts'
import {
  checkDocument,
  DEFAULT_ADMIN,
  DEFAULT_BURST,
  DEFAULT_LISTEN,
  type DocumentFault,
  parseBurst,
} from './checks.ts'
import { ConfigError, type Fault } from './config-error.ts'
import type { Document, LogLevel, QuotaDocument } from './document.ts'
import { type ConfigFlags, overlay, type RawDocument } from './overlay.ts'
import { configSchema } from './schema.ts'
import { formatPath, YamlFile } from './yaml-file.ts'

export { ConfigError } from './config-error.ts'
export type { ConfigFlags } from './overlay.ts'

/** A configuration that is right. */
export interface Config {
  readonly upstream: { readonly bootstrap: readonly HostPort[] }
  readonly listen: {
    readonly host: string
    /** 0: any that is free. */
    readonly port: number
    /** What clients are told; undefined: the host, or loopback for a wildcard. */
    readonly advertisedHost: string | undefined
    readonly brokerPorts: BrokerPorts
  }
  /** Undefined: no admin pages. */
  readonly admin: HostPort | undefined
  /** `observe`: every quota only observes. */
  readonly mode: Mode
  readonly quotas: readonly QuotaRule[]
  readonly clients: readonly ClientOverride[]
  readonly log: { readonly level: LogLevel }
  readonly limits: { readonly frameBytesMax: number; readonly connectionsMax: number; readonly bucketsMax: number }
}

/** What a configuration is made from. */
export interface ConfigSources {
  readonly file?: { readonly path: string; readonly text: string } | undefined
  readonly flags: ConfigFlags
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Reads a configuration. Environment overrides file, flags override both.
 * @throws ConfigError with all faults at once
 */
export function loadConfig({ file, flags, env }: ConfigSources): Config {
  const yaml = file === undefined ? undefined : new YamlFile(file.text)
  if (yaml !== undefined && yaml.faults.length > 0) throw configError(yaml.faults, file?.path)
  const written: unknown = yaml?.value ?? {}
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    throw configError([yaml!.fault([], 'expected a mapping that begins with upstream:')], file?.path)
  }
  const raw: RawDocument = { ...written }
  const faults = overlay(raw, flags, env)
  const result = configSchema.safeParse(raw)
  const found = [
    ...(result.success ? [] : result.error.issues.flatMap((issue) => faultsOf(issue, raw, []))),
    ...checkDocument(raw),
  ]
  const isUpstreamFaulty = faults.some(({ path }) => /upstream$/iu.test(path))
  for (const { path, key, message } of found) {
    if (path[0] === 'upstream' && isUpstreamFaulty) continue // it was given, wrongly: said already
    faults.push(yaml?.fault(path, message, key) ?? { path: formatPath(path), line: 0, column: 0, message })
  }
  if (!result.success || faults.length > 0) throw configError(faults, file?.path)
  return resolve(result.data)
}

function configError(faults: readonly Fault[], file: string | undefined): ConfigError {
  const inOrder = faults.toSorted((a, b) => a.line - b.line || a.column - b.column)
  return new ConfigError(inOrder.slice(0, FAULTS_MAX), file)
}

function resolve(document: Document): Config {
  const {
    upstream,
    listen = {},
    admin = {},
    mode = 'enforce',
    quotas = [],
    clients = [],
    log = {},
    limits = {},
  } = document
  return {
    upstream,
    listen: {
      host: listen.host ?? DEFAULT_LISTEN.host,
      port: listen.port ?? DEFAULT_LISTEN.port,
      advertisedHost: listen.advertisedHost,
      brokerPorts: listen.brokerPorts ?? DEFAULT_LISTEN.brokerPorts,
    },
    admin: admin === 'off' || admin === false ? undefined : { ...DEFAULT_ADMIN, ...withoutUndefined(admin) },
    mode,
    quotas: quotas.map(quotaRule),
    clients: clients.map(({ software, hold, throttle }) => ({ software, holdMs: hold, stampMs: throttle })),
    log: { level: log.level ?? 'info' },
    limits: {
      frameBytesMax: limits.frameBytesMax ?? FRAME_BYTES_MAX,
      connectionsMax: limits.connectionsMax ?? CONNECTIONS_MAX,
      bucketsMax: limits.bucketsMax ?? BUCKETS_MAX,
    },
  }
}

function quotaRule({
  name,
  limit,
  burst,
  match = {},
  per = [],
  overrides = [],
  mode = 'enforce',
}: QuotaDocument): QuotaRule {
  return {
    name,
    limit: withoutUndefined(limit) as Limit,
    burst: burst === undefined ? DEFAULT_BURST : parseBurst(burst, limit),
    match: withoutUndefined(match) as Match,
    per,
    overrides: overrides.map(({ limit: own, burst: ownBurst, ...fields }) => ({
      match: withoutUndefined(fields) as Match,
      limit: withoutUndefined(own) as Limit,
      ...(ownBurst === undefined ? {} : { burst: parseBurst(ownBurst, finite({ ...limit, ...own })) }),
    })),
    mode,
  }
}

function withoutUndefined<T extends object>(object: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>
  }
}

/** Limits that are lifted have no burst. */
function finite(limit: QuotaDocument['limit']): QuotaDocument['limit'] {
  return Object.fromEntries(Object.entries(limit).filter(([, value]) => value !== Number.POSITIVE_INFINITY))
}

/** One issue of the schema as faults: a key that is not known each, the branch of a union that was meant. */
function faultsOf(issue: z.core.$ZodIssue, raw: unknown, base: readonly PropertyKey[]): DocumentFault[] {
  const path = [...base, ...issue.path]
  if (path.length > 0 && isMissing(raw, path)) return [missing(path)]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, i) => ({ path, key, message: messages[i] ?? 'unknown key' }))
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find(
      (branch) => branch.length > 0 && branch.every((inner) => inner.path.length > 0 || isKindRight(inner)),
    )
    if (meant !== undefined) return meant.flatMap((inner) => faultsOf(inner, raw, path))
    return [{ path, message: unionMessage(issue.errors) }]
  }
  if (path.length === 0 || !isMissing(raw, path))
    return [{ path, message: issue.message.replace('Invalid input: ', '') }]
  return [missing(path)]
}

/** Whether a branch of a union took the value for what it is and found fault with its content. */
function isKindRight(issue: z.core.$ZodIssue): boolean {
  return (
    issue.code === 'custom' ||
    issue.code === 'too_small' ||
    issue.code === 'too_big' ||
    issue.code === 'unrecognized_keys'
  )
}

function unionMessage(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const messages = branches.flatMap((branch) => branch.map((issue) => issue.message))
  return [...new Set(messages)].join(', or ')
}

function isMissing(raw: unknown, path: readonly PropertyKey[]): boolean {
  let value = raw as Record<PropertyKey, unknown> | undefined
  for (const part of path) value = value?.[part] as Record<PropertyKey, unknown> | undefined
  return value === undefined
}

function missing(path: readonly PropertyKey[]): DocumentFault {
  if (path[0] !== 'upstream') return { path, message: `${String(path.at(-1))} is missing` }
  const message = 'where is Kafka? Give --upstream HOST:PORT, SLUICE_UPSTREAM, or upstream.bootstrap in the file'
  return { path: ['upstream', 'bootstrap'], message }
}
