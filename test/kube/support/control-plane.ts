/**
 * A Kubernetes API for tests: etcd, kube-apiserver and kube-controller-manager of $KUBE_BIN on this machine's loopback, ready in some
 * seconds, or the cluster that KUBECONFIG names. Services have addresses on loopback as well, so what a chart names as a Service is
 * reached where a process of the test listens. There is no node: pods are created, and never run.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../src/demo/kafka/ports.ts'
import { runTool } from '../../../src/demo/kafka/run-tool.ts'
import { Authority } from '../../support/certificates.ts'
import { LineProcess } from '../../support/processes.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'

const SERVICE_RANGE = '127.0.128.0/24'
/** In the range; where a Service of the chart is told to be. */
export const SERVICE_ADDRESS = '127.0.128.53'
const STOP_MAX_MS = 20_000
const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const

export interface ControlPlane {
  readonly kubeconfig: string
  readonly url: string
  /** PEM of the authority of its certificate. */
  readonly ca: string
  /** Where its tools are; undefined: it is somebody else's cluster, and kubectl is in PATH. */
  readonly bin?: string
}

/** Why there is none here; undefined: there is. With SLUICE_REQUIRE_ALL it is an error. */
export async function controlPlaneMissing(): Promise<string | undefined> {
  const why = await whatIsMissing()
  if (why !== undefined && process.env['SLUICE_REQUIRE_ALL'] === '1') throw new Error(why)
  return why
}

async function whatIsMissing(): Promise<string | undefined> {
  const { KUBE_BIN: bin, KUBECONFIG: given } = process.env
  if (bin !== undefined) {
    const absent = PROGRAMS.filter((name) => !existsSync(join(bin, name)))
    return absent.length === 0 ? undefined : `KUBE_BIN has no ${absent.join(', ')} (test/kube/cluster/build.sh)`
  }
  if (given === undefined)
    return 'needs Kubernetes: KUBE_BIN, a folder with its programs (test/kube/cluster/build.sh), or KUBECONFIG of a cluster'
  const asked = runTool('kubectl', ['--kubeconfig', given, 'get', '--raw', '/readyz'])
  return asked.then(
    () => undefined,
    (error: Error) => `the cluster of KUBECONFIG does not answer: ${error.message}`,
  )
}

/** Starts one, or takes the one that is given. */
export async function controlPlane(context: Pick<Surroundings, 'after'>): Promise<ControlPlane> {
  const { KUBECONFIG: given = '', KUBE_BIN: bin } = process.env
  return bin === undefined ? describe(given) : start(context, bin)
}

async function describe(kubeconfig: string): Promise<ControlPlane> {
  const text = await runTool('kubectl', [
    '--kubeconfig',
    kubeconfig,
    'config',
    'view',
    '--raw',
    '--minify',
    '-o',
    'json',
  ])
  const [{ cluster }] = (JSON.parse(text) as { clusters: [{ cluster: Record<string, string> }] }).clusters
  return {
    kubeconfig,
    url: cluster['server'] ?? '',
    ca: Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString(),
  }
}

async function start(context: Pick<Surroundings, 'after'>, bin: string): Promise<ControlPlane> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-kube-'))
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const [api = 0, clients = 0, peers = 0] = await freePorts(3)
  const url = `https://127.0.0.1:${api}`
  const { ca, flags, kubeconfig } = secrets(write, url)
  const processes: LineProcess[] = []
  context.after(async () => {
    // In reverse: the API server wants its store until it has gone.
    for (const process of processes.toReversed()) {
      process.kill('SIGTERM')
      const late = setTimeout(() => process.kill(), STOP_MAX_MS)
      await process.ended
      clearTimeout(late)
    }
    rmSync(directory, { recursive: true, force: true })
  })
  const run = (name: string, ...args: readonly string[]): void => {
    processes.push(new LineProcess(join(bin, name), args, { cwd: directory, onLine: () => undefined }))
  }
  const store = `http://127.0.0.1:${clients}`
  const peer = `http://127.0.0.1:${peers}`
  run(
    'etcd',
    '--data-dir',
    'etcd',
    '--listen-client-urls',
    store,
    '--advertise-client-urls',
    store,
    '--listen-peer-urls',
    peer,
    '--initial-advertise-peer-urls',
    peer,
    '--initial-cluster',
    `default=${peer}`,
    '--unsafe-no-fsync',
  )
  run(
    'kube-apiserver',
    `--etcd-servers=${store}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${api}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--endpoint-reconciler-type=none',
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    ...flags,
  )
  await waitFor(
    'the API server is ready',
    () =>
      kubectl({ kubeconfig, bin }, 'get', '--raw', '/readyz').then(
        () => true,
        () => false,
      ),
    { timeoutMs: 120_000, pollMs: 250, seen: () => processes.map(({ stderr }) => stderr.slice(-1_000)).join('\n') },
  )
  const key = join(directory, 'accounts.key')
  run(
    'kube-controller-manager',
    `--kubeconfig=${kubeconfig}`,
    `--service-account-private-key-file=${key}`,
    `--root-ca-file=${join(directory, 'ca.crt')}`,
    '--leader-elect=false',
    '--secure-port=0',
  )
  return { kubeconfig, url, ca, bin }
}

function secrets(
  write: (name: string, text: string) => string,
  url: string,
): { ca: string; flags: readonly string[]; kubeconfig: string } {
  const authority = new Authority('kubernetes')
  const issued = authority.issue({
    subject: [['CN', 'kube-apiserver']],
    names: ['127.0.0.1', 'localhost', 'kubernetes.default.svc'],
  })
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const accounts = write('accounts.key', privateKey.export({ type: 'pkcs1', format: 'pem' }) as string)
  const token = randomBytes(16).toString('hex')
  const tokens = write('tokens.csv', `${token},admin,admin,"system:masters"\n`)
  const caFile = write('ca.crt', authority.certificate)
  const certFile = write('api.crt', issued.certificate)
  const keyFile = write('api.key', issued.key)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  }
  const kubeconfig = write('kubeconfig', JSON.stringify(config))
  const flags = [
    `--tls-cert-file=${certFile}`,
    `--tls-private-key-file=${keyFile}`,
    `--client-ca-file=${caFile}`,
    `--token-auth-file=${tokens}`,
    `--service-account-key-file=${accounts}`,
    `--service-account-signing-key-file=${accounts}`,
  ]
  return { ca: authority.certificate, flags, kubeconfig }
}

function kubectl(
  { kubeconfig, bin }: { kubeconfig: string; bin: string },
  ...args: readonly string[]
): Promise<string> {
  return runTool(join(bin, 'kubectl'), ['--kubeconfig', kubeconfig, ...args])
}
