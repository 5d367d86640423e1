/** What one situation of the cookbook is made of: who does what when, on which Kafka topics, and which series its graph shows. */
import type { NewTopic } from '../../src/demo/kafka/admin.ts'
import type { KafkaCluster } from '../../src/demo/kafka/index.ts'
import type { RunningSluice } from '../e2e/support/sluice.ts'
import type { ClientConfig, ClientMode, ClientName } from '../support/clients.ts'
import type { SluiceMetrics } from '../support/sluice-metrics.ts'
import type { Surroundings } from '../support/surroundings.ts'

export interface Recipe {
  /** Of its files, and of its section's picture in docs/cookbook.md. */
  readonly name: string
  /** For those who hear the picture. */
  readonly title: string
  readonly description: string
  readonly seconds: number
  readonly topics?: readonly NewTopic[]
  /** Clients log in at the broker, through the sluice. */
  readonly login?: boolean
  /** Which YAML block of its section is in force at the start; absent: no quotas. */
  readonly begin?: number
  /** What the YAML says otherwise in the run: nobody waits for the night. */
  readonly instead?: (begins: Date) => Readonly<Record<string, string>>
  /** The second of a minute at which the run begins; any unless given. */
  readonly beginsAtSecond?: number
  /** Before the clock starts. */
  readonly prepare?: (stage: Stage) => Promise<void>
  readonly acts: readonly Act[]
  readonly panels: readonly Panel[]
}

export interface Act {
  readonly second: number
  /** Of the moment in the graph. */
  readonly label?: string
  readonly play: (stage: Stage) => Promise<unknown>
}

export interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
  readonly levels?: readonly { readonly value: number; readonly label: string }[]
}

export interface Line {
  readonly label: string
  readonly read: (metrics: SluiceMetrics) => number
  /** A counter, of which the graph shows the rate over the last three seconds; otherwise as it is. */
  readonly isCounter: boolean
  /** Of what is read, one on the axis. */
  readonly unit: number
}

/** Where a recipe is played. */
export interface Stage extends Surroundings {
  readonly kafka: KafkaCluster
  readonly sluice: RunningSluice
  /** Starts a client program through the sluice; the end of the recipe kills it. */
  start(library: ClientName, mode: ClientMode, config: Omit<ClientConfig, 'bootstrap'>): Promise<unknown>
  /** Puts a YAML block of the section in force. */
  reload(block: number): Promise<void>
}

export const MEGA = 1e6

/** Bytes that these client ids wrote, in MB/s. */
export function written(label: string, ...clientIds: readonly string[]): Line {
  return rate(label, 'sluice_client_produced_bytes_total', clientIds)
}

/** Bytes that these client ids read, in MB/s. */
export function fetched(label: string, ...clientIds: readonly string[]): Line {
  return rate(label, 'sluice_client_fetched_bytes_total', clientIds)
}

/** What most recipes show: who writes how much. */
export function writtenPanel(lines: Panel['lines'], ...levels: NonNullable<Panel['levels']>): Panel {
  return { title: 'written, MB/s', lines, levels }
}

/** What was charged to a quota. */
export function used(label: string, quota: string, unit = 1): Line {
  return { label, isCounter: true, unit, read: (metrics) => metrics.value('sluice_quota_used_total', { quota }) }
}

/** Any counter, a second. */
export function counted(label: string, name: string, labels: Readonly<Record<string, string>>): Line {
  return { label, isCounter: true, unit: 1, read: (metrics) => metrics.value(name, labels) }
}

/** Any gauge. */
export function gauge(label: string, name: string, labels: Readonly<Record<string, string>> = {}): Line {
  return { label, isCounter: false, unit: 1, read: (metrics) => metrics.value(name, labels) }
}

function rate(label: string, name: string, clientIds: readonly string[]): Line {
  const read = (metrics: SluiceMetrics): number =>
    clientIds.reduce((sum, clientId) => sum + metrics.value(name, { client_id: clientId }), 0)
  return { label, isCounter: true, unit: MEGA, read }
}
