/** All clients together: four numbers, and how they went in the last quarter of an hour. */
import { formatByteRate, formatCount } from '../cli/format.ts'
import type { StatusDocument, TotalRates } from '../status/status-document.ts'
import { type Html, html } from './html.ts'
import { type Curve, plot } from './plot.ts'
import { delayWords } from './words.ts'

const SHOWN: readonly {
  readonly name: keyof TotalRates
  readonly title: string
  readonly tone: Curve['tone']
  readonly format: (value: number) => string
}[] = [
  { name: 'producedBytes', title: 'Produced', tone: 'produce', format: formatByteRate },
  { name: 'fetchedBytes', title: 'Fetched', tone: 'fetch', format: formatByteRate },
  { name: 'requests', title: 'Requests', tone: 'requests', format: (value) => `${formatCount(value)}/s` },
  { name: 'throttleMs', title: 'Throttle', tone: 'throttle', format: delayWords },
]

export function trafficSection({ totals, history, connections, heldConnections }: StatusDocument): Html {
  return html`<section class="traffic" aria-labelledby="traffic">
<h2 id="traffic">Traffic</h2>
<p class="note">${connections} ${connections === 1 ? 'connection' : 'connections'} open, ${heldConnections} held right now. Throttle is the delay that
all clients together are told or held for, in each second.</p>
<div class="tiles">${SHOWN.map(
    ({
      name,
      title,
      tone,
      format,
    }) => html`<div class="tile"><p class="now"><span>${title}</span> <b>${format(totals[name])}</b></p>
${history !== undefined && plot({ title, format, stepMs: history.stepMs, curves: [{ name: title, tone, points: history.totals[name] }] })}</div>`,
  )}</div>
</section>`
}
