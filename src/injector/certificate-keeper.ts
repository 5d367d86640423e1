/**
 * Keeps the webhook's own certificates: one Secret, so that all replicas have the same, and the authority in the webhook configuration, so
 * that API servers trust it. Every replica does the same work; who is first wins, because a Secret that has changed meanwhile is not
 * replaced. A new certificate is for new connections; those that are open go on.
 */
import { CERTIFICATE_CHECK_MS, CERTIFICATE_RETRY_MS } from '../bounds.ts'
import { listAt, mappingAt, mappingsAt } from '../config/raw.ts'
import type { LogLimiter } from '../telemetry/log-limiter.ts'
import type { Logger } from '../telemetry/logger.ts'
import {
  endOf,
  nextStep,
  type PlanSettings,
  type SharedCertificates,
  type Step,
  splitBundle,
  trusted,
} from './certificate-plan.ts'
import type { InjectorCounters } from './injector-counters.ts'
import { pointer } from './json-patch.ts'
import { type KubeApi, type KubeObject, KubernetesError } from './kube-api.ts'
import type { ServingCertificate } from './webhook.ts'

/** Another replica was first: of a Secret that is replaced; of a patch whose test fails. */
const CONFLICTS: readonly number[] = [409, 422]
const AUTHORITY_NAME = 'kafka-sluice injector'

export interface KeeperOptions {
  readonly api: KubeApi
  readonly secret: { readonly namespace: string; readonly name: string }
  readonly webhookConfiguration: string
  readonly names: readonly string[]
  readonly authorityLifetimeMs: number
  readonly certificateLifetimeMs: number
  readonly counters: InjectorCounters
  readonly logger: Logger
  readonly limitedLog: LogLimiter
  /** Takes a certificate into use. */
  readonly use: (certificate: ServingCertificate) => void
  readonly checkMs?: number
  readonly spreadMs?: number
  readonly nowMs?: () => number
}

export class CertificateKeeper {
  readonly #options: Required<Omit<KeeperOptions, 'spreadMs'>>
  readonly #plan: PlanSettings
  #used = ''
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** Why the API servers cannot call us yet; undefined once they could. */
  #why: string | undefined = 'the certificate is not made yet'

  constructor({ checkMs = CERTIFICATE_CHECK_MS, nowMs = Date.now, spreadMs, ...options }: KeeperOptions) {
    this.#options = { checkMs, nowMs, ...options }
    const { names, authorityLifetimeMs } = options
    this.#plan = { names, authorityLifetimeMs, ...(spreadMs === undefined ? {} : { spreadMs }) }
  }

  get notReady(): string | undefined {
    return this.#why
  }

  /** Looks now, and again and again; never rejects. */
  async start(): Promise<void> {
    const isDone = await this.#check()
    if (this.#stopped) return
    const { checkMs } = this.#options
    // Replicas that started together shall not stay in step.
    const waitMs = isDone ? checkMs * (0.75 + Math.random() / 2) : Math.min(CERTIFICATE_RETRY_MS, checkMs)
    this.#timer = setTimeout(() => void this.start(), waitMs).unref()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #check(): Promise<boolean> {
    const { counters, limitedLog } = this.#options
    try {
      const { shared, isNew } = await this.#keep()
      this.#take(shared)
      await this.#publish(shared.authorities)
      this.#why = undefined
      counters.certificateChecks[isNew ? 'renewed' : 'ok']++
      return true
    } catch (error) {
      if (error instanceof KubernetesError && CONFLICTS.includes(error.status)) return false
      counters.certificateChecks.failed++
      const message = error instanceof Error ? error.message : String(error)
      this.#why &&= message
      const kept = this.#why === undefined ? '; the certificate in use stays' : ''
      limitedLog.log('certificate_failed', '', {}, `${message}${hintFor(error)}${kept}`)
      return false
    }
  }

  /** The Secret's certificates, after every step that was due. */
  async #keep(): Promise<{ readonly shared: SharedCertificates; readonly isNew: boolean }> {
    const { api, secret, nowMs, logger } = this.#options
    const path = `/api/v1/namespaces/${secret.namespace}/secrets/${secret.name}`
    let isNew = false
    for (;;) {
      const object = await api.get(path)
      const shared = certificatesOf(object)
      const step = nextStep(shared, nowMs(), this.#plan)
      if (step === 'keep' && shared !== undefined) return { shared, isNew }
      const next = await this.#step(step, shared)
      await api.replace(path, { ...object, data: { ...mappingAt(object, 'data'), ...dataOf(next) } })
      isNew = true
      logger.log('certificate_step', { step, secretName: secret.name }, STEP_WORDS[step])
    }
  }

  async #step(step: Step, shared: SharedCertificates | undefined): Promise<SharedCertificates> {
    const { authorityLifetimeMs, certificateLifetimeMs, names, nowMs } = this.#options
    const fromMs = nowMs()
    const { issueCertificate, makeAuthority } = await import('./authority.ts')
    const issue = (authority: ServingCertificate): Promise<ServingCertificate> =>
      issueCertificate(authority, names, { fromMs, lifetimeMs: certificateLifetimeMs })
    if (step === 'issue' && shared !== undefined) {
      const authority = { certificate: shared.authorities[0] ?? '', key: shared.authorityKey }
      return { ...shared, authorities: trusted(shared.authorities, fromMs), ...(await issue(authority)) }
    }
    const authority = await makeAuthority(AUTHORITY_NAME, { fromMs, lifetimeMs: authorityLifetimeMs })
    const authorities = trusted([authority.certificate, ...(shared?.authorities ?? [])], fromMs)
    if (step === 'stage' && shared !== undefined) return { ...shared, authorities, authorityKey: authority.key }
    return { authorities, authorityKey: authority.key, ...(await issue(authority)) }
  }

  #take({ certificate, key }: SharedCertificates): void {
    if (certificate === this.#used) return
    const { use, counters, logger } = this.#options
    use({ certificate, key })
    this.#used = certificate
    const endsMs = endOf(certificate) ?? 0
    counters.certificateEndsSeconds = endsMs / 1000
    logger.log('certificate_used', { ends: new Date(endsMs).toISOString() }, 'a certificate is in use')
  }

  /** Puts the authorities into every webhook of the configuration that lacks them. */
  async #publish(authorities: readonly string[]): Promise<void> {
    const { api, webhookConfiguration, logger } = this.#options
    const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookConfiguration}`
    const object = await api.get(path)
    const bundle = Buffer.from(authorities.join('')).toString('base64')
    const stale = mappingsAt(object, 'webhooks', []).flatMap(({ value }, i) =>
      mappingAt(value, 'clientConfig')['caBundle'] === bundle ? [] : [i],
    )
    if (listAt(object, 'webhooks').length === 0) throw new RangeError(`${webhookConfiguration} has no webhooks`)
    if (stale.length === 0) return
    const version = mappingAt(object, 'metadata')['resourceVersion']
    await api.patch(path, [
      { op: 'test', path: '/metadata/resourceVersion', value: version },
      ...stale.map((i) => ({
        op: 'add' as const,
        path: pointer('webhooks', i, 'clientConfig', 'caBundle'),
        value: bundle,
      })),
    ])
    logger.log('authority_published', { webhookConfiguration }, 'API servers are told whom to trust')
  }
}

const STEP_WORDS: Readonly<Record<Step, string>> = {
  create: 'a new authority and certificate are made',
  stage: 'the next authority is made; it signs once API servers know it',
  issue: 'a new certificate is signed',
  keep: '',
}

/** What most likely mends it. */
function hintFor(error: unknown): string {
  if (!(error instanceof KubernetesError)) return ''
  if (error.status === 403) return '; the service account of the injector needs get and update of this object (RBAC)'
  if (error.status === 404)
    return '; the chart makes this object: is certificate.secret, or webhookConfiguration, its name?'
  return ''
}

function certificatesOf(secret: KubeObject): SharedCertificates | undefined {
  const data = mappingAt(secret, 'data')
  const [bundle, authorityKey, certificate, key] = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'].map((name) =>
    Buffer.from(String(data[name] ?? ''), 'base64').toString('utf8'),
  ) as [string, string, string, string]
  if (bundle === '' || authorityKey === '' || certificate === '' || key === '') return undefined
  return { authorities: splitBundle(bundle), authorityKey, certificate, key }
}

function dataOf({ authorities, authorityKey, certificate, key }: SharedCertificates): Record<string, string> {
  const texts = { 'ca.crt': authorities.join(''), 'ca.key': authorityKey, 'tls.crt': certificate, 'tls.key': key }
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Buffer.from(text).toString('base64')]))
}
