/** Numbers of the preview are written as Grafana writes them, in every unit that a dashboard has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDashboard } from '../../support/dashboard-files.ts'
import { DASHBOARDS } from '../dashboards.ts'
import { inUnit } from './units.ts'

const CASES: readonly (readonly [value: number, unit: string, text: string])[] = [
  [1_500_000, 'Bps', '1.5 MB/s'],
  [12_544, 'bytes', '12.3 KiB'],
  [0.000_712, 's', '712 µs'],
  [0.0442, 's', '44.2 ms'],
  [90, 's', '1.5 min'],
  [0, 's', '0 s'],
  [2, 'percentunit', '200%'],
  [1234, 'short', '1.23 K'],
  [16.24, 'reqps', '16.2 req/s'],
  [0, 'cps', '0 c/s'],
]

for (const [value, unit, text] of CASES) test(`${value} in ${unit}`, () => assert.equal(inUnit(value, unit), text))

test('every unit of the dashboards is known', () => {
  for (const { name } of DASHBOARDS) {
    for (const { type, fieldConfig } of readDashboard(name).panels) {
      if (type !== 'row') inUnit(1, fieldConfig?.defaults.unit ?? 'none')
    }
  }
})
