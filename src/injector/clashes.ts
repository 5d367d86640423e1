/** What keeps a pod and the sidecar apart: names and ports that both use, networks and files that cannot be. Each with what mends it. */
import { annotation, INJECT_LABEL, type Settings } from './annotations.ts'
import type { Container, Pod, Volume } from './pod.ts'
import { containersOf } from './pod.ts'
import type { Ports } from './sidecar.ts'
import { CONFIG_MAPS_DIRECTORY, filesNamed, SECRETS_DIRECTORY } from './sidecar-config.ts'

/** Everything that a pod has and the sidecar would need for itself. */
export function clashes(
  pod: Pod,
  sidecarName: string,
  volumes: readonly Volume[],
  ports: Ports,
  settings: Settings,
): string[] {
  return [
    ...nameClashes(pod, sidecarName),
    ...volumeClashes(pod, volumes),
    ...containersOf(pod)
      .filter(({ name }) => name !== sidecarName)
      .flatMap((container) => portClashes(container, ports)),
    ...surroundings(pod, settings),
  ]
}

function nameClashes(pod: Pod, sidecarName: string): string[] {
  if (!containersOf(pod).some(({ name }) => name === sidecarName)) return []
  return [
    `the pod has a container ${sidecarName} that was not put there by this injector, and that is the sidecar's name: rename it, or take the label away where it is a sidecar of your own`,
  ]
}

function volumeClashes({ spec }: Pod, volumes: readonly Volume[]): string[] {
  const names = new Set(volumes.map(({ name }) => name))
  return (spec.volumes ?? [])
    .filter(({ name }) => names.has(name))
    .map(({ name }) => `the pod has a volume ${name}, and the sidecar's has that name: rename it`)
}

function portClashes({ name, ports }: Container, taken: Ports): string[] {
  const used = (ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP').map((port) => port.containerPort)
  return used.flatMap((port) => {
    const users: readonly (readonly [isTaken: boolean, what: string, setting: keyof Settings])[] = [
      [port === taken.listen, 'takes applications on it', 'port'],
      [port === taken.admin, 'has its admin pages on it', 'adminPort'],
      [port >= taken.brokers.first && port <= taken.brokers.last, 'has brokers on it', 'brokerPorts'],
    ]
    return users
      .filter(([isTaken]) => isTaken)
      .map(
        ([, what, setting]) =>
          `container ${name} uses port ${port}, and the sidecar ${what}: give the sidecar another with the annotation ${annotation(setting)}`,
      )
  })
}

function surroundings({ spec }: Pod, settings: Settings): string[] {
  const faults: string[] = []
  const instead = `give the pod the label ${INJECT_LABEL}: "false"`
  // `os` is rarely written; what brings pods to nodes of Windows is this label of theirs.
  if (spec.os?.name === 'windows' || spec.nodeSelector?.['kubernetes.io/os'] === 'windows') {
    faults.push(`the pod is for Windows, and the sidecar runs on Linux only: ${instead}`)
  }
  if (spec.hostNetwork === true && settings.hostNetwork !== 'allow') {
    faults.push(
      `the pod is on its node's network (hostNetwork), where every process of the node could use the sidecar and its credentials: allow that with the annotation ${annotation('hostNetwork')}: allow, or ${instead}`,
    )
  }
  return faults
}

/** Files that the configuration names and that no mount brings. */
export function fileFaults(text: string | undefined, settings: Settings, sidecar: Container): string[] {
  const mounts = (sidecar.volumeMounts ?? []).map(({ mountPath }) => mountPath)
  return [...new Set(filesNamed(text))]
    .filter((path) => path.startsWith('/') && !mounts.some((mount) => path.startsWith(`${mount}/`)))
    .map(
      (path) => `${path}: the configuration names this file, and nothing is mounted there${mountHint(path, settings)}`,
    )
}

function mountHint(path: string, { mountSecrets = [] }: Settings): string {
  const [, secret] = path.startsWith(`${SECRETS_DIRECTORY}/`) ? path.slice(SECRETS_DIRECTORY.length).split('/') : []
  if (secret !== undefined) return `: add ${secret} to the annotation ${annotation('mountSecrets')}`
  const [, map] = path.startsWith(`${CONFIG_MAPS_DIRECTORY}/`)
    ? path.slice(CONFIG_MAPS_DIRECTORY.length).split('/')
    : []
  if (map !== undefined) return `: add ${map} to the annotation ${annotation('mountConfigMaps')}`
  const example = mountSecrets[0] ?? 'NAME'
  return `: a Secret that ${annotation('mountSecrets')} names is at ${SECRETS_DIRECTORY}/NAME/, as in ${SECRETS_DIRECTORY}/${example}/ca.crt`
}
