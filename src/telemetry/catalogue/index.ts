/** Every metric of our own, in the order of `/metrics` and `docs/metrics.md`. Names and labels are an interface (design.md §9). */
import { BROKERS } from './brokers.ts'
import { CLIENTS } from './clients.ts'
import { CONSUMERS } from './consumers.ts'
import type { Definitions } from './definition.ts'
import { INJECTOR } from './injector.ts'
import { QUOTAS } from './quotas.ts'
import { TRAFFIC } from './traffic.ts'

export const CATALOGUE: Definitions = { ...TRAFFIC, ...CLIENTS, ...CONSUMERS, ...BROKERS, ...QUOTAS, ...INJECTOR }

/** By subject, as the documentation has them. */
export const CHAPTERS: readonly (readonly [title: string, definitions: Definitions])[] = [
  ['Traffic', TRAFFIC],
  ['Clients and producers', CLIENTS],
  ['Consumers and groups', CONSUMERS],
  ['Brokers and the cluster', BROKERS],
  ['Quotas, configuration, the process', QUOTAS],
  ['The injector', INJECTOR],
]
