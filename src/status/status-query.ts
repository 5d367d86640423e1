/** Which clients are wanted, and in which order: the query of `/api/status` and of the page. */
import { suggestion } from '../config/suggest.ts'
import type { ClientNow, ClientState } from './status-document.ts'

export const SORT_KEYS = [
  'client',
  'state',
  'throttle',
  'hold',
  'produce',
  'fetch',
  'requests',
  'use',
  'debt',
  'connections',
  'library',
  'group',
  'lag',
] as const
export type SortKey = (typeof SORT_KEYS)[number]

export const CLIENT_STATES: readonly ClientState[] = ['limited', 'observed', 'active', 'idle', 'gone']

export interface StatusQuery {
  readonly sort: SortKey
  readonly order: 'asc' | 'desc'
  /** In client id, user, group or library; '' for all. */
  readonly filter: string
  readonly state: ClientState | undefined
  /** Only those that draw from this quota. */
  readonly quota: string | undefined
  /** The id of one client: only that one. */
  readonly client: string | undefined
  /** The id of one client that is told of in particular, with its history. */
  readonly detail: string | undefined
  /** How many; all if undefined. */
  readonly top: number | undefined
  readonly skip: number
  readonly history: boolean
}

const NAMES = ['sort', 'order', 'filter', 'state', 'quota', 'client', 'top', 'skip', 'history'] as const

export const ANY_CLIENT: StatusQuery = {
  sort: 'throttle',
  order: 'desc',
  filter: '',
  state: undefined,
  quota: undefined,
  client: undefined,
  detail: undefined,
  top: undefined,
  skip: 0,
  history: false,
}

/** @throws RangeError for what is no part of such a question */
export function statusQueryOf(query: URLSearchParams): StatusQuery {
  for (const name of query.keys()) {
    if (!NAMES.some((known) => known === name)) {
      throw new RangeError(`"${name}" is nothing that can be asked for${suggestion(name, NAMES)}`)
    }
  }
  const sort = oneOf(query, 'sort', SORT_KEYS) ?? ANY_CLIENT.sort
  return {
    sort,
    order: oneOf(query, 'order', ['asc', 'desc'] as const) ?? naturalOrder(sort),
    filter: (query.get('filter') ?? '').trim(),
    state: oneOf(query, 'state', CLIENT_STATES),
    quota: query.get('quota') || undefined,
    client: query.get('client') || undefined,
    detail: query.get('client') || undefined,
    top: wholeNumber(query, 'top'),
    skip: wholeNumber(query, 'skip') ?? 0,
    history: (oneOf(query, 'history', ['1', '0'] as const) ?? '0') === '1',
  }
}

/** Names begin with A, numbers with the largest. */
export function naturalOrder(sort: SortKey): 'asc' | 'desc' {
  return sort === 'client' || sort === 'library' || sort === 'group' || sort === 'state' ? 'asc' : 'desc'
}

/** Those that are wanted, in order; before `skip` and `top`. */
export function chosen(clients: readonly ClientNow[], query: StatusQuery): ClientNow[] {
  const { sort, order, filter, state, quota, client } = query
  const words = filter.toLowerCase().split(/\s+/u).filter(Boolean)
  const wanted = clients.filter(
    (one) =>
      (client === undefined || one.id === client) &&
      (state === undefined || one.state === state) &&
      (quota === undefined || one.limits.some((limit) => limit.quota === quota)) &&
      (words.length === 0 || matches(one, words)),
  )
  const sign = order === 'asc' ? 1 : -1
  // Where they are alike, by name: rows must not change places from one look to the next.
  const keyed = wanted.map((one) => ({ one, key: SORTED_BY[sort](one) }))
  keyed.sort((a, b) => sign * compare(a.key, b.key) || compare(a.one.clientId, b.one.clientId))
  return keyed.map(({ one }) => one)
}

/** How near the client is to the limit that binds it most: used ÷ limit. */
export function useOf({ limits }: ClientNow): number {
  return limits.reduce(
    (most, { bucketPerSecond, limitPerSecond }) => Math.max(most, bucketPerSecond / limitPerSecond),
    0,
  )
}

const SORTED_BY: Readonly<Record<SortKey, (client: ClientNow) => number | string>> = {
  client: ({ clientId }) => clientId,
  state: ({ state }) => CLIENT_STATES.indexOf(state),
  throttle: ({ rates }) => rough(rates.throttleMs),
  hold: ({ rates }) => rough(rates.heldMs),
  produce: ({ rates }) => rough(rates.producedBytes),
  fetch: ({ rates }) => rough(rates.fetchedBytes),
  requests: ({ rates }) => rough(rates.requests),
  use: (client) => rough(useOf(client)),
  debt: ({ limits }) => limits.reduce((most, { debtMs }) => Math.max(most, debtMs), 0),
  connections: ({ connections }) => connections,
  library: ({ software }) => software,
  group: ({ groups }) => groups[0] ?? '',
  lag: ({ lag }) => lag?.records ?? lag?.committedRecords ?? -1,
}

/** Two digits: clients that do about the same shall not change places with every look. */
function rough(rate: number): number {
  return Number(rate.toPrecision(2))
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Every word is found somewhere. */
function matches({ clientId, principal, software, groups }: ClientNow, words: readonly string[]): boolean {
  const text = [clientId, principal, software, ...groups].join('\n').toLowerCase()
  return words.every((word) => text.includes(word))
}

function oneOf<T extends string>(query: URLSearchParams, name: string, values: readonly T[]): T | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const value = values.find((known) => known === text)
  if (value === undefined) throw new RangeError(`${name} is one of ${values.join(', ')}, not ${JSON.stringify(text)}`)
  return value
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^\d{1,9}$/u.test(text)) throw new RangeError(`${name} is a whole number, not ${JSON.stringify(text)}`)
  return Number(text)
}
