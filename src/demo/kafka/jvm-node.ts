/**
 * One Kafka node as a process of ours. It must never outlive us, however we end: the shell that becomes the JVM leaves a
 * guard behind that reads from a pipe which only we hold. When the pipe breaks, because we exited, were killed or crashed,
 * the guard kills the JVM and removes its directory. Hence no signal handlers and no exit hooks here.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { KafkaUnavailableError } from './cluster.ts'
import { lastLines } from './run-tool.ts'

/**
 * A line on the guard's pipe says that the JVM is gone already; an end of file says that we are. The pipe is descriptor 3,
 * not standard input: a shell gives its background jobs /dev/null for that, and Node closes it when a child ends.
 */
const GUARD = '{ read -r line || { kill -9 $$; rm -rf "$0"; rmdir "$(dirname "$0")"; }; } <&3 3<&- >/dev/null 2>&1 &'
const GUARDED = `${GUARD} exec "$@" 3<&-`

/** Printed once the node serves: a broker by then is registered, caught up and unfenced. */
const STARTED = /Kafka Server started/
const START_MAX_MS = 90_000
const START_POLL_MS = 50

export interface JvmCommand {
  readonly java: string
  readonly jars: string
  readonly heapMb: number
  /** The file that classes are read from (`class-archive.ts`), or written to when the JVM ends. */
  readonly classes?: { readonly file: string; readonly use: 'read' | 'write' } | undefined
}

/**
 * A JVM that lives for a minute or two: the second compiler would cost more than its code saves. What measures Kafka itself, or with it,
 * sets SLUICE_JIT=full: without that compiler TLS takes several times the processor.
 */
export function compilerArguments(): string[] {
  return process.env['SLUICE_JIT'] === 'full' ? [] : ['-XX:TieredStopAtLevel=1']
}

/** The arguments of a JVM that is small, starts fast and logs little. */
export function javaArguments(command: JvmCommand): string[] {
  return [
    `-Xmx${command.heapMb}m`,
    '-XX:+UseSerialGC',
    ...compilerArguments(),
    ...classArguments(command.classes),
    '-Djava.awt.headless=true',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
    '-cp',
    join(command.jars, '*'),
  ]
}

function classArguments(classes: JvmCommand['classes']): string[] {
  if (classes === undefined) return []
  return [`-XX:${classes.use === 'read' ? 'SharedArchiveFile' : 'ArchiveClassesAtExit'}=${classes.file}`]
}

export class JvmNode {
  readonly #command: JvmCommand
  readonly #directory: string
  readonly #name: string
  #child: ChildProcess | undefined

  /** `directory` holds `server.properties`; the log goes there too. */
  constructor(name: string, command: JvmCommand, directory: string) {
    this.#name = name
    this.#command = command
    this.#directory = directory
  }

  get pid(): number | undefined {
    return this.#isRunning() ? this.#child?.pid : undefined
  }

  /** Starts the process and returns when it serves. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#isRunning()) throw new Error(`${this.#name} is running`)
    const logFile = join(this.#directory, `start-${Date.now()}.log`)
    this.#child = this.#spawn(logFile)
    const deadlineMs = Date.now() + START_MAX_MS
    for (;;) {
      signal.throwIfAborted()
      if (STARTED.test(readFileSync(logFile, 'utf8'))) return
      if (!this.#isRunning()) throw this.#failure('ended while it started', logFile)
      if (Date.now() > deadlineMs) throw this.#failure(`was not ready within ${START_MAX_MS / 1000} s`, logFile)
      await delay(START_POLL_MS)
    }
  }

  /** SIGKILL; the data is temporary, and a crash is what tests want to see. Returns when the process is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** SIGTERM: what a JVM does when it ends, it does. Returns when the process is gone. */
  end(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined || !this.#isRunning()) return
    const gone = once(child, 'exit')
    child.ref()
    child.kill(signal)
    await gone
  }

  #isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  #spawn(logFile: string): ChildProcess {
    const log = openSync(logFile, 'w')
    const { java } = this.#command
    const kafka = [java, ...javaArguments(this.#command), 'kafka.Kafka', join(this.#directory, 'server.properties')]
    // In a session of its own: Ctrl-C at the terminal is for us, who then stop the brokers in good order.
    const child = spawn('/bin/sh', ['-c', GUARDED, this.#directory, ...kafka], {
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
    })
    closeSync(log)
    // A broker alone is no reason to stay alive.
    child.unref()
    const guard = child.stdio[3] as Socket
    guard.unref()
    guard.on('error', () => undefined)
    child.on('error', () => undefined)
    child.on('exit', () => guard.end('gone\n'))
    return child
  }

  #failure(what: string, logFile: string): KafkaUnavailableError {
    const log = lastLines(readFileSync(logFile, 'utf8')) || '(it wrote nothing)'
    return new KafkaUnavailableError(`${this.#name} ${what}. Its last lines:\n${log}`)
  }
}
