/** How much of a limit is used, as a bar; the number always stands beside it. */
import type { Mode } from '../policy/quota-rule.ts'
import { type Html, html } from './html.ts'

const WIDTH = 64
const FULL = 0.9

/** @param isLimiting it makes somebody wait, however much of it was used in the last ten seconds */
export function useBar(ratio: number, mode: Mode, isLimiting = false): Html {
  const width = Math.round(Math.min(1, Number.isFinite(ratio) ? ratio : 0) * WIDTH)
  const tone = mode === 'observe' ? 'observed' : ratio >= FULL || isLimiting ? 'full' : 'free'
  return html`<svg class="bar ${tone}" viewBox="0 0 ${WIDTH} 8" aria-hidden="true"><rect class="rail" width="${WIDTH}" height="8" rx="2"/><rect class="part" width="${width}" height="8" rx="2"/></svg>`
}
