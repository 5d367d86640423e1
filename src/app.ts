/**
 * The composition root: builds everything, wires it, starts, reloads, drains. The only file that knows all rooms.
 */
import type { Server, Socket } from 'node:net'
import { KAFKA_VERSION } from 'kafka-protocol-codec'
import { type Admin, startAdmin } from './admin/server.ts'
import {
  BROKERS_MAX,
  DRAIN_DEADLINE_MS,
  GROUP_CLIENTS_MAX,
  METRICS_REVIEW_MS,
  OTLP_LAST_PUSH_MS,
  TOPICS_MAX,
} from './bounds.ts'
import { ClientLedger } from './client-ledger.ts'
import {
  type Address,
  AddressBook,
  type BrokerChange,
  type BrokerEntry,
  formatAddress,
} from './cluster/address-book.ts'
import { GroupBook } from './cluster/group-book.ts'
import { TopicBook } from './cluster/topic-book.ts'
import { dialledHost } from './config/addresses.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/config-error.ts'
import { policyChange } from './explain/audit-words.ts'
import type { Policy } from './explain/policy-document.ts'
import { followQuotas } from './follow-quotas.ts'
import { Insight } from './insight.ts'
import { BucketTable } from './limiter/bucket-table.ts'
import { LevelTable } from './limiter/level-table.ts'
import { Absences } from './net/absences.ts'
import { epochMs, monotonicMs } from './net/clock.ts'
import type { Candidates } from './net/connection-events.ts'
import { Discovery } from './net/discovery.ts'
import { Gateway } from './net/gateway.ts'
import { BrokerListeners, listen, portOf } from './net/listeners.ts'
import type { QuotaFollower } from './net/quota-follower.ts'
import { Picture } from './picture.ts'
import { behaviourOf } from './policy/client-libraries.ts'
import { PolicyKeeper } from './policy-keeper.ts'
import { Reachability } from './reachability.ts'
import { Security } from './security.ts'
import type { SessionContext } from './session/context.ts'
import { Counters } from './session/counters.ts'
import { SeriesBooks } from './session/series-books.ts'
import type { ConfigReport, ReloadOutcome, Sluice, SluiceStatus } from './sluice.ts'
import { LogLimiter } from './telemetry/log-limiter.ts'
import type { Logger } from './telemetry/logger.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import type { OtlpPush } from './telemetry/otlp/otlp-push.ts'
import { type OtlpSettings, otlpSettings } from './telemetry/otlp/settings.ts'
import { packageVersion } from './version.ts'

/** What the caller brings. */
export interface SluiceDependencies {
  readonly logger: Logger
  readonly counters?: Counters
  /** Whether the configuration file, as it stands, is the one in force; a reload that failed makes it invalid. */
  readonly configReport?: () => ConfigReport
  /** Variables of the process, where OpenTelemetry has its own; none if not said. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Reads the file again, for `POST /api/reload`. */
  readonly reload?: (peer: string) => ReloadOutcome | Promise<ReloadOutcome>
}

/**
 * Starts a sluice: listens for clients at once, asks the cluster for its brokers, serves health and metrics.
 * Rejects with the system's error when an address cannot be listened on; an unreachable cluster is no error (`/readyz` says it).
 */
export async function startSluice(config: Config, dependencies: SluiceDependencies): Promise<Sluice> {
  const sluice = new App(config, dependencies)
  try {
    await sluice.start(dependencies)
  } catch (error) {
    sluice.kill()
    throw error
  }
  return sluice
}

/** What sockets, tables and identities were made of at the start. */
const FIXED_SECTIONS = [
  'upstream',
  'listen',
  'admin',
  'labels',
  'followKafka',
  'limits',
  'metrics',
  'telemetry',
] as const
/** How often windows of time and limits that come down are looked at. */
const TICK_MS = 1_000

class App implements Sluice {
  readonly counters: Counters
  #config: Config
  readonly #logger: Logger
  readonly #limitedLog: LogLimiter
  readonly #book: AddressBook = new AddressBook(BROKERS_MAX)
  readonly #context: SessionContext
  readonly #policies: PolicyKeeper
  readonly #timer: NodeJS.Timeout
  readonly #security: Security
  readonly #gateway: Gateway
  readonly #ledger: ClientLedger = new ClientLedger()
  readonly #listeners: BrokerListeners
  readonly #absences: Absences
  readonly #discovery: Discovery
  readonly #follower: QuotaFollower | undefined
  readonly #insight: Insight
  readonly #reachability: Reachability
  readonly #picture: Picture
  #bootstrapServer: Server | undefined
  #listenPort: number
  #admin: Admin | undefined
  #otlp: OtlpPush | undefined
  #draining = false
  /** When it is looked next which clients are busiest. */
  #reviewAtMs = 0

  constructor(config: Config, { logger, counters, configReport }: SluiceDependencies) {
    this.#config = config
    this.#listenPort = config.listen.port
    this.#logger = logger
    this.#limitedLog = new LogLimiter(logger)
    this.counters = counters ?? new Counters()
    this.#security = new Security({
      config,
      logger,
      counters: this.counters,
      turnedAway: (host, reason, detail) => this.#gateway.turnedAway(host, reason, detail),
    })
    const { upstream } = this.#security
    this.#policies = new PolicyKeeper(config, monotonicMs(), new Date())
    this.#context = this.#makeContext(config)
    this.#reachability = new Reachability({
      bootstrap: config.upstream.bootstrap,
      book: this.#book,
      attempts: this.#context.series.brokers,
      limitedLog: this.#limitedLog,
      lost: () => void this.#discovery.ask(),
    })
    this.#gateway = new Gateway({
      context: this.#context,
      logger,
      limitedLog: this.#limitedLog,
      connectionsMax: config.limits.connectionsMax,
      upstream,
      dialled: (address, error) => this.#dialled(address, error),
      ended: (connection) => this.#ledger.left(connection.session),
    })
    this.#picture = this.#makePicture()
    this.#listeners = new BrokerListeners({
      host: config.listen.host,
      advertisedHost: advertisedHost(config),
      ports: config.listen.brokerPorts,
      book: this.#book,
      accept: (socket, entry) => this.#accept(socket, () => [entry.address]),
      outcome: (entry, error) => this.#listenerOutcome(entry, error),
    })
    this.#absences = this.#makeAbsences()
    this.#book.onChange((entry, change) => this.#brokerChanged(entry, change))
    this.#follower = followQuotas({
      ...{ config, upstream, logger, counters: this.counters, limitedLog: this.#limitedLog },
      ...{ reachability: this.#reachability, policies: this.#policies },
      inForce: () => this.#inForce,
      policyChanged: () => this.#policyChanged(),
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
    this.#discovery = new Discovery({
      bootstrap: config.upstream.bootstrap,
      book: this.#book,
      upstream,
      asked: (address, outcome) => this.#reachability.asked(address, outcome),
    })
    this.#insight = this.#makeInsight(configReport)
  }

  #makeInsight(configReport: SluiceDependencies['configReport']): Insight {
    return new Insight({
      config: () => this.#config,
      sluice: this,
      context: this.#context,
      policies: this.#policies,
      clients: () => this.#picture.clients(),
      sessions: () => this.#picture.sessions(),
      keyOf: (session) => this.#ledger.keyOf(session),
      configReport,
      nowMs: monotonicMs,
    })
  }

  #makeAbsences(): Absences {
    return new Absences({
      book: this.#book,
      listeners: this.#listeners,
      changed: (entry, isAway) => this.#absenceChanged(entry, isAway),
      failed: (entry, error) => this.#listenerOutcome(entry, error),
    })
  }

  #makePicture(): Picture {
    return new Picture({
      counters: this.counters,
      book: this.#book,
      reachability: this.#reachability,
      policies: this.#policies,
      ledger: this.#ledger,
      gateway: this.#gateway,
      isDraining: () => this.#draining,
    })
  }

  #makeContext({ limits, labels, metrics }: Config): SessionContext {
    return {
      policy: this.#policies.policy,
      buckets: new BucketTable(limits.bucketsMax),
      levels: new LevelTable(),
      topics: new TopicBook(TOPICS_MAX),
      groups: new GroupBook(GROUP_CLIENTS_MAX),
      series: new SeriesBooks(metrics, this.#book),
      counters: this.counters,
      book: this.#book,
      behaviourOf: (software) => behaviourOf(software, this.#config.clients),
      frameBytesMax: limits.frameBytesMax,
      epochMs: epochMs(),
      labels,
      login: this.#security.logins,
      verifier: this.#security.verifier,
    }
  }

  async start({ configReport, reload, env = {} }: SluiceDependencies): Promise<void> {
    const { listen: where, admin, telemetry } = this.#config
    const otlp = otlpSettings(telemetry.otlp, env)
    this.#bootstrapServer = await listen(where.host, where.port, (socket) =>
      this.#accept(socket, () => this.#reachability.bootstrap()),
    )
    this.#listenPort = portOf(this.#bootstrapServer)
    const metrics = createMetrics({
      counters: this.counters,
      version: packageVersion(),
      kafkaProtocol: KAFKA_VERSION,
      quotas: () => this.#picture.quotas(),
      series: this.#context.series,
      buckets: () => this.#context.buckets.byQuota(monotonicMs()),
      fold: () => this.#context.series.fold(this.#picture.meters(), monotonicMs()),
      configValid: () => configReport?.().valid ?? true,
      ready: () => this.#picture.notReady().length === 0,
      certificates: () => this.#security.certificates,
    })
    if (admin !== undefined) {
      this.#admin = await startAdmin({
        host: admin.host,
        port: admin.port,
        token: () => this.#security.adminToken,
        metrics,
        status: () => this.status(),
        insight: this.#insight,
        configReport,
        reload,
        denied: (peer, path, why) => this.#denied(peer, path, why),
        onError: (error, path) => this.#logger.log('admin_failed', { path, err: error }, `${path} failed`),
      })
      this.#insight.start()
    }
    if (otlp !== undefined) await this.#startOtlp(otlp, metrics)
    this.#security.start()
    this.#discovery.start()
    this.#follower?.start()
  }

  /** The SDK is loaded only here: it costs memory that others keep. */
  async #startOtlp(settings: OtlpSettings, metrics: Metrics): Promise<void> {
    const { startOtlp } = await import('./telemetry/otlp/otlp-push.ts')
    this.#otlp = startOtlp({
      ...{ settings, metrics, counters: this.counters, logger: this.#logger, limitedLog: this.#limitedLog },
      secretHeaders: () => this.#security.otlpHeaders,
      version: packageVersion(),
      labels: this.#config.labels,
    })
  }

  #accept(accepted: Socket, candidates: Candidates): void {
    this.#security.secure(accepted, (socket, hello) => this.#gateway.accept(socket, candidates, hello))
  }

  get listen(): Address {
    return { host: this.#config.listen.host, port: this.#listenPort }
  }

  get admin(): Address | undefined {
    return this.#admin === undefined ? undefined : { host: this.#admin.host, port: this.#admin.port }
  }

  status(): SluiceStatus {
    return this.#picture.status()
  }

  reload(config: Config): void {
    const fixed = FIXED_SECTIONS.filter((name) => JSON.stringify(config[name]) !== JSON.stringify(this.#config[name]))
    if (fixed.length > 0) {
      throw new ConfigError(
        fixed.map((path) => ({
          path,
          line: 0,
          column: 0,
          message: 'changed, and needs a restart; nothing was reloaded',
        })),
      )
    }
    this.#config = config
    this.#logger.level = config.log.level
    this.#policies.configure(config, monotonicMs(), new Date())
    this.#policyChanged()
  }

  get #inForce(): Policy {
    const { mode, clients } = this.#config
    return { mode, clients, quotas: this.#policies.rules }
  }

  #policyChanged(): void {
    this.#context.policy = this.#policies.policy
    this.#gateway.policyChanged()
  }

  /** What the clock brings, about once a second. */
  #tick(): void {
    const nowMs = monotonicMs()
    this.#context.epochMs = epochMs()
    this.#context.buckets.tick(nowMs)
    this.#context.groups.sweep(nowMs)
    if (nowMs >= this.#reviewAtMs) {
      this.#reviewAtMs = nowMs + METRICS_REVIEW_MS
      this.#context.series.review(this.#picture.meters(), nowMs)
    }
    this.#limitedLog.sweep()
    this.#security.tick(Date.now())
    const before = this.#inForce
    if (!this.#policies.tick(nowMs, new Date())) return
    this.#policyChanged()
    const change = policyChange(before, this.#inForce)
    this.#logger.log(
      'schedule_changed',
      { trigger: 'schedule', ...change },
      'a window of a schedule has opened or closed',
    )
  }

  async drain(deadlineMs: number = DRAIN_DEADLINE_MS): Promise<'clean' | 'deadline'> {
    this.#draining = true
    this.#stopListening()
    const startedMs = monotonicMs()
    const outcome = await this.#gateway.drain(deadlineMs)
    const leftMs = deadlineMs - (monotonicMs() - startedMs)
    await this.#otlp?.stop(Math.max(0, Math.min(leftMs, OTLP_LAST_PUSH_MS)))
    await this.#stop()
    return outcome
  }

  kill(): void {
    this.#draining = true
    this.#stopListening()
    this.#gateway.kill()
    void this.#otlp?.stop(0)
    void this.#stop()
  }

  #stopListening(): void {
    this.#bootstrapServer?.close()
    this.#absences.stop()
    this.#listeners.close()
    this.#discovery.stop()
    this.#follower?.stop()
    this.#insight.stop()
  }

  async #stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#gateway.close()
    this.#security.close()
    this.#limitedLog.flush()
    await this.#admin?.close()
  }

  #denied(peer: string, path: string, why: string): void {
    this.counters.adminForbidden++
    this.#limitedLog.log('admin_forbidden', peer, { peer, path, detail: why }, `${peer} was denied ${path}: ${why}`)
  }

  #brokerChanged(entry: BrokerEntry, change: BrokerChange): void {
    const { nodeId, address } = entry
    if (change !== 'unserved') {
      this.#logger.log(
        `broker_${change}`,
        { nodeId, address: formatAddress(address) },
        `broker ${nodeId} ${change === 'joined' ? 'is' : 'has moved to'} ${formatAddress(address)}`,
      )
    }
    if (change === 'moved') this.#absences.moved(entry)
    void this.#listeners.open(entry)
  }

  #dialled(address: Address, error: Error | undefined): void {
    this.#reachability.dialled(address, error)
    if (error !== undefined) this.#absences.notReached(address, error)
  }

  #absenceChanged({ nodeId, address, local }: BrokerEntry, isAway: boolean): void {
    const fields = { nodeId, address: formatAddress(address), port: local?.port ?? 0 }
    const key = String(nodeId)
    const who = `broker ${nodeId} at ${fields.address}`
    if (isAway) {
      const message = `${who} refuses connections: port ${fields.port} does so, too, until it is back`
      this.#limitedLog.log('broker_away', key, fields, message)
    } else {
      // With TLS more has to go well than a connection: the next client finds out.
      if (this.#config.upstream.tls === undefined) this.#reachability.dialled(address, undefined)
      this.#limitedLog.log(
        'broker_back',
        key,
        fields,
        `${who} takes connections again, and so does port ${fields.port}`,
      )
    }
  }

  #listenerOutcome(entry: BrokerEntry, error: Error | undefined): void {
    if (error === undefined) {
      this.#logger.log(
        'broker_listener',
        { nodeId: entry.nodeId, port: entry.local?.port },
        `port ${entry.local?.port} stands for broker ${entry.nodeId}`,
      )
      this.#gateway.listenerReady()
      return
    }
    this.#limitedLog.log('broker_port_failed', String(entry.nodeId), { nodeId: entry.nodeId }, error.message)
    this.#gateway.listenerFailed(entry, error)
  }
}

/** What clients are told to connect to: a wildcard address is none, and on one machine loopback is meant. */
function advertisedHost({ listen: { host, advertisedHost: told } }: Config): string {
  return told ?? dialledHost(host)
}
