/**
 * Pods on a real kubelet, with the sidecar that the injector put into them, before a real Kafka: the life of an application and its
 * sluice as Kubernetes leads it. Records are counted at the broker: none is lost, and none doubled, as the client is idempotent.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { SluiceMetrics } from '../support/sluice-metrics.ts'
import { waitFor } from '../support/wait.ts'
import { appOf, kubectl, type Log, type Pod, sidecarOf } from './support/node.ts'
import { onNode } from './support/node-file.ts'
import { application, metadataOf, nodeName, pod, type Scene, stored, topicFor } from './support/node-scene.ts'

const RECORD_BYTES = 1_000
const SECOND_MS = 1_000
/** The chart's own limit is 256Mi; each connection may fill buffers of a megabyte. */
const FLOOD_CONNECTIONS = 100
const FLOOD_SECONDS = 20

function annotationsFor({ kafka }: Scene, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { upstream: kafka.bootstrap, 'produce-rate': '1MB/s', ...more }
}

const isRunning = (status: ReturnType<typeof appOf>): boolean => status?.state.running !== undefined

async function metricsOf({ status }: Pod): Promise<SluiceMetrics> {
  return new SluiceMetrics(await (await fetch(`http://${status.podIP}:9404/metrics`)).text())
}

/** The application's last word came before the sluice was told to stop. */
function assertOrder(app: Log, sluice: Log): void {
  const [result, draining] = [app.find('t', 'result'), sluice.find('event', 'draining')]
  assert.ok(result !== undefined && draining !== undefined, JSON.stringify([app.lines.at(-1), sluice.lines.at(-1)]))
  assert.ok(
    result.atMs <= draining.atMs,
    `the application ended at ${result.atMs}, the sluice drained at ${draining.atMs}`,
  )
}

onNode(
  'an application starts after its sluice is ready, is limited, outlives a restart of it, and ends before it',
  async (it, context) => {
    const { namespace } = it
    const topic = await topicFor(it, 'producer')
    const count = 15_000
    const spec = application({ topic, count, recordBytes: RECORD_BYTES, clientId: 'producer', maxPending: 500 })
    await namespace.apply(pod('producer', spec, annotationsFor(it), true))
    const running = await namespace.untilPod('producer', 'the application runs', (now) => isRunning(appOf(now)))
    assert.equal(running.spec.initContainers?.find(({ name }) => name === 'kafka-sluice')?.restartPolicy, 'Always')
    assert.equal(sidecarOf(running)?.started, true, 'the sluice was ready first')
    const app = namespace.follow(context, 'producer', 'app')
    const sluice = namespace.follow(context, 'producer', 'kafka-sluice')
    await waitFor('it is limited', async () => (await metricsOf(running)).value('sluice_throttled_requests_total') > 0)
    assert.ok((await stored(it, topic)) < count, 'it is under way')

    const stop = "require('node:process').kill(1, 'SIGTERM')"
    await namespace.kubectl('exec', 'producer', '-c', 'kafka-sluice', '--', 'node', '-e', stop)
    const restarted = await namespace.untilPod('producer', 'the sluice is started again', (now) => {
      const sidecar = sidecarOf(now)
      return sidecar?.restartCount === 1 && sidecar.ready
    })
    assert.deepEqual(exitOf(sidecarOf(restarted)?.lastState.terminated), { reason: 'Completed', exitCode: 0 })
    assert.ok(sluice.find('event', 'drained'), 'it drained')
    assert.equal(appOf(restarted)?.restartCount, 0)

    const ended = await namespace.untilPod(
      'producer',
      'all is over',
      ({ status }) => status.phase === 'Succeeded',
      300_000,
    )
    const [appEnd, sidecarEnd] = [appOf(ended)?.state.terminated, sidecarOf(ended)?.state.terminated]
    assert.ok(Date.parse(appEnd?.finishedAt ?? '') <= Date.parse(sidecarEnd?.finishedAt ?? ''), 'the sluice ends last')
    await app.whole()
    assert.deepEqual({ acked: app.counts.acked, stored: await stored(it, topic) }, { acked: count, stored: count })
  },
)

function exitOf(end: { readonly reason: string; readonly exitCode: number } | undefined): object {
  return { reason: end?.reason, exitCode: end?.exitCode }
}

onNode('a Job ends although its sluice would run for ever', async (it) => {
  const { namespace } = it
  const topic = await topicFor(it, 'job')
  const template = { metadata: metadataOf('job', annotationsFor(it)), spec: application({ topic, count: 1_000 }) }
  await namespace.apply({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'job' },
    spec: { backoffLimit: 0, template },
  })
  await namespace.kubectl('wait', '--for=condition=complete', 'job/job', '--timeout=180s')
  assert.equal(await stored(it, topic), 1_000)
})

function deployment(name: string, it: Scene, topic: string, replicas: number): object {
  const load = { recordBytes: RECORD_BYTES, bytesPerSecond: 300_000, seconds: 3_600, drain: true, maxPending: 500 }
  const spec = application({ topic, clientId: name, ...load }, { restartPolicy: 'Always' })
  const template = { metadata: metadataOf(name, annotationsFor(it)), spec }
  const selector = { matchLabels: { app: name } }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas, selector, template } }
}

interface Followed {
  readonly app: Log
  readonly sluice: Log
}

/** Follows both containers of every pod of an application. */
async function followAll(it: Scene, context: TestContext, name: string, known: Map<string, Followed>): Promise<void> {
  const { namespace } = it
  for (const { metadata, status } of await namespace.pods(`app=${name}`)) {
    const isUp = isRunning(status.containerStatuses?.[0])
    if (known.has(metadata.name) || metadata.deletionTimestamp !== undefined || !isUp) continue
    const [app, sluice] = ['app', 'kafka-sluice'].map((container) =>
      namespace.follow(context, metadata.name, container),
    )
    known.set(metadata.name, { app: app!, sluice: sluice! })
  }
}

/** Every record that an application was told is there is there, once; each had ended before its sluice was told to. */
async function assertNothingLost(it: Scene, topic: string, known: ReadonlyMap<string, Followed>): Promise<void> {
  let acked = 0
  for (const { app, sluice } of known.values()) {
    await app.whole()
    await sluice.whole()
    assertOrder(app, sluice)
    assert.equal(app.counts.errors, 0, JSON.stringify(app.lines.slice(-3)))
    acked += app.counts.acked
  }
  assert.ok(acked > 0)
  assert.equal(await stored(it, topic), acked)
}

onNode('a rolling restart of the application loses nothing', async (it, context) => {
  const { namespace } = it
  const topic = await topicFor(it, 'rolling')
  const known = new Map<string, Followed>()
  await namespace.apply(deployment('rolling', it, topic, 2))
  await namespace.kubectl('rollout', 'status', 'deployment/rolling', '--timeout=180s')
  await followAll(it, context, 'rolling', known)
  await waitFor('both are at work', () => [...known.values()].every(({ app }) => app.counts.acked > 100))
  await namespace.kubectl('rollout', 'restart', 'deployment/rolling')
  await namespace.kubectl('rollout', 'status', 'deployment/rolling', '--timeout=240s')
  await waitFor('the new ones are followed', async () => {
    await followAll(it, context, 'rolling', known)
    return known.size === 4
  })
  await waitFor('the new ones are at work', () => [...known.values()].every(({ app }) => app.counts.acked > 100))
  await namespace.kubectl('delete', 'deployment', 'rolling', '--wait=true', '--cascade=foreground')
  await assertNothingLost(it, topic, known)
})

onNode('a node that is drained loses nothing', async (it, context) => {
  const { namespace } = it
  const topic = await topicFor(it, 'drain')
  const known = new Map<string, Followed>()
  await namespace.apply(deployment('drain', it, topic, 2))
  await namespace.kubectl('rollout', 'status', 'deployment/drain', '--timeout=180s')
  await followAll(it, context, 'drain', known)
  await waitFor('both are at work', () => [...known.values()].every(({ app }) => app.counts.acked > 100))
  const node = await nodeName()
  context.after(() => kubectl(['uncordon', node]))
  await kubectl([
    'drain',
    node,
    '--pod-selector=app=drain',
    '--ignore-daemonsets',
    '--delete-emptydir-data',
    '--timeout=180s',
  ])
  await assertNothingLost(it, topic, known)
  await kubectl(['uncordon', node])
  await namespace.kubectl('delete', 'deployment', 'drain', '--wait=true', '--cascade=foreground')
})

onNode('a ConfigMap that changes is taken without a restart', async (it) => {
  const { namespace, kafka } = it
  const topic = await topicFor(it, 'reload')
  const configMap = (rate: string): object => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'limits' } },
    data: {
      'sluice.yaml': JSON.stringify({
        upstream: { bootstrap: kafka.bootstrap },
        quotas: [{ name: 'producers', limit: { produceBytes: rate }, per: ['clientId'] }],
      }),
    },
  })
  await namespace.apply(configMap('100 kB/s'))
  const spec = application({ topic, seconds: 3_600, recordBytes: RECORD_BYTES, clientId: 'reload', maxPending: 100 })
  await namespace.apply(pod('reload', spec, { 'config-map': 'limits' }, true))
  const running = await namespace.untilPod('reload', 'the application runs', (now) => isRunning(appOf(now)))
  const limit = async (): Promise<number> =>
    (await metricsOf(running)).value('sluice_quota_limit', { quota: 'producers' })
  assert.equal(await limit(), 100_000)
  await namespace.apply(configMap('2 MB/s'))
  // The kubelet looks when it looks at the pod: once a minute, or when the pod changes.
  await namespace.kubectl('annotate', 'pod', 'reload', 'look=again')
  await waitFor('the new limit is in force', async () => (await limit()) === 2_000_000, {
    timeoutMs: 180_000,
    pollMs: 500,
  })
  const now = await namespace.pod('reload')
  assert.deepEqual([sidecarOf(now)?.restartCount, appOf(now)?.restartCount], [0, 0])
  await namespace.kubectl('delete', 'pod', 'reload', '--wait=true')
})

onNode('a flood over many connections stays within the memory that the chart gives', async (it, context) => {
  const { namespace } = it
  const topic = await topicFor(it, 'flood')
  const load = { seconds: FLOOD_SECONDS, recordBytes: 100_000, connections: FLOOD_CONNECTIONS, maxPending: 10 }
  const spec = application({ topic, clientId: 'flood', ...load })
  await namespace.apply(pod('flood', spec, annotationsFor(it, { 'produce-rate': '5MB/s' }), true))
  const running = await namespace.untilPod('flood', 'the application runs', (now) => isRunning(appOf(now)))
  const app = namespace.follow(context, 'flood', 'app')
  let peakBytes = 0
  await waitFor(
    'it is over',
    async () => {
      const { status } = await namespace.pod('flood')
      if (status.phase !== 'Running') return true
      const resident = await metricsOf(running).then(
        (metrics) => metrics.value('process_resident_memory_bytes'),
        () => 0,
      )
      peakBytes = Math.max(peakBytes, resident)
      return false
    },
    { timeoutMs: 20 * FLOOD_SECONDS * SECOND_MS, pollMs: 500 },
  )
  const ended = await namespace.pod('flood')
  const sidecar = sidecarOf(ended)
  assert.deepEqual(
    [sidecar?.restartCount, exitOf(sidecar?.state.terminated)],
    [0, { reason: 'Completed', exitCode: 0 }],
  )
  await app.whole()
  assert.ok(app.counts.acked > 0 && (await stored(it, topic)) >= app.counts.acked)
  console.log(`${FLOOD_CONNECTIONS} connections: at most ${(peakBytes / 1_048_576).toFixed(0)} MiB resident`)
})
