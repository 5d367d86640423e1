/**
 * The configuration that a sidecar will have: the injector's defaults, the pod's own on top, and the variables that say the rest.
 * It is read here as the sidecar will read it, so that whoever creates the pod is told what is wrong, and not the log of a container.
 */
import { stringify } from 'yaml'
import { INJECT_CONFIG_BYTES_MAX, INJECT_FAULTS_MAX } from '../bounds.ts'
import type { BrokerPorts } from '../config/addresses.ts'
import { loadConfig } from '../config/config.ts'
import { ConfigError, type Fault } from '../config/config-error.ts'
import { isMapping, type Mapping } from '../config/raw.ts'
import { YamlFile } from '../config/yaml-file.ts'
import { annotation, type Settings } from './annotations.ts'

/** Where the sidecar finds things. */
export const POD_DIRECTORY = '/etc/kafka-sluice/pod'
export const CONFIG_DIRECTORY = '/etc/kafka-sluice/config'
export const SECRETS_DIRECTORY = '/etc/kafka-sluice/secrets'
export const CONFIG_MAPS_DIRECTORY = '/etc/kafka-sluice/config-maps'
export const TOKEN_DIRECTORY = '/etc/kafka-sluice/token'
export const POD_CONFIG_FILE: string = `${POD_DIRECTORY}/sluice.yaml`

/** Stands for a Kafka that is said elsewhere, so that the rest can be checked. */
export const UNKNOWN_KAFKA = { SLUICE_UPSTREAM: 'kafka.invalid:9092' } as const

/** Variables by the settings that they are made of, where nothing has to be done but to hand them on. */
const VARIABLES = {
  upstream: 'SLUICE_UPSTREAM',
  produceRate: 'SLUICE_PRODUCE_RATE',
  fetchRate: 'SLUICE_FETCH_RATE',
  requestRate: 'SLUICE_REQUEST_RATE',
  observe: 'SLUICE_OBSERVE',
  labels: 'SLUICE_LABELS',
  logLevel: 'SLUICE_LOG_LEVEL',
} as const satisfies Partial<Record<keyof Settings, string>>

/** What is wrong is told by the annotation, not by the variable that is made of it. */
const ANNOTATION_OF: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(VARIABLES).map(([name, variable]) => [variable, annotation(name as keyof typeof VARIABLES)]),
  ),
  SLUICE_LISTEN: annotation('port'),
  SLUICE_ADMIN: annotation('adminPort'),
  SLUICE_BROKER_PORTS: annotation('brokerPorts'),
  'listen.port': annotation('port'),
  'admin.port': annotation('adminPort'),
}

/** The file of a sidecar, undefined where it needs none, and what to warn of. */
export interface SidecarConfig {
  readonly file: string | undefined
  /** Ports that stand for brokers, as the sidecar will see them; undefined where that is not known here. */
  readonly brokerPorts?: BrokerPorts | undefined
  readonly faults: readonly string[]
  readonly warnings: readonly string[]
}

/** Variables that settings become. */
export function variablesOf(settings: Settings): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = settings[name as keyof typeof VARIABLES]
    if (value !== undefined) variables[variable] = value
  }
  return variables
}

/**
 * Composes and checks.
 * @param own what the pod says; @param defaults what the injector says of all pods
 * @param variables every variable of the sidecar that is known, those of `variablesOf` among them
 */
export function composeConfig(
  own: Settings,
  defaults: Settings,
  variables: Readonly<Record<string, string>>,
): SidecarConfig {
  const faults: string[] = []
  const warnings: string[] = []
  if (own.config !== undefined && own.configMap !== undefined) {
    faults.push(`${annotation('config')} and ${annotation('configMap')}: one of them; each is the configuration file`)
    return { file: undefined, faults, warnings }
  }
  if (own.config === undefined && (own.configMap ?? defaults.configMap) !== undefined) {
    if (own.configMap !== undefined && defaults.config !== undefined) {
      warnings.push(
        `kafka-sluice: the ConfigMap ${own.configMap.name} is the whole configuration of this sidecar; the cluster's default one is not used`,
      )
    }
    // The ConfigMap may say where Kafka is; it is not ours to read.
    check(undefined, true, { ...UNKNOWN_KAFKA, ...variables }, faults)
    return { file: undefined, faults, warnings }
  }
  const file = merged(own.config, defaults.config, faults)
  // Where two were put together, lines are those of neither.
  const isWritten = file === own.config || file === defaults.config
  const brokerPorts = faults.length === 0 ? check(file, isWritten, variables, faults) : undefined
  return { file, brokerPorts, faults, warnings }
}

function check(
  text: string | undefined,
  isWritten: boolean,
  env: Readonly<Record<string, string>>,
  faults: string[],
): BrokerPorts | undefined {
  const bytes = Buffer.byteLength(text ?? '')
  if (bytes > INJECT_CONFIG_BYTES_MAX) {
    faults.push(
      `${annotation('config')}: ${bytes} bytes; at most ${INJECT_CONFIG_BYTES_MAX} fit into an annotation: use ${annotation('configMap')}`,
    )
    return undefined
  }
  try {
    return loadConfig({ ...(text === undefined ? {} : { file: { path: '', text } }), flags: {}, env }).listen
      .brokerPorts
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    faults.push(...firstOf(error.faults, (fault) => inWords(isWritten ? fault : { ...fault, line: 0 })))
    return undefined
  }
}

/** What is wrong with a file of a ConfigMap, as a sidecar with these variables would read it. */
export function configMapFaults(
  key: string,
  text: string,
  variables: Readonly<Record<string, string>>,
): readonly string[] {
  const bytes = Buffer.byteLength(text)
  if (bytes > INJECT_CONFIG_BYTES_MAX)
    return [`${key}: ${bytes} bytes are too many to be checked here; check-config does`]
  try {
    // Where Kafka is may be said by the annotations of pods.
    loadConfig({ file: { path: '', text }, flags: {}, env: { ...UNKNOWN_KAFKA, ...variables } })
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return firstOf(error.faults, (fault) => atLine(key, fault))
  }
}

function firstOf(faults: readonly Fault[], inWords: (fault: Fault) => string): readonly string[] {
  const more = faults.length - INJECT_FAULTS_MAX
  return [...faults.slice(0, INJECT_FAULTS_MAX).map(inWords), ...(more > 0 ? [`and ${more} more`] : [])]
}

function inWords(fault: Fault): string {
  const { path, message } = fault
  const where = ANNOTATION_OF[path]
  if (where !== undefined) return `${where}: ${message}`
  if (path === 'upstream.bootstrap' && message.startsWith('where is Kafka?')) {
    return `where is Kafka? Give the annotation ${annotation('upstream')}: HOST:PORT, or upstream.bootstrap in ${annotation('config')}`
  }
  return atLine(annotation('config'), fault)
}

function atLine(file: string, { path, line, column, message }: Fault): string {
  const place = line > 0 ? ` line ${line}:${column}` : ''
  return `${file}${place}: ${path === '' ? '' : `${path}: `}${message}`
}

/** Mappings are merged key by key, the pod's on top; everything else, lists too, is replaced. */
function merged(own: string | undefined, base: string | undefined, faults: string[]): string | undefined {
  if (own === undefined || base === undefined) return own ?? base
  const [top, bottom] = [new YamlFile(own), new YamlFile(base)]
  faults.push(...[...top.faults, ...bottom.faults].slice(0, INJECT_FAULTS_MAX).map(inWords))
  if (faults.length > 0) return undefined
  if (top.value === null || top.value === undefined) return base
  if (!isMapping(top.value) || !isMapping(bottom.value)) return own
  return stringify(mergedMapping(top.value, bottom.value))
}

function mergedMapping(top: Mapping, bottom: Mapping): Mapping {
  const result: Record<string, unknown> = { ...bottom }
  for (const [key, value] of Object.entries(top)) {
    const below = Object.hasOwn(bottom, key) ? bottom[key] : undefined
    result[key] = isMapping(value) && isMapping(below) ? mergedMapping(value, below) : value
  }
  return result
}

/** Files that the configuration names, by their paths: `/etc/kafka-sluice/secrets/NAME/KEY`. */
export function filesNamed(text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const found: string[] = []
  collectFiles(new YamlFile(text).value, found)
  return found
}

function collectFiles(value: unknown, found: string[]): void {
  if (Array.isArray(value)) for (const item of value) collectFiles(item, found)
  if (!isMapping(value)) return
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && /File$/u.test(key)) found.push(inner)
    else collectFiles(inner, found)
  }
}
