/** The configuration in force, without its secrets, and whether the file as it stands is it. */
import { stringify } from 'yaml'
import { formatCount } from '../cli/format.ts'
import type { Fault } from '../config/config-error.ts'
import type { StatusDocument } from '../status/status-document.ts'
import { type Html, html } from './html.ts'

const CONFIG_CHARS_MAX = 40_000
const LINE_COLUMNS = 100

export function configSection({ config: { report, reloads } }: StatusDocument, config: unknown): Html {
  const text = stringify(config, { lineWidth: LINE_COLUMNS, aliasDuplicateObjects: false })
  return html`<section aria-labelledby="config">
<h2 id="config">Configuration</h2>
${state(report)}
<p class="note">Reloads: ${formatCount(reloads.ok)} done, ${formatCount(reloads.failed)} refused.</p>
${report !== null && report.faults.length > 0 && html`<ul class="faults">${report.faults.map(fault)}</ul>`}
<details id="config-text"><summary>In force, with defaults filled in and secrets masked</summary>
<div class="scroll" role="region" aria-label="Configuration in force" tabindex="0"><pre>${text.slice(0, CONFIG_CHARS_MAX)}</pre></div>
${text.length > CONFIG_CHARS_MAX && html`<p class="note">Cut here; <a href="/api/config">all of it as JSON</a>.</p>`}</details>
</section>`
}

function state(report: StatusDocument['config']['report']): Html {
  if (report === null) return html`<p>From flags and environment variables alone.</p>`
  const since = html`<time datetime="${report.since}">${report.since.slice(0, 19).replace('T', ' ')} UTC</time>`
  if (report.valid)
    return html`<p><span class="dot active" aria-hidden="true"></span>The file as it stands is in force, since ${since}.</p>`
  return html`<p><span class="dot lost" aria-hidden="true"></span><strong>The file has faults</strong> since ${since}; what was in force before still is.</p>`
}

function fault({ path, line, column, message }: Fault): Html {
  return html`<li>${line > 0 && html`<span class="place">line ${line}, column ${column}</span> `}${path !== '' && html`<b>${path}</b>: `}${message}</li>`
}
