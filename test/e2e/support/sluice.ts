/**
 * A sluice as users run it: the command in a process of its own, in front of a real Kafka, with a configuration file. When
 * the test is over it is drained, and what it must never do, an internal error, an exit code, a process left, fails the test.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import {
  type KafkaCluster,
  type KafkaOptions,
  KafkaUnavailableError,
  startKafka,
} from '../../../src/demo/kafka/index.ts'
import type { SluiceStatus } from '../../../src/sluice.ts'
import { SluiceMetrics } from '../../support/sluice-metrics.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'

/** SLUICE_PROGRAM: another build of it, such as the image's bundle. */
const COMMAND = process.env['SLUICE_PROGRAM'] ?? fileURLToPath(new URL('../../../bin/kafka-sluice.js', import.meta.url))
/** Fails instead of skipping, as in test/support/clients.ts. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'
/** Above the drain's own deadline. */
const STOP_MAX_MS = 40_000

export interface SluiceOptions {
  /** Where it forwards to: a cluster that runs, or its addresses. */
  readonly upstream: KafkaCluster | string
  /** `quotas:` of the configuration file: a list, or a mapping with `followKafka`. */
  readonly quotas?: object
  /** More of the configuration file, in its own words; its keys replace ours. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Flags of `run` on top. */
  readonly flags?: readonly string[]
  /** Flags of Node, such as `--expose-gc`. */
  readonly nodeFlags?: readonly string[]
  /** False: it is to be seen how it fails to become ready. */
  readonly awaitReady?: boolean
}

export interface LogLine {
  readonly level: string | number
  readonly msg: string
  readonly [field: string]: unknown
}

export interface RunningSluice {
  /** What clients put into `bootstrap.servers`. */
  readonly bootstrap: string
  readonly adminUrl: string
  readonly pid: number
  /** Its configuration file, for what `reload` does not write. */
  readonly configFile: string
  /** Its log so far. */
  readonly logs: readonly LogLine[]
  metrics(): Promise<SluiceMetrics>
  /** `/api/status`. */
  status(): Promise<SluiceStatus>
  /** Writes new quotas and reloads (SIGHUP); returns when they are in force. */
  reload(quotas: object): Promise<void>
  /** Drains it and looks whether all was well. Called by itself at the test's end; a second call does nothing. */
  stop(): Promise<void>
}

/** Starts a Kafka that the test's end stops. Undefined, and the test skipped with the reasons, where none can be had. */
export async function kafkaFor(context: Surroundings, options: KafkaOptions = {}): Promise<KafkaCluster | undefined> {
  try {
    const kafka = await startKafka(options)
    context.after(() => kafka.stop())
    return kafka
  } catch (error) {
    if (!(error instanceof KafkaUnavailableError) || REQUIRE_ALL) throw error
    context.skip(error.message.replaceAll('\n', ' '))
    return undefined
  }
}

/** Starts a sluice on free ports, and returns when it is ready. The test's end stops and judges it. */
export async function startSluice(context: Surroundings, options: SluiceOptions): Promise<RunningSluice> {
  const sluice = new SluiceProcess(await mkdtemp(join(tmpdir(), 'sluice-e2e-')), options)
  context.after(() => sluice.stop())
  await sluice.start()
  return sluice
}

/** As `startSluice`, for the time of `body`. */
export async function withSluice<T>(
  context: Surroundings,
  options: SluiceOptions,
  body: (sluice: RunningSluice) => Promise<T>,
): Promise<T> {
  const sluice = await startSluice(context, options)
  const result = await body(sluice)
  await sluice.stop()
  return result
}

class SluiceProcess implements RunningSluice {
  readonly logs: LogLine[] = []
  bootstrap = ''
  adminUrl = ''
  readonly #directory: string
  readonly #options: SluiceOptions
  #child: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()
  #output = ''
  #stopped: Promise<void> | undefined

  constructor(directory: string, options: SluiceOptions) {
    this.#directory = directory
    this.#options = options
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(): Promise<void> {
    const { flags = [], nodeFlags = [], quotas = [] } = this.#options
    await this.#writeConfig(quotas)
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SLUICE_|NODE_)/.test(name)))
    const child = spawn(process.execPath, [...nodeFlags, COMMAND, 'run', '--config', this.configFile, ...flags], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#exited = once(child, 'close')
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (l) => this.#line(l))
    const started = await this.#until('it listens', () => this.logs.find((line) => typeof line['listen'] === 'string'))
    this.bootstrap = String(started['listen'])
    this.adminUrl = String(started['admin'])
    if (this.#options.awaitReady === false) return
    await this.#until('it is ready', async () => (await fetch(`${this.adminUrl}/readyz`)).ok)
  }

  async metrics(): Promise<SluiceMetrics> {
    return new SluiceMetrics(await (await fetch(`${this.adminUrl}/metrics`)).text())
  }

  async status(): ReturnType<RunningSluice['status']> {
    return (await fetch(`${this.adminUrl}/api/status`)).json() as ReturnType<RunningSluice['status']>
  }

  async reload(quotas: object): Promise<void> {
    const reloads = (): number => this.logs.filter(({ msg }) => msg === 'configuration reloaded').length
    const before = reloads()
    await this.#writeConfig(quotas)
    this.#child?.kill('SIGHUP')
    await this.#until('it has reloaded', () => reloads() > before)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  get configFile(): string {
    return join(this.#directory, 'sluice.yaml')
  }

  async #writeConfig(quotas: object): Promise<void> {
    const { upstream, config = {} } = this.#options
    const document = {
      upstream: { bootstrap: typeof upstream === 'string' ? upstream : upstream.bootstrap },
      listen: { host: '127.0.0.1', port: 0, brokerPorts: 0 },
      admin: { host: '127.0.0.1', port: 0 },
      quotas,
      ...config,
    }
    // JSON is YAML.
    await writeFile(this.configFile, JSON.stringify(document, undefined, 2))
  }

  async #stop(): Promise<void> {
    try {
      if (this.#child === undefined) return
      const { exitCode, signalCode } = this.#child
      const internalErrors = exitCode === null && this.adminUrl !== '' ? await this.#internalErrors() : 0
      this.#child.kill('SIGTERM')
      const killer = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MAX_MS)
      await this.#exited
      clearTimeout(killer)
      const wasRunning = exitCode === null && signalCode === null
      assert.ok(wasRunning, `the sluice had ended with ${exitCode ?? signalCode}:\n${this.#output}`)
      assert.equal(this.#child.exitCode, 0, `the sluice does not end well:\n${this.#output}`)
      assert.equal(internalErrors, 0, `the sluice had internal errors:\n${this.#output}`)
      assert.ok(!/internal_error|uncaught/i.test(this.#output), `the sluice speaks of its own errors:\n${this.#output}`)
    } finally {
      await rm(this.#directory, { recursive: true, force: true })
    }
  }

  async #internalErrors(): Promise<number> {
    return (await this.metrics()).value('sluice_disconnects_total', { reason: 'internal_error' })
  }

  #line(line: string): void {
    this.#output = `${this.#output}${line}\n`.slice(-20_000)
    try {
      this.logs.push(JSON.parse(line) as LogLine)
    } catch {
      this.logs.push({ level: 'unknown', msg: line })
    }
  }

  async #until<T>(what: string, condition: () => T | Promise<T>): Promise<Exclude<T, false | null | undefined>> {
    return waitFor(`${what} (the sluice):`, () => {
      if (this.#child?.exitCode !== null) throw new Error(`the sluice ended before ${what}:\n${this.#output}`)
      return condition()
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`, { cause: error })
    })
  }
}
