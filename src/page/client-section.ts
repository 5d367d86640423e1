/** One client: what it is, how it went, every bucket that it draws from, and whether its limits can be kept. */
import { formatByteRate, formatBytes, formatCount, formatDuration, formatExact } from '../cli/format.ts'
import { amountWords } from '../explain/words.ts'
import type { ClientNow, LimitNow, StatusDocument } from '../status/status-document.ts'
import type { PageAddress } from './address.ts'
import { type Html, html } from './html.ts'
import { plot } from './plot.ts'
import { useBar } from './use-bar.ts'
import {
  clientWords,
  DIMENSION_WORDS,
  delayWords,
  keyWords,
  libraryWords,
  nameWords,
  percentWords,
  rateWords,
  STATE_WORDS,
  useOfLimit,
} from './words.ts'

const NAME_CHARS = 200
const QUESTION_CHARS_MAX = 1_000

export function clientSection(status: StatusDocument, address: PageAddress): Html {
  const { client } = status
  const close = html`<a class="button" data-nav href="${address.with({ client: '' }, 'clients')}">Close</a>`
  if (client === undefined) {
    return html`<section class="client" aria-labelledby="client"><h2 id="client">This client is not known any more</h2>${close}</section>`
  }
  return html`<section class="client" aria-labelledby="client">
<div class="headed"><h2 id="client">${clientWords(client.clientId, NAME_CHARS)}</h2>
<p><span class="dot ${client.state}" aria-hidden="true"></span>${STATE_WORDS[client.state]}</p>
${explainLink(client, address)} ${close}</div>
${facts(client)}
${plots(client, status)}
${limitsTable(client)}
</section>`
}

/** A question has to fit into an address. */
function explainLink({ clientId, principal, software }: ClientNow, address: PageAddress): Html | undefined {
  if (clientId.length + principal.length + software.length > QUESTION_CHARS_MAX) return undefined
  const href = address.with({ explain: clientId, principal, software }, 'explain')
  return html`<a class="button" data-nav href="${href}">Explain</a>`
}

function facts(client: ClientNow): Html {
  const { software, softwareVersions, principal, groups, addresses, connections, heldConnections } = client
  const rows: readonly (readonly [string, string])[] = [
    ['Library', libraryWords(software, softwareVersions, 80)],
    ['User', nameWords(principal, 'none', 80)],
    ['Group', groups.length === 0 ? 'none known' : nameWords(groups.join(', '), '', 80)],
    ['Behind', behindWords(client)],
    ['From', addresses.length === 0 ? '–' : addresses.join(', ')],
    ['Connections', `${connections}${heldConnections > 0 ? `, ${heldConnections} held` : ''}`],
    [
      'So far',
      `${formatBytes(client.producedBytes)} produced, ${formatBytes(client.fetchedBytes)} fetched, ${formatCount(client.requests)} requests`,
    ],
    ['Throttled', `${formatDuration(client.throttleMs)} in all, of that held ${formatDuration(client.heldMs)}`],
    ['Largest', `request ${formatBytes(client.largestProduceBytes)}, answer ${formatBytes(client.largestFetchBytes)}`],
  ]
  return html`<dl class="facts wide">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function behindWords({ lag }: ClientNow): string {
  if (lag === null) return '–'
  const { records, committedRecords } = lag
  const parts = [
    ...(records === null ? [] : [`${formatExact(records)} records by what its group fetches`]),
    ...(committedRecords === null ? [] : [`${formatExact(committedRecords)} by what it commits`]),
  ]
  return parts.join(', ')
}

function plots({ limits }: ClientNow, { history }: StatusDocument): Html | undefined {
  if (history?.client === undefined) return undefined
  const { producedBytes, fetchedBytes, requests, throttleMs } = history.client
  const { stepMs } = history
  const limitOf = (dimension: string): number | undefined =>
    limits.find((limit) => limit.dimension === dimension && limit.mode === 'enforce')?.limitPerSecond
  return html`<div class="tiles">
${plot({ title: 'Produces', format: formatByteRate, stepMs, limit: limitOf('produceBytes'), curves: [{ name: 'Produces', tone: 'produce', points: producedBytes }] })}
${plot({ title: 'Fetches', format: formatByteRate, stepMs, limit: limitOf('fetchBytes'), curves: [{ name: 'Fetches', tone: 'fetch', points: fetchedBytes }] })}
${plot({ title: 'Requests', format: (value) => rateWords('requests', value), stepMs, curves: [{ name: 'Requests', tone: 'requests', points: requests }] })}
${plot({ title: 'Throttle', format: delayWords, stepMs, curves: [{ name: 'Throttle', tone: 'throttle', points: throttleMs }] })}
</div>`
}

function limitsTable({ limits }: ClientNow): Html {
  if (limits.length === 0) return html`<p class="empty">No bucket is drawn from: nothing limits what it does now.</p>`
  return html`<div class="scroll" role="region" aria-label="Limits of this client" tabindex="0"><table>
<caption class="unseen">Limits of this client, the one that delays it most first</caption>
<thead><tr><th scope="col">Quota</th><th scope="col">Bucket of</th><th scope="col" class="use">Used of limit</th><th scope="col" class="number">This client</th><th scope="col" class="number">Throttle</th><th scope="col" class="number">Balance</th><th scope="col" class="number">Floor</th></tr></thead>
<tbody>${limits.map(limitRow)}</tbody></table></div>`
}

function limitRow(limit: LimitNow): Html {
  const { quota, dimension, mode, key, limitPerSecond, usedPerSecond, throttleMsPerSecond, floorPerSecond, canBeKept } =
    limit
  return html`<tr><th scope="row">${nameWords(quota, '')} <span class="user">${DIMENSION_WORDS[dimension]}${mode === 'observe' && ', observes'}</span></th>
<td>${keyWords(key)}${limit.isOverflow && ' (shared: the table of buckets is full)'}</td>
<td class="use">${useBar(useOfLimit(limit), mode)} <span class="percent">${percentWords(useOfLimit(limit))}</span> <span class="of">of ${rateWords(dimension, limitPerSecond)}</span></td>
<td class="number">${rateWords(dimension, usedPerSecond)}</td>
<td class="number">${delayWords(throttleMsPerSecond)}</td>
<td class="number">${balanceWords(limit)}</td>
<td class="number">${floorPerSecond === null ? '–' : rateWords(dimension, floorPerSecond)}${!canBeKept && html` <strong class="warn">above the limit</strong>`}</td></tr>`
}

function balanceWords({ dimension, balance, debtMs }: LimitNow): string {
  if (debtMs > 0) return `owes ${amountWords(dimension, Math.max(0, -balance))} (${formatDuration(debtMs)})`
  return `${amountWords(dimension, Math.max(0, balance))} left`
}
