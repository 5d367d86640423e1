/** Writes the dashboards of the chart: `npm run dashboards`. */
import { writeFileSync } from 'node:fs'
import { dashboardText } from './dashboard.ts'
import { DASHBOARDS, dashboardFile } from './dashboards.ts'

for (const dashboard of DASHBOARDS) writeFileSync(dashboardFile(dashboard.name), dashboardText(dashboard))
