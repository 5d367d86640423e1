/**
 * A real cluster, as KUBECONFIG names it, with a node that runs pods: kind, a real one, or the one that test/kube/cluster starts.
 * What pods run has to be on its node; where an application reaches this machine differs from cluster to cluster.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { isMapping } from '../../../src/config/raw.ts'
import { toolAnswers } from '../../../src/demo/kafka/run-tool.ts'
import { LineProcess } from '../../support/processes.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'

export const SLUICE_IMAGE = 'kafka-sluice:test'
export const CLIENT_IMAGE = 'kafka-sluice-client:test'
/** This machine's address as pods reach it; the bridge of test/kube/cluster. */
export const HOST: string = process.env['SLUICE_KUBE_HOST'] ?? '10.99.0.1'
/** Fails instead of skipping, as in test/support/clients.ts. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'
const OUTPUT_BYTES_MAX = 67_108_864
const KUBECTL_MAX_MS = 240_000

/** False, and the test skipped with the reason, where no node runs pods of our images. */
export async function requireNode(context: Surroundings): Promise<boolean> {
  const why = await missing()
  if (why === undefined) return true
  if (REQUIRE_ALL) throw new Error(why)
  context.skip(why)
  return false
}

async function missing(): Promise<string | undefined> {
  if ((process.env['KUBECONFIG'] ?? '') === '')
    return 'needs a cluster: KUBECONFIG is not set (test/kube/cluster/README.md)'
  for (const tool of ['kubectl', 'helm']) {
    if (!(await toolAnswers(tool, tool === 'helm' ? 'version' : 'options'))) return `needs ${tool}`
  }
  const nodes = await kubectl(['get', 'nodes', '-o', 'json']).catch((error: Error) => error)
  if (nodes instanceof Error) return `the cluster of KUBECONFIG does not answer: ${nodes.message}`
  const { items } = JSON.parse(nodes) as { items: { status: { images?: { names?: string[] }[] } }[] }
  const names = items.flatMap(({ status }) => (status.images ?? []).flatMap((image) => image.names ?? []))
  const lacking = [SLUICE_IMAGE, CLIENT_IMAGE].filter((image) => !names.some((name) => name.endsWith(`/${image}`)))
  return lacking.length === 0
    ? undefined
    : `no node has the image ${lacking.join(' or ')} (test/kube/cluster/README.md)`
}

/** Runs a tool on the cluster; its stdout. */
export function run(tool: 'kubectl' | 'helm', args: readonly string[], input = ''): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: KUBECTL_MAX_MS }
  const child = execFile(tool, [...args], options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout)
    else reject(new Error(`${tool} ${args.join(' ')}: ${stderr.trim()}`, { cause: error }))
  })
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  return promise
}

export function kubectl(args: readonly string[], input = ''): Promise<string> {
  return run('kubectl', args, input)
}

/** A namespace of one test file. */
export class Namespace {
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  static async create(context: Pick<Surroundings, 'after'>, prefix: string): Promise<Namespace> {
    const name = `${prefix}-${Date.now().toString(36)}`
    await kubectl(['create', 'namespace', name])
    context.after(() => kubectl(['delete', 'namespace', name, '--wait=true', '--timeout=180s']))
    return new Namespace(name)
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return kubectl(['-n', this.name, ...args])
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    await kubectl(['-n', this.name, 'apply', '-f', '-'], JSON.stringify(list))
  }

  async pod(name: string): Promise<Pod> {
    return JSON.parse(await this.kubectl('get', 'pod', name, '-o', 'json')) as Pod
  }

  async pods(selector: string): Promise<readonly Pod[]> {
    return (JSON.parse(await this.kubectl('get', 'pods', '-l', selector, '-o', 'json')) as { items: Pod[] }).items
  }

  /** Waits for a pod to become what is asked; what it was last is in the complaint. */
  async untilPod(name: string, what: string, condition: (pod: Pod) => boolean, timeoutMs = 120_000): Promise<Pod> {
    let last: Pod | undefined
    const check = async (): Promise<Pod | false> => {
      last = await this.pod(name)
      return condition(last) && last
    }
    const events = async (): Promise<string> => this.kubectl('get', 'events', '--sort-by=.lastTimestamp')
    return waitFor(`${what} (pod ${name})`, check, { timeoutMs, pollMs: 300 }).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(last?.status)}\n${await events()}`, { cause: error })
    })
  }

  /** Follows what a container logs, from its first line to its last, whatever becomes of the pod. */
  follow(context: Pick<Surroundings, 'after'>, pod: string, container: string): Log {
    const log = new Log()
    const args = ['-n', this.name, 'logs', '-f', '--timestamps', pod, '-c', container]
    const child = new LineProcess('kubectl', args, { onLine: (line) => log.add(line) })
    log.ended = child.ended
    context.after(() => child.kill())
    return log
  }
}

export interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
  readonly started?: boolean
  readonly restartCount: number
  readonly state: { readonly running?: { readonly startedAt: string }; readonly terminated?: Terminated }
  readonly lastState: { readonly terminated?: Terminated }
}

export interface Terminated {
  readonly reason: string
  readonly exitCode: number
  readonly startedAt: string
  readonly finishedAt: string
}

export interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[] }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly containerStatuses?: readonly ContainerStatus[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
  }
}

/** The application's container, and the sidecar's. */
export function appOf(pod: Pod): ContainerStatus | undefined {
  return pod.status.containerStatuses?.[0]
}

export function sidecarOf(pod: Pod): ContainerStatus | undefined {
  return pod.status.initContainerStatuses?.find(({ name }) => name === 'kafka-sluice')
}

/** Lines of a container, each with the kubelet's time in milliseconds. */
export class Log {
  readonly lines: { readonly atMs: number; readonly value: Readonly<Record<string, unknown>> }[] = []
  ended: Promise<unknown> = Promise.resolve()

  add(line: string): void {
    const at = line.indexOf(' ')
    const text = line.slice(at + 1)
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      value = { text }
    }
    this.lines.push({ atMs: Date.parse(line.slice(0, at)), value: isMapping(value) ? value : { text } })
  }

  find(key: string, value: unknown): (typeof this.lines)[number] | undefined {
    return this.lines.find((line) => line.value[key] === value)
  }

  /** The last result or progress of a client program. */
  get counts(): { readonly acked: number; readonly sent: number; readonly errors: number } {
    const told = this.lines.findLast(({ value }) => value['t'] === 'result' || value['t'] === 'progress')?.value ?? {}
    return { acked: Number(told['acked'] ?? 0), sent: Number(told['sent'] ?? 0), errors: Number(told['errors'] ?? 0) }
  }

  /** Its end, which `kubectl logs -f` notices a little later than the container's. */
  async whole(): Promise<void> {
    await Promise.race([this.ended, delay(KUBECTL_MAX_MS, undefined, { ref: false })])
  }
}
