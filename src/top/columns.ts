/** The three tables of `top`: clients, quotas, brokers. */
import { formatByteRate, formatDuration, formatLimit } from '../cli/format.ts'
import { formatAddress } from '../cluster/address-book.ts'
import {
  bindingLimit,
  clientWords,
  DIMENSION_WORDS,
  delayWords,
  lagWords,
  libraryWords,
  nameWords,
  percentWords,
  rateWords,
  STATE_WORDS,
  useOfLimit,
} from '../page/words.ts'
import type { Dimension } from '../policy/dimensions.ts'
import type { BrokerStatus } from '../sluice.ts'
import type { ClientNow, QuotaNow } from '../status/status-document.ts'
import type { SortKey } from '../status/status-query.ts'
import type { Column } from './table.ts'

const BAR_COLUMNS = 8
const LIBRARY_CHARS_MAX = 28

/** A column of clients can be sorted by. */
export interface ClientColumn extends Column<ClientNow> {
  readonly sort: SortKey
}

export const CLIENT_COLUMNS: readonly ClientColumn[] = [
  {
    sort: 'client',
    title: 'CLIENT',
    align: 'left',
    width: 20,
    isFlexible: true,
    rank: 0,
    cell: ({ clientId }) => clientWords(clientId),
  },
  { sort: 'state', title: 'LIMITED BY', align: 'left', width: 10, rank: 1, cell: stateCell },
  { sort: 'use', title: 'USED OF LIMIT', align: 'left', width: 13, rank: 2, cell: useCell },
  {
    sort: 'throttle',
    title: 'THROTTLE',
    align: 'right',
    width: 9,
    rank: 0,
    cell: ({ rates }) => delayWords(rates.throttleMs),
  },
  { sort: 'debt', title: 'DEBT', align: 'right', width: 7, rank: 6, cell: debtCell },
  { sort: 'hold', title: 'HELD', align: 'right', width: 9, rank: 5, cell: ({ rates }) => delayWords(rates.heldMs) },
  {
    sort: 'produce',
    title: 'PRODUCES',
    align: 'right',
    width: 9,
    rank: 3,
    cell: ({ rates }) => bytesCell(rates.producedBytes),
  },
  {
    sort: 'fetch',
    title: 'FETCHES',
    align: 'right',
    width: 9,
    rank: 4,
    cell: ({ rates }) => bytesCell(rates.fetchedBytes),
  },
  {
    sort: 'requests',
    title: 'REQUESTS',
    align: 'right',
    width: 8,
    rank: 7,
    cell: ({ rates }) => (rates.requests === 0 ? '–' : rateWords('requests', rates.requests)),
  },
  {
    sort: 'connections',
    title: 'OPEN',
    align: 'right',
    width: 4,
    rank: 8,
    cell: ({ connections }) => String(connections),
  },
  {
    sort: 'lag',
    title: 'LAG',
    align: 'right',
    width: 5,
    rank: 6,
    cell: ({ lag }) => lagWords(lag),
  },
  {
    sort: 'group',
    title: 'GROUP',
    align: 'left',
    width: 8,
    rank: 10,
    cell: ({ groups }) => (groups.length === 0 ? '–' : nameWords(groups.join(', '), '', 24)),
  },
  {
    sort: 'library',
    title: 'LIBRARY',
    align: 'left',
    width: 8,
    rank: 9,
    cell: ({ software, softwareVersions }) => libraryWords(software, softwareVersions, LIBRARY_CHARS_MAX),
  },
]

export const QUOTA_COLUMNS: readonly Column<QuotaNow>[] = [
  { title: 'QUOTA', align: 'left', width: 12, isFlexible: true, rank: 0, cell: ({ name }) => nameWords(name, '') },
  {
    title: 'MEASURES',
    align: 'left',
    width: 10,
    rank: 1,
    cell: ({ dimension }) => DIMENSION_WORDS[dimension as Dimension],
  },
  {
    title: 'LIMIT',
    align: 'right',
    width: 8,
    rank: 0,
    cell: ({ dimension, limitPerSecond }) => formatLimit(dimension, limitPerSecond ?? Number.POSITIVE_INFINITY),
  },
  {
    title: 'EACH',
    align: 'left',
    width: 8,
    rank: 5,
    cell: ({ per }) => (per.length === 0 ? 'all together' : per.join(', ')),
  },
  { title: 'FULLEST BUCKET', align: 'left', width: 13, rank: 2, cell: fullestCell },
  {
    title: 'ALL USE',
    align: 'right',
    width: 8,
    rank: 4,
    cell: ({ usedPerSecond, dimension }) => (usedPerSecond === null ? '–' : rateWords(dimension, usedPerSecond)),
  },
  {
    title: 'LIMITED',
    align: 'right',
    width: 7,
    rank: 1,
    cell: ({ limitedClients }) => (limitedClients === 0 ? '–' : String(limitedClients)),
  },
  {
    title: 'THROTTLE',
    align: 'right',
    width: 9,
    rank: 3,
    cell: ({ throttleMsPerSecond }) => delayWords(throttleMsPerSecond),
  },
  { title: 'MODE', align: 'left', width: 7, rank: 6, cell: ({ mode }) => mode },
]

export const BROKER_COLUMNS: readonly Column<BrokerStatus>[] = [
  { title: 'NODE', align: 'right', width: 4, rank: 0, cell: ({ nodeId }) => String(nodeId) },
  {
    title: 'ADDRESS',
    align: 'left',
    width: 20,
    isFlexible: true,
    rank: 0,
    cell: ({ host, port }) => nameWords(formatAddress({ host, port }), '', 80),
  },
  {
    title: 'LOCAL PORT',
    align: 'right',
    width: 10,
    rank: 1,
    cell: ({ localPort }) => (localPort === 0 ? 'none' : String(localPort)),
  },
  {
    title: 'STATE',
    align: 'left',
    width: 13,
    rank: 0,
    cell: ({ reachable }) => (reachable ? 'reachable' : 'not reachable'),
  },
]

/** `█████░░░  64 %`. */
function bar(ratio: number): string {
  const full = Math.round(Math.min(1, Number.isFinite(ratio) ? Math.max(0, ratio) : 0) * BAR_COLUMNS)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_COLUMNS - full)} ${percentWords(ratio).padStart(5)}`
}

function stateCell({ state, limitedBy }: ClientNow): string {
  if (limitedBy === null) return STATE_WORDS[state]
  const quota = nameWords(limitedBy.quota, '', 24)
  return state === 'observed' ? `(${quota})` : quota
}

function useCell({ limits, state }: ClientNow): string {
  const limit = bindingLimit(limits)
  // Who has gone draws from nothing, whatever would limit it.
  if (limit === undefined) return state === 'gone' ? '–' : 'no limit'
  const floor = limit.canBeKept ? '' : ' floor!'
  return `${bar(useOfLimit(limit))} of ${rateWords(limit.dimension, limit.limitPerSecond)}${floor}`
}

function debtCell({ limits }: ClientNow): string {
  const debtMs = limits.reduce((most, limit) => (limit.mode === 'enforce' ? Math.max(most, limit.debtMs) : most), 0)
  return debtMs < 0.5 ? '–' : formatDuration(Math.round(debtMs))
}

function fullestCell({ fullest, level }: QuotaNow): string {
  if (level !== null) return level.waiting === 0 ? `${level.count} now` : `${level.count} now, ${level.waiting} waiting`
  return fullest === null ? '–' : bar(fullest)
}

function bytesCell(perSecond: number): string {
  return perSecond === 0 ? '–' : formatByteRate(perSecond)
}
