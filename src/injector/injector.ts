/** Builds an injector and runs it: certificates, the webhook, health and metrics; and stops it without failing a review. */
import { X509Certificate } from 'node:crypto'
import type { Answer, Question } from '../admin/routes.ts'
import { type Admin, startPages } from '../admin/server.ts'
import { DRAIN_DEADLINE_MS } from '../bounds.ts'
import { SecretKeeper } from '../secret-keeper.ts'
import { LogLimiter } from '../telemetry/log-limiter.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { CertificateKeeper } from './certificate-keeper.ts'
import { InjectorCounters } from './injector-counters.ts'
import type { InjectorConfig } from './injector-file.ts'
import { createInjectorMetrics } from './injector-metrics.ts'
import type { KubeApi } from './kube-api.ts'
import { type ServingCertificate, Webhook } from './webhook.ts'

export interface InjectorOptions {
  readonly config: InjectorConfig
  readonly logger: Logger
  /** For certificates that are made here. */
  readonly api: KubeApi | undefined
  /** How often certificates are looked at; tests do not wait. */
  readonly checkMs?: number
  readonly spreadMs?: number
}

export class Injector {
  readonly counters: InjectorCounters = new InjectorCounters()
  readonly #options: InjectorOptions
  readonly #limitedLog: LogLimiter
  readonly #webhook: Webhook
  readonly #metrics: Metrics
  #keeper: CertificateKeeper | undefined
  #files: SecretKeeper | undefined
  #admin: Admin | undefined
  #stopping = false

  constructor(options: InjectorOptions) {
    const { config, logger } = options
    this.#options = options
    this.#limitedLog = new LogLimiter(logger)
    this.#metrics = createInjectorMetrics(this.counters)
    const { counters } = this
    const { injection } = config
    this.#webhook = new Webhook({ ...config.listen, injection, counters, logger, limitedLog: this.#limitedLog })
  }

  /** Rejects with the system's error, or a ConfigError of certificate files. */
  async start(): Promise<void> {
    const { config, logger } = this.#options
    if (config.certificate.kind === 'files') this.#openFiles(config.certificate.certFile, config.certificate.keyFile)
    await this.#webhook.listen()
    this.#admin = await startPages({
      ...config.admin,
      answer: (question) => this.#answer(question),
      onError: (error, path) => logger.log('admin_failed', { path, err: error }, `${path} failed`),
    })
    await this.#startKeeper()
  }

  get port(): number {
    return this.#webhook.port
  }

  get admin(): { readonly host: string; readonly port: number } | undefined {
    return this.#admin
  }

  /** Why API servers should not call; empty: they may. */
  notReady(): readonly string[] {
    if (this.#stopping) return ['stopping']
    const why = this.#keeper?.notReady
    return why === undefined ? [] : [why]
  }

  /** Reviews go on until API servers have heard that this replica goes. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#keeper?.stop()
    this.#files?.close()
    await new Promise((resolve) => setTimeout(resolve, this.#options.config.stopDelayMs))
    const cut = setTimeout(() => this.#webhook.kill(), DRAIN_DEADLINE_MS - this.#options.config.stopDelayMs)
    await this.#webhook.close()
    clearTimeout(cut)
    this.#limitedLog.flush()
    await this.#admin?.close()
  }

  /** At once. */
  kill(): void {
    this.#webhook.kill()
    void this.#webhook.close()
    void this.#admin?.close()
  }

  #openFiles(certFile: string, keyFile: string): void {
    this.#files = new SecretKeeper(this.#options.logger, this.counters)
    this.#files.open([
      {
        section: 'certificate',
        files: { certFile, keyFile },
        take: ({ certFile: pem = '', keyFile: key = '' }) => this.#use({ certificate: pem, key }),
      },
    ])
    this.#files.watch()
  }

  #use(served: ServingCertificate): void {
    this.#webhook.setCertificate(served)
    this.counters.certificateEndsSeconds = Date.parse(new X509Certificate(served.certificate).validTo) / 1000
  }

  async #startKeeper(): Promise<void> {
    const { config, logger, api, checkMs, spreadMs } = this.#options
    const { certificate } = config
    if (certificate.kind !== 'own' || api === undefined) return
    const { lifetimeMs, authorityLifetimeMs, secret, webhookConfiguration, names } = certificate
    this.#keeper = new CertificateKeeper({
      api,
      secret,
      webhookConfiguration,
      names,
      authorityLifetimeMs,
      certificateLifetimeMs: lifetimeMs,
      counters: this.counters,
      logger,
      limitedLog: this.#limitedLog,
      use: (served) => this.#use(served),
      ...(checkMs === undefined ? {} : { checkMs }),
      ...(spreadMs === undefined ? {} : { spreadMs }),
    })
    await this.#keeper.start()
  }

  async #answer({ method, path }: Question): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD')
      return { ...plain(405, `${method} is not possible here; GET is`), allow: 'GET, HEAD' }
    switch (path) {
      case '/healthz':
        return json(200, { alive: true })
      case '/readyz': {
        const reasons = this.notReady()
        return json(reasons.length === 0 ? 200 : 503, { ready: reasons.length === 0, reasons })
      }
      case '/metrics':
        return { code: 200, type: this.#metrics.contentType, body: await this.#metrics.text() }
      default:
        return plain(404, 'no such page; there are: /healthz /readyz /metrics')
    }
  }
}

function json(code: number, value: object): Answer {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

function plain(code: number, message: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${message}\n` }
}
