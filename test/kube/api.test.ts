/**
 * The chart and the injector with a real Kubernetes API: what it accepts, whom it asks, what users read. In this order: one cluster for
 * all, because a control plane takes seconds to start.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { splitBundle } from '../../src/injector/certificate-plan.ts'
import { CHART, manifestsOf, render } from '../chart/helm.ts'
import { waitFor } from '../support/wait.ts'
import { Cluster, type KubeObject, NAMESPACE, podOf, sidecarsOf, WEBHOOKS } from './support/cluster.ts'
import { controlPlaneMissing } from './support/control-plane.ts'

const missing = await controlPlaneMissing()
const skip = missing ?? false
const cleanUps: (() => unknown)[] = []
let cluster: Cluster

before(async () => {
  if (missing !== undefined) return
  cluster = await Cluster.start({ after: (cleanUp) => void cleanUps.push(cleanUp) })
})
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

test('the API server accepts everything that the chart renders', { skip }, async () => {
  await cluster.namespace('platform')
  const all = ['injector', 'gateway', 'networkPolicy', 'gateway.autoscaling', 'monitoring.dashboards'].flatMap(
    (name) => ['--set', `${name}.enabled=true`],
  )
  for (const more of [
    [],
    ['--set', 'gateway.service.type=NodePort,gateway.port=30092,gateway.brokerPorts.first=30100'],
    ['--set', 'gateway.service.type=LoadBalancer,gateway.service.externalTrafficPolicy=Local'],
  ]) {
    const { code, out, err } = await render(
      CHART,
      ...all,
      '--set',
      'gateway.config.upstream.bootstrap={kafka:9092}',
      ...more,
    )
    assert.equal(code, 0, err)
    const applied = await cluster.kubectl(['apply', '--dry-run=server', '-n', 'platform', '-f', '-'], {
      apiVersion: 'v1',
      kind: 'List',
      items: manifestsOf(out),
    })
    assert.equal(applied.code, 0, applied.err)
    assert.doesNotMatch(applied.err, /Warning/)
  }
})

describe('installed', { skip }, () => {
  before(async () => {
    await cluster.install()
    await cluster.up()
  })

  test('the injector, with the rights of the chart, has made API servers trust it', async () => {
    const { webhooks } = await cluster.get('mutatingwebhookconfiguration', WEBHOOKS)
    const { data } = await cluster.get('secret', 'sluice-kafka-sluice-injector-tls', '-n', NAMESPACE)
    for (const { clientConfig } of webhooks as KubeObject[]) assert.equal(clientConfig.caBundle, data['ca.crt'])
  })

  test('a pod that asks gets the sidecar, in a namespace that enforces Pod Security "restricted"', async () => {
    const name = await cluster.namespace('restricted', { 'pod-security.kubernetes.io/enforce': 'restricted' })
    const annotations = {
      'kafka-sluice.io/produce-rate': '5 MB/s',
      'kafka-sluice.io/bootstrap-env': 'KAFKA_BOOTSTRAP_SERVERS',
      'kafka-sluice.io/mount-secrets': 'kafka-user',
    }
    const made = await cluster.kubectl(['create', '-n', name, '-f', '-'], podOf({ annotations }))
    assert.equal(made.code, 0, made.err)
    assert.equal(made.err, '')
    const pod = await cluster.get('pod', 'app', '-n', name)
    const [sidecar, ...others] = sidecarsOf(pod)
    assert.ok(sidecar)
    assert.equal(others.length, 0)
    assert.equal(sidecar['restartPolicy'], 'Always')
    assert.equal(pod['spec'].initContainers[0].name, 'kafka-sluice')
    assert.deepEqual(pod['spec'].containers[0].env, [{ name: 'KAFKA_BOOTSTRAP_SERVERS', value: '127.0.0.1:9092' }])
    assert.ok(
      (sidecar['env'] as KubeObject[]).some(
        ({ name: variable, value }) => variable === 'SLUICE_PRODUCE_RATE' && value === '5 MB/s',
      ),
    )
  })

  test('so does one of a namespace that asks, unless it refuses', async () => {
    const name = await cluster.namespace('asking', { 'kafka-sluice.io/inject': 'true' })
    const made = async (labels: Record<string, string>): Promise<number> => {
      const out = await cluster.ask(
        ['create', '--dry-run=server', '-o', 'json', '-n', name, '-f', '-'],
        podOf({ labels }),
      )
      return sidecarsOf(JSON.parse(out) as KubeObject).length
    }
    await waitFor('the API server has heard of the namespace', async () => (await made({})) === 1)
    assert.equal(await made({ 'kafka-sluice.io/inject': 'false' }), 0)
    assert.equal(await made({ 'kafka-sluice.io/inject': 'true' }), 1)
    assert.deepEqual((await cluster.get('pods', '-n', name))['items'], [], 'dry runs leave nothing behind')
  })

  test('and none of a namespace that refuses, nor one that says nothing', async () => {
    const refusing = await cluster.namespace('refusing', { 'kafka-sluice.io/inject': 'false' })
    const plain = await cluster.namespace('plain')
    const args = (name: string): string[] => ['create', '--dry-run=server', '-o', 'json', '-n', name, '-f', '-']
    await waitFor(
      'the API server has heard of the namespace',
      async () => sidecarsOf(JSON.parse(await cluster.ask(args(refusing), podOf())) as KubeObject).length === 0,
    )
    assert.equal(sidecarsOf(JSON.parse(await cluster.ask(args(plain), podOf({ labels: {} }))) as KubeObject).length, 0)
  })

  test('pods of Deployments and Jobs, which have no name yet, get it', async () => {
    const name = await cluster.namespace('workloads')
    const { metadata, spec } = podOf()
    const template = { metadata: { labels: { app: 'x', ...metadata.labels } }, spec }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop' },
      spec: { selector: { matchLabels: { app: 'x' } }, template },
    }
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'nightly' },
      spec: { template: { ...template, spec: { ...spec, restartPolicy: 'Never' } } },
    }
    for (const object of [deployment, job])
      assert.equal((await cluster.kubectl(['apply', '-n', name, '-f', '-'], object)).err, '')
    const pods = await waitFor('there are two pods', async () => {
      const { items } = await cluster.get('pods', '-n', name)
      return items.length === 2 ? (items as KubeObject[]) : undefined
    })
    assert.deepEqual(
      pods.map((pod) => sidecarsOf(pod).length),
      [1, 1],
    )
  })

  test('what cannot be is refused in words, and leaves nothing', async () => {
    const name = await cluster.namespace('wrong')
    const annotations = { 'kafka-sluice.io/produce-rate': '5', 'kafka-sluice.io/fetchrate': '5 MB/s' }
    const { code, err } = await cluster.kubectl(['create', '-n', name, '-f', '-'], podOf({ annotations }))
    assert.equal(code, 1)
    assert.match(
      err,
      /admission webhook "pod\.kafka-sluice\.io" denied the request: kafka-sluice cannot be put beside app:/,
    )
    assert.match(err, /- annotation kafka-sluice\.io\/produce-rate: 5 has no unit; write 5 B\/s/)
    assert.match(err, /- annotation kafka-sluice\.io\/fetchrate: there is no such setting; did you mean fetch-rate\?/)
    const clash = await cluster.kubectl(
      ['create', '-n', name, '-f', '-'],
      podOf({ spec: { containers: [{ name: 'kafka-sluice', image: 'x' }] } }),
    )
    assert.match(clash.err, /the pod has a container kafka-sluice that was not put there by this injector/)
    assert.deepEqual((await cluster.get('pods', '-n', name))['items'], [])
  })

  test('whoever applies a Deployment is warned at once; its events say the same', async () => {
    const name = await cluster.namespace('warned')
    const { metadata, spec } = podOf({ annotations: { 'kafka-sluice.io/port': 'x' } })
    const template = { metadata: { labels: { app: 'x', ...metadata.labels }, annotations: metadata.annotations }, spec }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop' },
      spec: { selector: { matchLabels: { app: 'x' } }, template },
    }
    const { code, err } = await cluster.kubectl(['apply', '-n', name, '-f', '-'], deployment)
    assert.equal(code, 0, err)
    assert.match(
      err,
      /Warning: kafka-sluice: pods of this Deployment will be refused: annotation kafka-sluice\.io\/port: "x" is no port/,
    )
    const misplaced = {
      ...deployment,
      metadata: { name: 'other', labels: { 'kafka-sluice.io/inject': 'true' } },
      spec: { ...deployment.spec, template: { metadata: { labels: { app: 'x' } }, spec } },
    }
    assert.match(
      (await cluster.kubectl(['apply', '-n', name, '-f', '-'], misplaced)).err,
      /does nothing; put it into the labels of the pod template/,
    )
    await waitFor('an event says it', async () => {
      const { items } = await cluster.get('events', '-n', name)
      return (items as KubeObject[]).some(
        ({ reason, message }) =>
          reason === 'FailedCreate' && /is no port; ports are 1 to 65535/.test(message as string),
      )
    })
  })

  test('so is whoever applies a configuration that no sidecar could read, if it says that it is one', async () => {
    const name = await cluster.namespace('configured')
    const configMap = (labels: object, limit: string): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'limits', labels },
      data: { 'sluice.yaml': `quotas:\n  - { name: all, limit: { requests: ${limit} } }\n` },
    })
    const apply = async (labels: object, limit: string): Promise<string> => {
      const { code, err } = await cluster.kubectl(['apply', '-n', name, '-f', '-'], configMap(labels, limit))
      assert.equal(code, 0, err)
      return err
    }
    const labels = { 'kafka-sluice.io/config': 'true' }
    assert.equal(await apply({}, '5'), '')
    assert.match(
      await apply(labels, '5'),
      /Warning: kafka-sluice: sidecars cannot use this ConfigMap: sluice\.yaml line 2:\d+/,
    )
    assert.equal(await apply(labels, '5/s'), '')
  })

  test('a pod that other webhooks change is asked about again, and is as it was', async () => {
    const name = await cluster.namespace('again')
    await cluster.ask(['create', '-n', name, '-f', '-'], podOf())
    const copy = await cluster.get('pod', 'app', '-n', name)
    const { uid: _, resourceVersion: _version, ...metadata } = copy['metadata']
    const again = await cluster.kubectl(['create', '-n', name, '-o', 'json', '-f', '-'], {
      ...copy,
      metadata: { ...metadata, name: 'copy' },
    })
    assert.equal(again.code, 0, again.err)
    assert.deepEqual((JSON.parse(again.out) as KubeObject)['spec'].initContainers, copy['spec'].initContainers)
  })

  test('while the injector is down, pods that ask are refused and others are not (failurePolicy: Fail)', async () => {
    await cluster.down()
    const name = await cluster.namespace('down')
    const { code, err } = await cluster.kubectl(['create', '-n', name, '-f', '-'], podOf())
    assert.equal(code, 1)
    assert.match(err, /failed calling webhook "pod\.kafka-sluice\.io"/)
    await cluster.ask(['create', '-n', name, '-f', '-'], podOf({ name: 'other', labels: {} }))
  })

  test('with failurePolicy: Ignore they are created without it; the upgrade leaves certificates alone', async () => {
    const before = await cluster.get('mutatingwebhookconfiguration', WEBHOOKS)
    await cluster.install('injector.failurePolicy=Ignore')
    const { webhooks } = await cluster.get('mutatingwebhookconfiguration', WEBHOOKS)
    assert.deepEqual(
      (webhooks as KubeObject[]).map(({ clientConfig }) => clientConfig.caBundle),
      (before['webhooks'] as KubeObject[]).map(({ clientConfig }) => clientConfig.caBundle),
    )
    const { data } = await cluster.get('secret', 'sluice-kafka-sluice-injector-tls', '-n', NAMESPACE)
    assert.deepEqual(Object.keys(data).sort(), ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'])
    const name = await cluster.namespace('ignoring')
    await waitFor(
      'the API server has heard of it',
      async () => (await cluster.kubectl(['create', '-n', name, '--dry-run=server', '-f', '-'], podOf())).code === 0,
    )
    await cluster.install()
    await cluster.up()
  })

  test('authorities and certificates take turns, and not one review fails', async (t) => {
    if (!cluster.isOwn) return t.skip('needs the control plane of KUBE_BIN: the lifetimes of a real one are days')
    await cluster.down()
    const secret = ['secret', 'sluice-kafka-sluice-injector-tls', '-n', NAMESPACE]
    await cluster.ask(['patch', ...secret, '--type=json', '-p', '[{"op":"remove","path":"/data"}]'])
    await cluster.up((config) => {
      const { certificate } = config
      assert.equal(certificate.kind, 'own')
      return { ...config, certificate: { ...certificate, lifetimeMs: 30_000, authorityLifetimeMs: 60_000 } }
    }, 5_000)
    const signers = new Set<boolean>()
    let reviews = 0
    await waitFor(
      'the next authority signs',
      async () => {
        const { code, err } = await cluster.kubectl(['create', '-n', 'default', '--dry-run=server', '-f', '-'], podOf())
        assert.equal(code, 0, err)
        reviews++
        const { data } = await cluster.get(...secret)
        const authorities = splitBundle(Buffer.from(data['ca.crt'] as string, 'base64').toString())
        const served = new X509Certificate(Buffer.from(data['tls.crt'] as string, 'base64'))
        const isByNewest = served.checkIssued(new X509Certificate(authorities[0]!)) && authorities.length > 1
        signers.add(authorities.length > 1 && !served.verify(new X509Certificate(authorities[0]!).publicKey))
        return isByNewest && served.verify(new X509Certificate(authorities[0]!).publicKey)
      },
      { timeoutMs: 300_000 },
    )
    assert.ok(signers.has(true), 'the next authority was known before it signed')
    assert.ok(reviews > 5, `${reviews} reviews`)
    assert.equal(cluster.injector?.counters.certificateChecks.failed, 0)
  })

  test('uninstalled, nothing of it is left that pods would wait for', async () => {
    await cluster.down()
    const { code, err } = await cluster.helm(['uninstall', 'sluice', '-n', NAMESPACE])
    assert.equal(code, 0, err)
    assert.equal((await cluster.kubectl(['get', 'mutatingwebhookconfiguration', WEBHOOKS])).code, 1)
    const name = await cluster.namespace('afterwards')
    await waitFor(
      'pods are created again',
      async () => (await cluster.kubectl(['create', '-n', name, '--dry-run=server', '-f', '-'], podOf())).code === 0,
    )
  })
})
