/**
 * The metric families with a label `quota`. Every quota of the policy in force has its series from the start; one that a
 * reload removed keeps its counts, as counters must not go backwards.
 */
import type { QuotaBuckets } from '../limiter/bucket-table.ts'
import type { Counters, QuotaCounts } from '../session/counters.ts'
import type { QuotaStatus } from '../sluice.ts'
import type { MetricName } from './catalogue/definition.ts'
import { type Family, family, type Sample } from './family.ts'

type Count = Exclude<keyof QuotaCounts, 'used'>

/** What can happen to a request under a quota: the answer told the client, it waited, it was refused, or observe mode noted it. */
const ACTIONS: readonly (readonly [action: string, count: Count])[] = [
  ['stamped', 'stampedRequests'],
  ['held', 'heldRequests'],
  ['refused', 'refusedRequests'],
  ['observed', 'observedRequests'],
]

/** Families counted by quota. `quotas` is asked at each scrape. */
export function quotaFamilies(counters: Counters, quotas: () => readonly QuotaStatus[]): Family[] {
  /** Names first from the policy, then from counts of quotas that are gone. */
  const names = (): string[] => [...new Set([...quotas().map(({ name }) => name), ...counters.quotas().keys()])]
  const perQuota = (name: MetricName, count: Count, scale = 1): Family =>
    family(name, () =>
      names().map((quota) => ({ labels: { quota }, value: (counters.quotas().get(quota)?.[count] ?? 0) * scale })),
    )
  return [
    family('sluice_throttled_requests_total', () =>
      names().flatMap((quota) =>
        ACTIONS.map(([action, count]) => ({
          labels: { quota, action },
          value: counters.quotas().get(quota)?.[count] ?? 0,
        })),
      ),
    ),
    perQuota('sluice_throttle_seconds_total', 'throttleMs', 1 / 1000),
    perQuota('sluice_throttled_bytes_total', 'throttledBytes'),
    family('sluice_quota_used_total', () =>
      names().flatMap((quota) => usedSamples(quota, counters.quotas().get(quota), quotas())),
    ),
    family('sluice_quota_limit', () => limitSamples(quotas())),
    perQuota('sluice_quota_floor_exceeded_total', 'floorExceeded'),
  ]
}

/** How the buckets stand at the moment of the scrape. */
export function bucketFamilies(buckets: () => ReadonlyMap<string, QuotaBuckets>): Family[] {
  const perQuota = (name: MetricName, value: (buckets: QuotaBuckets) => number): Family =>
    family(name, () => [...buckets()].map(([quota, of]) => ({ labels: { quota }, value: value(of) })))
  return [
    perQuota('sluice_bucket_debt_seconds', ({ debtMs }) => debtMs / 1000),
    perQuota('sluice_bucket_level_ratio', ({ level }) => level),
    perQuota('sluice_quota_keys', ({ buckets: count }) => count),
  ]
}

/** What was used of a quota, in each dimension that it limits or limited. */
function usedSamples(quota: string, counts: QuotaCounts | undefined, quotas: readonly QuotaStatus[]): Sample[] {
  const limited = quotas.filter(({ name }) => name === quota).map(({ dimension }) => dimension)
  const used = Object.entries(counts?.used ?? {}).filter(([, value]) => value > 0)
  const dimensions = new Set([...limited, ...used.map(([dimension]) => dimension)])
  const values = new Map(used)
  return [...dimensions].map((dimension) => ({ labels: { quota, dimension }, value: values.get(dimension) ?? 0 }))
}

function limitSamples(quotas: readonly QuotaStatus[]): Sample[] {
  return quotas.flatMap(({ name, dimension, limitPerSecond }) =>
    limitPerSecond === null ? [] : [{ labels: { quota: name, dimension }, value: limitPerSecond }],
  )
}
