/** Waiting for a condition, with a deadline that says what was waited for. Tests never just sleep. */
import { setTimeout as delay } from 'node:timers/promises'

/** A deadline is there to notice what never comes, not to judge speed: machines that run tests are busy at times. */
const WAIT_MAX_MS = 60_000
const POLL_MS = 20
/** What a look and the pause after it count for at most: who got no processor for a minute has not waited a minute. */
const LOOK_MAX_MS = 1_000

export interface WaitOptions {
  readonly timeoutMs?: number
  readonly pollMs?: number
  /** What is there instead, for the complaint. */
  readonly seen?: () => string
}

/** Resolves with the first value of `condition` that is neither false, null nor undefined. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeoutMs = WAIT_MAX_MS, pollMs = POLL_MS, seen } = options
  let waitedMs = 0
  while (waitedMs <= timeoutMs) {
    const fromMs = performance.now()
    const value = await condition()
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>
    await delay(pollMs)
    waitedMs += Math.min(performance.now() - fromMs, Math.max(LOOK_MAX_MS, 2 * pollMs))
  }
  throw new Error(`waited ${timeoutMs} ms in vain until ${what}${seen === undefined ? '' : `\n${seen()}`}`)
}
