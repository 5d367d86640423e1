/**
 * The dashboards' files are what the code makes, and fit for Grafana 10 and later: panels that are not deprecated, each with words, a
 * unit and queries that name what there is. That every query returns series is seen in e2e/alerts, on a real Prometheus.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { stringify } from 'yaml'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { dashboardQueries, filled, readDashboard } from '../support/dashboard-files.ts'
import { faultsOf, requirePrometheusTool } from '../support/prometheus-tools.ts'
import { dashboardText } from './dashboard.ts'
import { DASHBOARDS, dashboardFile } from './dashboards.ts'

/** Part of Grafana itself since before 10, and not deprecated (`graph`, `singlestat`, `table-old` are). */
const PANEL_TYPES = ['row', 'stat', 'timeseries', 'table', 'state-timeline']
/** A label in Grafana's own functions is no PromQL. */
const LABEL_VALUES = /^label_values\((?<series>.*), (?<label>\w+)\)$/u
/** A ConfigMap holds 1 MiB, and all dashboards may be in one. */
const CONFIG_MAP_BYTES_MAX = 1_048_576

for (const spec of DASHBOARDS) {
  describe(`dashboard ${spec.name}`, () => {
    const dashboard = readDashboard(spec.name)

    test('is what `npm run dashboards` makes', async () => {
      assert.equal(await readFile(dashboardFile(spec.name), 'utf8'), dashboardText(spec), 'run: npm run dashboards')
    })

    test('has panels of kinds that Grafana keeps, each with a name, words, a unit and a place of its own', () => {
      for (const { type, title, description = '', datasource, fieldConfig, targets = [] } of dashboard.panels) {
        assert.ok(PANEL_TYPES.includes(type), type)
        if (type === 'row') continue
        assert.ok(description.length > 20, `${title} says what it means`)
        assert.deepEqual(datasource, { type: 'prometheus', uid: `\${datasource}` }, title)
        assert.notEqual(fieldConfig?.defaults.unit ?? '', '', `${title} has a unit`)
        assert.ok(targets.length > 0, `${title} asks something`)
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
      }
      const places = dashboard.panels.map(({ gridPos: { x, y } }) => `${x},${y}`)
      assert.equal(new Set(places).size, places.length, 'no panel on another')
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
      assert.ok(dashboard.panels.every(({ gridPos: { x, w } }) => x + w <= 24))
    })

    test('lets one choose the data source and the sluices, and leads to the others', () => {
      const names = dashboard.templating.list.map(({ name }) => name)
      assert.deepEqual(names.slice(0, 4), ['datasource', 'namespace', 'pod', 'instance'])
      assert.equal(dashboard.uid, `kafka-sluice-${spec.name}`)
      assert.deepEqual(
        dashboard.links.map(({ type, tags }) => ({ type, tags })),
        [{ type: 'dashboards', tags: ['kafka-sluice'] }],
      )
      assert.ok(dashboard.tags.includes('kafka-sluice'))
    })

    test('asks, in its variables and marks, for metrics and labels that there are', () => {
      for (const { name, query } of dashboard.templating.list.slice(1)) {
        const { series, label } = LABEL_VALUES.exec(typeof query === 'string' ? query : query.query)?.groups ?? {}
        assert.ok(series !== undefined && label !== undefined, `${name} is label_values(…)`)
        assert.deepEqual(faultsOf(`${series.replace(/\{.*/u, '')}{${label}=""}`), [], name)
      }
      for (const { name, expr } of dashboard.annotations.list) assert.deepEqual(faultsOf(filled(expr, {})), [], name)
    })
  })
}

test('every query names metrics and labels that there are', () => {
  for (const { where, expr } of dashboardQueries()) assert.deepEqual(faultsOf(expr), [], where)
})

test('every variable of a query is one that the dashboard has', () => {
  for (const { name } of DASHBOARDS) {
    const { templating, panels } = readDashboard(name)
    const known = new Set([...templating.list.map((variable) => variable.name), '__rate_interval'])
    for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
      for (const [, variable = ''] of expr.matchAll(/\$\{?(\w+)/gu)) assert.ok(known.has(variable), `${name}: ${expr}`)
    }
  }
})

test('promtool understands every query', async (t) => {
  if (!(await requirePrometheusTool(t, 'promtool'))) return
  const directory = await mkdtemp(join(tmpdir(), 'sluice-dashboards-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const file = join(directory, 'queries.yaml')
  const rules = dashboardQueries().map(({ expr }, index) => ({ record: `dashboard:query:${index}`, expr }))
  await writeFile(file, stringify({ groups: [{ name: 'dashboards', rules }] }))
  await runTool('promtool', ['check', 'rules', file])
})

test('all of them fit into one ConfigMap', () => {
  const bytes = DASHBOARDS.reduce((sum, spec) => sum + Buffer.byteLength(dashboardText(spec)), 0)
  assert.ok(bytes < CONFIG_MAP_BYTES_MAX, `${bytes} bytes`)
})
