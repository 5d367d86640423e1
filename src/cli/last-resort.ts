/**
 * What nobody caught is our bug (design.md §10): log the stack, count it, go on, because the other sessions have done
 * nothing wrong. Only a process that does nothing but fail gives up, and lets its supervisor start a fresh one.
 */
import type { Logger } from '../telemetry/logger.ts'
import { EXIT_FAILURE } from './exit-code.ts'

/** So many in a minute are no accident but a loop. */
const BUGS_PER_MINUTE_MAX = 100
const MINUTE_MS = 60_000

/** The part of `process` that tells of uncaught errors. */
export interface FaultSource {
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown
  off(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown
}

/** Installs the handlers; returns what removes them. `exit` ends the process. */
export function installLastResort(
  source: FaultSource,
  logger: Logger,
  exit: (exitCode: number) => void,
  nowMs: () => number = () => performance.now(),
): () => void {
  let total = 0
  let inMinute = 0
  let minuteEndsMs = 0
  const onFault = (error: unknown): void => {
    const now = nowMs()
    if (now >= minuteEndsMs) {
      inMinute = 0
      minuteEndsMs = now + MINUTE_MS
    }
    total++
    inMinute++
    const err = error instanceof Error ? error : new Error(`not an Error: ${String(error)}`)
    logger.log('bug', { err, bugs: total }, 'this is a bug in kafka-sluice; going on')
    if (inMinute <= BUGS_PER_MINUTE_MAX) return
    logger.log('gave_up', { bugs: total }, 'cannot go on')
    exit(EXIT_FAILURE)
  }
  source.on('uncaughtException', onFault)
  source.on('unhandledRejection', onFault)
  return () => {
    source.off('uncaughtException', onFault)
    source.off('unhandledRejection', onFault)
  }
}
