/** The page of metrics says what the catalogue says, and the queries in it name what there is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CATALOGUE, CHAPTERS } from '../../src/telemetry/catalogue/index.ts'
import { DASHBOARDS } from '../dashboards/dashboards.ts'
import { allAlerts, allRules } from '../support/alert-rules.ts'
import { readDashboard } from '../support/dashboard-files.ts'
import { metricsIn } from '../support/prometheus-tools.ts'
import { metricsDocument } from './metrics-document.ts'

const written = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

test('docs/metrics.md is what `npm run docs:metrics` makes of the catalogue', () => {
  assert.equal(written, metricsDocument(), 'run: npm run docs:metrics')
})

test('every chapter is in the catalogue, and no name is in two of them', () => {
  const names = CHAPTERS.flatMap(([, definitions]) => Object.keys(definitions))
  assert.deepEqual(names.toSorted(), Object.keys(CATALOGUE).toSorted())
  assert.equal(new Set(names).size, names.length)
})

test('queries name metrics that there are, and labels that they have', () => {
  const suffix = /_(bucket|sum|count)$/u
  for (const [, name = '', braces = ''] of written.matchAll(/(sluice_\w+)(?:\{([^}]*)\})?/gu)) {
    const definition = CATALOGUE[name as 'sluice_'] ?? CATALOGUE[name.replace(suffix, '') as 'sluice_']
    assert.ok(definition !== undefined, `${name} is not in the catalogue`)
    for (const [, label = ''] of braces.matchAll(/(\w+)=/gu)) {
      assert.ok(definition.labels.includes(label), `${name} has no label ${label}`)
    }
  }
})

test('every alert and every panel stands at the metrics that it asks for, also where it asks for a recorded series', () => {
  const row = (metric: string): string => written.split('\n').find((line) => line.startsWith(`| \`${metric}\``)) ?? ''
  for (const { alert, expr } of allAlerts()) {
    for (const metric of metricsIn(expr)) assert.ok(row(metric).includes(`[${alert}](operations.md#`), alert)
  }
  for (const { name } of DASHBOARDS) {
    for (const { title, targets = [] } of readDashboard(name).panels) {
      for (const metric of targets.flatMap(({ expr }) => metricsIn(expr))) {
        assert.ok(row(metric).includes(title) && row(metric).includes(`*${name}*: `), `${title} at ${metric}`)
      }
    }
  }
  const recorded = /sum by \(.*\) \(sluice_consumer_lag_records\)/u
  assert.ok(allRules().some(({ record, expr }) => record !== undefined && recorded.test(expr)))
  assert.match(row('sluice_consumer_lag_records'), /\[SluiceLagGrowing\]/u)
})
