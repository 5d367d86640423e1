/**
 * The chart, without a cluster: lint, its unit tests, what it renders (golden files; `npm run golden` writes them anew), and that what it
 * writes is what the program reads.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { loadConfig } from '../../src/config/config.ts'
import { inject } from '../../src/injector/inject.ts'
import { loadInjectorFile } from '../../src/injector/injector-file.ts'
import type { Pod } from '../../src/injector/pod.ts'
import { applyPatch } from '../support/injector-scene.ts'
import { CHART, type KubeManifest, libraryChart, manifestsOf, render, requireHelm, tool } from './helm.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const INJECTOR = ['--set', 'injector.enabled=true', '--set', 'injector.defaults.upstream=kafka-0.kafka:9092']
const GATEWAY = ['--set', 'gateway.enabled=true', '--set', 'gateway.config.upstream.bootstrap={kafka-0.kafka:9092}']
const ALL_ELSE = ['networkPolicy', 'gateway.autoscaling', 'monitoring.podMonitor', 'monitoring.serviceMonitor'].flatMap(
  (name) => ['--set', `${name}.enabled=true`],
)
/** Not in golden files: what is shipped there changes with the metrics. */
const SHIPPED = ['monitoring.prometheusRule', 'monitoring.dashboards'].flatMap((name) => [
  '--set',
  `${name}.enabled=true`,
])

function find(manifests: readonly KubeManifest[], kind: string, name: RegExp): KubeManifest {
  const found = manifests.find((manifest) => manifest.kind === kind && name.test(manifest.metadata.name))
  assert.ok(found, `there is no ${kind} ${name}`)
  return found
}

describe('helm', () => {
  test('lint finds nothing, whatever is on', async (t) => {
    if (!(await requireHelm(t))) return
    for (const values of [[], INJECTOR, GATEWAY, [...INJECTOR, ...GATEWAY, ...ALL_ELSE, ...SHIPPED]]) {
      const { code, out, err } = await tool('helm', ['lint', '--strict', CHART, ...values])
      assert.equal(code, 0, out + err)
    }
    const { code, out } = await tool('helm', ['lint', '--strict', libraryChart(t)])
    assert.equal(code, 0, out)
  })

  test('unit tests of the chart pass', async (t) => {
    if (!(await requireHelm(t))) return
    const { code, out, err } = await tool('helm-unittest', [CHART])
    assert.equal(code, 0, out + err)
    assert.match(out, /Tests: +[1-9]\d* passed/)
  })

  test('without a choice the chart installs nothing', async (t) => {
    if (!(await requireHelm(t))) return
    assert.deepEqual(manifestsOf((await render(CHART)).out), [])
  })
})

test('every file of rules and every dashboard is shipped', async (t) => {
  if (!(await requireHelm(t))) return
  const manifests = manifestsOf((await render(CHART, ...SHIPPED)).out)
  const files = (folder: string, ending: string): string[] =>
    readdirSync(join(CHART, folder)).filter((name) => name.endsWith(ending))
  const kinds = manifests.map(({ kind }) => kind)
  assert.equal(kinds.filter((kind) => kind === 'PrometheusRule').length, files('rules', '.yaml').length)
  const shipped = manifests.filter(({ kind }) => kind === 'ConfigMap').map(({ data }) => data as Record<string, string>)
  for (const name of files('dashboards', '.json')) {
    const text = readFileSync(join(CHART, 'dashboards', name), 'utf8')
    assert.ok(
      shipped.some((data) => data[name]?.trimEnd() === text.trimEnd()),
      name,
    )
  }
  assert.equal(shipped.length, files('dashboards', '.json').length)
})

describe('golden files', () => {
  for (const [name, values] of [
    ['injector', INJECTOR],
    ['cert-manager', [...INJECTOR, '--set', 'injector.certificate.source=cert-manager']],
    ['gateway', [...GATEWAY, ...ALL_ELSE]],
  ] as const) {
    test(`${name}.yaml is what the chart renders`, async (t) => {
      if (!(await requireHelm(t))) return
      const { code, out, err } = await render(CHART, ...values)
      assert.equal(code, 0, err)
      t.assert.fileSnapshot(out, join(GOLDEN, `${name}.yaml`), { serializers: [String] })
    })
  }

  test('library.yaml is what a chart of one’s own renders', async (t) => {
    if (!(await requireHelm(t))) return
    const { code, out, err } = await render(libraryChart(t))
    assert.equal(code, 0, err)
    t.assert.fileSnapshot(out, join(GOLDEN, 'library.yaml'), { serializers: [String] })
  })
})

describe('what the chart writes is what the program reads', () => {
  const configOf = (map: KubeManifest): ReturnType<typeof loadConfig> =>
    loadConfig({ file: { path: 'sluice.yaml', text: map['data']['sluice.yaml'] }, flags: {}, env: {} })

  test('the file of a gateway', async (t) => {
    if (!(await requireHelm(t))) return
    const manifests = manifestsOf((await render(CHART, ...GATEWAY)).out)
    const { listen, admin } = configOf(find(manifests, 'ConfigMap', /gateway$/))
    assert.deepEqual(listen.brokerPorts, { first: 19_092, last: 19_107 })
    assert.equal(listen.advertisedHost, 'sluice-kafka-sluice-gateway.platform.svc.cluster.local')
    assert.deepEqual([listen.host, admin?.host], ['0.0.0.0', '0.0.0.0'])
  })

  test('the file of the injector, and a pod by it has the sidecar that the library template gives', async (t) => {
    if (!(await requireHelm(t))) return
    const own = manifestsOf((await render(libraryChart(t))).out)
    const template = find(own, 'Deployment', /./)['spec'].template as Pod
    const file = manifestsOf((await render(CHART, ...INJECTOR)).out).find(({ kind }) => kind === 'ConfigMap')
    const { injection } = loadInjectorFile('injector.yaml', file?.['data']['injector.yaml'])
    const config: unknown = configOf(find(own, 'ConfigMap', /-sluice$/))
    assert.ok(config)
    const settings = {
      'config-map': 'sluice-sluice',
      labels: 'team=payments',
      'mount-secrets': 'shop-kafka',
      'mount-config-maps': 'kafka-ca',
    }
    const annotations = Object.fromEntries(
      Object.entries(settings).map(([name, value]) => [`kafka-sluice.io/${name}`, value]),
    )
    const labels = { 'kafka-sluice.io/inject': 'true' }
    const pod: Pod = { metadata: { labels, annotations }, spec: { containers: template.spec.containers } }
    const outcome = inject(pod, false, { ...injection, defaults: {} })
    assert.equal(outcome.kind, 'injected')
    const injected = applyPatch(pod, outcome.patch) as Pod
    assert.equal(sorted(injected.spec.initContainers?.[0]), sorted(template.spec.initContainers?.[0]))
    assert.equal(sorted(injected.spec.volumes), sorted(template.spec.volumes))
  })
})

/** The same text for the same content, in whatever order keys and named items are. */
function sorted(value: unknown): string {
  return stringify(ordered(value), { sortMapEntries: true })
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered).sort((a, b) => (stringify(a) < stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, ordered(inner)]),
  )
}
