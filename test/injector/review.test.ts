/** Reviews as API servers send them, and the answers that they understand. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Operation } from '../../src/injector/json-patch.ts'
import { answerReview, type Reviewed, readReview } from '../../src/injector/review.ts'
import { applyPatch, injectionOf, podOf } from '../support/injector-scene.ts'

const INJECTION = injectionOf()

interface Response {
  readonly uid: string
  readonly allowed: boolean
  readonly patch?: string
  readonly patchType?: string
  readonly warnings?: readonly string[]
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string }
  readonly auditAnnotations: Readonly<Record<string, string>>
}

function reviewOf(object: unknown, request: object = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u-1', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', object, ...request },
  })
}

function answered(text: string): Reviewed & { readonly response: Response } {
  const reviewed = answerReview(readReview(text), false, INJECTION)
  const { apiVersion, kind, response } = reviewed.body as { apiVersion: string; kind: string; response: Response }
  assert.deepEqual([apiVersion, kind, response.uid], ['admission.k8s.io/v1', 'AdmissionReview', 'u-1'])
  return { ...reviewed, response }
}

describe('a pod', () => {
  test('that asks gets a patch, the same one in a dry run', () => {
    const pod = podOf()
    const { response, result, name } = answered(reviewOf(pod))
    assert.equal(response.allowed, true)
    assert.equal(response.patchType, 'JSONPatch')
    assert.deepEqual(response.auditAnnotations, { result: 'injected' })
    assert.deepEqual([result, name], ['injected', 'shop-…'])
    const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as Operation[]
    const spec = (applyPatch(pod, patch) as { spec: { initContainers: { name: string }[] } }).spec
    assert.equal(spec.initContainers[0]?.name, 'kafka-sluice')
    assert.deepEqual(answered(reviewOf(pod, { dryRun: true })).response, response)
  })

  test('that cannot have it is refused with every reason', () => {
    const pod = podOf({ annotations: { 'kafka-sluice.io/port': 'x', 'kafka-sluice.io/observe': '1' } })
    const { response, result, faults } = answered(reviewOf(pod))
    assert.equal(response.allowed, false)
    assert.deepEqual(response.status, {
      code: 422,
      reason: 'Invalid',
      message: `kafka-sluice cannot be put beside shop-…:
- annotation kafka-sluice.io/port: "x" is no port; ports are 1 to 65535
- annotation kafka-sluice.io/observe: "1" is not true or false`,
    })
    assert.deepEqual([result, faults.length], ['refused', 2])
  })

  test('that does not ask, or is not new, is let through as it is', () => {
    const plain = { metadata: { name: 'x' }, spec: { containers: [] } }
    for (const text of [
      reviewOf(plain),
      reviewOf(podOf(), { operation: 'UPDATE' }),
      reviewOf(podOf(), { operation: 'DELETE', object: null }),
    ]) {
      const { response, result } = answered(text)
      assert.deepEqual(response, { uid: 'u-1', allowed: true, auditAnnotations: { result: 'unasked' } })
      assert.equal(result, 'unasked')
    }
  })

  test('that is none is refused', () => {
    for (const object of [null, 'pod', { spec: {} }, { spec: { containers: [{ image: 'x' }] } }]) {
      const { response } = answered(reviewOf(object))
      assert.equal(response.allowed, false)
      assert.match(response.status?.message ?? '', /it is no pod: /)
    }
  })

  test('is warned of in lines that API servers do not cut', () => {
    const pod = podOf({ spec: { containers: [{ name: 'app' }], shareProcessNamespace: true } })
    const { warnings = [] } = answered(reviewOf(pod)).response
    assert.equal(warnings.length, 1)
    assert.ok(warnings.every((warning) => warning.length <= 256))
  })
})

describe('what makes pods is never changed, only warned of', () => {
  const kind = (name: string): object => ({ kind: { group: 'apps', version: 'v1', kind: name } })
  const bad = podOf({ annotations: { 'kafka-sluice.io/port': 'x' } })

  test('a Deployment whose pods would be refused', () => {
    const deployment = { metadata: { name: 'shop' }, spec: { replicas: 3, template: bad } }
    const { response, result } = answered(reviewOf(deployment, kind('Deployment')))
    assert.equal(response.allowed, true)
    assert.equal(response.patch, undefined)
    assert.deepEqual(response.warnings, [
      'kafka-sluice: pods of this Deployment will be refused: annotation kafka-sluice.io/port: "x" is no port; ports are 1 to 65535',
    ])
    assert.equal(result, 'checked')
  })

  test('a CronJob, two templates deep', () => {
    const job = { metadata: { name: 'nightly' }, spec: { jobTemplate: { spec: { template: bad } } } }
    assert.match(
      answered(reviewOf(job, kind('CronJob'))).response.warnings?.[0] ?? '',
      /^kafka-sluice: pods of this CronJob/,
    )
  })

  test('a label in the wrong place', () => {
    const deployment = {
      metadata: { name: 'shop', labels: { 'kafka-sluice.io/inject': 'true' } },
      spec: { template: { metadata: { labels: { app: 'shop' } }, spec: { containers: [] } } },
    }
    assert.deepEqual(answered(reviewOf(deployment, kind('Deployment'))).response.warnings, [
      'kafka-sluice: the label kafka-sluice.io/inject of this Deployment does nothing; put it into the labels of the pod template (template.metadata.labels)',
    ])
  })

  test('one that is right, or that has nothing to do with us', () => {
    const right = { metadata: {}, spec: { template: podOf() } }
    assert.deepEqual(answered(reviewOf(right, kind('StatefulSet'))).response.warnings, [])
    assert.equal(answered(reviewOf({ data: {} }, kind('Widget'))).response.warnings, undefined)
  })
})

describe('a ConfigMap that sidecars read is never changed, only warned of', () => {
  const warningsOf = (data: object | null): readonly string[] => {
    const object = { metadata: { name: 'limits' }, data }
    const { response, result } = answered(reviewOf(object, { kind: { group: '', version: 'v1', kind: 'ConfigMap' } }))
    assert.deepEqual([response.allowed, response.patch, result], [true, undefined, 'checked'])
    return response.warnings ?? []
  }

  test('with its key, the line, and what mends it', () => {
    const text = 'quotas:\n  - name: producers\n    limit: { produceByte: 5 MB/s }\n'
    assert.deepEqual(warningsOf({ 'sluice.yaml': text, 'notes.txt': '{' }), [
      'kafka-sluice: sidecars cannot use this ConfigMap: sluice.yaml line 3:14: quotas[0].limit.produceByte: unknown key; did you mean produceBytes?',
    ])
  })

  test('every file of it, and one that has none', () => {
    assert.deepEqual(
      warningsOf({ 'a.yaml': '5', 'b.yml': '[' }).map((warning) => /: ([ab]\.ya?ml) line /.exec(warning)?.[1]),
      ['a.yaml', 'b.yml'],
    )
    for (const data of [null, {}, { sluice: 'quotas: []' }])
      assert.match(warningsOf(data)[0] ?? '', /no key that ends with \.yaml/)
  })

  test('not where it is right, wherever Kafka is said to be', () => {
    const quotas = 'quotas: [{ name: all, limit: { requests: 5/s } }]\n'
    assert.deepEqual(
      warningsOf({ 'sluice.yaml': quotas, 'more.yaml': `upstream: { bootstrap: kafka:9092 }\n${quotas}` }),
      [],
    )
  })

  test('but for one that would hold up the reviews of others', () => {
    assert.match(
      warningsOf({ 'sluice.yaml': `# ${'x'.repeat(100_000)}` })[0] ?? '',
      /sluice\.yaml: 100002 bytes are too many to be checked here/,
    )
  })
})

test('what is no review is said to be none', () => {
  const NONE: readonly (readonly [text: string, message: RegExp])[] = [
    ['', /the body is no JSON/],
    ['{', /the body is no JSON/],
    ['null', /no AdmissionReview of admission.k8s.io\/v1/],
    ['{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}', /apiVersion/],
    ['{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', /request/],
    [reviewOf({}, { uid: '' }), /request\.uid/],
  ]
  for (const [text, message] of NONE) assert.throws(() => readReview(text), { name: 'RangeError', message })
})
