/**
 * `npm start`: a real Kafka, the sluice in front of it with a limit, and two real applications that know only localhost,
 * one under its limit, one far over it. Ends with a verdict that is also the exit code.
 * Whatever happens, and whenever Ctrl-C comes, what was started is stopped in reverse order.
 */
import { setInterval as ticks } from 'node:timers/promises'
import { EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK } from '../cli/exit-code.ts'
import { formatByteRate, formatDuration } from '../cli/format.ts'
import type { Terminal } from '../cli/terminal.ts'
import { formatAddress } from '../cluster/address-book.ts'
import { AppFailedError, AppProcess } from './app-process.ts'
import { DemoSluice, demoLimit } from './demo-sluice.ts'
import { type KafkaCluster, KafkaUnavailableError, startKafka } from './kafka/index.ts'
import { createOutput, type DemoOutput } from './output.ts'
import { appConfigs } from './plan.ts'
import { type DemoResult, verdict } from './report.ts'
import { Scene } from './scene.ts'
import type { DemoPhase } from './screen.ts'

/** What the user asked for. */
export interface DemoOptions {
  readonly seconds: number
  /** As written: `1MB/s`. */
  readonly produceRate: string
  /** A Kafka of the user's own. */
  readonly upstream?: string
  readonly json: boolean
}

const TICK_MS = 500
/** At most this much of the run, and at most a third of it, is left to the burst. */
const BURST_SECONDS_MAX = 5

/** Runs the demo and resolves with its exit code. Throws ConfigError for a rate or an address that makes no sense. */
export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<number> {
  const limit = demoLimit(options)
  const output = createOutput(terminal, options.json)
  const interrupt = new AbortController()
  const onSignal = (): void => {
    // A second Ctrl-C does not wait; the children see their channel close and end themselves.
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED)
    interrupt.abort()
    output.notice('stopping …')
  }
  terminal.signals.on('SIGINT', onSignal)
  terminal.signals.on('SIGTERM', onSignal)
  const demo = new Demo(options, limit, output, interrupt.signal)
  try {
    const result = await demo.run()
    output.report(result)
    return verdict(result).every(({ ok }) => ok) ? EXIT_OK : EXIT_FAILURE
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED
    if (!(error instanceof KafkaUnavailableError || error instanceof AppFailedError)) throw error
    terminal.err(`${error.message}\n`)
    return EXIT_FAILURE
  } finally {
    await demo.close()
    terminal.signals.off('SIGINT', onSignal)
    terminal.signals.off('SIGTERM', onSignal)
  }
}

class Demo {
  readonly #options: DemoOptions
  readonly #limit: number
  readonly #output: DemoOutput
  readonly #signal: AbortSignal
  readonly #closers: (() => Promise<unknown>)[] = []

  constructor(options: DemoOptions, limit: number, output: DemoOutput, signal: AbortSignal) {
    this.#options = options
    this.#limit = limit
    this.#output = output
    this.#signal = signal
  }

  async run(): Promise<DemoResult> {
    const kafka = await this.#startKafka()
    const sluice = await this.#startSluice(kafka)
    const apps = await this.#startApps(sluice)
    const scene = new Scene({
      sluice,
      apps,
      kafka: `Kafka (${kafka.provider})`,
      upstream: this.#options.upstream,
      limitBytesPerSecond: this.#limit,
      limitText: this.#options.produceRate,
      totalSeconds: this.#options.seconds,
      burstSeconds: Math.min(BURST_SECONDS_MAX, this.#options.seconds / 3),
    })
    await this.#watch(scene, apps, this.#options.seconds)
    await this.#settle(scene, apps)
    return scene.result()
  }

  /** In reverse order of starting, each in spite of the others' errors. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) {
      await close().catch((error: unknown) => this.#output.notice(`while stopping: ${String(error)}`))
    }
  }

  async #startKafka(): Promise<KafkaCluster> {
    const { upstream } = this.#options
    const startedMs = performance.now()
    this.#output.notice(upstream === undefined ? 'starting Kafka …' : `looking for Kafka at ${upstream} …`)
    // Given up by Ctrl-C while it starts; once it runs, it is stopped last, by close().
    const giveUp = new AbortController()
    const onInterrupt = (): void => giveUp.abort()
    this.#signal.addEventListener('abort', onInterrupt)
    try {
      const log = (line: string): void => this.#output.notice(`  ${line}`)
      const properties = { 'group.initial.rebalance.delay.ms': '0' }
      const kafka = await startKafka({ upstream, log, signal: giveUp.signal, properties })
      this.#closers.push(() => kafka.stop())
      const took = formatDuration(performance.now() - startedMs)
      this.#output.notice(`Kafka at ${kafka.bootstrap} (${kafka.provider}), ${took}`)
      this.#signal.throwIfAborted()
      return kafka
    } finally {
      this.#signal.removeEventListener('abort', onInterrupt)
    }
  }

  async #startSluice(kafka: KafkaCluster): Promise<DemoSluice> {
    const sluice = await DemoSluice.start(kafka.bootstrap, this.#options.produceRate)
    this.#closers.push(() => sluice.stop())
    this.#signal.throwIfAborted()
    const limit = formatByteRate(this.#limit)
    this.#output.notice(`sluice at ${formatAddress(sluice.listen)}: ${limit} of Produce for each client id`)
    this.#output.notice(`metrics: curl ${sluice.metricsUrl}`)
    return sluice
  }

  async #startApps(sluice: DemoSluice): Promise<AppProcess[]> {
    this.#output.notice('two applications are connecting …')
    const bootstrap = formatAddress(sluice.listen)
    const deleteTopic = this.#options.upstream !== undefined
    const apps = appConfigs({ bootstrap, limitBytesPerSecond: this.#limit, deleteTopic }).map((config) => {
      const app = new AppProcess(config)
      this.#closers.push(() => app.leave())
      return app
    })
    await this.#unlessInterrupted(Promise.all(apps.map((app) => app.start())))
    return apps
  }

  /** Shows how things stand until the time is over or an application fails. */
  async #watch(scene: Scene, apps: readonly AppProcess[], seconds: number): Promise<void> {
    const over = new AbortController()
    const failure = Promise.race(apps.map((app) => app.done))
    const watching = this.#show(scene, over.signal, () => (scene.inBurst() ? 'burst' : 'measuring'), seconds)
    try {
      await this.#unlessInterrupted(Promise.race([failure, watching]))
    } finally {
      over.abort()
      await watching
    }
  }

  /** Stops the load, and shows the screen until the last record is consumed. */
  async #settle(scene: Scene, apps: readonly AppProcess[]): Promise<void> {
    scene.endWindow()
    const over = new AbortController()
    const watching = this.#show(scene, over.signal, () => 'settling', Number.POSITIVE_INFINITY)
    try {
      await this.#unlessInterrupted(Promise.all(apps.map((app) => app.finish())))
    } finally {
      over.abort()
      await watching
    }
  }

  async #show(scene: Scene, signal: AbortSignal, phase: () => DemoPhase, seconds: number): Promise<void> {
    try {
      for await (const _ of ticks(TICK_MS, undefined, { signal })) {
        this.#output.live(scene.state(phase()))
        if (scene.elapsedSeconds() >= seconds) return
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Rejects at Ctrl-C; what was under way is ended by `close`. */
  #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    const interrupted = Promise.withResolvers<never>()
    const onAbort = (): void => interrupted.reject(this.#signal.reason)
    if (this.#signal.aborted) onAbort()
    this.#signal.addEventListener('abort', onAbort)
    return Promise.race([work, interrupted.promise]).finally(() => this.#signal.removeEventListener('abort', onAbort))
  }
}
