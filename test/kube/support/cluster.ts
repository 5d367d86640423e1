/** A cluster with the chart in it: kubectl, Helm, and an injector that its API server reaches as it would in a cluster. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { freePort } from '../../../src/demo/kafka/ports.ts'
import { Injector } from '../../../src/injector/injector.ts'
import { type InjectorConfig, loadInjectorFile } from '../../../src/injector/injector-file.ts'
import { KubeApi } from '../../../src/injector/kube-api.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { CHART, type Ran, tool } from '../../chart/helm.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'
import { type ControlPlane, controlPlane, SERVICE_ADDRESS } from './control-plane.ts'
import { SLUICE_IMAGE } from './node.ts'

export const NAMESPACE = 'sluice-system'
const RELEASE = 'sluice'
const FULLNAME = 'sluice-kafka-sluice-injector'
export const WEBHOOKS: string = `${FULLNAME}-${NAMESPACE}`

/** An object of the API, as kubectl prints it. */
export interface KubeObject {
  // biome-ignore lint/suspicious/noExplicitAny: objects are of any shape; what a test reads of one it asserts
  readonly [key: string]: any
}

export class Cluster {
  readonly plane: ControlPlane
  readonly #port: number
  readonly #credentials: string
  readonly #namespaces: string[] = []
  /** What the injector of this process logs. */
  readonly lines: KubeObject[] = []
  injector: Injector | undefined

  private constructor(context: Pick<Surroundings, 'after'>, plane: ControlPlane, port: number) {
    this.plane = plane
    this.#port = port
    this.#credentials = mkdtempSync(join(tmpdir(), 'sluice-account-'))
    context.after(() => {
      this.injector?.kill()
      rmSync(this.#credentials, { recursive: true, force: true })
    })
  }

  static async start(context: Pick<Surroundings, 'after'>): Promise<Cluster> {
    const cluster = new Cluster(context, await controlPlane(context), await freePort())
    if (!cluster.isOwn) context.after(() => cluster.#cleanUp())
    return cluster
  }

  /** Its control plane is ours, and the injector runs in this process. */
  get isOwn(): boolean {
    return this.plane.bin !== undefined
  }

  /** Runs kubectl; never rejects for what it says. */
  async kubectl(args: readonly string[], input?: object): Promise<Ran> {
    const command = this.plane.bin === undefined ? 'kubectl' : join(this.plane.bin, 'kubectl')
    const child = spawn(command, ['--kubeconfig', this.plane.kubeconfig, ...args], { stdio: 'pipe' })
    child.stdin.end(input === undefined ? '' : JSON.stringify(input))
    const ended = new Promise<number>((resolve, reject) =>
      child.on('error', reject).on('close', (code) => resolve(code ?? 1)),
    )
    const [out, err, code] = await Promise.all([readText(child.stdout), readText(child.stderr), ended])
    return { code, out, err }
  }

  /** As `kubectl`, where anything but success is a failure of the test. */
  async ask(args: readonly string[], input?: object): Promise<string> {
    const { code, out, err } = await this.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${err}`)
    return out
  }

  async get(...args: readonly string[]): Promise<KubeObject> {
    return JSON.parse(await this.ask(['get', ...args, '-o', 'json'])) as KubeObject
  }

  /** A namespace with labels, in which pods may be created. */
  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    await this.ask(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
    this.#namespaces.push(name)
    await waitFor(
      `${name} has its service account`,
      async () => (await this.kubectl(['get', 'serviceaccount', 'default', '-n', name])).code === 0,
    )
    return name
  }

  helm(args: readonly string[]): Promise<Ran> {
    return tool('helm', args, { KUBECONFIG: this.plane.kubeconfig })
  }

  /** Installs the chart, or upgrades it, with the injector on. */
  async install(...values: readonly string[]): Promise<void> {
    const [repository, tag] = SLUICE_IMAGE.split(':')
    const place = this.isOwn
      ? [`injector.service.clusterIP=${SERVICE_ADDRESS}`, `injector.service.port=${this.#port}`]
      : [`image.repository=${repository}`, `image.tag=${tag}`]
    const set = ['injector.enabled=true', 'injector.defaults.upstream=kafka.invalid:9092', ...place, ...values].flatMap(
      (value) => ['--set', value],
    )
    const wait = this.isOwn ? [] : ['--wait', '--timeout', '3m']
    const { code, err } = await this.helm([
      'upgrade',
      '--install',
      RELEASE,
      CHART,
      '-n',
      NAMESPACE,
      '--create-namespace',
      ...wait,
      ...set,
    ])
    if (code !== 0) throw new Error(err)
  }

  /** The injector by the file, and with the rights, that the chart gave it; resolves when API servers can call it. */
  async up(change: (config: InjectorConfig) => InjectorConfig = (config) => config, spreadMs?: number): Promise<void> {
    if (!this.isOwn) {
      await this.ask(['scale', 'deployment', FULLNAME, '-n', NAMESPACE, '--replicas=2'])
      await this.ask(['rollout', 'status', `deployment/${FULLNAME}`, '-n', NAMESPACE, '--timeout=120s'])
      return
    }
    const token = await this.ask(['create', 'token', FULLNAME, '-n', NAMESPACE])
    writeFileSync(join(this.#credentials, 'token'), token)
    writeFileSync(join(this.#credentials, 'ca.crt'), this.plane.ca)
    const { data } = await this.get('configmap', FULLNAME, '-n', NAMESPACE)
    const config = change({
      ...loadInjectorFile('injector.yaml', data['injector.yaml'] as string),
      listen: { host: SERVICE_ADDRESS, port: this.#port },
      admin: { host: '127.0.0.1', port: 0 },
      stopDelayMs: 0,
    })
    const destination = { write: (line: string) => void this.lines.push(JSON.parse(line) as KubeObject) }
    this.injector = new Injector({
      config,
      logger: createLogger({ level: 'info', pretty: false, destination }),
      api: new KubeApi({ url: this.plane.url, credentials: this.#credentials }),
      checkMs: 200,
      ...(spreadMs === undefined ? {} : { spreadMs }),
    })
    await this.injector.start()
    await waitFor('the injector is ready', () => this.injector?.notReady().length === 0, {
      seen: () => String(this.injector?.notReady()),
    })
    await this.#called()
  }

  async down(): Promise<void> {
    if (this.isOwn) return this.injector?.stop()
    await this.ask(['scale', 'deployment', FULLNAME, '-n', NAMESPACE, '--replicas=0'])
    // Pods that were told to end go on answering for a while.
    const injectors = ['pods', '-n', NAMESPACE, '-l', 'app.kubernetes.io/component=injector']
    await waitFor('no replica is left', async () => (await this.get(...injectors))['items'].length === 0)
  }

  /** API servers notice a new configuration, or another caBundle, a moment later. */
  async #called(): Promise<void> {
    const pod = podOf({ name: 'first-call' })
    const dryRun = ['create', '--dry-run=server', '-n', 'default', '-o', 'json', '-f', '-']
    await waitFor('the API server calls the injector', async () => {
      const { code, out } = await this.kubectl(dryRun, pod)
      return code === 0 && sidecarsOf(JSON.parse(out) as KubeObject).length === 1
    })
  }

  async #cleanUp(): Promise<void> {
    await this.helm(['uninstall', RELEASE, '-n', NAMESPACE, '--wait'])
    await this.kubectl(['delete', 'namespace', NAMESPACE, ...this.#namespaces, '--ignore-not-found'])
  }
}

export interface PodOptions {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly spec?: object
}

/** A pod that asks for the sidecar, and that Pod Security "restricted" would let in without it. */
export function podOf({
  name = 'app',
  labels = { 'kafka-sluice.io/inject': 'true' },
  annotations = {},
  spec = {},
}: PodOptions = {}): KubeObject {
  const securityContext = {
    runAsNonRoot: true,
    runAsUser: 1000,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels, annotations },
    spec: { containers: [{ name: 'app', image: 'app:1', securityContext }], ...spec },
  }
}

/** The sidecars of a pod: one, or none. */
export function sidecarsOf({ spec }: KubeObject): readonly KubeObject[] {
  return ((spec.initContainers ?? []) as KubeObject[]).filter(({ name }) => name === 'kafka-sluice')
}
