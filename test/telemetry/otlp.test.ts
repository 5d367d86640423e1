/** Metrics pushed by OTLP: the same as /metrics has; and a collector that is down, slow, wrong or ill, which nobody else notices. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { startSluice } from '../../src/app.ts'
import { OTLP_INTERVAL_MIN_MS } from '../../src/bounds.ts'
import { ConfigError, loadConfig } from '../../src/config/config.ts'
import type { Otlp } from '../../src/config/telemetry.ts'
import { otlpSettings } from '../../src/telemetry/otlp/settings.ts'
import { collectingLogger, type Line, plainConfig, type Scene, startScene } from '../net/scene.ts'
import { FAST, patternBytes, produceBody } from '../support/net.ts'
import {
  metricsOf,
  type OtlpReceiver,
  type PushedMetrics,
  resourceOf,
  seriesOf,
  seriesOfText,
  startOtlpReceiver,
} from '../support/otlp-receiver.ts'
import { freePort } from '../support/ports.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'

const NOTHING: Otlp = {
  // The least that a configuration may say: a push may then take 0.9 s, also on a machine that is busy with other tests.
  ...{ endpoint: undefined, protocol: 'http/json', intervalMs: OTLP_INTERVAL_MIN_MS, timeoutMs: undefined },
  ...{ headers: {}, headersFile: undefined, resource: {} },
}

function pushing(t: TestContext, otlp: Partial<Otlp>): Promise<Scene> {
  const telemetry = { otlp: { ...NOTHING, ...otlp } }
  return startScene(t, { config: { telemetry, admin: { host: '127.0.0.1', port: 0 }, labels: { pod: 'checkout-7' } } })
}

async function textOf({ sluice }: Scene): Promise<string> {
  return (await fetch(`http://${sluice.admin?.host}:${sluice.admin?.port}/metrics`)).text()
}

function parsed({ body }: { readonly body: Buffer }): PushedMetrics {
  return JSON.parse(body.toString()) as PushedMetrics
}

/** A push that began after now. */
async function next({ pushes }: OtlpReceiver): Promise<PushedMetrics> {
  const before = pushes.length
  await waitFor('a push that began after now', () => pushes.length > before + 1, FAST)
  return parsed(pushes.at(-1)!)
}

/** What changes by itself: the process's own metrics, and the pushes that are counted meanwhile. */
function steady(series: ReadonlyMap<string, number>): Record<string, number> {
  const kept = [...series].filter(
    ([name]) => name.startsWith('sluice_') && !/otlp_pushes|broker_up|_age_seconds|uptime/u.test(name),
  )
  return Object.fromEntries(kept)
}

test('every series of /metrics is pushed, with its labels and its number, and none besides', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const scene = await pushing(t, { endpoint: receiver.url })
  const client = await scene.client()
  await client.request(API_KEY.Produce, 9, produceBody(patternBytes(5_000)))
  client.end()
  await scene.ended({ client_closed: 1 })
  const pushed = await next(receiver)
  const text = seriesOfText(await textOf(scene))
  assert.deepEqual(steady(seriesOf(pushed)), steady(text))
  const names = (series: ReadonlyMap<string, number>): string[] =>
    [...series.keys()].filter((name) => !/^sluice_|^nodejs_active_/u.test(name)).sort()
  assert.deepEqual(names(seriesOf(pushed)), names(text), 'those of the process too')
  assert.deepEqual(receiver.pushes[0]?.path, '/v1/metrics')
  assert.equal(receiver.pushes[0]?.headers['content-type'], 'application/json')
})

test('counters are monotonic sums since the start, histograms have their buckets, all have units and words', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const scene = await pushing(t, { endpoint: receiver.url })
  await (await scene.client()).ping()
  const metrics = new Map(metricsOf(await next(receiver)).map((metric) => [metric.name, metric]))
  const requests = metrics.get('sluice_requests_total')
  assert.deepEqual([requests?.sum?.isMonotonic, requests?.sum?.aggregationTemporality], [true, 2])
  const [point] = requests?.sum?.dataPoints ?? []
  assert.ok(BigInt(point!.startTimeUnixNano) < BigInt(point!.timeUnixNano))
  const latency = metrics.get('sluice_broker_latency_seconds')
  assert.equal(latency?.unit, 's')
  assert.equal(latency?.histogram?.aggregationTemporality, 2)
  const [histogram] = latency?.histogram?.dataPoints ?? []
  assert.equal(histogram?.bucketCounts?.length, histogram!.explicitBounds!.length + 1)
  assert.equal(metrics.get('sluice_request_bytes_total')?.unit, 'By')
  assert.ok(metrics.get('sluice_connections')?.gauge !== undefined)
  assert.ok([...metrics.values()].every(({ description }) => description.length > 0))
})

test('the resource says who pushes: our own words, the environment over them, the configuration over all', async (t) => {
  const receiver = await startOtlpReceiver(t)
  for (const [name, value] of [
    ['OTEL_SERVICE_NAME', 'checkout-proxy'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=test,team=blue'],
  ] as const) {
    process.env[name] = value
    t.after(() => delete process.env[name])
  }
  await pushing(t, { endpoint: receiver.url, resource: { team: 'red' } })
  const { 'service.instance.id': instance, 'service.version': version, ...rest } = resourceOf(await next(receiver))
  assert.match(String(instance), /^[\da-f-]{36}$/u)
  assert.match(String(version), /^\d+\./u)
  assert.deepEqual(rest, {
    ...{ 'service.name': 'checkout-proxy', 'k8s.pod.name': 'checkout-7' },
    ...{ 'deployment.environment.name': 'test', team: 'red' },
  })
})

test('secret headers come from a file, and change with it', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const files = new SecretFiles(t)
  const headersFile = files.write('headers', '# of the vendor\nAuthorization: Bearer first\r\nX-Key: 1: 2\n')
  const scene = await pushing(t, { endpoint: receiver.url, headers: { 'x-scope-orgid': 'a' }, headersFile })
  await next(receiver)
  const { authorization, 'x-key': key, 'x-scope-orgid': scope } = receiver.pushes[0]!.headers
  assert.deepEqual([authorization, key, scope], ['Bearer first', '1: 2', 'a'])
  files.write('headers', 'Authorization: Bearer second\n')
  const seen = (): boolean => receiver.pushes.at(-1)!.headers.authorization === 'Bearer second'
  await waitFor('the new one is sent', seen, { ...FAST, timeoutMs: 20_000 })
  assert.equal(JSON.stringify(scene.lines).includes('Bearer'), false)
})

interface Trouble {
  readonly name: string
  readonly answer: number | 'silence'
  readonly says: RegExp
}

const TROUBLES: readonly Trouble[] = [
  {
    name: 'does not know the path',
    answer: 404,
    says: /answers 404: there is no receiver at this path; \/v1\/metrics is added/,
  },
  { name: 'wants to know who we are', answer: 401, says: /answers 401: .*telemetry\.otlp\.headersFile/ },
  { name: 'is ill', answer: 500, says: /answers 500: the collector is not well/ },
  { name: 'is overloaded', answer: 503, says: /answers 429, 502, 503 or 504, also when asked again/ },
  { name: 'wants fewer pushes', answer: 429, says: /answers 429, .*raise telemetry\.otlp\.interval/ },
  {
    name: 'says nothing',
    answer: 'silence',
    says: /does not answer in time/,
  },
]

for (const { name, answer, says } of TROUBLES) {
  test(`a collector that ${name} is told of once a minute, counted each time, and mended when it mends`, async (t) => {
    const receiver = await startOtlpReceiver(t)
    receiver.receive = () => answer
    const scene = await pushing(t, { endpoint: receiver.url })
    const { otlpPushes } = scene.sluice.counters
    await waitFor('two have failed', () => otlpPushes.failed >= 2, FAST)
    const lines = scene.said('otlp_failed')
    assert.equal(lines.length, 1)
    assert.match(String(lines[0]?.['msg']), says)
    assert.equal(lines[0]?.['metric'], 'sluice_otlp_pushes_total{result="failed"}')
    await (await scene.client()).ping()
    receiver.receive = () => 200
    await waitFor('it is said that it works again', () => scene.said('otlp_recovered').length > 0, FAST)
    assert.ok(otlpPushes.ok > 0)
  })
}

test('a collector that is down is told of with what mends it', async (t) => {
  const scene = await pushing(t, { endpoint: `http://127.0.0.1:${await freePort()}` })
  await waitFor('it is said', () => scene.said('otlp_failed').length > 0, FAST)
  assert.match(String(scene.said('otlp_failed')[0]?.['msg']), /cannot be reached: nothing listens there/)
})

test('TLS to what does not speak it is told of with what mends it', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const scene = await pushing(t, { endpoint: receiver.url.replace('http:', 'https:') })
  await waitFor('it is said', () => scene.said('otlp_failed').length > 0, FAST)
  assert.match(String(scene.said('otlp_failed')[0]?.['msg']), /cannot be reached: .*http:\/\//)
})

test('a collector that never answers holds one push, however long it goes on, and ends with the process', async (t) => {
  const receiver = await startOtlpReceiver(t)
  receiver.receive = () => 'silence'
  const scene = await pushing(t, { endpoint: receiver.url })
  await waitFor('it has been pushed to', () => receiver.pushes.length > 0, FAST)
  await waitFor('others have failed', () => scene.sluice.counters.otlpPushes.failed >= 2, FAST)
  assert.ok(receiver.pushes.length <= scene.sluice.counters.otlpPushes.failed + 1, 'one at a time')
  assert.equal(await scene.sluice.drain(5_000), 'clean', 'the last push is given up')
  assert.equal(scene.sluice.counters.otlpPushes.ok, 0)
})

test('the last push, at the end, has what came after the one before', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const scene = await pushing(t, { endpoint: receiver.url, intervalMs: 3_600_000 })
  const client = await scene.client()
  await client.request(API_KEY.Produce, 9, produceBody(patternBytes(5_000)))
  assert.equal(receiver.pushes.length, 0)
  await scene.sluice.drain(5_000)
  assert.equal(receiver.pushes.length, 1)
  const series = seriesOf(parsed(receiver.pushes[0]!))
  assert.equal(series.get('sluice_requests_total [["api","Produce"]]'), 1)
  assert.equal(scene.sluice.counters.otlpPushes.ok, 1)
})

test('without the section nothing is pushed and the SDK is not loaded, whatever endpoint the environment names', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }
  assert.equal(otlpSettings(undefined, env), undefined)
  const scene = await startScene(t)
  await (await scene.client()).ping()
  assert.equal(scene.said('otlp_started').length, 0)
})

test('OTEL_METRICS_EXPORTER=otlp switches it on with the variables alone', async (t) => {
  const receiver = await startOtlpReceiver(t)
  const env = {
    ...{ OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/base/` },
    ...{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_METRIC_EXPORT_INTERVAL: '50' },
  }
  const lines: Line[] = []
  const sluice = await startSluice(plainConfig([{ host: '127.0.0.1', port: 1 }]), {
    logger: collectingLogger(lines),
    env,
  })
  t.after(() => sluice.kill())
  const [push] = await waitFor('it is pushed', () => (receiver.pushes.length > 0 ? receiver.pushes : undefined), FAST)
  assert.deepEqual([push?.path, push?.headers['content-type']], ['/base/v1/metrics', 'application/x-protobuf'])
  await sluice.drain(1_000)
})

test('what the environment says wrongly is told before anything starts', () => {
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not spoken; http\/protobuf and http\/json are/,
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317' }, /OTEL_EXPORTER_OTLP_ENDPOINT: port 4317 is for gRPC/],
    [
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'c:4318' },
      /OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: .*http:\/\/collector:4318/,
    ],
    [{ OTEL_METRIC_EXPORT_INTERVAL: 'soon' }, /OTEL_METRIC_EXPORT_INTERVAL: "soon" is no number of milliseconds/],
  ]
  for (const [env, message] of cases) {
    assert.throws(
      () => otlpSettings(undefined, { OTEL_METRICS_EXPORTER: 'otlp', ...env }),
      (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, message)
        return true
      },
    )
  }
  assert.equal(otlpSettings(undefined, { OTEL_METRICS_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'true' }), undefined)
})

test('the section is read, and what is wrong in it is told with its place', () => {
  const load = (text: string): unknown =>
    loadConfig({ file: { path: '/etc/sluice/s.yaml', text }, flags: { upstream: 'k:9092' }, env: {} }).telemetry
  assert.deepEqual(load(''), { otlp: undefined })
  assert.deepEqual(load('telemetry: { otlp: true }'), {
    otlp: { ...NOTHING, protocol: undefined, intervalMs: undefined },
  })
  assert.deepEqual(
    load(
      'telemetry: { otlp: { endpoint: "https://c:4318", interval: 30s, timeout: 5s, protocol: http/json, headersFile: h } }',
    ),
    {
      otlp: {
        ...NOTHING,
        endpoint: 'https://c:4318',
        intervalMs: 30_000,
        timeoutMs: 5_000,
        headersFile: '/etc/sluice/h',
      },
    },
  )
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['endpoint: c:4317', /telemetry\.otlp\.endpoint: .*http:\/\/collector:4318/],
    ['endpoint: http://u:p@c', /secrets are in files: give headersFile/],
    ['headers: { Authorization: Bearer x }', /"Authorization" is a secret, and secrets are in files: give headersFile/],
    ['headers: { "a b": x }', /"a b" is no name of a header/],
    ['protocol: grpc', /expected http\/protobuf or http\/json; gRPC is not spoken/],
    ['interval: 1ms', /is not from 1s to 60m/],
    ['url: http://c:4318', /did you mean endpoint\?/],
  ]
  for (const [text, message] of wrong) assert.throws(() => load(`telemetry: { otlp: { ${text} } }`), message)
})
