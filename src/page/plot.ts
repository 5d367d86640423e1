/** Plots of the last quarter of an hour as inline SVG: areas over a common scale, a dashed line for a limit. No script draws them. */
import { HISTORY_POINTS } from '../bounds.ts'
import { type Html, html } from './html.ts'

/** One curve. */
export interface Curve {
  readonly name: string
  readonly points: readonly number[]
  /** Which of the colours of the style sheet. */
  readonly tone: 'produce' | 'fetch' | 'requests' | 'throttle' | 'used'
}

export interface Plot {
  readonly title: string
  readonly curves: readonly Curve[]
  readonly stepMs: number
  /** As people read it. */
  readonly format: (value: number) => string
  /** A line across, in the unit of the curves. */
  readonly limit?: number | undefined
}

/** User units of the drawing, which is stretched to the place it has; lines keep their width (vector-effect). */
const WIDTH = 360
const HEIGHT = 96
/** Kept free above the highest point. */
const HEADROOM = 1.12

export function plot({ title, curves, stepMs, format, limit }: Plot): Html {
  const most = Math.max(...curves.flatMap(({ points }) => points), 0)
  const shown = limit !== undefined && limit < most * 20 ? Math.max(most, limit) : most
  const top = shown === 0 ? 1 : shown * HEADROOM
  const now = curves.map(
    ({ name, points }) => `${name} now ${format(points.at(-1) ?? 0)}, at most ${format(Math.max(0, ...points))}`,
  )
  const minutes = Math.round((HISTORY_POINTS * stepMs) / 60_000)
  return html`<figure class="plot" data-step="${stepMs}" data-points="${HISTORY_POINTS}">
<figcaption><span class="plot-title">${title}</span> <span class="plot-max">${shown > 0 && `to ${format(shown)}`}</span></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${`${title}, the last ${minutes} minutes: ${now.join('; ')}${limit === undefined ? '' : `; limit ${format(limit)}`}`}">
<path class="grid" d="M0 ${HEIGHT - 0.5}H${WIDTH}M0 ${y(shown, top)}H${WIDTH}"/>
${curves.map((one) => curve(one, top, format))}
${limit !== undefined && limit <= top && html`<path class="limit" d="M0 ${y(limit, top)}H${WIDTH}"/>`}
</svg>
<p class="plot-axis" aria-hidden="true"><span>${minutes} min ago</span><span class="plot-at"></span><span>now</span></p>
</figure>`
}

/** A plot without words, for a cell of a table. */
export function sparkline(points: readonly number[], tone: Curve['tone'], label: string): Html {
  const top = Math.max(...points, 0) * HEADROOM || 1
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">${curve({ name: '', points, tone }, top)}</svg>`
}

/** With `format`, every point carries its value in words, for whoever points at it. */
function curve({ name, points, tone }: Curve, top: number, format?: Plot['format']): Html | undefined {
  if (points.length < 2) return undefined
  const first = HISTORY_POINTS - points.length
  const line = points.map((point, i) => `${x(first + i)} ${y(point, top)}`).join('L')
  const words = format === undefined ? undefined : points.map(format).join('|')
  return html`<path class="area ${tone}" d="M${x(first)} ${HEIGHT}L${line}V${HEIGHT}Z"/><path class="line ${tone}"${
    words !== undefined && html` data-name="${name}" data-words="${words}"`
  } d="M${line}"/>`
}

function x(point: number): number {
  return Number(((point / (HISTORY_POINTS - 1)) * WIDTH).toFixed(1))
}

function y(value: number, top: number): number {
  return Number((HEIGHT - (value / top) * HEIGHT).toFixed(1))
}
