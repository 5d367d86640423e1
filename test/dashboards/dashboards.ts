/** The dashboards that the chart ships, and where their files are. */
import { fileURLToPath } from 'node:url'
import { BROKERS } from './brokers.ts'
import { CLIENT_VIEW } from './client.ts'
import type { DashboardSpec } from './dashboard.ts'
import { FLEET } from './fleet.ts'
import { QUOTAS } from './quotas.ts'

export const DASHBOARDS: readonly DashboardSpec[] = [FLEET, CLIENT_VIEW, QUOTAS, BROKERS]

export function dashboardFile(name: string): string {
  return fileURLToPath(new URL(`../../helm/kafka-sluice/dashboards/${name}.json`, import.meta.url))
}
