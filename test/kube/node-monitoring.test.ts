/**
 * A Prometheus that scrapes real pods by what the Prometheus operator makes of the chart's monitors, and has the chart's rules: that an
 * injected sidecar, which is an init container, and the injector's replicas are found there, by names of ports and labels.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Mapping, mappingAt } from '../../src/config/raw.ts'
import { freePort } from '../../src/demo/kafka/ports.ts'
import { CHART } from '../chart/helm.ts'
import { LineProcess } from '../support/processes.ts'
import { requirePrometheusTool } from '../support/prometheus-tools.ts'
import type { Surroundings } from '../support/surroundings.ts'
import { waitFor } from '../support/wait.ts'
import { appOf, kubectl, run } from './support/node.ts'
import { onNode } from './support/node-file.ts'
import { application, pod, RELEASE, type Scene, topicFor } from './support/node-scene.ts'
import { defineTypes, madeForPrometheus, type Operated, operatorsMissing, startOperator } from './support/operators.ts'

const BUILT = 'test/kube/operators/build.sh builds one that can'
const PROMETHEUSES = 'prometheuses.monitoring.coreos.com'
const MONITORS = ['podMonitor', 'serviceMonitor', 'prometheusRule'].map((name) => `monitoring.${name}`)

/** The cluster as its user sees it. */
function operated(): Operated {
  const { KUBECONFIG: kubeconfig = '', KUBE_BIN: bin = '' } = process.env
  return {
    plane: { kubeconfig, bin },
    ask: (args, input) => kubectl(args, input === undefined ? '' : JSON.stringify(input)),
  }
}

/** A token that may look at pods and endpoints, and who the API server is, as files. */
async function credentials(
  context: Pick<Surroundings, 'after'>,
  { namespace }: Scene,
  directory: string,
): Promise<{
  readonly host: string
  readonly bearerTokenFile: string
  readonly tlsConfig: { readonly caFile: string }
}> {
  const account = ['prometheus', '-n', namespace.name]
  await kubectl(['create', 'serviceaccount', ...account])
  const subject = `--serviceaccount=${namespace.name}:prometheus`
  await kubectl(['create', 'clusterrolebinding', namespace.name, '--clusterrole=view', subject])
  context.after(() => kubectl(['delete', 'clusterrolebinding', namespace.name]))
  const text = await kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'])
  const [{ cluster }] = (JSON.parse(text) as { clusters: [{ cluster: Record<string, string> }] }).clusters
  const [bearerTokenFile, caFile] = [join(directory, 'token'), join(directory, 'ca.crt')]
  writeFileSync(bearerTokenFile, await kubectl(['create', 'token', ...account]))
  writeFileSync(caFile, Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64'))
  return { host: cluster['server'] ?? '', bearerTokenFile, tlsConfig: { caFile } }
}

/** The chart's monitors and rules, and a Prometheus object that takes those with its label. */
async function describeMonitoring({ namespace }: Scene, apiserverConfig: object): Promise<void> {
  const set = MONITORS.flatMap((name) => ['--set', `${name}.enabled=true,${name}.labels.release=main`])
  await run('helm', ['upgrade', RELEASE, CHART, '-n', namespace.name, '--reuse-values', ...set])
  const selector = { matchLabels: { release: 'main' } }
  await namespace.apply({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Prometheus',
    metadata: { name: 'main' },
    spec: {
      ...{ version: '2.42.0', scrapeInterval: '1s', apiserverConfig },
      ...{ serviceMonitorSelector: selector, podMonitorSelector: selector, ruleSelector: selector },
    },
  })
}

/** Prometheus with that configuration, its rules where this machine has them; its address. Undefined: it cannot discover pods. */
async function startPrometheus(
  context: Pick<Surroundings, 'after'>,
  directory: string,
  { config, rules }: { config: Mapping; rules: Readonly<Record<string, string>> },
): Promise<string | undefined> {
  for (const [name, rule] of Object.entries(rules)) writeFileSync(join(directory, name), rule)
  const file = join(directory, 'prometheus.yml')
  const text = stringify({ ...config, rule_files: [join(directory, '*.yaml')] })
  // What the operator leaves to its reloader: which of several equal ones this Prometheus is.
  writeFileSync(file, text.replaceAll('$(SHARD)', '0'))
  const address = `127.0.0.1:${await freePort()}`
  const storage = `--storage.tsdb.path=${join(directory, 'data')}`
  const args = [`--config.file=${file}`, `--web.listen-address=${address}`, storage, '--log.level=warn']
  const child = new LineProcess('prometheus', args, { onLine: () => undefined })
  let isOver = false
  const ended = child.ended.then(() => {
    isOver = true
  })
  context.after(async () => {
    child.kill()
    await ended
  })
  await waitFor(
    'Prometheus is ready, or over',
    async () =>
      isOver ||
      fetch(`http://${address}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    { seen: () => child.stderr },
  )
  if (!isOver) return address
  assert.match(child.stderr, /kubernetes_sd_configs not found/)
  return undefined
}

/** What Prometheus answers to a question of its API. */
async function ask(address: string, path: string): Promise<Mapping> {
  return mappingAt((await (await fetch(`http://${address}/api/v1/${path}`)).json()) as Mapping, 'data')
}

interface Target {
  readonly scrapePool: string
  readonly health: string
  readonly labels: Readonly<Record<string, string>>
}

/** The labels of what each kind of monitor finds, once all of it is scraped. */
async function scraped(
  address: string,
  counts: Readonly<Record<string, number>>,
): Promise<Readonly<Record<string, readonly Target['labels'][]>>> {
  let targets: readonly Target[] = []
  const isUp = (kind: string): readonly Target['labels'][] =>
    targets
      .filter(({ scrapePool, health }) => scrapePool.startsWith(`${kind}/`) && health === 'up')
      .map(({ labels }) => labels)
  await waitFor(
    `these are scraped: ${JSON.stringify(counts)}`,
    async () => {
      targets = (await ask(address, 'targets?state=active'))['activeTargets'] as Target[]
      return Object.entries(counts).every(([kind, count]) => isUp(kind).length === count)
    },
    { timeoutMs: 180_000, pollMs: 500, seen: () => JSON.stringify(targets) },
  )
  return Object.fromEntries(Object.keys(counts).map((kind) => [kind, isUp(kind)]))
}

onNode('Prometheus scrapes sidecars and the injector, and has every rule', async (it, context) => {
  const missing = await operatorsMissing(['prometheus-operator'])
  if (missing !== undefined) return context.skip(missing)
  if (!(await requirePrometheusTool(context, 'prometheus'))) return
  // Its types would go with the test, and with them what somebody else has made.
  if ((await kubectl(['get', 'crd', PROMETHEUSES, '--ignore-not-found'])) !== '')
    return context.skip('the cluster has a Prometheus operator of its own')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-monitoring-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const { namespace, kafka } = it
  const cluster = operated()
  await defineTypes(cluster, 'prometheus-operator')
  context.after(() =>
    kubectl(['delete', '--wait=false', '-f', join(cluster.plane.bin ?? '', 'crds/prometheus-operator')]),
  )
  const { said } = await startOperator(context, cluster, 'prometheus-operator')
  await describeMonitoring(it, await credentials(context, it, directory))
  const topic = await topicFor(it, 'scraped')
  const spec = application({ topic, seconds: 3_600, bytesPerSecond: 10_000, clientId: 'scraped' })
  await namespace.apply(pod('scraped', spec, { upstream: kafka.bootstrap }, true))
  await namespace.untilPod('scraped', 'the application runs', (now) => appOf(now)?.state.running !== undefined)

  const files = readdirSync(join(CHART, 'rules'))
  const made = await madeForPrometheus(cluster, namespace.name, { jobs: 2, ruleFiles: files.length, said })
  const address = await startPrometheus(context, directory, made)
  if (address === undefined) return context.skip(`this Prometheus, like Debian's, cannot discover pods; ${BUILT}`)
  const { podMonitor: [sidecar] = [] } = await scraped(address, { podMonitor: 1, serviceMonitor: 2 })
  assert.deepEqual(
    [sidecar?.['namespace'], sidecar?.['pod'], sidecar?.['container']],
    [namespace.name, 'scraped', 'kafka-sluice'],
  )
  const groups = (await ask(address, 'rules'))['groups'] as { name: string }[]
  assert.deepEqual(
    groups.map(({ name }) => name).toSorted(),
    files.map((name) => `kafka-sluice.${name.replace('.yaml', '')}`).toSorted(),
  )
  await waitFor('a query of our metric has the pod', async () => {
    const { result } = await ask(address, 'query?query=sluice_build_info')
    return (result as { metric: Record<string, string> }[]).some(({ metric }) => metric['pod'] === 'scraped')
  })
})
