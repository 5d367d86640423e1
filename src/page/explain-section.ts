/** The explain box: asks what `kafka-sluice explain` asks, and shows the same answer. */
import { experience } from '../explain/experience.ts'
import type { Explanation } from '../explain/explanation.ts'
import { explanationText } from '../explain/explanation-text.ts'
import { type PageAddress, QUESTION_FIELDS } from './address.ts'
import { kept } from './clients-section.ts'
import { type Html, html } from './html.ts'

const TEXT_COLUMNS = 100
const LABELS: Readonly<Record<(typeof QUESTION_FIELDS)[number], readonly [label: string, placeholder: string]>> = {
  api: ['API', 'Produce, Fetch, Metadata …'],
  principal: ['User', 'as seen'],
  group: ['Group', 'as seen'],
  topic: ['Topic', 'any'],
  software: ['Library', 'as seen'],
  address: ['Address', 'any'],
}

export function explainSection(address: PageAddress, explanation: Explanation | string | undefined): Html {
  const { question } = address
  const hasMore = QUESTION_FIELDS.some((field) => question?.has(field) === true)
  return html`<section class="explain" aria-labelledby="explain">
<h2 id="explain">Explain a client</h2>
<form method="get" action="/#explain" id="explain-form" class="question">
${kept(address, ['explain', ...QUESTION_FIELDS])}
<label for="ask">Client id</label> <input id="ask" name="explain" type="text" value="${question?.get('clientId') ?? ''}" autocomplete="off" spellcheck="false">
<button type="submit" class="button">Explain</button>
<details${hasMore && html` open`}><summary>More about it</summary><div class="fields">${QUESTION_FIELDS.map(
    (field) =>
      html`<label for="${`ask-${field}`}">${LABELS[field][0]}</label> <input id="${`ask-${field}`}" name="${field}" type="text" value="${question?.get(field) ?? ''}" placeholder="${LABELS[field][1]}" autocomplete="off" spellcheck="false">`,
  )}</div></details>
</form>
<div id="answer" aria-live="polite">${explanation !== undefined && answer(explanation)}</div>
</section>`
}

function answer(explanation: Explanation | string): Html {
  if (typeof explanation === 'string') return html`<p class="trouble">${explanation}</p>`
  return html`<div class="answer">
${experience(explanation).map((paragraph) => html`<p>${paragraph}</p>`)}
${explanation.notes.map((note) => html`<p class="note">${note}</p>`)}
<details id="explained"><summary>Every quota, and why it applies or does not</summary>
<div class="scroll" role="region" aria-label="Every quota" tabindex="0"><pre>${explanationText(explanation, TEXT_COLUMNS)}</pre></div></details>
</div>`
}
