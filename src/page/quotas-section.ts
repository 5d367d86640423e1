/** The table of quotas: what each allows, what is used of it, and whom it makes wait. */
import { formatCount, formatLimit } from '../cli/format.ts'
import type { LimitNow, QuotaNow, StatusDocument, StatusHistory } from '../status/status-document.ts'
import type { PageAddress } from './address.ts'
import { type Html, html } from './html.ts'
import { sparkline } from './plot.ts'
import { useBar } from './use-bar.ts'
import { DIMENSION_WORDS, delayWords, nameWords, percentWords, rateWords } from './words.ts'

/** Of a thousand quotas those that do something are shown. */
const SHOWN_MAX = 100

export function quotasSection({ quotas, history }: StatusDocument, address: PageAddress): Html {
  const shown = quotas.toSorted(
    (a, b) => b.throttleMsPerSecond - a.throttleMsPerSecond || (b.fullest ?? 0) - (a.fullest ?? 0),
  )
  const rows = quotas.length > SHOWN_MAX ? shown.slice(0, SHOWN_MAX) : quotas
  return html`<section aria-labelledby="quotas">
<h2 id="quotas">Quotas <span class="number-of">${formatCount(quotas.length)}</span></h2>
${
  quotas.length === 0
    ? html`<p class="empty">There are none: nothing is limited.</p>`
    : html`<div class="scroll" role="region" aria-label="Table of quotas" tabindex="0"><table>
<caption class="unseen">Quotas, and what is used of them now</caption>
<thead><tr><th scope="col">Quota</th><th scope="col" class="number">Limit</th><th scope="col">Each</th><th scope="col" class="use">Fullest bucket</th><th scope="col" class="number">All use</th><th scope="col" class="spark-cell">15 minutes</th><th scope="col" class="number">Clients limited</th><th scope="col" class="number">Throttle</th><th scope="col">So far</th></tr></thead>
<tbody>${rows.map((quota) => row(quota, history, address))}</tbody></table></div>`
}
${rows.length < quotas.length && html`<p class="note">The ${SHOWN_MAX} that make clients wait most; all are in <a href="/api/status?top=0">status as JSON</a>.</p>`}
</section>`
}

function row(quota: QuotaNow, history: StatusHistory | undefined, address: PageAddress): Html {
  const {
    name,
    dimension,
    mode,
    limitPerSecond,
    per,
    fullest,
    usedPerSecond,
    level,
    limitedClients,
    throttleMsPerSecond,
  } = quota
  const points = history?.quotas.find((one) => one.name === name && one.dimension === dimension)?.used
  const limit = formatLimit(dimension, limitPerSecond ?? Number.POSITIVE_INFINITY)
  return html`<tr class="${limitedClients > 0 && (mode === 'enforce' ? 'limited' : 'observed')}">
<th scope="row" class="name"><a class="who" data-nav href="${address.with({ quota: name, state: '' }, 'clients')}" title="show its clients">${nameWords(name, '')}</a> <span class="user">${DIMENSION_WORDS[dimension as LimitNow['dimension']]}${mode === 'observe' && ', observes'}</span></th>
<td class="number">${limit}</td>
<td class="name">${per.length === 0 ? 'all together' : nameWords(per.join(', '), '').replaceAll('"', '')}</td>
<td class="use">${fullest === null ? (level === null ? '–' : `${level.count} open, ${level.waiting} waiting`) : html`${useBar(fullest, mode, limitedClients > 0)} <span class="percent">${percentWords(fullest)}</span>`}</td>
<td class="number">${usedPerSecond === null ? '–' : rateWords(dimension, usedPerSecond)}</td>
<td class="spark-cell">${points !== undefined && sparkline(points, 'used', `used in the last 15 minutes: at most ${rateWords(dimension, Math.max(0, ...points))}`)}</td>
<td class="number">${limitedClients === 0 ? '–' : html`<b class="many">${limitedClients}</b>`}</td>
<td class="number">${delayWords(throttleMsPerSecond)}</td>
<td class="so-far">${soFar(quota)}</td></tr>`
}

function soFar({ requests: { stamped, held, refused, observed, belowFloor } }: QuotaNow): string {
  const parts: readonly (readonly [number, string])[] = [
    [stamped, 'told'],
    [held, 'held'],
    [refused, 'refused'],
    [observed, 'observed'],
    [belowFloor, 'let go early'],
  ]
  const words = parts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`)
  return words.length === 0 ? '–' : words.join(', ')
}
