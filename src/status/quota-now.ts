/** Every quota as it is now: what all clients together use of it, how many it makes wait, and what it has done so far. */
import { LIMITED_MS_PER_SECOND } from '../bounds.ts'
import type { LevelTable } from '../limiter/level-table.ts'
import type { Totals } from '../observe/series-observer.ts'
import { isLevel, type RateDimension } from '../policy/dimensions.ts'
import type { QuotaRule } from '../policy/quota-rule.ts'
import type { Counters } from '../session/counters.ts'
import type { QuotaStatus } from '../sluice.ts'
import type { ClientNow, QuotaNow } from './status-document.ts'

/** Under what a quota's rates are watched. */
export function seriesKey(quota: string, dimension: string): string {
  return `quota\0${quota}\0${dimension}`
}

/** What was used of each quota, and the delay that it made, for the observer. */
export function quotaTotals(quotas: readonly QuotaStatus[], counters: Counters): Totals[] {
  return quotas.map(({ name, dimension }) => {
    const counts = counters.quotas().get(name)
    const used = counts?.used[dimension as RateDimension] ?? 0
    return { key: seriesKey(name, dimension), totals: [used, counts?.throttleMs ?? 0] }
  })
}

export interface QuotaSources {
  readonly rules: readonly QuotaRule[]
  readonly counters: Counters
  readonly levels: Pick<LevelTable, 'entries'>
  readonly ratesOf: (key: string) => readonly number[] | undefined
}

/** What clients draw from the buckets of one limit. */
interface Drawn {
  /** By bucket: whether it is in debt. */
  readonly buckets: Map<string, boolean>
  fullest: number
  limitedClients: number
}

export function quotasNow(
  quotas: readonly QuotaStatus[],
  clients: readonly ClientNow[],
  { rules, counters, levels, ratesOf }: QuotaSources,
): QuotaNow[] {
  const drawn = drawnFrom(clients)
  const perOf = new Map(rules.map(({ name, per }) => [name, per]))
  const gauges = quotas.some(({ dimension }) => isLevel(dimension as RateDimension)) ? levelsOf(levels) : undefined
  return quotas.map((quota) => {
    const { name, dimension } = quota
    const key = seriesKey(name, dimension)
    const [usedPerSecond = 0, throttleMsPerSecond = 0] = ratesOf(key) ?? []
    const { buckets, fullest, limitedClients } = drawn.get(key) ?? {
      buckets: new Map(),
      fullest: null,
      limitedClients: 0,
    }
    const isGauge = isLevel(dimension as RateDimension)
    const counts = counters.quotas().get(name)
    return {
      ...quota,
      per: perOf.get(name) ?? [],
      usedPerSecond: isGauge ? null : usedPerSecond,
      throttleMsPerSecond,
      buckets: buckets.size,
      bucketsInDebt: [...buckets.values()].filter(Boolean).length,
      fullest,
      limitedClients,
      level: isGauge ? (gauges?.get(key) ?? { count: 0, waiting: 0 }) : null,
      requests: {
        stamped: counts?.stampedRequests ?? 0,
        held: counts?.heldRequests ?? 0,
        refused: counts?.refusedRequests ?? 0,
        observed: counts?.observedRequests ?? 0,
        belowFloor: counts?.floorExceeded ?? 0,
      },
    }
  })
}

function drawnFrom(clients: readonly ClientNow[]): Map<string, Drawn> {
  const all = new Map<string, Drawn>()
  for (const { limits } of clients) {
    const met = new Set<string>()
    for (const { quota, dimension, key, debtMs, bucketPerSecond, limitPerSecond, throttleMsPerSecond } of limits) {
      const name = seriesKey(quota, dimension)
      const drawn = all.get(name) ?? { buckets: new Map<string, boolean>(), fullest: 0, limitedClients: 0 }
      all.set(name, drawn)
      drawn.buckets.set(key, debtMs > 0)
      drawn.fullest = Math.max(drawn.fullest, bucketPerSecond / limitPerSecond)
      if (throttleMsPerSecond < LIMITED_MS_PER_SECOND || met.has(name)) continue
      met.add(name)
      drawn.limitedClients++
    }
  }
  return all
}

function levelsOf(levels: Pick<LevelTable, 'entries'>): Map<string, { count: number; waiting: number }> {
  const all = new Map<string, { count: number; waiting: number }>()
  for (const { quota, dimension, count, waiting } of levels.entries()) {
    const key = seriesKey(quota, dimension)
    const sum = all.get(key) ?? { count: 0, waiting: 0 }
    sum.count += count
    sum.waiting += waiting
    all.set(key, sum)
  }
  return all
}
