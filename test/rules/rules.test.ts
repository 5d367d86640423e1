/**
 * The alert rules of the chart: promtool accepts them, its unit tests beside this file see every one fire and resolve, their words
 * and names are in order, and docs/operations.md says what to do about each.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { allAlerts, allRules, RULE_FILES, RULES } from '../support/alert-rules.ts'
import { faultsOf, requirePrometheusTool } from '../support/prometheus-tools.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const OPERATIONS = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const SEVERITIES = ['critical', 'warning', 'info']

interface UnitTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly { alertname: string; exp_alerts: readonly object[] }[]
  }[]
}

test('promtool check rules finds nothing to say', async (t) => {
  if (!(await requirePrometheusTool(t, 'promtool'))) return
  await runTool('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', ...RULE_FILES.map((name) => RULES + name)])
})

for (const name of RULE_FILES) {
  test(`promtool test rules: ${name}`, async (t) => {
    if (!(await requirePrometheusTool(t, 'promtool'))) return
    await runTool('promtool', ['test', 'rules', HERE + name])
  })
}

test('every alert has a unit test in which it has not fired yet, fires and resolves', () => {
  const seen = new Map<string, string>()
  for (const name of RULE_FILES) {
    const { tests } = parse(readFileSync(HERE + name, 'utf8')) as UnitTests
    for (const { alertname, exp_alerts } of tests.flatMap(({ alert_rule_test }) => alert_rule_test)) {
      seen.set(alertname, `${seen.get(alertname) ?? ''}${exp_alerts.length}`)
    }
  }
  assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(allAlerts().map(({ alert }) => [alert, '010'])))
})

describe('every alert', () => {
  for (const { alert, labels, annotations } of allAlerts()) {
    test(`${alert} has a severity, words, and a section in docs/operations.md`, () => {
      assert.deepEqual(Object.keys(labels ?? {}), ['severity'])
      assert.ok(SEVERITIES.includes(String(labels?.['severity'])), labels?.['severity'])
      assert.deepEqual(Object.keys(annotations ?? {}), ['summary', 'description', 'runbook_url'])
      assert.equal(annotations?.['runbook_url'], `docs/operations.md#${alert.toLowerCase()}`)
      assert.equal(OPERATIONS.split('\n').filter((line) => line === `### ${alert}`).length, 1, 'one section')
    })
  }
})

test('docs/operations.md tells of no alert that is not there, and of its severity', () => {
  const sections = [...OPERATIONS.matchAll(/^### (Sluice\w+)\n\n\*(\w+)/gmu)].map(([, alert, severity]) => [
    alert,
    severity,
  ])
  const alerts = allAlerts().map(({ alert, labels }) => [alert, labels?.['severity']])
  assert.deepEqual(Object.fromEntries(sections), Object.fromEntries(alerts))
})

test('rules name metrics that there are, with labels that they have, and recorded series that are recorded', () => {
  const recorded = new Set(allRules().map(({ record }) => record))
  for (const { expr } of allRules()) {
    assert.deepEqual(faultsOf(expr), [], expr)
    for (const [name] of expr.matchAll(/\w+:sluice_[\w:]+/gu)) assert.ok(recorded.has(name), `${name} is not recorded`)
  }
})
