/** The books that series with labels of clients, groups, partitions and brokers are made from: one of each for a process. */
import {
  METRICS_CLIENTS_MAX,
  METRICS_GROUPS_MAX,
  METRICS_IDLE_MS,
  METRICS_PARTITIONS_MAX,
  SEQUENCES_MAX,
} from '../bounds.ts'
import type { AddressBook } from '../cluster/address-book.ts'
import { BrokerBook } from '../cluster/broker-book.ts'
import { LagBook } from '../cluster/lag-book.ts'
import { SeriesBook } from '../series-book.ts'
import { ClientBook } from './client-book.ts'
import type { ClientMeter } from './client-meter.ts'
import { GroupSeries } from './group-series.ts'
import { PartitionBook } from './partition-book.ts'
import { SequenceBook } from './sequence-book.ts'

/** How many series there may be, and how long those of what is gone stay. */
export interface SeriesLimits {
  readonly clientsMax: number
  readonly groupsMax: number
  readonly partitionsMax: number
  readonly idleMs: number
}

/** If the configuration does not say. */
export const DEFAULT_SERIES: SeriesLimits = {
  clientsMax: METRICS_CLIENTS_MAX,
  groupsMax: METRICS_GROUPS_MAX,
  partitionsMax: METRICS_PARTITIONS_MAX,
  idleMs: METRICS_IDLE_MS,
}

export class SeriesBooks {
  readonly clients: ClientBook
  readonly brokers: BrokerBook
  readonly groups: SeriesBook<GroupSeries>
  readonly lags: LagBook
  readonly partitions: PartitionBook
  readonly sequences: SequenceBook = new SequenceBook(SEQUENCES_MAX)
  readonly limits: SeriesLimits

  constructor(limits: SeriesLimits, addresses: AddressBook) {
    this.limits = limits
    this.clients = new ClientBook(limits.clientsMax, limits.idleMs)
    this.brokers = new BrokerBook(addresses)
    this.groups = new SeriesBook(limits.groupsMax, limits.idleMs, (name, nowMs) => new GroupSeries(name, nowMs))
    this.lags = new LagBook(limits.partitionsMax, limits.idleMs)
    this.partitions = new PartitionBook(limits.idleMs)
  }

  /** Before a scrape: what the open sessions have done is added. */
  fold(meters: Iterable<ClientMeter>, nowMs: number): void {
    for (const meter of meters) meter.fold(nowMs)
  }

  /** Now and then: the busiest get the places, who has been gone for long loses them. */
  review(meters: readonly ClientMeter[], nowMs: number): void {
    this.groups.sweep(nowMs)
    this.lags.sweep(nowMs)
    this.partitions.sweep(nowMs)
    for (const { rebalances } of this.groups.places) rebalances.sweep(nowMs)
    this.fold(meters, nowMs)
    this.clients.review(
      meters.flatMap((meter) => meter.review() ?? []),
      nowMs,
    )
  }
}
