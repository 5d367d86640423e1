/**
 * What a pod may say about its sidecar: annotations `kafka-sluice.io/NAME`. The injector's own defaults are written by the same
 * names and read by the same parsers. A name that is not known is a fault, as an unknown key of the configuration is: a limit
 * that is mistyped must not be no limit.
 */
import { INJECT_LISTED_MAX } from '../bounds.ts'
import { type BrokerPorts, parseAddresses, parseBrokerPorts } from '../config/addresses.ts'
import { LOG_LEVELS } from '../config/document.ts'
import { parseLabels } from '../config/labels.ts'
import { suggestion } from '../config/suggest.ts'
import { parseRate } from '../config/units.ts'
import type { Unit } from '../policy/dimensions.ts'

export const DOMAIN = 'kafka-sluice.io'
/** Label of pods and of namespaces: `true` or `false`. */
export const INJECT_LABEL: string = `${DOMAIN}/inject`
/** Label of pods that have the sidecar from here; monitors and network policies select by it. */
export const INJECTED_LABEL: string = `${DOMAIN}/injected`
/** Annotation of pods that have the sidecar from here: the version that put it there. */
export const STATUS_ANNOTATION: string = `${DOMAIN}/status`
/** Annotation that the sidecar's configuration file is made of. */
export const FILE_ANNOTATION: string = `${DOMAIN}/injected-config`
const OWN_ANNOTATIONS: readonly string[] = [STATUS_ANNOTATION, FILE_ANNOTATION]

/** When a probe of the sidecar succeeds: as soon as it listens, or not before a broker answers. */
export type When = 'listening' | 'brokers'

/** Where a ConfigMap has the configuration file. */
export interface ConfigMapFile {
  readonly name: string
  readonly key: string
}

/** What annotations say, checked. Texts that go on to the sidecar as they are stay texts. */
export interface Settings {
  readonly upstream?: string
  /** The configuration file, or a part of it. */
  readonly config?: string
  readonly configMap?: ConfigMapFile
  readonly produceRate?: string
  readonly fetchRate?: string
  readonly requestRate?: string
  readonly observe?: string
  readonly labels?: string
  readonly logLevel?: string
  readonly port?: number
  readonly brokerPorts?: BrokerPorts
  readonly adminPort?: number
  readonly image?: string
  readonly imagePullPolicy?: string
  readonly cpuRequest?: string
  readonly cpuLimit?: string
  readonly memoryRequest?: string
  readonly memoryLimit?: string
  /** Secrets and ConfigMaps that the sidecar alone sees. */
  readonly mountSecrets?: readonly string[]
  readonly mountConfigMaps?: readonly string[]
  /** Audience of a token of the pod's service account, for OAUTHBEARER. */
  readonly tokenAudience?: string
  /** Variables of the application that are to name the sidecar. */
  readonly bootstrapEnv?: readonly string[]
  /** Containers whose variables those are; all that are no init containers if undefined. */
  readonly containers?: readonly string[]
  readonly startWhen?: When
  readonly readyWhen?: When
  /** The pod may be on its node's network. */
  readonly hostNetwork?: 'allow'
}

type Name = keyof Settings

const PARSERS: { readonly [Of in Name]-?: (text: string) => NonNullable<Settings[Of]> } = {
  upstream: checkedBy(parseAddresses),
  config: (text) => text,
  configMap: parseConfigMap,
  produceRate: rate('bytes'),
  fetchRate: rate('bytes'),
  requestRate: rate('requests'),
  observe: oneOf('true', 'false'),
  labels: checkedBy(parseLabels),
  logLevel: oneOf(...LOG_LEVELS),
  port: parsePort,
  brokerPorts: parseFixedPorts,
  adminPort: parsePort,
  image: matching(/^\S+$/u, 'is no image; write one like registry.example.com/kafka-sluice:1.2.3'),
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  cpuRequest: quantity('100m'),
  cpuLimit: quantity('1'),
  memoryRequest: quantity('64Mi'),
  memoryLimit: quantity('256Mi'),
  mountSecrets: listOf(objectName('Secret')),
  mountConfigMaps: listOf(objectName('ConfigMap')),
  tokenAudience: matching(/^\S+$/u, 'is no audience; write one like kafka'),
  bootstrapEnv: listOf(
    matching(/^[A-Za-z_][\w.-]*$/u, 'is no name of a variable; write one like KAFKA_BOOTSTRAP_SERVERS'),
  ),
  containers: listOf(objectName('container')),
  startWhen: oneOf('brokers', 'listening'),
  readyWhen: oneOf('listening', 'brokers'),
  hostNetwork: oneOf('allow'),
}

const NAMES = Object.keys(PARSERS) as Name[]
const BY_ANNOTATION: ReadonlyMap<string, Name> = new Map(NAMES.map((name) => [written(name), name]))

/** The name of a setting in annotations and defaults: `produce-rate`. */
export function written(name: Name): string {
  return name.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)
}

/** The whole name of its annotation. */
export function annotation(name: Name): string {
  return `${DOMAIN}/${written(name)}`
}

/** Every name that there is, as written. */
export function settingNames(): readonly string[] {
  return [...BY_ANNOTATION.keys()]
}

/** Settings, and what is wrong with those that are none. */
export interface ReadSettings {
  readonly settings: Settings
  readonly faults: readonly string[]
}

/** Reads the annotations of a pod; those of other domains are none of ours. */
export function readAnnotations(
  annotations: Readonly<Record<string, string>>,
  locked: readonly string[] = [],
): ReadSettings {
  const ours = Object.entries(annotations).filter(
    ([name]) => name.startsWith(`${DOMAIN}/`) && !OWN_ANNOTATIONS.includes(name),
  )
  const entries = ours.map(([name, text]) => [name.slice(DOMAIN.length + 1), text] as const)
  const forbidden = entries.filter(([name]) => locked.includes(name))
  const read = readSettings(entries, `annotation ${DOMAIN}/`)
  const faults = forbidden.map(
    ([name]) => `annotation ${DOMAIN}/${name}: this cluster decides it for all pods; remove the annotation`,
  )
  return { settings: read.settings, faults: [...faults, ...read.faults] }
}

/** Reads settings by their written names; `where` begins each fault. */
export function readSettings(entries: readonly (readonly [name: string, text: string])[], where: string): ReadSettings {
  const settings: Partial<Record<Name, unknown>> = {}
  const faults: string[] = []
  for (const [name, text] of entries) {
    const setting = BY_ANNOTATION.get(name)
    if (setting === undefined) {
      faults.push(`${where}${name}: there is no such setting${hint(name)}`)
      continue
    }
    try {
      settings[setting] = PARSERS[setting](text.trim())
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      faults.push(`${where}${name}: ${error.message}`)
    }
  }
  return { settings: settings as Settings, faults }
}

function hint(name: string): string {
  if (name === 'inject') return `; ${INJECT_LABEL} is a label, not an annotation: put it into metadata.labels`
  if (name === 'quotas') return `; quotas are a part of the configuration: write them in ${annotation('config')}`
  return suggestion(name, settingNames())
}

/** The text as it is, once a parser has taken it. */
function checkedBy(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text)
    return text
  }
}

function rate(unit: Unit): (text: string) => string {
  return checkedBy((text) => parseRate(text, unit))
}

function matching(form: RegExp, fault: string): (text: string) => string {
  return (text) => {
    if (form.test(text)) return text
    throw new RangeError(`"${text}" ${fault}`)
  }
}

function oneOf<const Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text)
    if (found !== undefined) return found
    throw new RangeError(`"${text}" is not ${words.join(' or ')}`)
  }
}

function listOf(parse: (text: string) => string): (text: string) => readonly string[] {
  return (text) => {
    const parts = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
    if (parts.length === 0) throw new RangeError('it is empty; remove it, or write one or more with commas')
    if (parts.length > INJECT_LISTED_MAX) throw new RangeError(`${parts.length} names; at most ${INJECT_LISTED_MAX}`)
    return [...new Set(parts.map(parse))]
  }
}

function objectName(kind: string): (text: string) => string {
  return matching(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/u, `is no name of a ${kind}`)
}

/** As Kubernetes writes amounts of CPU and memory. */
function quantity(example: string): (text: string) => string {
  return matching(
    /^\d+(?:\.\d+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/u,
    `is no amount as Kubernetes writes it; write ${example}`,
  )
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/u.test(text) && port >= 1 && port <= 65_535) return port
  throw new RangeError(`"${text}" is no port; ports are 1 to 65535`)
}

function parseFixedPorts(text: string): BrokerPorts {
  const ports = parseBrokerPorts(text)
  if (ports !== 'any') return ports
  throw new RangeError('a pod needs ports that are known; write 19092-19191')
}

function parseConfigMap(text: string): ConfigMapFile {
  const [name = '', key = 'sluice.yaml', ...more] = text.split('/')
  if (more.length > 0 || !/^[\w.-]+$/u.test(key)) {
    throw new RangeError(`"${text}" is no ConfigMap; write NAME, or NAME/KEY where its key is not sluice.yaml`)
  }
  return { name: objectName('ConfigMap')(name), key }
}
