/** A running sluice between a raw client and a fake broker, all in this process; whatever a test leaves open fails it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startSluice } from '../../src/app.ts'
import type { Config } from '../../src/config/config.ts'
import type { CloseReason } from '../../src/session/counters.ts'
import { DEFAULT_SERIES } from '../../src/session/series-books.ts'
import type { Sluice } from '../../src/sluice.ts'
import { createLogger, type Logger } from '../../src/telemetry/logger.ts'
import { type FakeBroker, type FakeBrokerOptions, startFakeBroker } from '../support/fake-broker.ts'
import { connectRaw, FAST, noSocketsLeft, type RawClient, type Target } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'

export interface SceneOptions {
  readonly brokers?: readonly FakeBrokerOptions[]
  /** Parts of the configuration that differ from a transparent proxy on free ports. */
  readonly config?: Partial<Config>
  /** Bootstrap addresses, if not those of the brokers. */
  readonly bootstrap?: readonly Target[]
}

/** A log line. */
export type Line = Readonly<Record<string, unknown>>

export function collectingLogger(lines: Line[]): Logger {
  const destination = { write: (line: string): void => void lines.push(JSON.parse(line)) }
  return createLogger({ level: 'debug', pretty: false, destination })
}

/** A configuration of nothing but a transparent proxy on free ports. */
export function plainConfig(bootstrap: readonly Target[], parts: Partial<Config> = {}): Config {
  return {
    upstream: { bootstrap },
    listen: { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined },
    admin: undefined,
    labels: {},
    exempt: [],
    quotas: [],
    telemetry: { otlp: undefined },
    followKafka: undefined,
    mode: 'enforce',
    clients: [],
    limits: { frameBytesMax: 104_857_600, connectionsMax: 1_000, bucketsMax: 1_000 },
    metrics: DEFAULT_SERIES,
    log: { level: 'debug' },
    ...parts,
  }
}

export async function startScene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const brokers = await Promise.all((options.brokers ?? [{}]).map((broker) => startFakeBroker(broker)))
  const lines: Line[] = []
  const bootstrap = options.bootstrap ?? brokers.map((broker) => broker.address)
  const config = plainConfig(bootstrap, options.config)
  const sluice = await startSluice(config, { logger: collectingLogger(lines) })
  const scene = new Scene(sluice, config, brokers, lines)
  t.after(() => scene.close())
  return scene
}

export class Scene {
  readonly sluice: Sluice
  readonly config: Config
  readonly brokers: readonly FakeBroker[]
  readonly lines: readonly Line[]
  readonly #clients: RawClient[] = []
  readonly #others: (() => unknown)[] = []

  constructor(sluice: Sluice, config: Config, brokers: readonly FakeBroker[], lines: readonly Line[]) {
    this.sluice = sluice
    this.config = config
    this.brokers = brokers
    this.lines = lines
  }

  get broker(): FakeBroker {
    return this.brokers[0] as FakeBroker
  }

  /** Connects to the bootstrap listener, or to `port`. */
  async client(port: number = this.sluice.listen.port, host: string = this.sluice.listen.host): Promise<RawClient> {
    const client = await connectRaw({ host, port })
    this.#clients.push(client)
    return client
  }

  /** Connects, and is hung up on: maybe before its kernel has told it that it is connected. */
  async hungUpOn(): Promise<void> {
    const client = await this.client().catch(({ code }: NodeJS.ErrnoException) => {
      assert.equal(code, 'ECONNRESET')
    })
    if (client === undefined) return
    await waitFor('it is hung up on', () => client.closed, FAST)
    assert.equal(client.error?.code, 'ECONNRESET')
  }

  /** The local port that stands for a broker, once there is one. */
  async portOf(nodeId: number): Promise<number> {
    return waitFor(
      `broker ${nodeId} has a local port`,
      () => this.sluice.status().brokers.find((broker) => broker.nodeId === nodeId)?.localPort || undefined,
      FAST,
    )
  }

  /** Waits until every session is over, and checks that exactly these reasons were counted. */
  async ended(expected: Partial<Record<CloseReason, number>>): Promise<void> {
    const { counters } = this.sluice
    await waitFor('every connection of the sluice is over', () => counters.connections === 0, {
      timeoutMs: 10_000,
      ...FAST,
    })
    assert.deepEqual(this.counted(), expected)
  }

  /** Why sessions ended so far: reasons with a count. */
  counted(): Partial<Record<CloseReason, number>> {
    return Object.fromEntries(Object.entries(this.sluice.counters.disconnects).filter(([, count]) => count > 0))
  }

  /** Log lines of an event. */
  said(event: string): Line[] {
    return this.lines.filter((line) => line['event'] === event)
  }

  /** What else has to be closed at the end of the test. */
  alsoClose(close: () => unknown): void {
    this.#others.push(close)
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    this.sluice.kill()
    for (const close of this.#others) await close()
    await Promise.all(this.brokers.map((broker) => broker.close()))
    await noSocketsLeft()
    assert.equal(this.sluice.counters.connections, 0, 'connections that are counted as open')
    assert.equal(this.sluice.counters.disconnects.internal_error, 0, JSON.stringify(this.said('internal_error')))
    const { accepted } = this.sluice.counters.connectionsTotal
    const over = Object.values(this.counted()).reduce((sum, count) => sum + count, 0)
    assert.ok(over >= accepted, `${accepted} accepted, ${over} ended with a reason`)
  }
}
