/** The injector's own file: what it says, and every fault of it at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { type InjectorConfig, loadInjectorFile } from '../../src/injector/injector-file.ts'
import { INJECTOR_FILE } from '../support/injector-scene.ts'

const load = (text: string): InjectorConfig => loadInjectorFile('injector.yaml', text)

function faultsOf(text: string): readonly string[] {
  try {
    load(text)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.format().split('\n')
  }
  assert.fail('nothing was wrong')
}

test('the shortest file has all that a chart would write', () => {
  const { injection, ...config } = load(INJECTOR_FILE)
  assert.deepEqual(config, {
    listen: { host: '0.0.0.0', port: 8443 },
    admin: { host: '0.0.0.0', port: 9404 },
    log: { level: 'info' },
    stopDelayMs: 5_000,
    certificate: {
      kind: 'own',
      secret: { namespace: 'sluice', name: 'tls' },
      webhookConfiguration: 'sluice',
      names: ['sluice.sluice.svc'],
      lifetimeMs: 30 * 86_400_000,
      authorityLifetimeMs: 365 * 86_400_000,
    },
  })
  assert.deepEqual([injection.defaults, injection.locked, injection.volumes], [{}, [], []])
})

test('defaults are the settings of pods by the names of their annotations; a mapping is YAML', () => {
  const { injection } = load(`${INJECTOR_FILE}defaults:
  upstream: kafka:9092
  observe: true
  port: 9192
  config: { quotas: [{ name: q, limit: { requests: 5/s } }] }
`)
  assert.deepEqual(injection.defaults, {
    upstream: 'kafka:9092',
    observe: 'true',
    port: 9192,
    config: 'quotas:\n  - name: q\n    limit:\n      requests: 5/s',
  })
})

test('certificates may be files', () => {
  const text = INJECTOR_FILE.replace(
    /^certificate:.*$/m,
    'certificate: { certFile: /tls/tls.crt, keyFile: /tls/tls.key }',
  )
  assert.deepEqual(load(text).certificate, { kind: 'files', certFile: '/tls/tls.crt', keyFile: '/tls/tls.key' })
})

test('every fault is told with its place', () => {
  assert.deepEqual(faultsOf('certificate: { secret: x }\nlistn: {}\nsidecar: { image: x }\nstopDelay: 5\n'), [
    'injector.yaml:1:24: certificate.secret: expected NAMESPACE/NAME of a Secret',
    'injector.yaml:2:1: listn: unknown key; did you mean listen?',
    'injector.yaml:3:10: sidecar.name: name is missing',
    'injector.yaml:4:12: stopDelay: 5 has no unit; write 5s or 5ms',
  ])
  const text = `certificate: { secret: a/b, certFile: x }
defaults: { upstream: kafka, fetchrate: 5 MB/s }
locked: [configs]
sidecar: { name: s, env: [{ name: SLUICE_ADMIN, value: x }] }
`
  assert.deepEqual(faultsOf(text), [
    'injector.yaml:1:14: certificate: either certFile and keyFile, or secret, webhookConfiguration, names',
    'injector.yaml:2:11: defaults: defaults.upstream: "kafka" has no port; write kafka:9092',
    'injector.yaml:2:11: defaults: defaults.fetchrate: there is no such setting; did you mean fetch-rate?',
    'injector.yaml:3:10: locked[0]: there is no setting configs; did you mean config?',
    'injector.yaml:4:10: sidecar: image is missing',
    'injector.yaml:4:10: sidecar: a native sidecar has restartPolicy: Always; without it the pod would wait for its end',
    'injector.yaml:4:26: sidecar.env: "x" has no port; write x:9092',
  ])
  assert.deepEqual(faultsOf(INJECTOR_FILE.replace(/^certificate:.*$/m, 'certificate: { keyFile: x }')), [
    'injector.yaml:1:14: certificate: certFile is missing',
  ])
  const lived = (lifetimes: string): readonly string[] =>
    faultsOf(INJECTOR_FILE.replace('names:', `${lifetimes}, names:`)).map((fault) => fault.replace(/^[^ ]+ /, ''))
  assert.deepEqual(lived('lifetime: 5m'), ['certificate.lifetime: at least 1h'])
  assert.match(
    lived('lifetime: 10d, authorityLifetime: 20d')[0]!,
    /^certificate.authorityLifetime: at least three times/,
  )
  assert.match(faultsOf('a: [')[0]!, /^injector.yaml:1:5: /)
})

test('a default configuration has to be right, or no pod would be', () => {
  assert.deepEqual(faultsOf(`${INJECTOR_FILE}defaults: { config: { quotas: 5 } }\n`).length, 1)
})
