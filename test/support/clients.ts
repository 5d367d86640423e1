/**
 * Real client libraries for tests: which are to be had on this machine, building their programs (once, into the cache), and
 * running them. `../clients/contract.ts` says what every program takes and tells.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached, contentKey } from '../../src/demo/kafka/cache.ts'
import { compilerArguments } from '../../src/demo/kafka/jvm-node.ts'
import { runTool, toolAnswers } from '../../src/demo/kafka/run-tool.ts'
import type { ClientConfig, ClientCounts, ClientEventKind, ClientMessage, ClientMode } from '../clients/contract.ts'
import { LineProcess } from './processes.ts'
import type { Surroundings } from './surroundings.ts'

export type { ClientConfig, ClientCounts, ClientMode } from '../clients/contract.ts'

const PROGRAMS = fileURLToPath(new URL('../clients/', import.meta.url))
/** Fails instead of skipping, so that a machine that should have everything cannot pass without. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'

export const CLIENT_NAMES = ['kafkajs', 'platformatic', 'java', 'librdkafka', 'sarama', 'franz-go'] as const
export type ClientName = (typeof CLIENT_NAMES)[number]

export interface Availability {
  readonly ok: boolean
  /** What is missing, for people; empty when nothing is. */
  readonly why: string
}

export interface ClientEvent {
  readonly kind: ClientEventKind
  readonly text: string
  /** When it was heard, on performance.now()'s clock. */
  readonly atMs: number
}

export interface ClientResult extends ClientCounts {
  readonly events: readonly ClientEvent[]
}

export interface ClientOptions {
  readonly signal?: AbortSignal
  readonly onEvent?: (event: ClientEvent) => void
  readonly onProgress?: (counts: ClientCounts) => void
}

export interface RunningClient {
  readonly pid: number
  readonly events: readonly ClientEvent[]
  /** The last progress heard (every second); undefined before the first. */
  readonly latest: ClientCounts | undefined
  readonly result: Promise<ClientResult>
  /** Asks it to report now. */
  stop(): Promise<ClientResult>
  kill(): void
}

interface Command {
  readonly command: string
  readonly args: readonly string[]
}

interface Program {
  /** What has to answer for it to be built and run: what people call it, then the command to try. */
  readonly needs: readonly (readonly [name: string, command: string, ...args: string[]])[]
  build(): Promise<Command>
}

const JAVA_NEEDS: Program['needs'] = [
  ['a JDK (javac)', 'javac', '-version'],
  ['Maven', 'mvn', '--version'],
]

const GO_NEEDS: Program['needs'] = [['Go', 'go', 'version']]

const PROGRAM: Readonly<Record<ClientName, Program>> = {
  kafkajs: { needs: [], build: () => Promise.resolve(nodeProgram('kafkajs.ts')) },
  platformatic: { needs: [], build: () => Promise.resolve(nodeProgram('platformatic.ts')) },
  java: { needs: JAVA_NEEDS, build: buildJava },
  librdkafka: {
    needs: [['Python 3 with venv', 'python3', '-c', 'import venv, ensurepip']],
    build: buildPython,
  },
  sarama: { needs: GO_NEEDS, build: () => buildGo('sarama') },
  'franz-go': { needs: GO_NEEDS, build: () => buildGo('franz-go') },
}

export async function clientAvailable(name: ClientName): Promise<Availability> {
  const missing = await missingOf(PROGRAM[name].needs)
  return { ok: missing.length === 0, why: missing.length === 0 ? '' : `needs ${missing.join(' and ')}` }
}

async function missingOf(needs: Program['needs']): Promise<string[]> {
  const missing: string[] = []
  for (const [what, command, ...args] of needs) {
    if (!(await toolAnswers(command, ...args))) missing.push(what)
  }
  return missing
}

/** False, and the test is marked as skipped with the reason, when the client cannot be had here. */
export async function requireClient(context: Surroundings, name: ClientName): Promise<boolean> {
  const { ok, why } = await clientAvailable(name)
  if (ok) return true
  if (REQUIRE_ALL) throw new Error(`the ${name} client ${why}, and SLUICE_REQUIRE_ALL is set`)
  context.skip(why)
  return false
}

/** Runs a program to its end. */
export async function runClient(
  name: ClientName,
  mode: ClientMode,
  config: ClientConfig,
  options: ClientOptions = {},
): Promise<ClientResult> {
  return (await startClient(name, mode, config, options)).result
}

/** Builds the program if need be, starts it, and returns while it works. */
export async function startClient(
  name: ClientName,
  mode: ClientMode,
  config: ClientConfig,
  options: ClientOptions = {},
): Promise<RunningClient> {
  const { command, args } = await buildClient(name)
  const events: ClientEvent[] = []
  let latest: ClientCounts | undefined
  let counts: ClientCounts | undefined
  let failure: string | undefined
  const hear = (message: ClientMessage): void => {
    if (message.t === 'event') {
      const event = { kind: message.kind, text: message.text, atMs: performance.now() }
      events.push(event)
      options.onEvent?.(event)
    } else if (message.t === 'error') {
      failure = message.message
    } else {
      const { t, ...heard } = message
      latest = heard
      if (t === 'result') counts = heard
      else options.onProgress?.(heard)
    }
  }
  const child = new LineProcess(command, [...args, mode], {
    firstLine: JSON.stringify(config),
    signal: options.signal,
    onLine: (line) => hear(JSON.parse(line) as ClientMessage),
  })
  const result = child.ended.then((end) => {
    if (counts !== undefined && end === 0) return { ...counts, events }
    throw new Error(`${name} ${mode} ended with ${end}: ${failure ?? 'no result'}\n${child.stderr}`)
  })
  // A caller that only stops or kills need not look at the result.
  result.catch(() => undefined)
  return {
    pid: child.pid,
    events,
    get latest() {
      return latest
    },
    result,
    stop: async () => {
      await child.stop()
      return result
    },
    kill: () => child.kill(),
  }
}

const built = new Map<ClientName, Promise<Command>>()

export function buildClient(name: ClientName): Promise<Command> {
  const command = built.get(name) ?? PROGRAM[name].build()
  built.set(name, command)
  return command
}

function nodeProgram(file: string): Command {
  // kafkajs sets timers in the past, which Node ≥ 24 warns of.
  const flags = ['-C', 'source', '--disable-warning=TimeoutNegativeWarning']
  return { command: process.execPath, args: [...flags, join(PROGRAMS, file)] }
}

/** Everything that the JVM of a client should log: lost connections and given-up requests, which are told there only. */
export function javaFlags(): readonly string[] {
  return [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    ...compilerArguments(),
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=info',
  ]
}

async function buildJava(): Promise<Command> {
  const source = join(PROGRAMS, 'java')
  const directory = await cached(`client-java-${await folderKey(source)}`, (into) =>
    maven(source, into, 'compiler:compile', 'dependency:copy-dependencies'),
  )
  const classPath = `${join(directory, 'classes')}:${join(directory, 'jars', '*')}`
  return { command: 'java', args: [...javaFlags(), '-cp', classPath, 'SluiceClient'] }
}

/** Kafka's performance tools; returns the class path. */
export async function buildKafkaTools(): Promise<string> {
  const source = join(PROGRAMS, 'java', 'tools')
  const directory = await cached(`kafka-tools-${await folderKey(source)}`, (into) =>
    maven(source, into, 'dependency:copy-dependencies'),
  )
  return join(directory, 'jars', '*')
}

/** Kafka's own kafka-configs (`../clients/kafka-configs`): the command that runs it. */
export async function buildKafkaConfigs(): Promise<Command> {
  const source = join(PROGRAMS, 'kafka-configs')
  const directory = await cached(`kafka-configs-${await folderKey(source)}`, (into) =>
    maven(source, into, 'dependency:copy-dependencies'),
  )
  // The source itself: Java compiles it in memory.
  const program = join(source, 'KafkaConfigs.java')
  return { command: 'java', args: [...javaFlags(), '-cp', join(directory, 'jars', '*'), program] }
}

/** The OpenTelemetry Collector's receiver (`../clients/otlp-receiver`): the command that runs it, or why it cannot be had. */
export async function buildCollector(): Promise<Command | string> {
  const missing = await missingOf(GO_NEEDS)
  if (missing.length > 0) return `needs ${missing.join(' and ')}`
  const source = join(PROGRAMS, 'otlp-receiver')
  const directory = await cached(`otlp-receiver-${await folderKey(source)}`, async (into) => {
    await runTool('go', ['build', '-o', join(into, 'receiver'), '.'], { cwd: source })
  })
  return { command: join(directory, 'receiver'), args: [] }
}

async function maven(source: string, into: string, ...goals: string[]): Promise<void> {
  await runTool('mvn', ['-q', '-B', '-f', join(source, 'pom.xml'), `-Dinto.directory=${into}`, ...goals])
}

async function buildPython(): Promise<Command> {
  const source = join(PROGRAMS, 'librdkafka')
  const requirements = join(source, 'requirements.txt')
  const version = await runTool('python3', ['--version'])
  const key = contentKey(await readFile(requirements), version)
  const directory = await cached(`client-librdkafka-${key}`, async (into) => {
    await runTool('python3', ['-m', 'venv', into])
    await runTool(join(into, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '-r', requirements])
  })
  return { command: join(directory, 'bin', 'python'), args: [join(source, 'client.py')] }
}

/** The programs in Go are one module with one package for each library and one that they share. */
const GO_SHARED: readonly string[] = ['program', 'go.mod', 'go.sum']

async function buildGo(name: 'sarama' | 'franz-go'): Promise<Command> {
  const sources = await Promise.all([name, ...GO_SHARED].map((path) => sourceFiles(join(PROGRAMS, path))))
  const key = contentKey(...(await readAll(sources.flat())))
  const directory = await cached(`client-${name}-${key}`, async (into) => {
    await runTool('go', ['build', '-o', join(into, 'client'), `./${name}`], { cwd: PROGRAMS })
  })
  return { command: join(directory, 'client'), args: [] }
}

/** Changes when any source file under the folder does. */
async function folderKey(folder: string): Promise<string> {
  return contentKey(...(await readAll(await sourceFiles(folder))))
}

/** A file itself, or all files under a folder. */
async function sourceFiles(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return files.sort()
}

function readAll(files: readonly string[]): Promise<Buffer[]> {
  return Promise.all(files.map((file) => readFile(file)))
}
