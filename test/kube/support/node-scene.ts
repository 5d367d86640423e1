/** The chart with the injector on the cluster, a real Kafka on this machine that pods reach, and applications that get the sidecar. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTopic, endOffsets, type KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { CHART } from '../../chart/helm.ts'
import type { ClientConfig } from '../../clients/contract.ts'
import { kafkaFor } from '../../e2e/support/sluice.ts'
import { Authority } from '../../support/certificates.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { CLIENT_IMAGE, HOST, kubectl, Namespace, run, SLUICE_IMAGE } from './node.ts'

const RELEASE = 'rung'
/** Where nothing serves addresses of Services (test/kube/cluster), the injector is on the node's network, at this one. */
const INJECTOR_ADDRESS = process.env['SLUICE_KUBE_INJECTOR'] ?? ''
const PORTS = { webhook: 28_443, admin: 28_404 }

export interface Scene {
  readonly namespace: Namespace
  readonly kafka: KafkaCluster
}

/** Everything is there when it returns, and gone when the test file is over. Undefined: skipped. */
export async function startScene(context: Surroundings): Promise<Scene | undefined> {
  const namespace = await Namespace.create(context, 'sluice-node')
  await installInjector(context, namespace)
  await firstPod(namespace)
  const kafka = await kafkaFor(context, { host: HOST })
  return kafka === undefined ? undefined : { namespace, kafka }
}

async function installInjector(context: Surroundings, namespace: Namespace): Promise<void> {
  const service = `${RELEASE}-kafka-sluice-injector.${namespace.name}.svc`
  const authority = new Authority()
  const { certificate, key } = authority.issue({ subject: [['CN', service]], names: [service] })
  const data = { 'tls.crt': base64(certificate), 'tls.key': base64(key) }
  await namespace.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'tls' },
    type: 'kubernetes.io/tls',
    data,
  })
  const [repository, tag] = SLUICE_IMAGE.split(':')
  const addressed =
    INJECTOR_ADDRESS === ''
      ? {}
      : {
          hostNetwork: true,
          port: PORTS.webhook,
          adminPort: PORTS.admin,
          service: { port: PORTS.webhook, clusterIP: INJECTOR_ADDRESS },
        }
  const values = {
    image: { repository, tag },
    injector: {
      ...{ enabled: true, replicas: 1, podDisruptionBudget: { enabled: false } },
      certificate: { source: 'secret', secretName: 'tls', caBundle: base64(authority.certificate) },
      ...addressed,
    },
  }
  const directory = await mkdtemp(join(tmpdir(), 'sluice-values-'))
  context.after(() => rm(directory, { recursive: true }))
  const file = join(directory, 'values.json')
  await writeFile(file, JSON.stringify(values))
  await run('helm', ['install', RELEASE, CHART, '-n', namespace.name, '-f', file, '--wait', '--timeout', '3m'])
  context.after(() => run('helm', ['uninstall', RELEASE, '-n', namespace.name, '--wait']))
}

/** A pod that ends at once: a bridge has the address that Kafka is to listen on only when there was one. */
async function firstPod(namespace: Namespace): Promise<void> {
  const container = { name: 'first', image: SLUICE_IMAGE, args: ['--version'] }
  await namespace.apply(pod('first', { restartPolicy: 'Never', containers: [container] }, {}))
  await namespace.untilPod('first', 'it has ended', ({ status }) => status.phase === 'Succeeded')
}

export function pod(name: string, spec: object, annotations: Readonly<Record<string, string>>, inject = false): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: metadataOf(name, annotations, inject), spec }
}

/** What asks for the sidecar. */
export function metadataOf(app: string, annotations: Readonly<Record<string, string>>, inject = true): object {
  return {
    name: app,
    labels: { app, ...(inject ? { 'kafka-sluice.io/inject': 'true' } : {}) },
    annotations: Object.fromEntries(Object.entries(annotations).map(([key, text]) => [`kafka-sluice.io/${key}`, text])),
  }
}

/** The application: franz-go, which knows localhost and nothing else, and ends what it began when it is told to stop. */
export function application(config: Omit<ClientConfig, 'bootstrap'>, spec: object = {}): object {
  const whole: ClientConfig = { bootstrap: 'localhost:9092', ...config }
  const container = { name: 'app', image: CLIENT_IMAGE, args: ['produce', JSON.stringify(whole)] }
  return { restartPolicy: 'Never', terminationGracePeriodSeconds: 60, containers: [container], ...spec }
}

/** Records in the topic, asked of the broker itself. */
export async function stored({ kafka }: Scene, topic: string): Promise<number> {
  const ends = await endOffsets(kafka.internalBootstrap, topic)
  return Number([...ends.values()].reduce((sum, end) => sum + end, 0n))
}

export async function topicFor({ kafka }: Scene, topic: string): Promise<string> {
  await createTopic(kafka.internalBootstrap, { topic, partitions: 3 })
  return topic
}

export function nodeName(): Promise<string> {
  return kubectl(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
