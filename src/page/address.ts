/** The address of the page says all that it shows: order, filter, client, question. So links and forms do everything without a script. */
import { PAGE_CLIENTS } from '../bounds.ts'
import { ANY_CLIENT, naturalOrder, type SortKey, type StatusQuery, statusQueryOf } from '../status/status-query.ts'

/** What the explain box asks; by the names of its fields, which are those of `/api/explain`. */
export const QUESTION_FIELDS = ['api', 'principal', 'group', 'topic', 'software', 'address'] as const

const STATUS_FIELDS = ['sort', 'order', 'filter', 'state', 'quota', 'client'] as const

export class PageAddress {
  readonly status: StatusQuery
  /** From 1. */
  readonly page: number
  /** As the query of `/api/explain`; undefined: nothing is asked. */
  readonly question: URLSearchParams | undefined
  /** What of the address makes no sense, for people. */
  readonly fault: string | undefined
  readonly #query: URLSearchParams

  constructor(query: URLSearchParams) {
    this.#query = query
    const { status, fault } = statusOf(query)
    this.fault = fault
    const page = Number(query.get('page') ?? 1)
    this.page = Number.isSafeInteger(page) && page > 0 && page < 1e6 ? page : 1
    this.status = {
      ...status,
      client: undefined,
      detail: status.client,
      top: PAGE_CLIENTS,
      skip: (this.page - 1) * PAGE_CLIENTS,
      history: true,
    }
    this.question = questionOf(query)
  }

  /** The same page with other values; '' takes one away. Another choice of clients begins with the first page again. */
  with(changes: Readonly<Record<string, string>>, fragment = ''): string {
    const query = new URLSearchParams([...this.#query].filter(isSaid))
    if (!('page' in changes) && !('client' in changes)) query.delete('page')
    for (const [name, value] of Object.entries(changes)) {
      if (isSaid([name, value])) query.set(name, value)
      else query.delete(name)
    }
    const text = query.toString()
    return `/${text === '' ? '' : `?${text}`}${fragment === '' ? '' : `#${fragment}`}`
  }

  /** Sorts by a column; a second time the other way round. */
  sortedBy(sort: SortKey): string {
    const isSame = this.status.sort === sort
    const order = isSame && this.status.order === naturalOrder(sort) ? opposite(this.status.order) : naturalOrder(sort)
    return this.with({ sort, order: order === naturalOrder(sort) ? '' : order })
  }

  /** What a form has to carry along, as it replaces the whole query. */
  kept(except: readonly string[]): readonly (readonly [name: string, value: string])[] {
    return [...this.#query].filter((pair) => isSaid(pair) && !except.includes(pair[0]))
  }
}

/** To explain '' is to ask about a client without a client id; anything else that is empty is not there. */
function isSaid([name, value]: readonly [string, string]): boolean {
  return value !== '' || name === 'explain'
}

function statusOf(query: URLSearchParams): { readonly status: StatusQuery; readonly fault?: string } {
  const asked = new URLSearchParams([...query].filter(([name]) => STATUS_FIELDS.some((field) => field === name)))
  try {
    return { status: statusQueryOf(asked) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { status: ANY_CLIENT, fault: error.message }
  }
}

function questionOf(query: URLSearchParams): URLSearchParams | undefined {
  const clientId = query.get('explain')
  if (clientId === null) return undefined
  const question = new URLSearchParams({ clientId })
  for (const field of QUESTION_FIELDS) {
    const value = query.get(field)
    if (value !== null && value !== '') question.set(field, value)
  }
  return question
}

function opposite(order: 'asc' | 'desc'): 'asc' | 'desc' {
  return order === 'asc' ? 'desc' : 'asc'
}
