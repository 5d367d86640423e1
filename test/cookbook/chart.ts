/**
 * A line chart as an SVG of its own, for the cookbook: axes, legend, limits and moments. It paints its own paper, in dark and in light,
 * so that it can be read on whatever page shows it; lines differ in dashes as well as in colour; title and description are there for
 * those who hear it.
 */

export interface ChartLine {
  readonly label: string
  /** Seconds and value, in the panel's unit. */
  readonly points: readonly (readonly [second: number, value: number])[]
}

export interface ChartPanel {
  /** What the vertical axis shows, with its unit. */
  readonly title: string
  readonly lines: readonly ChartLine[]
  /** Level lines, such as limits. */
  readonly levels: readonly { readonly value: number; readonly label: string }[]
}

export interface Chart {
  readonly title: string
  readonly description: string
  readonly seconds: number
  readonly panels: readonly ChartPanel[]
  /** What happened when. */
  readonly moments: readonly { readonly second: number; readonly label: string }[]
}

const WIDTH = 760
const PANEL_HEIGHT = 230
const LEFT = 56
const RIGHT = 20
const HEAD = 64
const GAP = 92
const FOOT = 32
const PLOT_WIDTH = WIDTH - LEFT - RIGHT
const TICKS_MAX = 5
/** Colours that colour-blind readers tell apart (Okabe and Ito), darkened for paper and lightened for the night. */
const COLOURS = [
  { light: '#0067a3', dark: '#6cc0f5' },
  { light: '#c04f00', dark: '#ffab5e' },
  { light: '#00795a', dark: '#5fd6ac' },
  { light: '#8e3b86', dark: '#e3a1dc' },
] as const
const DASHES = ['none', '9 4', '3 3', '12 4 3 4'] as const
/** About what a character of the legend's font takes. */
const CHARACTER_WIDTH = 7.1
const LEGEND_SAMPLE = 34
/** From a level to the middle of its label. */
const LABEL_RISE = 11

/** The whole file. */
export function drawChart(chart: Chart): string {
  const height = HEAD + chart.panels.length * PANEL_HEIGHT + (chart.panels.length - 1) * GAP + FOOT
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escaped(chart.title)}</title>`,
    `<desc id="description">${escaped(chart.description)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}" rx="6"/>`,
    ...chart.panels.flatMap((panel, index) => drawPanel(chart, panel, index)),
    '</svg>',
  ].join('\n')}\n`
}

const STYLE = [
  'text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}.end{text-anchor:end}.middle{text-anchor:middle}',
  'path{fill:none;stroke-width:2.2;stroke-linejoin:round}',
  ...DASHES.map((dash, i) => `.line${i}{stroke-dasharray:${dash}}`),
  ...['light', 'dark'].map((scheme) => {
    const isDark = scheme === 'dark'
    const [paper, ink, faint, grid] = isDark
      ? ['#12161c', '#e4e8ee', '#a5afbd', '#2b333e']
      : ['#ffffff', '#1c232c', '#55606e', '#e3e7ec']
    const rules = [
      `.paper{fill:${paper};stroke:${grid}}text{fill:${ink}}.faint{fill:${faint}}.grid{stroke:${grid}}.axis{stroke:${faint}}`,
      `.level{stroke:${ink};stroke-dasharray:2 4;stroke-width:1.4}.moment{stroke:${faint};stroke-dasharray:1 3;stroke-width:1.2}`,
      `.halo{stroke:${paper};stroke-width:4;paint-order:stroke}`,
      ...COLOURS.map((colour, i) => `.line${i}{stroke:${isDark ? colour.dark : colour.light}}`),
    ].join('')
    return isDark ? `@media (prefers-color-scheme:dark){${rules}}` : rules
  }),
].join('')

function drawPanel(chart: Chart, panel: ChartPanel, index: number): string[] {
  const top = HEAD + index * (PANEL_HEIGHT + GAP)
  const bottom = top + PANEL_HEIGHT
  const ticks = valueTicks(panel)
  const most = ticks.at(-1) ?? 1
  const x = (second: number): number => LEFT + (Math.min(second, chart.seconds) / chart.seconds) * PLOT_WIDTH
  const y = (value: number): number => bottom - (Math.min(value, most) / most) * PANEL_HEIGHT
  return [
    text(12, top - 38, panel.title, 'faint'),
    ...legend(panel.lines, top - 16),
    ...ticks.flatMap((value) => [
      `<line class="${value === 0 ? 'axis' : 'grid'}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(value))}" y2="${round(y(value))}"/>`,
      text(LEFT - 8, y(value) + 4.5, String(value), 'end'),
    ]),
    ...secondTicks(chart.seconds).map((second) => text(x(second), bottom + 18, `${second} s`, 'middle faint')),
    ...chart.moments.flatMap(({ second, label }) =>
      drawMoment(x(second), top, bottom, index === 0 ? label : undefined),
    ),
    ...panel.lines.map(({ points }, i) => {
      const path = points.map(([second, value]) => `${round(x(second))} ${round(y(value))}`).join('L')
      return `<path class="line${i}" d="M${path}"/>`
    }),
    ...panel.levels.flatMap(({ value, label }) => [
      `<line class="level" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(y(value))}" y2="${round(y(value))}"/>`,
      isRightFreer(chart.seconds, panel, value, label, most)
        ? text(WIDTH - RIGHT - 6, y(value) - 6, label, 'end halo')
        : text(LEFT + 6, y(value) - 6, label, 'halo'),
    ]),
  ]
}

/** Whether the lines keep farther from a level's label at its right end than at its left one. */
function isRightFreer(seconds: number, { lines }: ChartPanel, value: number, label: string, most: number): boolean {
  const part = (label.length * CHARACTER_WIDTH) / PLOT_WIDTH
  const middle = value + (most * LABEL_RISE) / PANEL_HEIGHT
  const nearest = (from: number, to: number): number => {
    const near = lines.flatMap(({ points }) => points.filter(([second]) => second >= from && second <= to))
    return Math.min(...near.map(([, one]) => Math.abs(one - middle)))
  }
  return nearest(seconds * (1 - part), seconds) >= nearest(0, seconds * part)
}

function drawMoment(x: number, top: number, bottom: number, label: string | undefined): string[] {
  const line = `<line class="moment" x1="${round(x)}" x2="${round(x)}" y1="${top}" y2="${bottom}"/>`
  if (label === undefined) return [line]
  // Near the right edge a label goes to the left of its line.
  const isRight = x + label.length * CHARACTER_WIDTH > WIDTH - RIGHT
  return [line, text(isRight ? x - 5 : x + 5, top + 13, label, isRight ? 'end halo' : 'halo')]
}

function legend(lines: readonly ChartLine[], y: number): string[] {
  let x = LEFT
  return lines.flatMap(({ label }, i) => {
    const from = x
    x += LEGEND_SAMPLE + label.length * CHARACTER_WIDTH + 22
    const sample = `<path class="line${i}" d="M${round(from)} ${y - 4}h${LEGEND_SAMPLE - 8}"/>`
    return [sample, text(from + LEGEND_SAMPLE, y, label)]
  })
}

/** From 0 to above the highest value, in steps of 1, 2 or 5. */
export function valueTicks({ lines, levels }: ChartPanel): number[] {
  const values = [...lines.flatMap(({ points }) => points.map(([, value]) => value)), ...levels.map((one) => one.value)]
  const most = Math.max(...values, Number.MIN_VALUE) * 1.08
  const rough = most / TICKS_MAX
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

function secondTicks(seconds: number): number[] {
  return Array.from({ length: Math.floor(seconds / 5) + 1 }, (_, i) => i * 5)
}

function text(x: number, y: number, content: string, classes = ''): string {
  const named = classes === '' ? '' : ` class="${classes}"`
  return `<text${named} x="${round(x)}" y="${round(y)}">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
