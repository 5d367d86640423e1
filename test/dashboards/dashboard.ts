/** What all dashboards share: variables, links to each other, alerts and reloads as marks, and the text of the file. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type RowPanel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DATA_SOURCE } from './panels.ts'
import { CHOSEN, of } from './queries.ts'

const TAG = 'kafka-sluice'

export interface Row {
  readonly title: string
  readonly panels: readonly Builder<Panel>[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  readonly description: string
  /** `label_values(series, label)` asks for these. */
  readonly series: string
  readonly of: string
  /** One value at a time, instead of any number or all. */
  readonly single?: boolean
}

export interface DashboardSpec {
  /** The file's name; the uid is made of it. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

/** Which sluices: each narrows the next. */
const TARGETS: readonly Variable[] = [
  {
    ...{ name: 'namespace', label: 'Namespace', series: 'sluice_build_info', of: 'namespace' },
    description: 'Kubernetes namespaces; All elsewhere.',
  },
  {
    ...{ name: 'pod', label: 'Pod', series: 'sluice_build_info{namespace=~"$namespace"}', of: 'pod' },
    description: 'Pods with a sluice; All elsewhere.',
  },
  {
    ...{ name: 'instance', label: 'Instance', of: 'instance' },
    series: 'sluice_build_info{namespace=~"$namespace",pod=~"$pod"}',
    description: 'Addresses that are scraped.',
  },
]

export function uidOf(name: string): string {
  return `kafka-sluice-${name}`
}

/** The URL of another dashboard for one client, with the time and the sluices of this one. */
export const CLIENT_URL: string = `/d/${uidOf('client')}?\${__url_time_range}&\${datasource:queryparam}&\${namespace:queryparam}&\${pod:queryparam}&\${instance:queryparam}&var-client=\${__value.text:percentencode}`

/** The JSON file of a dashboard. */
export function dashboardText(spec: DashboardSpec): string {
  const { name, title, description, variables, rows } = spec
  const builder = new DashboardBuilder(`Kafka sluice / ${title}`)
    .uid(uidOf(name))
    .description(description)
    .tags([TAG, 'kafka'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .timezone('browser')
    .refresh('30s')
    .variables([
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
      ...[...TARGETS, ...variables].map(variable),
    ])
    .link(linkToAll())
    .annotation(mark('Alerts', 'red', `ALERTS{alertname=~"Sluice.*",alertstate="firing",${CHOSEN}}`))
    .annotation(mark('Reloads', 'blue', `changes(${of('sluice_config_reloads_total')}[$__rate_interval]) > 0`))
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(panel)
  }
  const dashboard = builder.build()
  const panels = dashboard.panels ?? []
  return `${JSON.stringify({ ...dashboard, panels: panels.map(numbered) }, undefined, 2)}\n`
}

/** Grafana would number them itself, and differently after each import; links to a panel need an id that stays. */
function numbered(panel: Panel | RowPanel, index: number): Panel | RowPanel {
  return { ...panel, id: index + 1 }
}

function variable({ name, label, description, series, of, single = false }: Variable): QueryVariableBuilder {
  const query = new QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATA_SOURCE)
    .query({ query: `label_values(${series}, ${of})`, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
  if (single) return query.multi(false).includeAll(false)
  return query
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

function linkToAll(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Kafka sluice')
    .type(DashboardLinkType.Dashboards)
    .tags([TAG])
    .asDropdown(false)
    .includeVars(true)
    .keepTime(true)
}

function mark(name: string, colour: string, expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder().name(name).datasource(DATA_SOURCE).enable(true).iconColor(colour).expr(expr)
}
