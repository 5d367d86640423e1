/**
 * Between start and exit of a running sluice: SIGTERM and SIGINT drain, a second one leaves at once (one that comes with
 * the first is that one again), SIGHUP reloads.
 * Signals come in as an event source, so tests need no process.
 */
import { SIGNAL_ECHO_MS } from '../bounds.ts'
import type { Sluice } from '../sluice.ts'
import type { Logger } from '../telemetry/logger.ts'
import { EXIT_FAILURE, EXIT_OK } from './exit-code.ts'
import type { Reloader } from './reload.ts'
import type { SignalSource } from './terminal.ts'

/** What `supervise` needs. */
export interface Supervised {
  readonly sluice: Pick<Sluice, 'drain' | 'kill'>
  readonly logger: Logger
  readonly signals: SignalSource
  /** A clock that does not jump. */
  readonly nowMs: () => number
  readonly reloader: Pick<Reloader, 'reload' | 'stop'>
}

/** Resolves with the exit code once the sluice has drained or was told twice. */
export function supervise(supervised: Supervised): Promise<number> {
  const { sluice, signals, logger, reloader, nowMs } = supervised
  return new Promise((resolve) => {
    let toldAtMs: number | undefined
    const finish = (exitCode: number): void => {
      signals.off('SIGTERM', onTerm)
      signals.off('SIGINT', onInt)
      signals.off('SIGHUP', onHangup)
      resolve(exitCode)
    }
    const stop = (signal: string): void => {
      if (toldAtMs !== undefined) {
        if (nowMs() - toldAtMs < SIGNAL_ECHO_MS) return
        logger.log('second_signal', { signal }, 'second signal: leaving at once, connections are cut')
        sluice.kill()
        finish(EXIT_FAILURE)
        return
      }
      toldAtMs = nowMs()
      reloader.stop()
      logger.log('draining', { signal }, 'draining: no new connections, answers under way are delivered')
      drain(supervised).then(finish, (error: unknown) => {
        logger.log('drain_failed', { err: error }, 'drain failed; connections are cut')
        sluice.kill()
        finish(EXIT_FAILURE)
      })
    }
    const onTerm = (): void => stop('SIGTERM')
    const onInt = (): void => stop('SIGINT')
    const onHangup = (): void => {
      if (toldAtMs === undefined) void reloader.reload('SIGHUP')
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
  if (end === 'clean') logger.log('drained', { tookMs }, 'drained')
  else logger.log('drain_incomplete', { tookMs }, 'drain deadline: the connections that were left are cut')
  return EXIT_OK
}
