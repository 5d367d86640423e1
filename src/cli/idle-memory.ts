/**
 * Gives memory back while nobody asks for anything: what the start left behind, what a crowd needed, what health checks and scrapes
 * leave. V8 collects when its heap has grown, which that of an idle sluice does not do for hours. A collection takes some tens of
 * milliseconds in which no frame would move, so it is made when none does. Only where node runs with --expose-gc, as in the image.
 */
import { IDLE_COLLECT_AGAIN_MS, IDLE_LOOK_MS } from '../bounds.ts'

/** A whole collection; the heap is made dense, and its free pages go back to the system. */
export function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/**
 * Collects once when no request has passed from one look to the next, and again now and then while that lasts. Close the timer.
 * @param requests how many have passed so far
 */
export function collectWhenIdle(requests: () => number, collectNow: () => void = collectGarbage): NodeJS.Timeout {
  let passed = requests()
  let quietLooks = 0
  const look = (): void => {
    const now = requests()
    if (now !== passed) quietLooks = 0
    else if (quietLooks++ % (IDLE_COLLECT_AGAIN_MS / IDLE_LOOK_MS) === 0) collectNow()
    passed = now
  }
  return setInterval(look, IDLE_LOOK_MS).unref()
}
