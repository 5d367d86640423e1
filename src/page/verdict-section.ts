/** What an on-call engineer has to see first: who is limited, by which quota and why; and whether something is wrong. */
import { formatDuration } from '../cli/format.ts'
import type { ClientNow, LimitNow, StatusDocument } from '../status/status-document.ts'
import type { PageAddress } from './address.ts'
import { type Html, html } from './html.ts'
import { useBar } from './use-bar.ts'
import { clientWords, DIMENSION_WORDS, keyWords, nameWords, rateWords, useOfLimit } from './words.ts'

/** Debts that are shorter come and go with every frame. */
const DEBT_TOLD_MS = 3_000

export function verdictSection(status: StatusDocument, address: PageAddress): Html {
  const slowest = status.mostLimited
  const more = status.counts.limited + status.counts.observed - slowest.length
  return html`<section class="verdict" aria-labelledby="verdict">
${alerts(status)}
<h1 id="verdict" class="${status.counts.limited > 0 ? 'limited' : 'calm'}">${headline(status)}</h1>
${slowest.length > 0 && html`<ol class="causes">${slowest.map((client) => cause(client, address))}</ol>`}
${more > 0 && html`<p class="more"><a data-nav href="${address.with({ state: status.counts.limited > 0 ? 'limited' : 'observed' }, 'clients')}">and ${more} more</a></p>`}
</section>`
}

/** The number first: it is what changes. */
function headline({ counts: { known, limited, observed } }: StatusDocument): Html | string {
  if (limited > 0) {
    return html`<b class="count">${limited}</b> of ${known} ${known === 1 ? 'client' : 'clients'} ${limited === 1 ? 'is' : 'are'} limited now`
  }
  if (observed > 0) {
    return html`Nobody is limited; <b class="count">${observed}</b> of ${known} would be, by quotas that only observe`
  }
  if (known === 0) return 'No client has connected yet'
  return `None of ${known} ${known === 1 ? 'client' : 'clients'} is limited now`
}

function cause(client: ClientNow, address: PageAddress): Html {
  const limit = client.limits.find(
    ({ quota, dimension }) => quota === client.limitedBy?.quota && dimension === client.limitedBy.dimension,
  )
  return html`<li id="${`cause-${client.id}`}">
<a class="who" data-nav href="${address.with({ client: client.id }, 'client')}">${clientWords(client.clientId)}</a>
<span class="by">by <a data-nav href="${address.with({ quota: client.limitedBy?.quota ?? '', state: '' }, 'clients')}">${nameWords(client.limitedBy?.quota ?? 'a quota', '')}</a></span>
${limit === undefined ? html`<span class="why">its next request is held</span>` : why(limit)}
</li>`
}

function why(limit: LimitNow): Html {
  const { dimension, mode, bucketPerSecond, limitPerSecond, canBeKept, floorPerSecond } = limit
  return html`${useBar(useOfLimit(limit), mode, true)}
<span class="why"><b>${rateWords(dimension, bucketPerSecond)}</b> of ${rateWords(dimension, limitPerSecond)}, ${DIMENSION_WORDS[dimension]}${sharedWords(limit)}</span>
<span class="why">${mode === 'enforce' ? waitWords(limit) : 'only observed: nothing is slowed'}${
    !canBeKept &&
    floorPerSecond !== null &&
    html`; <strong class="warn">below its floor of ${rateWords(dimension, floorPerSecond)}</strong>`
  }</span>`
}

/** With whom; nothing where the bucket is the client's own. */
function sharedWords({ key }: LimitNow): string {
  return key.startsWith('clientId') ? '' : `, shared by ${keyWords(key)}`
}

/** A frame that was let in on credit is paid for later: then the wait is longer than the rate alone tells. */
function waitWords({ throttleMsPerSecond, debtMs }: LimitNow): string {
  const waits = `waits ${formatDuration(throttleMsPerSecond)} in each second`
  return debtMs >= DEBT_TOLD_MS ? `${waits}, owes ${formatDuration(debtMs)}` : waits
}

/** Whatever is wrong, each with a place to look. */
function alerts({ ready, reasons, config, brokers }: StatusDocument): Html | undefined {
  const all: Html[] = []
  if (!ready) all.push(html`<li><strong>Not ready.</strong> ${reasons.join('; ')}</li>`)
  if (config.report !== null && !config.report.valid) {
    all.push(
      html`<li><strong>The configuration file has faults</strong>, what was in force before still is: <a href="#config">see them</a></li>`,
    )
  }
  const lost = brokers.filter(({ reachable }) => !reachable)
  if (ready && lost.length > 0) {
    all.push(
      html`<li><strong>${lost.length} of ${brokers.length} brokers cannot be reached</strong>: <a href="#brokers">see which</a></li>`,
    )
  }
  return all.length === 0 ? undefined : html`<ul class="alerts">${all}</ul>`
}
