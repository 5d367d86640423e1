/** Which broker is where, and which local port stands for it. */
import { formatAddress } from '../cluster/address-book.ts'
import type { StatusDocument } from '../status/status-document.ts'
import { type Html, html } from './html.ts'
import { nameWords } from './words.ts'

export function brokersSection({ brokers, listen }: StatusDocument): Html {
  return html`<section aria-labelledby="brokers">
<h2 id="brokers">Brokers <span class="number-of">${brokers.length}</span></h2>
${
  brokers.length === 0
    ? html`<p class="empty">No broker is known yet.</p>`
    : html`<div class="scroll" role="region" aria-label="Table of brokers" tabindex="0"><table class="narrow">
<caption class="unseen">Brokers, and the local ports that stand for them</caption>
<thead><tr><th scope="col" class="number">Node</th><th scope="col">Address</th><th scope="col" class="number">Local port</th><th scope="col">State</th></tr></thead>
<tbody>${brokers.map(
        ({ nodeId, host, port, localPort, reachable }) =>
          html`<tr><th scope="row" class="number">${nodeId}</th><td>${nameWords(formatAddress({ host, port }), '', 80)}</td><td class="number">${localPort === 0 ? 'none' : localPort}</td><td><span class="dot ${reachable ? 'active' : 'lost'}" aria-hidden="true"></span>${reachable ? 'reachable' : 'not reachable'}</td></tr>`,
      )}</tbody></table></div>`
}
<p class="note">Applications begin at ${listen}; answers of the brokers name the local ports.</p>
</section>`
}
