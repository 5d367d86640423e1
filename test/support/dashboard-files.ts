/** The dashboards that the chart ships, read as Grafana reads them, and their queries with the variables filled in. */
import { readFileSync } from 'node:fs'
import { DASHBOARDS, dashboardFile } from '../dashboards/dashboards.ts'

export interface PanelFile {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null; readonly color: string }[] }
      readonly mappings?: readonly { readonly options: Readonly<Record<string, { text: string; color: string }>> }[]
      readonly custom?: { readonly thresholdsStyle?: object; readonly stacking?: { readonly mode: string } }
    }
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string }
      readonly properties: readonly { readonly id: string; readonly value: unknown }[]
    }[]
  }
  readonly transformations?: readonly {
    readonly id: string
    readonly options: {
      readonly indexByName?: Readonly<Record<string, number>>
      readonly renameByName?: Readonly<Record<string, string>>
    }
  }[]
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[]
}

export interface DashboardFile {
  readonly uid: string
  readonly title: string
  readonly tags: readonly string[]
  readonly schemaVersion: number
  readonly panels: readonly PanelFile[]
  readonly templating: { readonly list: readonly { name: string; query: string | { query: string }; label: string }[] }
  readonly annotations: { readonly list: readonly { name: string; expr: string }[] }
  readonly links: readonly { readonly type: string; readonly tags: readonly string[] }[]
}

export interface DashboardQuery {
  /** For complaints: dashboard, panel, letter. */
  readonly where: string
  readonly expr: string
}

export function readDashboard(name: string): DashboardFile {
  return JSON.parse(readFileSync(dashboardFile(name), 'utf8')) as DashboardFile
}

/** Every query of every panel; `values` are the variables', `.*` where they have none, as Grafana does with All. */
export function dashboardQueries(values: Readonly<Record<string, string>> = {}): DashboardQuery[] {
  return DASHBOARDS.flatMap(({ name }) =>
    readDashboard(name).panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ refId, expr }) => ({ where: `${name}: ${title} ${refId}`, expr: filled(expr, values) })),
    ),
  )
}

export function filled(query: string, values: Readonly<Record<string, string>>): string {
  return query.replaceAll(/\$(\w+)/gu, (_, name: string) => values[name] ?? (name === '__rate_interval' ? '1m' : '.*'))
}
