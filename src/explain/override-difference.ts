/** Overrides of a quota, compared by whom they are for. One that is new or gone changes the limit of its clients from or to the quota's own. */
import { DIMENSIONS } from '../policy/dimensions.ts'
import type { Limit, QuotaOverride, QuotaRule } from '../policy/quota-rule.ts'
import { type Change, changed, compareBursts, limitChange } from './change.ts'
import { perWords, whomWords } from './whom-words.ts'

export function compareOverrides(before: QuotaRule, after: QuotaRule): Change[] {
  const old = new Map(before.overrides.map((override) => [keyOf(override), override]))
  const now = new Map(after.overrides.map((override) => [keyOf(override), override]))
  const changes: Change[] = []
  for (const [key, override] of now) changes.push(...compare(override, [before, old.get(key)], [after, override]))
  for (const [key, override] of old) {
    if (!now.has(key)) changes.push(...compare(override, [before, override], [after, undefined]))
  }
  return changes
}

type Side = readonly [rule: QuotaRule, override: QuotaOverride | undefined]

/** What those of an override had and have; only what the override itself says on either side, not what the quota does. */
function compare(of: QuotaOverride, before: Side, after: Side): Change[] {
  const own = new Set([before, after].flatMap(([, override]) => Object.keys(override?.limit ?? {})))
  const limits = DIMENSIONS.filter((dimension) => own.has(dimension)).flatMap((dimension) => {
    const [from, to] = [limitOn(before, dimension), limitOn(after, dimension)]
    return from === to ? [] : [limitChange(dimension, from, to)]
  })
  const whom = whomWords(of.match, of.except)
  const more = [
    ...(hasBurst(before) || hasBurst(after) ? compareBursts(burstOn(before), burstOn(after)) : []),
    ...changed('per', perOn(before), perOn(after)),
    ...changed('weight', text(before[1]?.weight), text(after[1]?.weight)),
    ...changed('priority', before[1]?.priority, after[1]?.priority),
  ]
  const changes = [...limits, ...more].map((change) => ({ ...change, whom }))
  if (changes.length > 0 || (before[1] === undefined) === (after[1] === undefined)) return changes
  // It says what the quota says: nobody notices.
  return changed('override', before[1] && 'as the quota', after[1] && 'as the quota').map((change) => ({
    ...change,
    whom,
  }))
}

function limitOn([rule, override]: Side, dimension: keyof Limit): number {
  return override?.limit[dimension] ?? rule.limit[dimension] ?? Number.POSITIVE_INFINITY
}

function hasBurst([, override]: Side): boolean {
  return override?.burst !== undefined
}

function burstOn([rule, override]: Side): Pick<QuotaRule, 'burst' | 'limit'> {
  return { burst: override?.burst ?? rule.burst, limit: { ...rule.limit, ...override?.limit } }
}

function perOn([, override]: Side): string | undefined {
  return override?.per === undefined ? undefined : perWords(override.per)
}

function text(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

function keyOf({ match, except = [] }: QuotaOverride): string {
  return JSON.stringify([Object.entries(match).toSorted(), except])
}
