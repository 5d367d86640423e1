/**
 * The sidecar of one pod: the container that the injector's file has for all, with what this pod's settings change of it, and the
 * volumes that it mounts. The container's shape (probes, security context, native sidecar) is the chart's; here are only differences.
 */
import { formatAddress } from '../cluster/address-book.ts'
import { type BrokerPorts, parseAddress } from '../config/addresses.ts'
import { DEFAULT_ADMIN, DEFAULT_LISTEN } from '../config/defaults.ts'
import { isMapping, mappingAt } from '../config/raw.ts'
import { FILE_ANNOTATION, type Settings } from './annotations.ts'
import type { Container, Volume } from './pod.ts'
import {
  CONFIG_DIRECTORY,
  CONFIG_MAPS_DIRECTORY,
  POD_CONFIG_FILE,
  POD_DIRECTORY,
  SECRETS_DIRECTORY,
  TOKEN_DIRECTORY,
  variablesOf,
} from './sidecar-config.ts'

/** The port of the admin pages, in the container's ports and its probes. */
export const ADMIN_PORT_NAME = 'sluice-admin'
const PROBES = { startWhen: 'startupProbe', readyWhen: 'readinessProbe' } as const
const PATHS = { listening: '/healthz', brokers: '/readyz' } as const
/** The sidecar is not root, and no other container mounts these. */
const READABLE = 0o444
const TOKEN_SECONDS = 3600

/** Ports of one sidecar. */
export interface Ports {
  readonly listen: number
  readonly admin: number
  readonly brokers: { readonly first: number; readonly last: number }
}

/** The ports that the settings give, or the container's variables, or the sluice itself. */
export function portsOf(base: Container, settings: Settings, ofFile?: BrokerPorts): Ports {
  const brokers = settings.brokerPorts ?? ofFile
  return {
    listen: settings.port ?? addressOf(base, 'SLUICE_LISTEN', DEFAULT_LISTEN).port,
    admin: settings.adminPort ?? addressOf(base, 'SLUICE_ADMIN', DEFAULT_ADMIN).port,
    brokers: brokers === undefined || brokers === 'any' ? DEFAULT_LISTEN.brokerPorts : brokers,
  }
}

/** Every variable of the sidecar whose value is known here: the container's own, and those of the settings. */
export function variablesFor(base: Container, settings: Settings): Record<string, string> {
  const ports = portsOf(base, settings)
  const own = (base.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]))
  return {
    ...Object.fromEntries(own),
    SLUICE_LISTEN: formatAddress({ ...addressOf(base, 'SLUICE_LISTEN', DEFAULT_LISTEN), port: ports.listen }),
    SLUICE_ADMIN: formatAddress({ ...addressOf(base, 'SLUICE_ADMIN', DEFAULT_ADMIN), port: ports.admin }),
    ...(settings.brokerPorts === undefined
      ? {}
      : { SLUICE_BROKER_PORTS: `${ports.brokers.first}-${ports.brokers.last}` }),
    ...variablesOf(settings),
  }
}

function addressOf(
  base: Container,
  variable: string,
  fallback: { host: string; port: number },
): { host: string; port: number } {
  const value = base.env?.find(({ name }) => name === variable)?.value
  return value === undefined ? { ...fallback } : parseAddress(value, 1)
}

/** What the pod gets. */
export interface Sidecar {
  readonly container: Container
  readonly volumes: readonly Volume[]
}

/** Builds it. `hasFile`: the pod's annotation has the configuration. */
export function sidecarFor(base: Container, settings: Settings, hasFile: boolean): Sidecar {
  const { configMap, image, imagePullPolicy } = settings
  const volumes = volumesFor(settings, hasFile)
  const configFile = hasFile ? POD_CONFIG_FILE : configMap && `${CONFIG_DIRECTORY}/${configMap.key}`
  const variables = {
    ...variablesFor(base, settings),
    ...(configFile === undefined ? {} : { SLUICE_CONFIG: configFile }),
    SLUICE_LABELS_FILE: `${POD_DIRECTORY}/labels`,
  }
  const container: Container = {
    ...structuredClone(base),
    ...(image === undefined ? {} : { image }),
    ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
    env: withVariables(base.env ?? [], variables),
    ports: withAdminPort(base, portsOf(base, settings).admin),
    resources: withResources(base, settings),
    ...probes(base, settings),
    volumeMounts: [
      ...(base.volumeMounts ?? []),
      ...volumes.map(({ volume, mountPath }) => ({ name: volume.name, mountPath, readOnly: true })),
    ],
  }
  return { container, volumes: volumes.map(({ volume }) => volume) }
}

/** In the order of the container, new ones at the end: a variable may refer to those before it. */
function withVariables(
  present: NonNullable<Container['env']>,
  variables: Readonly<Record<string, string>>,
): NonNullable<Container['env']> {
  const names = new Set(present.map(({ name }) => name))
  const added = Object.entries(variables).filter(([name]) => !names.has(name))
  return [
    ...present.map((entry) => {
      const value = variables[entry.name]
      return value === undefined || value === entry.value ? entry : { name: entry.name, value }
    }),
    ...added.map(([name, value]) => ({ name, value })),
  ]
}

function withAdminPort({ ports }: Container, admin: number): NonNullable<Container['ports']> {
  const others = (ports ?? []).filter(({ name }) => name !== ADMIN_PORT_NAME)
  return [{ name: ADMIN_PORT_NAME, containerPort: admin, protocol: 'TCP' }, ...others]
}

function withResources(base: Container, settings: Settings): Readonly<Record<string, unknown>> {
  const resources = mappingAt(base, 'resources')
  const part = (kind: string, cpu: string | undefined, memory: string | undefined): object => {
    const given = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
    const amounts = { ...mappingAt(resources, kind), ...given }
    return Object.keys(amounts).length === 0 ? {} : { [kind]: amounts }
  }
  return {
    ...resources,
    ...part('requests', settings.cpuRequest, settings.memoryRequest),
    ...part('limits', settings.cpuLimit, settings.memoryLimit),
  }
}

function probes(base: Container, settings: Settings): Readonly<Record<string, unknown>> {
  const changed: Record<string, unknown> = {}
  for (const name of ['startWhen', 'readyWhen'] as const) {
    const [when, probe] = [settings[name], base[PROBES[name]]]
    if (when === undefined || !isMapping(probe)) continue
    changed[PROBES[name]] = { ...probe, httpGet: { ...mappingAt(probe, 'httpGet'), path: PATHS[when] } }
  }
  return changed
}

interface MountedVolume {
  readonly volume: Volume
  readonly mountPath: string
}

function volumesFor(settings: Settings, hasFile: boolean): readonly MountedVolume[] {
  const { configMap, mountSecrets = [], mountConfigMaps = [], tokenAudience } = settings
  const items = [
    { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
    ...(hasFile
      ? [{ path: 'sluice.yaml', fieldRef: { fieldPath: `metadata.annotations['${FILE_ANNOTATION}']` } }]
      : []),
  ]
  return [
    { volume: { name: 'kafka-sluice-pod', downwardAPI: { items } }, mountPath: POD_DIRECTORY },
    ...(configMap === undefined || hasFile
      ? []
      : [
          {
            volume: { name: 'kafka-sluice-config', configMap: { name: configMap.name } },
            mountPath: CONFIG_DIRECTORY,
          },
        ]),
    ...mountSecrets.map((secretName, i) => ({
      volume: { name: `kafka-sluice-secret-${i}`, secret: { secretName, defaultMode: READABLE } },
      mountPath: `${SECRETS_DIRECTORY}/${secretName}`,
    })),
    ...mountConfigMaps.map((name, i) => ({
      volume: { name: `kafka-sluice-config-map-${i}`, configMap: { name } },
      mountPath: `${CONFIG_MAPS_DIRECTORY}/${name}`,
    })),
    ...(tokenAudience === undefined ? [] : [tokenVolume(tokenAudience)]),
  ]
}

/** A token of the pod's service account that the kubelet renews. */
function tokenVolume(audience: string): MountedVolume {
  const serviceAccountToken = { path: 'token', audience, expirationSeconds: TOKEN_SECONDS }
  return {
    volume: { name: 'kafka-sluice-token', projected: { defaultMode: READABLE, sources: [{ serviceAccountToken }] } },
    mountPath: TOKEN_DIRECTORY,
  }
}
