/** The demo's handle on one client application: its process, its latest figures, its end. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AppConfig, AppProgress, FromApp, ToApp } from './app-messages.ts'
import { RateMeter } from './measure.ts'

/** An application asked to leave has this long before it is killed. */
const LEAVE_DEADLINE_MS = 3_000

const NOTHING_YET: AppProgress = {
  acks: [],
  ackedRecords: 0,
  ackedBytes: 0,
  receivedRecords: 0,
  check: { lost: 0, doubled: 0, reordered: 0, damaged: 0 },
  errors: 0,
  latencyP50Ms: null,
  latencyP99Ms: null,
}

/** One running application. */
export class AppProcess {
  readonly config: AppConfig
  readonly frames: RateMeter = new RateMeter()
  readonly #child: ChildProcess
  readonly #stderr: string[] = []
  readonly #ready = Promise.withResolvers<void>()
  readonly #done = Promise.withResolvers<void>()
  #latest: AppProgress = NOTHING_YET

  constructor(config: AppConfig) {
    this.config = config
    // The same file beside this one, whether sources run or what was compiled from them.
    const script = import.meta.url.endsWith('.ts') ? './app.ts' : './app.js'
    this.#child = fork(fileURLToPath(new URL(script, import.meta.url)), {
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr.push(text)
      if (this.#stderr.length > 20) this.#stderr.shift()
    })
    this.#child.on('message', (message: FromApp) => this.#hear(message))
    this.#child.on('error', (error) => this.#fail(error.message))
    this.#child.on('exit', (code) => this.#fail(`ended with code ${code} ${this.#stderr.join('').trim()}`.trim()))
    // Both are awaited by whoever cares at that moment; nobody need be there when it fails.
    this.#ready.promise.catch(() => {})
    this.#done.promise.catch(() => {})
  }

  /** The latest figures. */
  get progress(): AppProgress {
    return this.#latest
  }

  /** Rejects as soon as the application fails, at whatever moment. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** Resolves when it has its topic and its group, and has begun to send. */
  start(): Promise<void> {
    this.#tell({ t: 'start', config: this.config })
    return this.#ready.promise
  }

  /** It sends no more and consumes the rest; resolves with the last figures in. */
  finish(): Promise<void> {
    this.#tell({ t: 'stop' })
    return this.#done.promise
  }

  /** Whatever its state: afterwards there is no process. */
  async leave(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#tell({ t: 'abort' })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_DEADLINE_MS)
    await exited
    clearTimeout(timer)
  }

  #tell(message: ToApp): void {
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #hear(message: FromApp): void {
    if (message.t === 'ready') this.#ready.resolve()
    else if (message.t === 'failed') this.#fail(message.message)
    else {
      this.#latest = message.progress
      this.frames.add(message.progress.acks)
      if (message.t === 'done') this.#done.resolve()
    }
  }

  /** After `done` or `ready` this changes nothing. */
  #fail(reason: string): void {
    const error = new AppFailedError(this.config.name, reason)
    this.#ready.reject(error)
    this.#done.reject(error)
  }
}

/** A demo application could not do its work; the message says which and why. */
export class AppFailedError extends Error {
  override readonly name = 'AppFailedError'

  constructor(app: string, reason: string) {
    super(`the application ${app} failed: ${reason}`)
  }
}
