/**
 * Rates of several clients over one stretch of time, as a witness at the broker's door sees them. `limits.ts` measures one flood
 * against its limit for 20 s; here the length is the test's choice, and what counts is how clients compare.
 */
import { waitFor } from '../../support/wait.ts'
import type { Flood } from './flood.ts'
import type { Window } from './limits.ts'
import type { Exchange } from './witness.ts'

/** Until clients have started on a crowded machine. */
const START_MAX_MS = 120_000
const POLL_MS = 50

/** Waits with the floods: one that ends by itself is not waited for, and says why it has ended. */
export function waitWith<T>(
  what: string,
  floods: readonly Flood[],
  condition: () => T | Promise<T>,
  timeoutMs: number = START_MAX_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const seen = (): string => floods.map((flood) => flood.says()).join('\n')
  return waitFor<T>(
    what,
    () => {
      const end = floods.map((flood) => flood.ended).find((one) => one !== undefined)
      if (end !== undefined)
        throw new Error(`while waiting until ${what}: the client ended by itself: ${end}\n${seen()}`)
      return condition()
    },
    { timeoutMs, pollMs: POLL_MS, seen },
  )
}

/** The next so many seconds. */
export async function stretchOf(seconds: number, floods: readonly Flood[]): Promise<Window> {
  const fromMs = performance.now()
  const toMs = fromMs + seconds * 1000
  await waitWith(`${seconds} s are over`, floods, () => performance.now() > toMs)
  return { fromMs, toMs }
}

/** The cost of what started in the stretch, a second; at its edges a frame counts whole or not at all. */
export function rateOver(
  { fromMs, toMs }: Window,
  exchanges: readonly Exchange[],
  costOf: (exchange: Exchange) => number,
): number {
  const inside = exchanges.filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
  return (1000 * inside.reduce((sum, exchange) => sum + costOf(exchange), 0)) / (toMs - fromMs)
}
