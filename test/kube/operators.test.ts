/**
 * What the chart renders for the Prometheus operator and for cert-manager, with these themselves: their types in a real API, what the
 * operator makes of our monitors and rules, and an injector whose certificate cert-manager issues and renews.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect } from 'node:tls'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { CHART, manifestsOf, render } from '../chart/helm.ts'
import { requirePrometheusTool } from '../support/prometheus-tools.ts'
import { waitFor } from '../support/wait.ts'
import { Cluster, type KubeObject, NAMESPACE, podOf, sidecarsOf, WEBHOOKS } from './support/cluster.ts'
import { SERVICE_ADDRESS } from './support/control-plane.ts'
import { defineTypes, madeForPrometheus, operatorsMissing, startOperator } from './support/operators.ts'

const INJECTOR = 'sluice-kafka-sluice-injector'
const MONITORS = ['podMonitor', 'serviceMonitor', 'prometheusRule']

const missing = await operatorsMissing()
const skip = missing ?? false
const directory = mkdtempSync(join(tmpdir(), 'sluice-operators-'))
const cleanUps: (() => unknown)[] = [() => rmSync(directory, { recursive: true })]
const surroundings = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
let cluster: Cluster

before(async () => {
  if (missing !== undefined) return
  cluster = await Cluster.start(surroundings)
  for (const operator of ['prometheus-operator', 'cert-manager'] as const) await defineTypes(cluster, operator)
})
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
})

test('their types take everything that the chart renders, and know every field', { skip }, async () => {
  await cluster.namespace('platform')
  const shown = ['injector', ...MONITORS.map((name) => `monitoring.${name}`)]
  const set = shown.map((name) => `${name}.enabled=true`).flatMap((value) => ['--set', value])
  for (const issuer of [[], ['--set', 'injector.certificate.issuerRef.name=corporate']]) {
    const { code, out, err } = await render(
      CHART,
      ...set,
      '--set',
      'injector.certificate.source=cert-manager',
      ...issuer,
    )
    assert.equal(code, 0, err)
    const items = manifestsOf(out)
    const applied = await cluster.kubectl(
      ['apply', '--dry-run=server', '--validate=strict', '-n', 'platform', '-f', '-'],
      { apiVersion: 'v1', kind: 'List', items },
    )
    assert.equal(applied.code, 0, applied.err)
    assert.doesNotMatch(applied.err, /Warning/)
    for (const kind of ['PodMonitor', 'ServiceMonitor', 'PrometheusRule', 'Certificate'])
      assert.ok(
        items.some((item) => item.kind === kind),
        kind,
      )
  }
})

/** The labels that a scrape keeps targets by, without what Kubernetes calls them. */
function keptBy(job: KubeObject): readonly string[] {
  const kept = (job['relabel_configs'] as KubeObject[]).filter(({ action }) => action === 'keep')
  return kept.map(({ source_labels: [source], regex }) => `${source.replace(/^__meta_kubernetes_/, '')}=${regex}`)
}

describe('the Prometheus operator', { skip }, () => {
  const labels = MONITORS.map((name) => `monitoring.${name}.labels.release=main`)
  let said: () => string

  before(async () => {
    ;({ said } = await startOperator(surroundings, cluster, 'prometheus-operator'))
    await cluster.install(...MONITORS.map((name) => `monitoring.${name}.enabled=true`), ...labels)
    const selector = { matchLabels: { release: 'main' } }
    await cluster.ask(['apply', '-f', '-'], {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'Prometheus',
      metadata: { name: 'main', namespace: NAMESPACE },
      spec: { serviceMonitorSelector: selector, podMonitorSelector: selector, ruleSelector: selector },
    })
  })

  test('scrapes sidecars of all namespaces, and the services of the release', async () => {
    const { config } = await madeForPrometheus(cluster, NAMESPACE, { jobs: 2, ruleFiles: 1, said })
    const [services, pods] = (config['scrape_configs'] as KubeObject[]).toSorted((a, b) =>
      a['job_name'] < b['job_name'] ? 1 : -1,
    )
    assert.equal(services?.['job_name'], `serviceMonitor/${NAMESPACE}/sluice-kafka-sluice/0`)
    assert.ok(
      keptBy(services).includes('service_label_kafka_sluice_io_metrics=(true);true'),
      keptBy(services).join(' '),
    )
    assert.ok(keptBy(services).includes('endpoint_port_name=sluice-admin'))
    assert.deepEqual(services['kubernetes_sd_configs'][0].namespaces, { names: [NAMESPACE] })
    assert.equal(pods?.['job_name'], `podMonitor/${NAMESPACE}/sluice-kafka-sluice-sidecars/0`)
    assert.ok(keptBy(pods).includes('pod_label_kafka_sluice_io_injected=(true);true'), keptBy(pods).join(' '))
    assert.ok(keptBy(pods).includes('pod_container_port_name=sluice-admin'))
    assert.equal(pods['kubernetes_sd_configs'][0].namespaces, undefined)
  })

  test('takes every rule of ours; Prometheus finds nothing wrong with what it makes of them', async (t) => {
    const ours = readdirSync(join(CHART, 'rules'))
    const { rules } = await madeForPrometheus(cluster, NAMESPACE, { jobs: 2, ruleFiles: ours.length, said })
    const named = (text: string): string[] =>
      [...text.matchAll(/^\s*-? ?(?:alert|record): (\S+)$/gmu)].map(([, name]) => name!)
    const taken = Object.values(rules).flatMap(named)
    const written = ours.flatMap((name) => named(readFileSync(join(CHART, 'rules', name), 'utf8')))
    assert.deepEqual(taken.toSorted(), written.toSorted())
    if (!(await requirePrometheusTool(t, 'promtool'))) return
    const files = Object.entries(rules).map(([name, text]) => {
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    })
    await runTool('promtool', ['check', 'rules', ...files])
  })

  test('leaves out a rule that is none, and says so: it does look at them', async () => {
    const groups = [{ name: 'broken', rules: [{ alert: 'Broken', expr: 'sluice_ready ==' }] }]
    const metadata = { name: 'broken', namespace: NAMESPACE, labels: { release: 'main' } }
    await cluster.ask(['apply', '-f', '-'], {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata,
      spec: { groups },
    })
    await waitFor('it says so', () => /broken/.test(said()), { seen: said })
    const { rules } = await madeForPrometheus(cluster, NAMESPACE, { jobs: 2, ruleFiles: 1, said })
    assert.ok(Object.keys(rules).every((name) => !name.includes('broken')))
  })
})

describe('cert-manager', { skip }, () => {
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  let said: () => string

  /** As the kubelet does: what the Secret has becomes files. */
  async function mount(): Promise<X509Certificate> {
    const { data } = await cluster.get('secret', `${INJECTOR}-tls`, '-n', NAMESPACE)
    const text = (key: string): string => Buffer.from(data[key] as string, 'base64').toString()
    writeFileSync(files.keyFile, text('tls.key'))
    writeFileSync(files.certFile, text('tls.crt'))
    return new X509Certificate(text('tls.crt'))
  }

  const issued = async (): Promise<string | undefined> => {
    const { code, out } = await cluster.kubectl(['get', 'secret', `${INJECTOR}-tls`, '-n', NAMESPACE, '-o', 'json'])
    return code === 0 ? ((JSON.parse(out) as KubeObject)['data']['tls.crt'] as string) : undefined
  }

  const bundles = async (): Promise<readonly (string | undefined)[]> => {
    const { webhooks } = await cluster.get('mutatingwebhookconfiguration', WEBHOOKS)
    return (webhooks as KubeObject[]).map(({ clientConfig }) => clientConfig.caBundle as string | undefined)
  }

  const review = async (): Promise<number> => {
    const args = ['create', '--dry-run=server', '-n', 'default', '-o', 'json', '-f', '-']
    return sidecarsOf(JSON.parse(await cluster.ask(args, podOf())) as KubeObject).length
  }

  before(async () => {
    ;({ said } = await startOperator(surroundings, cluster, 'cert-manager'))
    await cluster.install('injector.certificate.source=cert-manager')
  })
  after(() => cluster.down())

  test('issues a certificate, tells API servers whom to trust, and the injector works with it', async () => {
    await waitFor('it is issued', issued, { seen: said })
    const certificate = await mount()
    assert.equal(certificate.ca, false)
    const trusted = await waitFor(
      'API servers are told',
      async () => {
        const [first, ...others] = await bundles()
        return first !== undefined && others.every((bundle) => bundle === first) && first
      },
      { seen: said },
    )
    const authority = new X509Certificate(Buffer.from(trusted, 'base64').toString())
    assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey))
    await cluster.up((config) => ({ ...config, certificate: { kind: 'files', ...files } }))
    assert.equal(await review(), 1)
  })

  test('renews it, and no review fails while the pods still have the last one', async () => {
    const [before, trusted] = [await issued(), await bundles()]
    const transition = new Date().toISOString()
    const condition = {
      type: 'Issuing',
      status: 'True',
      reason: 'Renewed',
      message: '',
      lastTransitionTime: transition,
    }
    const asked = JSON.stringify([{ op: 'add', path: '/status/conditions/-', value: condition }])
    await cluster.ask([
      'patch',
      'certificate',
      INJECTOR,
      '-n',
      NAMESPACE,
      '--subresource=status',
      '--type=json',
      '-p',
      asked,
    ])
    await waitFor('there is another', async () => (await issued()) !== before, { seen: said })
    assert.equal(await review(), 1)
    assert.deepEqual(await bundles(), trusted)
    const { fingerprint256 } = await mount()
    await waitFor('the injector uses it', async () => (await servedAt(cluster)) === fingerprint256)
    assert.equal(await review(), 1)
  })
})

/** The fingerprint of the certificate that the injector shows. */
function servedAt({ injector }: Cluster): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const options = { host: SERVICE_ADDRESS, port: injector?.port ?? 0, rejectUnauthorized: false }
  const socket = connect(options, () => {
    resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
    socket.destroy()
  })
  socket.on('error', reject)
  return promise
}
