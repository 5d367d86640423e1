/** Which alerts and which panels of the dashboards use a metric, read from the files that the chart ships. */
import { DASHBOARDS } from '../dashboards/dashboards.ts'
import { allAlerts, allRules } from '../support/alert-rules.ts'
import { readDashboard } from '../support/dashboard-files.ts'
import { metricsIn } from '../support/prometheus-tools.ts'

export interface MetricUses {
  readonly alerts: readonly string[]
  /** By dashboard, the titles of panels, and of marks on all of them. */
  readonly panels: ReadonlyMap<string, readonly string[]>
}

/** By name of the metric; one that nobody uses is absent. */
export function metricUses(): ReadonlyMap<string, MetricUses> {
  const uses = new Map<string, { alerts: string[]; panels: Map<string, string[]> }>()
  const usesOf = (name: string): { alerts: string[]; panels: Map<string, string[]> } => {
    const known = uses.get(name) ?? { alerts: [], panels: new Map() }
    uses.set(name, known)
    return known
  }
  const recorded = new Map(allRules().map(({ record = '', expr }) => [record, expr]))
  for (const { alert, expr } of allAlerts()) {
    for (const name of metricsIn(withRecorded(expr, recorded))) usesOf(name).alerts.push(alert)
  }
  for (const { dashboard, title, exprs } of queriesOfDashboards()) {
    for (const name of metricsIn(exprs.join(' '))) {
      const { panels } = usesOf(name)
      panels.set(dashboard, [...(panels.get(dashboard) ?? []), title])
    }
  }
  return uses
}

/** The query with what its recorded series are made of. */
function withRecorded(expr: string, recorded: ReadonlyMap<string, string>): string {
  return expr.replaceAll(/\w+:sluice_[\w:]+/gu, (name) => recorded.get(name) ?? name)
}

function queriesOfDashboards(): { dashboard: string; title: string; exprs: readonly string[] }[] {
  return DASHBOARDS.flatMap(({ name: dashboard }) => {
    const { panels, annotations } = readDashboard(dashboard)
    return [
      ...panels.map(({ title, targets = [] }) => ({ dashboard, title, exprs: targets.map(({ expr }) => expr) })),
      ...annotations.list.map(({ name, expr }) => ({ dashboard, title: `${name} (mark)`, exprs: [expr] })),
    ]
  })
}
