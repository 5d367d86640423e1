/**
 * A dashboard's file and what a Prometheus answered, drawn as one page: each panel in its place, with its unit, names, colours and
 * thresholds. It is no Grafana: it shows what the panels say in a real run, for docs/operations.md and for whoever changes them.
 */
import type { DashboardFile, PanelFile } from '../../support/dashboard-files.ts'
import { columnsOf, type PreviewPanel, type PreviewSeries, type Span } from './read.ts'
import { inUnit } from './units.ts'

const COLUMNS = 24
const ROW_PIXELS = 34
const WIDTH = 1280
const GAP = 8
const PLOT = { left: 64, right: 10, top: 8, bottom: 20 }
const LEGEND_LINES = 4
const LEGEND_LINE_PIXELS = 17
const TITLE_PIXELS = 26
/** What the number of a stat takes. */
const NUMBER_PIXELS = 48
const TICKS = 4
const COLOUR: Readonly<Record<string, string>> = {
  green: '#3d8b3d',
  blue: '#2e6fc4',
  orange: '#d9730d',
  yellow: '#b08b00',
  red: '#c8313f',
  purple: '#8a4fbf',
}
/** For series that no override names. */
const PALETTE = ['#2e6fc4', '#3d8b3d', '#d9730d', '#8a4fbf', '#0f8a8a', '#b3477d', '#7a6a3a', '#5b6b8c'] as const

export function previewPage({ title }: DashboardFile, panels: readonly PreviewPanel[], span: Span): string {
  return `<!doctype html><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style>
<h1>${escaped(title)}</h1><main>${panels.map((one) => drawn(one, span)).join('\n')}</main>`
}

const STYLE = `
body{margin:12px;width:${WIDTH}px;font:13px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;background:#f4f5f7;color:#24292e}
h1{font-size:18px;font-weight:600;margin:4px 0 10px}
main{display:grid;grid-template-columns:repeat(${COLUMNS},1fr);grid-auto-rows:${ROW_PIXELS}px;gap:${GAP}px}
section{background:#fff;border:1px solid #dfe2e6;border-radius:3px;overflow:hidden;padding:0 8px;position:relative}
h2{font-size:13px;font-weight:600;margin:5px 0 4px}
h3{font-size:15px;font-weight:600;margin:8px 0 0;align-self:end}
.number{font-size:30px;font-weight:600;text-align:center;margin-top:8px}
.none{color:#6b7280;text-align:center;margin-top:40px}
table{border-collapse:collapse;width:100%;font-size:12px}
td,th{text-align:left;padding:1px 6px;border-bottom:1px solid #eceef1;font-weight:400;white-space:nowrap}
th{color:#56606b}td.n,th.n{text-align:right}
i{display:inline-block;width:12px;height:3px;margin-right:6px;vertical-align:middle}
text{font-size:11px;fill:#56606b}.grid{stroke:#eceef1}path{fill:none;stroke-width:1.5}`

function drawn({ panel, series, rows }: PreviewPanel, span: Span): string {
  const { type, title, gridPos } = panel
  const place = `grid-area:${gridPos.y + 1}/${gridPos.x + 1}/span ${gridPos.h}/span ${gridPos.w}`
  if (type === 'row') return `<h3 style="${place}">${escaped(title)}</h3>`
  const body =
    type === 'table'
      ? tableOf(panel, rows)
      : series.length === 0
        ? '<p class="none">No data</p>'
        : type === 'stat'
          ? statOf(panel, series, span)
          : type === 'state-timeline'
            ? statesOf(panel, series, span)
            : linesOf(panel, series, span)
  return `<section style="${place}"><h2>${escaped(title)}</h2>${body}</section>`
}

function tableOf(panel: PanelFile, rows: PreviewPanel['rows']): string {
  const { fieldConfig, targets = [] } = panel
  const columns = columnsOf(panel)
  const units = columns.map(({ label, title }) =>
    label.startsWith('Value')
      ? String(overrideOf(fieldConfig, title, 'unit') ?? fieldConfig?.defaults.unit)
      : undefined,
  )
  const cells = (values: readonly string[], tag: 'td' | 'th'): string =>
    values.map((value, i) => `<${tag}${units[i] === undefined ? '' : ' class="n"'}>${escaped(value)}</${tag}>`).join('')
  const sorted = targets.length === 1 ? [...rows].sort((a, b) => Number(b.at(-1)) - Number(a.at(-1))) : rows
  const lines = sorted.map((row) => {
    const texts = row.map((value, i) => {
      const unit = units[i]
      return unit === undefined || value === '' ? value : inUnit(Number(value), unit)
    })
    return `<tr>${cells(texts, 'td')}</tr>`
  })
  const head = cells(
    columns.map(({ title }) => title),
    'th',
  )
  return `<table><tr>${head}</tr>${lines.join('')}</table>`
}

function statOf({ fieldConfig, gridPos }: PanelFile, series: readonly PreviewSeries[], span: Span): string {
  const value = lastOf(series[0]!)
  const steps = fieldConfig?.defaults.thresholds?.steps ?? []
  const colour = steps.findLast((step) => step.value === null || value >= step.value)?.color ?? 'green'
  const text = Number.isNaN(value) ? 'No data' : inUnit(value, fieldConfig?.defaults.unit ?? 'short')
  const ink = COLOUR[colour] ?? colour
  const number = `<div class="number" style="color:${ink}">${escaped(text)}</div>`
  const { width, height: whole } = sizeOf(gridPos)
  const height = Math.max(20, whole - NUMBER_PIXELS)
  const most = Math.max(...known(series[0]!), 0) || 1
  const x = scaleX(span, width, 0)
  const course = pathOf(series[0]!.points, x, (one) => height - (one / most) * (height - 4))
  return number + svg(width, height, [`<path d="${course}" stroke="${ink}" opacity="0.6"/>`])
}

function statesOf({ gridPos, fieldConfig }: PanelFile, series: readonly PreviewSeries[], span: Span): string {
  const { width, height } = sizeOf(gridPos)
  const band = Math.min(40, (height - PLOT.bottom) / series.length)
  const x = scaleX(span, width)
  const words = fieldConfig?.defaults.mappings?.[0]?.options ?? {}
  const bands = series.flatMap(({ name, points }, i) => [
    ...points
      .filter(([, value]) => !Number.isNaN(value))
      .map(([second, value]) => {
        const colour = words[String(value)]?.color ?? 'purple'
        const wide = x(span.fromSecond + span.stepSeconds) - x(span.fromSecond) + 0.5
        return `<rect x="${x(second).toFixed(1)}" y="${(i * band + 4).toFixed(1)}" width="${wide.toFixed(1)}" height="${(band - 8).toFixed(1)}" fill="${COLOUR[colour] ?? colour}" opacity="0.8"/>`
      }),
    `<text x="0" y="${(i * band + band / 2 + 4).toFixed(1)}">${escaped(name)}</text>`,
  ])
  return svg(width, height, [...bands, ...timeAxis(span, width, height)])
}

function linesOf({ gridPos, fieldConfig }: PanelFile, series: readonly PreviewSeries[], span: Span): string {
  const { width, height: whole } = sizeOf(gridPos)
  const unit = fieldConfig?.defaults.unit ?? 'short'
  const sorted = [...series].sort((a, b) => (mostOf(b) || 0) - (mostOf(a) || 0))
  const height = whole - (Math.min(sorted.length, LEGEND_LINES) + 1) * LEGEND_LINE_PIXELS - 4
  const isStacked = fieldConfig?.defaults.custom?.stacking?.mode === 'normal'
  const drawnSeries = isStacked ? stacked(series) : series
  const warn =
    fieldConfig?.defaults.custom?.thresholdsStyle === undefined ? [] : (fieldConfig.defaults.thresholds?.steps ?? [])
  const most = Math.max(...drawnSeries.flatMap(known), 0) * 1.08 || 1
  const x = scaleX(span, width)
  const y = (value: number): number => PLOT.top + (1 - Math.max(0, value) / most) * (height - PLOT.top - PLOT.bottom)
  const parts = [
    ...Array.from({ length: TICKS + 1 }, (_, i) => (most / 1.08 / TICKS) * i).flatMap((value) => [
      `<line class="grid" x1="${PLOT.left}" x2="${width - PLOT.right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/>`,
      `<text x="${PLOT.left - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${escaped(inUnit(value, unit))}</text>`,
    ]),
    ...warn
      .filter((step) => step.value !== null && step.value <= most)
      .map(
        ({ value, color }) =>
          `<line x1="${PLOT.left}" x2="${width - PLOT.right}" y1="${y(value!).toFixed(1)}" y2="${y(value!).toFixed(1)}" stroke="${COLOUR[color] ?? color}" stroke-dasharray="6 4"/>`,
      ),
    ...drawnSeries.map(
      ({ name, points }) => `<path d="${pathOf(points, x, y)}" stroke="${colourOf(fieldConfig, name, series)}"/>`,
    ),
    ...timeAxis(span, width, height),
  ]
  return svg(width, height, parts) + legendOf(fieldConfig, sorted, series, unit)
}

function legendOf(
  config: PanelFile['fieldConfig'],
  sorted: readonly PreviewSeries[],
  all: readonly PreviewSeries[],
  unit: string,
): string {
  const number = (value: number): string =>
    `<td class="n">${Number.isNaN(value) ? '' : escaped(inUnit(value, unit))}</td>`
  const shown = sorted.slice(0, LEGEND_LINES)
  const rows = shown.map((one) => {
    const sample = `<i style="background:${colourOf(config, one.name, all)}"></i>`
    return `<tr><td>${sample}${escaped(one.name)}</td>${number(meanOf(one))}${number(mostOf(one))}${number(lastOf(one))}</tr>`
  })
  const more = sorted.length > shown.length ? ` (${sorted.length - shown.length} more)` : ''
  return `<table><tr><th>Name${more}</th><th class="n">Mean</th><th class="n">Max</th><th class="n">Last</th></tr>${rows.join('')}</table>`
}

function stacked(series: readonly PreviewSeries[]): PreviewSeries[] {
  const sums: number[] = []
  return series.map(({ name, points }) => ({
    name,
    points: points.map(([second, value], i) => {
      sums[i] = (sums[i] ?? 0) + (Number.isNaN(value) ? 0 : value)
      return [second, sums[i]] as const
    }),
  }))
}

function colourOf(config: PanelFile['fieldConfig'], name: string, all: readonly PreviewSeries[]): string {
  const fixed = overrideOf(config, name, 'color') as { fixedColor?: string } | undefined
  const place = all.findIndex((one) => one.name === name)
  return COLOUR[fixed?.fixedColor ?? ''] ?? PALETTE[place % PALETTE.length]!
}

/** The last override of a property that applies to a name. */
function overrideOf(config: PanelFile['fieldConfig'], name: string, property: string): unknown {
  const applying = (config?.overrides ?? []).filter(({ matcher: { id, options } }) =>
    id === 'byRegexp' ? new RegExp(options.slice(1, -1), 'u').test(name) : options === name,
  )
  return applying.flatMap(({ properties }) => properties).findLast(({ id }) => id === property)?.value
}

function pathOf(points: PreviewSeries['points'], x: (second: number) => number, y: (value: number) => number): string {
  let isDrawing = false
  return points
    .map(([second, value]) => {
      if (!Number.isFinite(value)) {
        isDrawing = false
        return ''
      }
      const step = `${isDrawing ? 'L' : 'M'}${x(second).toFixed(1)} ${y(value).toFixed(1)}`
      isDrawing = true
      return step
    })
    .join('')
}

function scaleX({ fromSecond, toSecond }: Span, width: number, left: number = PLOT.left): (second: number) => number {
  return (second) => left + ((second - fromSecond) / (toSecond - fromSecond)) * (width - left - PLOT.right)
}

function timeAxis(span: Span, width: number, height: number): string[] {
  const x = scaleX(span, width)
  const minutes = Math.floor((span.toSecond - span.fromSecond) / 60)
  return Array.from({ length: minutes + 1 }, (_, minute) => {
    const at = x(span.fromSecond + minute * 60)
    return `<text x="${at.toFixed(1)}" y="${height - 5}" text-anchor="middle">${minute} min</text>`
  })
}

function sizeOf({ w, h }: PanelFile['gridPos']): { width: number; height: number } {
  const width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
  return { width: w * width + (w - 1) * GAP - 18, height: h * ROW_PIXELS + (h - 1) * GAP - TITLE_PIXELS - 4 }
}

function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg width="${width.toFixed(0)}" height="${height.toFixed(0)}">${parts.join('')}</svg>`
}

function known({ points }: PreviewSeries): number[] {
  return points.map(([, value]) => value).filter(Number.isFinite)
}

function mostOf(series: PreviewSeries): number {
  const values = known(series)
  return values.length === 0 ? Number.NaN : Math.max(...values)
}

function meanOf(series: PreviewSeries): number {
  const values = known(series)
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length
}

function lastOf(series: PreviewSeries): number {
  return known(series).at(-1) ?? Number.NaN
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
