/**
 * Whether a pod gets the sidecar, and the patch that puts it there. A pure function of the pod and the injector's own settings:
 * called twice, in a dry run or by any replica it says the same.
 */
import { suggestion } from '../config/suggest.ts'
import { packageVersion } from '../version.ts'
import {
  annotation,
  FILE_ANNOTATION,
  INJECT_LABEL,
  INJECTED_LABEL,
  readAnnotations,
  type Settings,
  STATUS_ANNOTATION,
} from './annotations.ts'
import { clashes, fileFaults } from './clashes.ts'
import { addEntries, addItems, type Operation, pointer } from './json-patch.ts'
import type { Container, Pod, Volume } from './pod.ts'
import { portsOf, type Sidecar, sidecarFor, variablesFor } from './sidecar.ts'
import { composeConfig, UNKNOWN_KAFKA } from './sidecar-config.ts'

/** What the injector puts into pods. */
export interface Injection {
  /** The container, as Kubernetes writes it. */
  readonly sidecar: Container
  /** Volumes that it needs beyond those that settings make. */
  readonly volumes: readonly Volume[]
  /** What pods have that say nothing else. */
  readonly defaults: Settings
  /** Settings that pods may not change, as written. */
  readonly locked: readonly string[]
}

/** What becomes of a pod. */
export type Outcome =
  | { readonly kind: 'injected'; readonly patch: readonly Operation[]; readonly warnings: readonly string[] }
  /** It is not asked for, or there already. */
  | { readonly kind: 'unasked' | 'present' }
  | { readonly kind: 'refused'; readonly faults: readonly string[] }

/** On pods of a file on their node: the kubelet has read it already, and what the API is told of such a pod changes nothing. */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

/** Decides. `isWanted`: its namespace asks for the sidecar in every pod that says nothing. */
export function inject(pod: Pod, isWanted: boolean, injection: Injection): Outcome {
  const { labels, annotations } = pod.metadata ?? {}
  const label = labels?.[INJECT_LABEL]
  if (label === 'false' || (label === undefined && !isWanted)) return { kind: 'unasked' }
  if (annotations?.[MIRROR_ANNOTATION] !== undefined) return { kind: 'unasked' }
  if (label !== undefined && label !== 'true') {
    return { kind: 'refused', faults: [`label ${INJECT_LABEL}: "${label}" is neither "true" nor "false"`] }
  }
  if (isPresent(pod, injection.sidecar.name)) return { kind: 'present' }
  const { settings: own, faults } = readAnnotations(annotations ?? {}, injection.locked)
  const settings: Settings = { ...injection.defaults, ...own }
  // An upstream that is given wrongly has its own fault; nobody asks where Kafka is besides.
  const isGiven = annotations?.[annotation('upstream')] !== undefined
  const variables = { ...(isGiven ? UNKNOWN_KAFKA : {}), ...variablesFor(injection.sidecar, settings) }
  const config = composeConfig(own, injection.defaults, variables)
  const sidecar = sidecarFor(injection.sidecar, settings, config.file !== undefined)
  const volumes = [...injection.volumes, ...sidecar.volumes]
  const found = [
    ...faults,
    ...config.faults,
    ...clashes(
      pod,
      sidecar.container.name,
      volumes,
      portsOf(injection.sidecar, settings, config.brokerPorts),
      settings,
    ),
    ...fileFaults(config.file, settings, sidecar.container),
    ...containerFaults(pod, settings),
  ]
  if (found.length > 0) return { kind: 'refused', faults: found }
  const warnings = [...config.warnings, ...sharingWarnings(pod)]
  return { kind: 'injected', patch: patchOf(pod, { ...sidecar, volumes }, settings, config.file), warnings }
}

/** The container is there and has been put there from here: a call again, or a pod that was copied. */
function isPresent(pod: Pod, name: string): boolean {
  const isMarked = pod.metadata?.annotations?.[STATUS_ANNOTATION] !== undefined
  return isMarked && pod.spec.initContainers?.some((container) => container.name === name) === true
}

function containerFaults({ spec }: Pod, { containers = [] }: Settings): string[] {
  const names = [...(spec.initContainers ?? []), ...spec.containers].map(({ name }) => name)
  return containers
    .filter((name) => !names.includes(name))
    .map((name) => `${annotation('containers')}: the pod has no container ${name}${suggestion(name, names)}`)
}

function sharingWarnings({ spec }: Pod): string[] {
  if (spec.shareProcessNamespace !== true) return []
  return [
    'kafka-sluice: the containers of this pod share their processes (shareProcessNamespace): one that runs as root, or as the user of the sidecar, can read its credentials',
  ]
}

function patchOf(pod: Pod, sidecar: Sidecar, settings: Settings, file: string | undefined): Operation[] {
  const { metadata, spec } = pod
  const marks = { [STATUS_ANNOTATION]: packageVersion(), ...(file === undefined ? {} : { [FILE_ANNOTATION]: file }) }
  const path = (part: string): string => pointer('spec', part)
  return [
    ...(metadata === undefined ? [{ op: 'add', path: '/metadata', value: {} } as const] : []),
    ...addEntries('/metadata/annotations', metadata?.annotations, marks),
    ...addEntries('/metadata/labels', metadata?.labels, { [INJECTED_LABEL]: 'true' }),
    ...addItems(path('volumes'), spec.volumes, sidecar.volumes, 'last'),
    ...bootstrapVariables(pod, sidecar.container, settings),
    // Last: the paths above count the containers as they were. First in the list: it starts before all others and ends after them.
    ...addItems(path('initContainers'), spec.initContainers, [sidecar.container], 'first'),
  ]
}

/** The application's variables that are to name the sidecar. */
function bootstrapVariables(pod: Pod, sidecar: Container, settings: Settings): Operation[] {
  const { bootstrapEnv = [], containers } = settings
  const value = `127.0.0.1:${portsOf(sidecar, settings).listen}`
  return (['initContainers', 'containers'] as const).flatMap((list) =>
    (pod.spec[list] ?? []).flatMap((container, i) => {
      const isMeant = containers === undefined ? list === 'containers' : containers.includes(container.name)
      if (!isMeant) return []
      return setVariables(pointer('spec', list, i, 'env'), container.env, bootstrapEnv, value)
    }),
  )
}

function setVariables(path: string, present: Container['env'], names: readonly string[], value: string): Operation[] {
  const known = (present ?? []).map(({ name }) => name)
  const replaced = names
    .filter((name) => known.includes(name))
    .map((name): Operation => ({ op: 'replace', path: path + pointer(known.indexOf(name)), value: { name, value } }))
  const added = names.filter((name) => !known.includes(name)).map((name) => ({ name, value }))
  return [...replaced, ...addItems(path, present, added, 'first')]
}
