/** The chart with the injector on the cluster, a real Kafka on this machine that pods reach, and applications that get the sidecar. */
import { createTopic, endOffsets, type KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { CHART } from '../../chart/helm.ts'
import type { ClientConfig } from '../../clients/contract.ts'
import { kafkaFor } from '../../e2e/support/sluice.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { CLIENT_IMAGE, HOST, kubectl, Namespace, run, SLUICE_IMAGE } from './node.ts'

/** The release of the injector. */
export const RELEASE = 'rung'

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

/** As a user would, and gone with the namespace. */
export async function install(
  context: Pick<Surroundings, 'after'>,
  namespace: Namespace,
  release: string,
  values: readonly string[],
): Promise<void> {
  const [repository, tag] = SLUICE_IMAGE.split(':')
  const set = [`image.repository=${repository}`, `image.tag=${tag}`, ...values].flatMap((value) => ['--set', value])
  context.after(() => run('helm', ['uninstall', release, '-n', namespace.name, '--ignore-not-found', '--wait']))
  await run('helm', ['install', release, CHART, '-n', namespace.name, ...set])
}

async function installInjector(context: Pick<Surroundings, 'after'>, namespace: Namespace): Promise<void> {
  await install(context, namespace, RELEASE, ['injector.enabled=true'])
  const deployment = `deployment/${RELEASE}-kafka-sluice-injector`
  await namespace.kubectl('rollout', 'status', deployment, '--timeout=180s')
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

/** The application: franz-go, which knows localhost unless it is told otherwise, and ends what it began when it is told to stop. */
export function application(
  config: Omit<ClientConfig, 'bootstrap'> & Partial<Pick<ClientConfig, 'bootstrap'>>,
  spec: object = {},
): object {
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
