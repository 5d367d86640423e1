/** The table of clients: fifty on a page, sorted and filtered by the address, so that a thousand are as quick as ten. */
import { PAGE_CLIENTS } from '../bounds.ts'
import { formatByteRate, formatCount, formatDuration } from '../cli/format.ts'
import type { ClientNow, LimitNow, StatusDocument } from '../status/status-document.ts'
import { CLIENT_STATES, type SortKey } from '../status/status-query.ts'
import type { PageAddress } from './address.ts'
import { type Html, html } from './html.ts'
import { useBar } from './use-bar.ts'
import {
  bindingLimit,
  clientWords,
  delayWords,
  lagWords,
  libraryWords,
  nameWords,
  percentWords,
  rateWords,
  STATE_WORDS,
  useOfLimit,
} from './words.ts'

interface Column {
  readonly sort: SortKey
  readonly title: string
  /** Explains itself where the title does not. */
  readonly about?: string
  /** Numbers stand at the right; columns that may go first where there is little room. */
  readonly kind: string
}

const COLUMNS: readonly Column[] = [
  { sort: 'client', title: 'Client', kind: 'name' },
  { sort: 'state', title: 'Limited by', kind: 'name' },
  { sort: 'use', title: 'Used of limit', about: 'by all that share the bucket', kind: 'use' },
  { sort: 'throttle', title: 'Throttle', about: 'told or held, in each second', kind: 'number' },
  { sort: 'debt', title: 'Debt', about: 'until its deepest bucket is out of debt', kind: 'number less' },
  { sort: 'hold', title: 'Held', about: 'in each second', kind: 'number' },
  { sort: 'produce', title: 'Produces', kind: 'number' },
  { sort: 'fetch', title: 'Fetches', kind: 'number' },
  { sort: 'requests', title: 'Requests', kind: 'number less' },
  { sort: 'connections', title: 'Open', about: 'connections', kind: 'number less' },
  { sort: 'group', title: 'Group', kind: 'name less' },
  { sort: 'lag', title: 'Lag', about: 'records that its group is behind', kind: 'number less' },
  { sort: 'library', title: 'Library', kind: 'name less' },
]

export function clientsSection(status: StatusDocument, address: PageAddress): Html {
  const { clients, counts } = status
  return html`<section aria-labelledby="clients">
<h2 id="clients">Clients <span class="number-of">${formatCount(counts.matching)}${counts.matching !== counts.known && ` of ${formatCount(counts.known)}`}</span></h2>
${address.fault !== undefined && html`<p class="trouble">${address.fault}</p>`}
${filterForm(address)}
<div class="scroll" role="region" aria-label="Table of clients" tabindex="0">
<table class="clients">
<caption class="unseen">Clients, ${address.status.order === 'asc' ? 'ascending' : 'descending'} by ${titleOf(address)}. Headings sort.</caption>
<thead><tr>${COLUMNS.map((column) => heading(column, address))}</tr></thead>
<tbody id="client-rows">${clients.map((client) => row(client, address))}</tbody>
</table>
${clients.length === 0 && html`<p class="empty">${counts.known === 0 ? `No client yet. Applications connect to ${status.listen}.` : 'No client matches.'}</p>`}
</div>
${pager(counts.matching, address)}
</section>`
}

function titleOf({ status: { sort } }: PageAddress): string {
  return COLUMNS.find((column) => column.sort === sort)?.title.toLowerCase() ?? sort
}

function filterForm(address: PageAddress): Html {
  const { filter, state, quota } = address.status
  return html`<form class="filter" id="filter-form" method="get" action="/" role="search" aria-label="Clients">
${kept(address, ['filter', 'state', 'page', 'client'])}
<label for="filter">Find</label> <input id="filter" name="filter" type="search" value="${filter}" placeholder="client, user, group, library" autocomplete="off" spellcheck="false">
<label for="state">State</label> <select id="state" name="state"><option value="">any</option>${CLIENT_STATES.map(
    (one) => html`<option value="${one}"${one === state && html` selected`}>${STATE_WORDS[one]}</option>`,
  )}</select>
<button type="submit" class="button">Show</button>
${quota !== undefined && html`<a class="chip" data-nav href="${address.with({ quota: '' }, 'clients')}">quota ${nameWords(quota, '')} <span aria-hidden="true">×</span><span class="unseen">: take this filter away</span></a>`}
</form>`
}

/** What of the address a form carries along. */
export function kept(address: PageAddress, except: readonly string[]): Html[] {
  return address.kept(except).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)
}

function heading({ sort, title, about, kind }: Column, address: PageAddress): Html {
  const { status } = address
  const isSorted = status.sort === sort
  const order = status.order === 'asc' ? 'ascending' : 'descending'
  return html`<th scope="col" class="${kind}"${isSorted && html` aria-sort="${order}"`}><a class="sort" data-nav href="${address.sortedBy(sort)}"${about !== undefined && html` title="${about}"`}>${title}<span class="arrow" aria-hidden="true">${isSorted ? (order === 'ascending' ? '↑' : '↓') : ''}</span></a></th>`
}

function row(client: ClientNow, address: PageAddress): Html {
  const { id, clientId, principal, state, limitedBy, limits, rates, connections, groups, software, softwareVersions } =
    client
  const limit = bindingLimit(limits)
  const isChosen = address.status.detail === id
  return html`<tr id="${`row-${id}`}" class="${state}${isChosen && ' chosen'}">
<th scope="row" class="name"><a class="who" data-nav href="${address.with({ client: id }, 'client')}"${isChosen && html` aria-current="true"`}>${clientWords(clientId)}</a>${principal !== '' && html` <span class="user">as ${nameWords(principal, '', 28)}</span>`}</th>
<td class="name"><span class="dot ${state}" aria-hidden="true"></span>${limitedBy === null ? STATE_WORDS[state] : html`<b>${nameWords(limitedBy.quota, '', 28)}</b>${state === 'observed' && ' (observes)'}`}</td>
<td class="use">${limit === undefined ? html`<span class="none">${state === 'gone' ? '–' : 'no limit'}</span>` : html`${useBar(useOfLimit(limit), limit.mode, state === 'limited')} <span class="percent">${percentWords(useOfLimit(limit))}</span> <span class="of">of ${rateWords(limit.dimension, limit.limitPerSecond)}</span>${!limit.canBeKept && html` <abbr class="warn" title="the limit is below the least rate that this client can be held to">floor</abbr>`}`}</td>
<td class="number">${delayWords(rates.throttleMs)}</td>
<td class="number less">${debtWords(limits)}</td>
<td class="number">${delayWords(rates.heldMs)}</td>
<td class="number">${rates.producedBytes === 0 ? '–' : formatByteRate(rates.producedBytes)}</td>
<td class="number">${rates.fetchedBytes === 0 ? '–' : formatByteRate(rates.fetchedBytes)}</td>
<td class="number less">${rates.requests === 0 ? '–' : rateWords('requests', rates.requests)}</td>
<td class="number less">${connections}</td>
<td class="name less">${groups.length === 0 ? '–' : nameWords(groups.join(', '), '', 28)}</td>
<td class="number less">${lagWords(client.lag)}</td>
<td class="name less">${libraryWords(software, softwareVersions, 32)}</td>
</tr>`
}

function debtWords(limits: readonly LimitNow[]): string {
  const debtMs = limits.reduce((most, limit) => (limit.mode === 'enforce' ? Math.max(most, limit.debtMs) : most), 0)
  return debtMs === 0 ? '–' : formatDuration(Math.round(debtMs))
}

function pager(matching: number, address: PageAddress): Html | undefined {
  const pages = Math.max(1, Math.ceil(matching / PAGE_CLIENTS))
  if (pages === 1 && address.page === 1) return undefined
  const link = (to: number, title: string, isThere: boolean): Html =>
    isThere
      ? html`<a class="button" data-nav href="${address.with({ page: String(to) })}">${title}</a>`
      : html`<span class="button off">${title}</span>`
  return html`<nav class="pager" aria-label="Pages of clients">
${link(address.page - 1, 'Previous', address.page > 1)}
<span>Page ${address.page} of ${pages}</span>
${link(address.page + 1, 'Next', address.page < pages)}
</nav>`
}
