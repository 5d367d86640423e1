/**
 * A token bucket of the tests' own, fed with what came by at the broker's door: how much credit was left whenever a frame
 * was let through. It shares no code with the limiter that it judges.
 */

/** One frame. */
export interface Charge {
  readonly startMs: number
  /**
   * When its cost was known at the latest: at its start where the request tells it; when the answer comes where that does,
   * and Infinity before.
   */
  readonly knownMs: number
  readonly cost: number
}

/**
 * For each frame, in the order of their starts, the credit at its start in seconds of the limit; negative for debt.
 *
 * A limiter may charge an answer as late as when it comes: what a first Fetch will bring nobody knows. Meanwhile its bucket is
 * full and gains nothing. A bucket charged at the start would go on filling, be ahead by that time for ever, and never
 * see a backlogged consumer out of credit. So each cost is taken when it is known; what is under way counts as spent as well.
 */
export function creditsAtStarts(charges: readonly Charge[], perSecond: number, burstSeconds: number = 1): number[] {
  const known = charges.filter(({ knownMs }) => knownMs < Number.POSITIVE_INFINITY)
  known.sort((a, b) => a.knownMs - b.knownMs)
  let credit = burstSeconds
  let atMs = charges[0]?.startMs ?? 0
  let underWay = 0
  let next = 0
  const refill = (nowMs: number): void => {
    credit = Math.min(burstSeconds, credit + (nowMs - atMs) / 1000)
    atMs = nowMs
  }
  return charges.map(({ startMs, cost }) => {
    for (let charge = known[next]; charge !== undefined && charge.knownMs <= startMs; charge = known[++next]) {
      refill(charge.knownMs)
      credit -= charge.cost / perSecond
      underWay -= charge.cost / perSecond
    }
    refill(startMs)
    const left = credit - underWay
    underWay += cost / perSecond
    return left
  })
}
