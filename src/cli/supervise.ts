/**
 * Between start and exit of a running sluice: SIGTERM and SIGINT drain, a second one leaves at once, SIGHUP reloads.
 * Signals come in as an event source, so tests need no process.
 */
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config.ts'
import type { Counters } from '../session/counters.ts'
import type { Sluice } from '../sluice.ts'
import type { Logger } from '../telemetry/logger.ts'
import { EXIT_FAILURE, EXIT_OK } from './exit-code.ts'
import type { SignalSource } from './terminal.ts'

/** Whether the configuration file as it stands is the one in force: `sluice_config_valid`. */
export class ConfigHealth {
  valid = true
}

/** What `supervise` needs. */
export interface Supervised {
  readonly sluice: Pick<Sluice, 'drain' | 'kill' | 'reload'>
  readonly counters: Counters
  readonly health: ConfigHealth
  readonly logger: Logger
  readonly signals: SignalSource
  /** Reads the configuration again; undefined where there is no file. Throws ConfigError. */
  readonly readConfig: (() => Config) | undefined
}

/** Resolves with the exit code once the sluice has drained or was told twice. */
export function supervise(supervised: Supervised): Promise<number> {
  const { sluice, signals, logger } = supervised
  return new Promise((resolve) => {
    let draining = false
    const finish = (exitCode: number): void => {
      signals.off('SIGTERM', onTerm)
      signals.off('SIGINT', onInt)
      signals.off('SIGHUP', onHangup)
      resolve(exitCode)
    }
    const stop = (signal: string): void => {
      if (draining) {
        logger.warn({ signal }, 'second signal: leaving at once, connections are cut')
        sluice.kill()
        finish(EXIT_FAILURE)
        return
      }
      draining = true
      logger.info({ signal }, 'draining: no new connections, answers under way are delivered')
      drain(supervised).then(finish, (error: unknown) => {
        logger.error({ err: error }, 'drain failed; connections are cut')
        sluice.kill()
        finish(EXIT_FAILURE)
      })
    }
    const onTerm = (): void => stop('SIGTERM')
    const onInt = (): void => stop('SIGINT')
    const onHangup = (): void => {
      if (!draining) reload(supervised)
    }
    signals.on('SIGTERM', onTerm)
    signals.on('SIGINT', onInt)
    signals.on('SIGHUP', onHangup)
  })
}

async function drain({ sluice, logger }: Supervised): Promise<number> {
  const startedMs = performance.now()
  const end = await sluice.drain()
  const tookMs = Math.round(performance.now() - startedMs)
  if (end === 'clean') logger.info({ tookMs }, 'drained')
  else logger.warn({ tookMs }, 'drain deadline: the connections that were left are cut')
  return EXIT_OK
}

/** Whole or not at all: a bad file keeps the old policy, every fault is logged, and a gauge says so. */
function reload({ sluice, counters, health, logger, readConfig }: Supervised): void {
  if (readConfig === undefined) {
    logger.warn('SIGHUP: there is no configuration file to reload (--config FILE)')
    return
  }
  try {
    const config = readConfig()
    sluice.reload(config)
    counters.configReloads.ok++
    health.valid = true
    logger.info({ quotas: config.quotas.map(({ name }) => name) }, 'configuration reloaded')
  } catch (error) {
    counters.configReloads.failed++
    health.valid = false
    if (!(error instanceof ConfigError)) {
      logger.error({ err: error }, 'reload failed; the old configuration stays in force')
      return
    }
    for (const fault of error.faults) {
      logger.error({ ...fault }, 'configuration fault; the old configuration stays in force')
    }
  }
}
