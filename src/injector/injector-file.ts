/** The injector's own configuration file: where it listens, its certificates, the container that pods get and their defaults. */
import { stringify } from 'yaml'
import * as z from 'zod'
import { parseHost } from '../config/addresses.ts'
import { ConfigError } from '../config/config-error.ts'
import { LOG_LEVELS, type LogLevel } from '../config/document.ts'
import { faultsOf } from '../config/issues.ts'
import { attempt, type DocumentFault, faultOf } from '../config/raw.ts'
import { DURATION, port, section, string, text } from '../config/schema-parts.ts'
import { suggestion } from '../config/suggest.ts'
import { parseDuration } from '../config/units.ts'
import { YamlFile } from '../config/yaml-file.ts'
import { readSettings, settingNames } from './annotations.ts'
import type { Injection } from './inject.ts'
import { type Container, containerSchema, volumeSchema } from './pod.ts'
import { variablesFor } from './sidecar.ts'
import { composeConfig, UNKNOWN_KAFKA } from './sidecar-config.ts'

const HOUR_MS = 3_600_000
const LIFETIME_MS = 30 * 24 * HOUR_MS
const AUTHORITY_LIFETIME_MS = 365 * 24 * HOUR_MS

/** Made here and kept in a Secret, or files that somebody else keeps. */
export type CertificateSource =
  | {
      readonly kind: 'own'
      readonly secret: { readonly namespace: string; readonly name: string }
      readonly webhookConfiguration: string
      readonly names: readonly string[]
      readonly lifetimeMs: number
      readonly authorityLifetimeMs: number
    }
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }

export interface InjectorConfig {
  readonly listen: { readonly host: string; readonly port: number }
  readonly admin: { readonly host: string; readonly port: number }
  readonly log: { readonly level: LogLevel }
  /** After SIGTERM reviews are still taken for so long: API servers hear late of a replica that goes. */
  readonly stopDelayMs: number
  readonly certificate: CertificateSource
  readonly injection: Injection
}

const address = section({ host: string(parseHost).optional(), port: port(0).optional() })

const certificate = section({
  secret: z
    .string()
    .regex(/^[^/\s]+\/[^/\s]+$/u, 'expected NAMESPACE/NAME of a Secret')
    .optional(),
  webhookConfiguration: z.string().min(1).optional(),
  names: z.array(z.string().min(1)).min(1).optional(),
  lifetime: text(parseDuration, DURATION).optional(),
  authorityLifetime: text(parseDuration, DURATION).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
})

const schema = section({
  listen: address.optional(),
  admin: address.optional(),
  log: section({
    level: z.enum(LOG_LEVELS, { error: `the levels are ${LOG_LEVELS.join(', ')}` }).optional(),
  }).optional(),
  stopDelay: text(parseDuration, DURATION).optional(),
  certificate,
  locked: z.array(z.string()).optional(),
  defaults: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.record(z.string(), z.unknown())]))
    .optional(),
  sidecar: containerSchema,
  volumes: z.array(volumeSchema).optional(),
})

type Document = z.infer<typeof schema>

/**
 * Reads it whole.
 * @throws ConfigError with every fault
 */
export function loadInjectorFile(path: string, content: string): InjectorConfig {
  const yaml = new YamlFile(content)
  if (yaml.faults.length > 0) throw new ConfigError(yaml.faults, path)
  const raw = yaml.value ?? {}
  const parsed = schema.safeParse(raw)
  if (!parsed.success) {
    const found = parsed.error.issues.flatMap((issue) => faultsOf(issue, raw, []))
    throw faultsIn(yaml, found, path)
  }
  const document = parsed.data
  const { settings, faults: wrong } = readSettings(defaultsOf(document), 'defaults.')
  const injection: Injection = {
    sidecar: document.sidecar,
    volumes: document.volumes ?? [],
    defaults: settings,
    locked: document.locked ?? [],
  }
  const faults = [
    ...wrong.map((message) => ({ path: ['defaults'], message })),
    ...lockedFaults(injection),
    ...sidecarFaults(document.sidecar),
    ...certificateFaults(document),
  ]
  if (faults.length === 0) faults.push(...defaultsFaults(injection))
  if (faults.length > 0) throw faultsIn(yaml, faults, path)
  const { listen, admin, log, stopDelay } = document
  return {
    listen: { host: listen?.host ?? '0.0.0.0', port: listen?.port ?? 8443 },
    admin: { host: admin?.host ?? '0.0.0.0', port: admin?.port ?? 9404 },
    log: { level: log?.level ?? 'info' },
    stopDelayMs: stopDelay ?? 5_000,
    certificate: certificateOf(document),
    injection,
  }
}

function faultsIn(yaml: YamlFile, faults: readonly DocumentFault[], file: string): ConfigError {
  const placed = faults.map(({ path, key, message }) => yaml.fault(path, message, key))
  return new ConfigError(
    placed.toSorted((a, b) => a.line - b.line || a.column - b.column),
    file,
  )
}

/** As texts, as annotations would have them; a mapping is YAML. */
function defaultsOf({ defaults = {} }: Document): readonly (readonly [string, string])[] {
  return Object.entries(defaults).map(([name, value]) => [
    name,
    typeof value === 'object' ? stringify(value) : String(value),
  ])
}

function lockedFaults({ locked }: Injection): DocumentFault[] {
  const known = settingNames()
  return locked.flatMap((name, i) =>
    known.includes(name)
      ? []
      : [{ path: ['locked', i], message: `there is no setting ${name}${suggestion(name, known)}` }],
  )
}

function sidecarFaults(sidecar: Container): DocumentFault[] {
  const faults: DocumentFault[] = []
  if (typeof sidecar['image'] !== 'string') faults.push({ path: ['sidecar'], message: 'image is missing' })
  if (sidecar['restartPolicy'] !== 'Always') {
    faults.push({
      path: ['sidecar'],
      message: 'a native sidecar has restartPolicy: Always; without it the pod would wait for its end',
    })
  }
  const message = faultOf(() => variablesFor(sidecar, {}))
  if (message !== undefined) faults.push({ path: ['sidecar', 'env'], message })
  return faults
}

/** Defaults have to stand on their own, but for where Kafka is. */
function defaultsFaults({ sidecar, defaults }: Injection): DocumentFault[] {
  const variables = variablesFor(sidecar, defaults)
  const known = attempt(() => composeConfig({}, defaults, { ...UNKNOWN_KAFKA, ...variables }))
  return (known?.faults ?? []).map((message) => ({ path: ['defaults'], message }))
}

const OWN_KEYS = ['secret', 'webhookConfiguration', 'names'] as const
const FILE_KEYS = ['certFile', 'keyFile'] as const

function certificateFaults({ certificate: given }: Document): DocumentFault[] {
  const isFiles = FILE_KEYS.some((key) => given[key] !== undefined)
  if (isFiles && OWN_KEYS.some((key) => given[key] !== undefined)) {
    return [{ path: ['certificate'], message: `either ${FILE_KEYS.join(' and ')}, or ${OWN_KEYS.join(', ')}` }]
  }
  const needed: readonly (keyof typeof given)[] = isFiles ? FILE_KEYS : OWN_KEYS
  const { lifetime = LIFETIME_MS, authorityLifetime = AUTHORITY_LIFETIME_MS } = given
  if (lifetime < HOUR_MS) return [{ path: ['certificate', 'lifetime'], message: 'at least 1h' }]
  if (authorityLifetime < 3 * lifetime) {
    const message = 'at least three times the lifetime of certificates, or one would outlive who signed it'
    return [{ path: ['certificate', 'authorityLifetime'], message }]
  }
  return needed
    .filter((key) => given[key] === undefined)
    .map((key) => ({ path: ['certificate'], message: `${key} is missing` }))
}

function certificateOf({ certificate: given }: Document): CertificateSource {
  const { certFile = '', keyFile = '', secret = '', webhookConfiguration = '', names = [] } = given
  if (certFile !== '') return { kind: 'files', certFile, keyFile }
  const [namespace = '', name = ''] = secret.split('/')
  return {
    kind: 'own',
    secret: { namespace, name },
    webhookConfiguration,
    names,
    lifetimeMs: given.lifetime ?? LIFETIME_MS,
    authorityLifetimeMs: given.authorityLifetime ?? AUTHORITY_LIFETIME_MS,
  }
}
