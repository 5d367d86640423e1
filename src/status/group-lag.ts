/** How many records each group is behind, all its partitions together. */
import type { LagEntry } from '../cluster/lag-book.ts'
import type { LagNow } from './status-document.ts'

/** By group; a group of which no partition's end is known is not in it. */
export function groupLags(entries: Iterable<Pick<LagEntry, 'group' | 'lag' | 'committedLag'>>): Map<string, LagNow> {
  const all = new Map<string, LagNow>()
  for (const { group, lag, committedLag } of entries) {
    if (group === '' || (lag === undefined && committedLag === undefined)) continue
    const sum = all.get(group)
    all.set(group, {
      records: added(sum?.records, lag),
      committedRecords: added(sum?.committedRecords, committedLag),
    })
  }
  return all
}

/** Of all its groups; null where nothing is known of any. */
export function lagOf(groups: readonly string[], lags: ReadonlyMap<string, LagNow>): LagNow | null {
  const known = groups.flatMap((group) => lags.get(group) ?? [])
  if (known.length === 0) return null
  return known.reduce((sum, { records, committedRecords }) => ({
    records: added(sum.records, records ?? undefined),
    committedRecords: added(sum.committedRecords, committedRecords ?? undefined),
  }))
}

function added(sum: number | null | undefined, more: number | undefined): number | null {
  return more === undefined ? (sum ?? null) : (sum ?? 0) + more
}
