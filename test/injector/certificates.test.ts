/** Certificates that the injector makes itself: when they are renewed, that replicas agree, and that API servers trust them at every moment. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { issueCertificate, makeAuthority } from '../../src/injector/authority.ts'
import { CertificateKeeper } from '../../src/injector/certificate-keeper.ts'
import { nextStep, type SharedCertificates, splitBundle, trusted } from '../../src/injector/certificate-plan.ts'
import { InjectorCounters } from '../../src/injector/injector-counters.ts'
import type { ServingCertificate } from '../../src/injector/webhook.ts'
import { LogLimiter } from '../../src/telemetry/log-limiter.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { FakeKubernetes } from '../support/fake-kubernetes.ts'
import { waitFor } from '../support/wait.ts'

const DAY_MS = 86_400_000
const NAMES = ['sluice.sluice.svc', 'sluice.sluice.svc.cluster.local']
const START_MS = Date.now()
const SETTINGS = { names: NAMES, authorityLifetimeMs: 365 * DAY_MS }

async function sharedAt(fromMs: number, lifetimeMs = 30 * DAY_MS): Promise<SharedCertificates> {
  const authority = await makeAuthority('ca', { fromMs, lifetimeMs: SETTINGS.authorityLifetimeMs })
  const issued = await issueCertificate(authority, NAMES, { fromMs, lifetimeMs })
  return { authorities: [authority.certificate], authorityKey: authority.key, ...issued }
}

describe('the plan', () => {
  test('keeps what is good, renews at a third of its life', async () => {
    const shared = await sharedAt(START_MS)
    assert.equal(nextStep(shared, START_MS, SETTINGS), 'keep')
    assert.equal(nextStep(shared, START_MS + 19 * DAY_MS, SETTINGS), 'keep')
    assert.equal(nextStep(shared, START_MS + 21 * DAY_MS, SETTINGS), 'issue')
    assert.equal(nextStep(shared, START_MS + 31 * DAY_MS, SETTINGS), 'issue', 'the injector was away')
    assert.equal(nextStep(shared, START_MS + 366 * DAY_MS, SETTINGS), 'create')
  })

  test('makes anew what is not there, not whole, or somebody else’s', async () => {
    const shared = await sharedAt(START_MS)
    const other = await sharedAt(START_MS)
    const step = (changed: Partial<SharedCertificates>): string =>
      nextStep({ ...shared, ...changed }, START_MS, SETTINGS)
    assert.equal(nextStep(undefined, START_MS, SETTINGS), 'create')
    assert.equal(step({ authorities: [] }), 'create')
    assert.equal(step({ authorityKey: other.authorityKey }), 'create')
    assert.equal(step({ authorities: ['nonsense'] }), 'create')
    assert.equal(
      step({ authorities: [shared.certificate], authorityKey: shared.key }),
      'create',
      'that is no authority',
    )
    assert.equal(step({ key: other.key }), 'issue')
    assert.equal(step({ certificate: other.certificate, key: other.key }), 'issue', 'signed by another authority')
    assert.equal(step({ certificate: 'nonsense' }), 'issue')
    assert.equal(nextStep(shared, START_MS, { ...SETTINGS, names: ['renamed.svc'] }), 'issue')
  })

  test('stages the next authority, and signs by it once it is known', async () => {
    const shared = await sharedAt(START_MS, 365 * DAY_MS)
    const laterMs = START_MS + 300 * DAY_MS
    const fresh = {
      ...shared,
      ...(await issueCertificate(pairOf(shared), NAMES, { fromMs: laterMs, lifetimeMs: 30 * DAY_MS })),
    }
    assert.equal(nextStep(fresh, laterMs, SETTINGS), 'stage')
    const next = await makeAuthority('ca', { fromMs: laterMs, lifetimeMs: SETTINGS.authorityLifetimeMs })
    const staged = { ...fresh, authorities: [next.certificate, ...shared.authorities], authorityKey: next.key }
    assert.equal(nextStep(staged, laterMs, SETTINGS), 'keep', 'nobody knows it yet')
    assert.equal(nextStep(staged, laterMs + 599_000, SETTINGS), 'keep')
    assert.equal(nextStep(staged, laterMs + 601_000, SETTINGS), 'issue')
    const issued = { ...staged, ...(await issueCertificate(next, NAMES, { fromMs: laterMs, lifetimeMs: 30 * DAY_MS })) }
    assert.equal(nextStep(issued, laterMs, SETTINGS), 'keep')
    assert.deepEqual(trusted(issued.authorities, laterMs), issued.authorities)
    assert.deepEqual(trusted(issued.authorities, START_MS + 366 * DAY_MS), [next.certificate])
  })
})

function pairOf({ authorities, authorityKey }: SharedCertificates): ServingCertificate {
  return { certificate: authorities[0]!, key: authorityKey }
}

test('certificates are what clients of TLS ask for', async () => {
  const shared = await sharedAt(START_MS)
  const [authority, certificate] = [shared.authorities[0]!, shared.certificate].map((pem) => new X509Certificate(pem))
  assert.ok(authority?.ca && certificate && !certificate.ca)
  assert.ok(certificate.verify(authority.publicKey))
  assert.equal(certificate.checkHost(NAMES[0]!), NAMES[0])
  assert.equal(certificate.checkHost('other.svc'), undefined)
  assert.ok(Date.parse(certificate.validFrom) <= START_MS - 299_000, 'clocks of others may be behind')
  const long = await issueCertificate(pairOf(shared), ['x'.repeat(80)], { fromMs: START_MS, lifetimeMs: DAY_MS })
  assert.equal(new X509Certificate(long.certificate).checkHost('x'.repeat(80)), 'x'.repeat(80))
})

class Replica {
  readonly counters = new InjectorCounters()
  readonly used: string[] = []
  readonly lines: string[] = []
  readonly keeper: CertificateKeeper

  constructor(t: TestContext, kubernetes: FakeKubernetes, clock: { ms: number }) {
    const destination = { write: (line: string) => void this.lines.push(line) }
    const logger = createLogger({ level: 'info', pretty: false, destination })
    this.keeper = new CertificateKeeper({
      api: kubernetes.api,
      secret: { namespace: 'sluice', name: 'tls' },
      webhookConfiguration: 'sluice',
      names: NAMES,
      authorityLifetimeMs: 365 * DAY_MS,
      certificateLifetimeMs: 30 * DAY_MS,
      counters: this.counters,
      logger,
      limitedLog: new LogLimiter(logger),
      use: ({ certificate }) => void this.used.push(certificate),
      checkMs: 10,
      nowMs: () => clock.ms,
    })
    t.after(() => this.keeper.stop())
  }
}

test('replicas that start together agree on one certificate, and API servers are told whom to trust', async (t) => {
  const kubernetes = await FakeKubernetes.start(t)
  const replicas = Array.from({ length: 3 }, () => new Replica(t, kubernetes, { ms: START_MS }))
  await Promise.all(replicas.map(({ keeper }) => keeper.start()))
  const { 'tls.crt': certificate, 'ca.crt': bundle } = await waitFor('all have the same', () =>
    replicas.every(({ used, keeper }) => used.at(-1) === kubernetes.secret['tls.crt'] && keeper.notReady === undefined)
      ? kubernetes.secret
      : undefined,
  )
  assert.equal(
    replicas.reduce((sum, { counters }) => sum + counters.certificateChecks.failed, 0),
    0,
    'a conflict is no failure',
  )
  assert.deepEqual(kubernetes.bundles, [bundle, bundle])
  assert.ok(new X509Certificate(certificate!).verify(new X509Certificate(bundle!).publicKey))
  assert.equal(splitBundle(bundle!).length, 1)
})

test('over two years of renewals the certificate in use is trusted at every step, by whoever heard of it last', async (t) => {
  const kubernetes = await FakeKubernetes.start(t)
  const clock = { ms: START_MS }
  const replica = new Replica(t, kubernetes, clock)
  const authorities = new Set<string>()
  const certificates = new Set<string>()
  await replica.keeper.start()
  replica.keeper.stop()
  for (let day = 0; day < 730; day++) {
    const known = kubernetes.bundles[0]!
    clock.ms += DAY_MS
    await replica.keeper.start()
    replica.keeper.stop()
    const inUse = new X509Certificate(replica.used.at(-1)!)
    assert.ok(Date.parse(inUse.validTo) > clock.ms)
    const isTrusted = splitBundle(known).some((pem) => inUse.verify(new X509Certificate(pem).publicKey))
    assert.ok(isTrusted, `day ${day}: an API server that had not heard of the change would refuse`)
    for (const pem of splitBundle(kubernetes.secret['ca.crt']!)) authorities.add(pem)
    certificates.add(replica.used.at(-1)!)
  }
  assert.ok(authorities.size >= 3 && authorities.size <= 5, `${authorities.size} authorities`)
  assert.ok(certificates.size >= 30 && certificates.size <= 45, `${certificates.size} certificates`)
  assert.deepEqual(kubernetes.bundles, [kubernetes.secret['ca.crt'], kubernetes.secret['ca.crt']])
})

test('what somebody else wrote into the Secret or the configuration is mended', async (t) => {
  const kubernetes = await FakeKubernetes.start(t)
  const replica = new Replica(t, kubernetes, { ms: START_MS })
  await replica.keeper.start()
  kubernetes.touch({ 'tls.crt': 'nonsense', other: 'kept' })
  await waitFor('it is whole again', () => kubernetes.secret['tls.key'] !== undefined)
  assert.equal(kubernetes.secret['other'], 'kept')
  await waitFor('it is in use', () => replica.used.at(-1) === kubernetes.secret['tls.crt'])
})

test('an API that refuses is told with what mends it, and asked again', async (t) => {
  const kubernetes = await FakeKubernetes.start(t)
  kubernetes.refusal = { code: 403, message: 'secrets "tls" is forbidden' }
  const replica = new Replica(t, kubernetes, { ms: START_MS })
  await replica.keeper.start()
  assert.match(replica.keeper.notReady ?? '', /403: secrets "tls" is forbidden/)
  assert.match(replica.lines.join(''), /needs get and update of this object \(RBAC\)/)
  assert.ok(replica.counters.certificateChecks.failed >= 1)
  kubernetes.refusal = undefined
  await waitFor('it is ready', () => replica.keeper.notReady === undefined)
  const used = replica.used.length
  kubernetes.stop()
  const { failed } = replica.counters.certificateChecks
  await waitFor('it has failed again', () => replica.counters.certificateChecks.failed > failed)
  assert.equal(replica.keeper.notReady, undefined, 'the certificate in use is as good as before')
  assert.equal(replica.used.length, used)
})
