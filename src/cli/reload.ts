/**
 * The reload, one for SIGHUP, `POST /api/reload` and the watched file: whole or not at all. A file with faults changes nothing;
 * what is wrong with it is logged, counted and kept for `/readyz` until a reload succeeds.
 */
import { type Config, ConfigError } from '../config/config.ts'
import type { Fault } from '../config/config-error.ts'
import type { Counters } from '../session/counters.ts'
import type { ConfigReport, ReloadOutcome, Sluice } from '../sluice.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ConfigFile } from './read-config.ts'

/** Who asked. */
export type ReloadTrigger = 'SIGHUP' | 'POST /api/reload' | 'file'

export interface ReloaderOptions {
  /** Undefined: there is none, everything came from flags and variables. */
  readonly file: Pick<ConfigFile, 'path' | 'readText' | 'loadAside'> | undefined
  /** The text that is in force. */
  readonly text?: string | undefined
  readonly counters: Counters
  readonly logger: Logger
  readonly now?: () => Date
}

const DRAINING: ReloadOutcome = { kind: 'impossible', reason: 'draining: nothing is reloaded any more' }

/** Knows the file, what was last made of it, and the sluice that runs by it. */
export class Reloader {
  readonly #options: ReloaderOptions
  readonly #now: () => Date
  #sluice: Pick<Sluice, 'reload'> | undefined
  /** What was last found in the file, a text or the reason why there is none. */
  #last: string | undefined
  #faults: readonly Fault[] = []
  #since: Date
  #stopped = false
  /** The reload that was asked for last. */
  #latest: Promise<unknown> = Promise.resolve()

  constructor(options: ReloaderOptions) {
    this.#options = options
    this.#now = options.now ?? (() => new Date())
    this.#since = this.#now()
    this.#last = options.text
  }

  /** From now on there is something to reload. */
  attach(sluice: Pick<Sluice, 'reload'>): void {
    this.#sluice = sluice
  }

  /** Reloads no more: the sluice is draining. */
  stop(): void {
    this.#stopped = true
  }

  /** Whether the file as it stands is in force, and if not, why. */
  report(): ConfigReport {
    return { valid: this.#faults.length === 0, faults: this.#faults, since: this.#since.toISOString() }
  }

  /**
   * `file`: only if the file says something else than last time. One after the other, so that what was asked for last is what is
   * in force. Never rejects.
   */
  reload(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    const outcome = this.#latest.then(() => this.#reload(trigger))
    this.#latest = outcome
    return outcome
  }

  async #reload(trigger: ReloadTrigger): Promise<ReloadOutcome> {
    const { file, logger } = this.#options
    const sluice = this.#sluice
    if (file === undefined) {
      logger.warn(`${trigger}: there is no configuration file to reload (--config FILE)`)
      return { kind: 'impossible', reason: 'there is no configuration file to reload (--config FILE)' }
    }
    if (this.#stopped) return DRAINING
    if (sluice === undefined) return { kind: 'impossible', reason: 'still starting' }
    let found: string | undefined
    try {
      const text = file.readText()
      found = text
      if (trigger === 'file' && found === this.#last) return { kind: 'unchanged' }
      this.#last = found
      if (text.trim() === '') throw emptyFile(file.path)
      const config = await file.loadAside(text)
      if (this.#stopped) return DRAINING
      sluice.reload(config)
      return this.#succeeded(trigger, config)
    } catch (error) {
      const why = `\0${(error as Error).message}` // no YAML has a NUL
      if (found === undefined && trigger === 'file' && why === this.#last) return { kind: 'unchanged' }
      if (found === undefined) this.#last = why
      return this.#failed(trigger, error)
    }
  }

  #succeeded(trigger: ReloadTrigger, config: Config): ReloadOutcome {
    const quotas = config.quotas.map(({ name }) => name)
    this.#options.counters.configReloads.ok++
    if (this.#faults.length > 0) this.#since = this.#now()
    this.#faults = []
    this.#options.logger.info({ trigger, quotas }, 'configuration reloaded')
    return { kind: 'reloaded', quotas }
  }

  #failed(trigger: ReloadTrigger, error: unknown): ReloadOutcome {
    const { counters, logger, file } = this.#options
    counters.configReloads.failed++
    if (this.#faults.length === 0) this.#since = this.#now()
    if (error instanceof ConfigError) {
      this.#faults = error.faults
      for (const fault of error.faults) {
        logger.error(
          { trigger, file: file?.path, ...fault },
          'configuration fault; the old configuration stays in force',
        )
      }
    } else {
      this.#faults = [{ path: '', line: 0, column: 0, message: 'the reload itself failed; the log says why' }]
      logger.error({ trigger, err: error }, 'reload failed; the old configuration stays in force')
    }
    return { kind: 'refused', faults: this.#faults }
  }
}

/** A writer that stopped half-way, or a disk that is full, must not lift every quota. */
function emptyFile(path: string): ConfigError {
  const message = 'the file is empty; to have no quotas write quotas: []'
  return new ConfigError([{ path: '', line: 1, column: 1, message }], path)
}
