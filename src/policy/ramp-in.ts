/** Which limits of a new policy are to come down step by step (`rampIn`): those that are new, or lower than before. */
import { RATE_DIMENSIONS } from './dimensions.ts'
import type { Limit, QuotaRule } from './quota-rule.ts'

/**
 * When the ramps of the new rules end, by quota; quotas without a ramp are absent.
 * @param before the rules that were in force, undefined at the start: a restart ramps nothing, or it would lift every limit
 * @param running ramps that are under way
 */
export function rampEnds(
  before: readonly QuotaRule[] | undefined,
  after: readonly QuotaRule[],
  running: ReadonlyMap<string, number>,
  nowMs: number,
): Map<string, number> {
  const ends = new Map<string, number>()
  if (before === undefined) return ends
  for (const rule of after) {
    const { name, rampInMs = 0 } = rule
    if (rampInMs === 0) continue
    const old = before.find((candidate) => candidate.name === name)
    if (old === undefined || isLower(old, rule)) ends.set(name, nowMs + rampInMs)
    else if ((running.get(name) ?? 0) > nowMs) ends.set(name, running.get(name)!)
  }
  return ends
}

function isLower(before: QuotaRule, after: QuotaRule): boolean {
  if (isLimitLower(before.limit, after.limit)) return true
  return after.overrides.some(({ match, limit }) => {
    const same = before.overrides.find((other) => JSON.stringify(other.match) === JSON.stringify(match))
    return isLimitLower({ ...before.limit, ...same?.limit }, { ...after.limit, ...limit })
  })
}

function isLimitLower(before: Limit, after: Limit): boolean {
  return RATE_DIMENSIONS.some(
    (dimension) => (after[dimension] ?? Number.POSITIVE_INFINITY) < (before[dimension] ?? Number.POSITIVE_INFINITY),
  )
}
