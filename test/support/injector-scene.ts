/** What tests of the injector share: the container that pods get, pods, and a patch applied as an API server does. */
import type { Injection } from '../../src/injector/inject.ts'
import { loadInjectorFile } from '../../src/injector/injector-file.ts'
import type { Operation } from '../../src/injector/json-patch.ts'
import type { Pod } from '../../src/injector/pod.ts'

/** The file of an injector, as short as one can be. */
export const INJECTOR_FILE = `certificate: { secret: sluice/tls, webhookConfiguration: sluice, names: [sluice.sluice.svc] }
sidecar:
  name: kafka-sluice
  image: kafka-sluice:test
  restartPolicy: Always
  args: [run]
  env:
    - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
    - { name: SLUICE_ADMIN, value: "0.0.0.0:9404" }
  ports: [{ name: sluice-admin, containerPort: 9404 }]
  startupProbe: { httpGet: { path: /readyz, port: sluice-admin }, periodSeconds: 1 }
  readinessProbe: { httpGet: { path: /healthz, port: sluice-admin } }
  resources: { requests: { cpu: 50m, memory: 64Mi }, limits: { memory: 256Mi } }
`

export function injectionOf(more = ''): Injection {
  return loadInjectorFile('injector.yaml', INJECTOR_FILE + more).injection
}

export interface PodParts {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: Readonly<Record<string, unknown>>
}

/** A pod of one application that asks for the sidecar, to a broker that is named. */
export function podOf({ labels, annotations, spec }: PodParts = {}): Pod {
  return {
    metadata: {
      generateName: 'shop-',
      labels: { app: 'shop', 'kafka-sluice.io/inject': 'true', ...labels },
      annotations: { 'kafka-sluice.io/upstream': 'kafka:9092', ...annotations },
    },
    spec: { containers: [{ name: 'app', image: 'shop' }], ...spec },
  }
}

interface Node {
  [key: string]: unknown
}

/** Applies a patch to a copy; throws where an operation does not fit, as RFC 6902 wants. */
export function applyPatch(object: unknown, patch: readonly Operation[]): unknown {
  const copy = structuredClone(object)
  for (const { op, path, value } of patch) {
    const parts = path.slice(1).split('/').map(unescaped)
    const last = parts.pop() ?? ''
    let node: unknown = copy
    for (const part of parts) node = (node as Node | undefined)?.[part]
    if (typeof node !== 'object' || node === null) throw new Error(`${op} ${path}: there is no parent`)
    if (op === 'replace' && !(last in node)) throw new Error(`replace ${path}: there is none`)
    if (op === 'add' && Array.isArray(node)) insert(node, last, value)
    else (node as Node)[last] = value
  }
  return copy
}

function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

function insert(list: unknown[], at: string, value: unknown): void {
  const index = at === '-' ? list.length : Number(at)
  if (!(index <= list.length)) throw new Error(`add ${at}: beyond the end`)
  list.splice(index, 0, value)
}
