/**
 * The status page: everything that it shows is in the HTML, for whoever has no script; `assets/page.js` asks for the same page
 * every two seconds and changes what has changed. Who is limited, by what and why stands at the top.
 */
import type { Explanation } from '../explain/explanation.ts'
import type { StatusDocument } from '../status/status-document.ts'
import type { PageAddress } from './address.ts'
import { brokersSection } from './brokers-section.ts'
import { clientSection } from './client-section.ts'
import { clientsSection } from './clients-section.ts'
import { configSection } from './config-section.ts'
import { explainSection } from './explain-section.ts'
import { type Html, html } from './html.ts'
import { dressed } from './plain-page.ts'
import { quotasSection } from './quotas-section.ts'
import { trafficSection } from './traffic-section.ts'
import { verdictSection } from './verdict-section.ts'
import { uptimeWords } from './words.ts'

/** What the page is made of. */
export interface PageParts {
  readonly address: PageAddress
  readonly status: StatusDocument
  /** The configuration in force, masked. */
  readonly config: unknown
  /** The answer of the explain box; a text says why there is none. */
  readonly explanation: Explanation | string | undefined
}

export function statusPage(parts: PageParts): string {
  const { address, status, config, explanation } = parts
  const { limited } = status.counts
  const state = status.ready ? (limited > 0 ? `${limited} limited` : 'ready') : 'not ready'
  return dressed(
    `${state} · kafka-sluice`,
    html`${header(status, address)}
<main id="main" tabindex="-1">
${verdictSection(status, address)}
${trafficSection(status)}
${address.status.detail !== undefined && clientSection(status, address)}
${clientsSection(status, address)}
${quotasSection(status, address)}
${explainSection(address, explanation)}
${brokersSection(status)}
${configSection(status, config)}
</main>
${footer(status)}`,
  )
}

function header({ ready, version, uptimeMs, listen, mode, at }: StatusDocument, address: PageAddress): Html {
  return html`<a class="skip" href="#main">Skip to the content</a>
<header class="top" id="top">
<p class="brand">kafka-sluice <span class="version">${version}</span></p>
<p class="badges"><span class="badge ${ready ? 'good' : 'bad'}">${ready ? 'Ready' : 'Not ready'}</span>
${mode === 'observe' && html`<span class="badge observed">Observes only</span>`}</p>
<dl class="facts">
<div><dt>listens on</dt><dd>${listen}</dd></div>
<div><dt>up</dt><dd>${uptimeWords(uptimeMs)}</dd></div>
<div><dt>as of</dt><dd><time datetime="${at}">${at.slice(11, 19)} UTC</time></dd></div>
</dl>
<div class="controls" id="controls">
<a class="button" id="refresh" href="${address.with({})}">Refresh</a>
<button type="button" class="button" id="pause" hidden aria-pressed="false">Pause</button>
<button type="button" class="button" id="theme" hidden>Dark</button>
</div>
<p id="trouble" role="alert" class="trouble" hidden></p>
<p id="said" role="status" class="unseen"></p>
</header>`
}

function footer({ kafkaProtocol }: StatusDocument): Html {
  return html`<footer class="foot">
<nav aria-label="Other pages"><a href="/metrics">metrics</a> <a href="/api/status">status as JSON</a> <a href="/api/config">configuration as JSON</a> <a href="/healthz">healthz</a> <a href="/readyz">readyz</a></nav>
<p>Rates are of the last ten seconds. Knows the protocol of Kafka ${kafkaProtocol}.</p>
</footer>`
}
