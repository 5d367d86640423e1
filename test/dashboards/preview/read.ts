/** Asks a Prometheus what each panel of a dashboard asks for, and keeps what is to be drawn. */
import type { Prometheus, RangeSeries, Sample } from '../../e2e/support/prometheus.ts'
import { type DashboardFile, filled, type PanelFile } from '../../support/dashboard-files.ts'

export interface PreviewSeries {
  readonly name: string
  /** Seconds since the epoch, value; NaN where there is nothing. */
  readonly points: readonly (readonly [second: number, value: number])[]
}

export interface PreviewPanel {
  readonly panel: PanelFile
  readonly series: readonly PreviewSeries[]
  /** Of a table. */
  readonly rows: readonly (readonly string[])[]
}

export interface Span {
  readonly fromSecond: number
  readonly toSecond: number
  readonly stepSeconds: number
}

export function readPanels(
  prometheus: Prometheus,
  { panels }: DashboardFile,
  values: Readonly<Record<string, string>>,
  span: Span,
): Promise<PreviewPanel[]> {
  return Promise.all(
    panels.map(async (panel) => {
      const targets = panel.targets ?? []
      if (panel.type === 'table') return { panel, series: [], rows: await rowsOf(prometheus, panel, values) }
      const answers = await Promise.all(
        targets.map(async ({ expr, legendFormat }) => {
          const found = await prometheus.queryRange(filled(expr, values), span)
          return found.map((one) => ({ name: named(legendFormat, one.labels), points: onGrid(one, span) }))
        }),
      )
      return { panel, series: answers.flat(), rows: [] }
    }),
  )
}

/** The columns that a table names, in its order: the label, and what it is called instead. */
export function columnsOf({ transformations = [] }: PanelFile): { readonly label: string; readonly title: string }[] {
  const { indexByName = {}, renameByName = {} } = transformations.find(({ id }) => id === 'organize')?.options ?? {}
  const labels = Object.keys(indexByName).sort((a, b) => indexByName[a]! - indexByName[b]!)
  return labels.map((label) => ({ label, title: renameByName[label] ?? label }))
}

/** Rows of the columns that the panel names, in its order. */
async function rowsOf(
  prometheus: Prometheus,
  panel: PanelFile,
  values: Readonly<Record<string, string>>,
): Promise<string[][]> {
  const { targets = [] } = panel
  const columns = columnsOf(panel).map(({ label }) => label)
  const merged = new Map<string, Record<string, string>>()
  for (const { expr, refId } of targets) {
    for (const { labels, value } of await prometheus.query(filled(expr, values))) {
      const valueColumn = targets.length === 1 ? 'Value' : `Value #${refId}`
      const key = JSON.stringify(labels)
      merged.set(key, { ...labels, ...merged.get(key), [valueColumn]: String(value) })
    }
  }
  return [...merged.values()].map((row) => columns.map((column) => row[column] ?? ''))
}

/** As Grafana fills in a legend. */
function named(format: string, labels: Sample['labels']): string {
  return format.replaceAll(/\{\{\s*(\w+)\s*\}\}/gu, (_, label: string) => labels[label] ?? '')
}

/** Prometheus leaves out what there was not: a line must not go across it. */
function onGrid({ points }: RangeSeries, { fromSecond, toSecond, stepSeconds }: Span): PreviewSeries['points'] {
  const known = new Map(points)
  const count = Math.floor((toSecond - fromSecond) / stepSeconds) + 1
  return Array.from({ length: count }, (_, i) => {
    const second = fromSecond + i * stepSeconds
    return [second, known.get(second) ?? Number.NaN] as const
  })
}
