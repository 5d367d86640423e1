/**
 * The reload, one for SIGHUP, `POST /api/reload` and the watched file: whole or not at all. A file with faults changes nothing;
 * what is wrong with it is logged, counted and kept for `/readyz` until a reload succeeds.
 */
import { createHash } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { ConfigError, type Fault } from '../config/config-error.ts'
import { policyChange } from '../explain/audit-words.ts'
import type { Counters } from '../session/counters.ts'
import type { ConfigReport, ReloadOutcome, Sluice } from '../sluice.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ConfigFile } from './config-file.ts'

/** What asked, and for `POST /api/reload` the address of who did. */
export type ReloadTrigger = 'SIGHUP' | 'POST /api/reload' | 'file'
interface Asked {
  readonly trigger: ReloadTrigger
  readonly peer?: string | undefined
}

export interface ReloaderOptions {
  /** Undefined: there is none, everything came from flags and variables. */
  readonly file: Pick<ConfigFile, 'path' | 'readText' | 'loadAside'> | undefined
  /** The text that is in force, and what was made of it. */
  readonly text?: string | undefined
  readonly config?: Config
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
  /** What is in force. */
  #config: Config | undefined
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
    this.#config = options.config
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
  reload(trigger: ReloadTrigger, peer?: string): Promise<ReloadOutcome> {
    const outcome = this.#latest.then(() => this.#reload({ trigger, peer }))
    this.#latest = outcome
    return outcome
  }

  async #reload(asked: Asked): Promise<ReloadOutcome> {
    const { trigger } = asked
    const { file, logger } = this.#options
    const sluice = this.#sluice
    if (file === undefined) {
      const reason = 'there is no configuration file to reload (--config FILE)'
      logger.log('config_missing', asked, `${trigger}: ${reason}`)
      return { kind: 'impossible', reason }
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
      return this.#succeeded(asked, file.path, text, config)
    } catch (error) {
      const why = `\0${(error as Error).message}` // no YAML has a NUL
      if (found === undefined && trigger === 'file' && why === this.#last) return { kind: 'unchanged' }
      if (found === undefined) this.#last = why
      return this.#failed(asked, file.path, found, error)
    }
  }

  #succeeded(asked: Asked, file: string, text: string, config: Config): ReloadOutcome {
    const quotas = config.quotas.map(({ name }) => name)
    const change = policyChange(this.#config ?? { mode: config.mode, clients: [], quotas: [] }, config)
    this.#config = config
    this.#options.counters.configReloads.ok++
    if (this.#faults.length > 0) this.#since = this.#now()
    this.#faults = []
    this.#options.logger.log(
      'config_reloaded',
      { ...asked, file, sha256: sha256(text), quotas, ...change },
      'configuration reloaded',
    )
    return { kind: 'reloaded', quotas }
  }

  #failed(asked: Asked, file: string, text: string | undefined, error: unknown): ReloadOutcome {
    const { counters, logger } = this.#options
    counters.configReloads.failed++
    if (this.#faults.length === 0) this.#since = this.#now()
    if (error instanceof ConfigError) {
      this.#faults = error.faults
      for (const fault of error.faults) {
        logger.log(
          'config_refused',
          { ...asked, file, ...(text === undefined ? {} : { sha256: sha256(text) }), ...fault },
          'configuration fault; the old configuration stays in force',
        )
      }
    } else {
      this.#faults = [{ path: '', line: 0, column: 0, message: 'the reload itself failed; the log says why' }]
      const message = 'reload failed; the old configuration stays in force'
      logger.log('config_reload_failed', { ...asked, file, err: error }, message)
    }
    return { kind: 'refused', faults: this.#faults }
  }
}

/** As sha256sum prints it for the file. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A writer that stopped half-way, or a disk that is full, must not lift every quota. */
function emptyFile(path: string): ConfigError {
  const message = 'the file is empty; to have no quotas write quotas: []'
  return new ConfigError([{ path: '', line: 1, column: 1, message }], path)
}
