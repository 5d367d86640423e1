/** Brokers and the cluster as the sluices see them: is it Kafka, the network, or us? */
import type { DashboardSpec, Row } from './dashboard.ts'
import { lines, stat, states } from './panels.ts'
import { of, orZero, quantile, rate, sumBy } from './queries.ts'

const NODE = 'node=~"$node"'

const NOW: Row = {
  title: 'Now',
  panels: [
    stat(
      {
        ...{ title: 'Brokers up', unit: 'short', goodFrom: 1 },
        description: 'Brokers that every sluice which tried them last reached.',
      },
      [`count(min by (node) (${of('sluice_broker_up', 'node!="bootstrap"')}) == 1) or vector(0)`, 'up'],
    ),
    stat(
      {
        ...{ title: 'Not reached', unit: 'short', alarmAt: 1 },
        description:
          'Brokers that some sluice did not reach at its last attempt (SluiceBrokerDown). From one sluice only: its network.',
      },
      [orZero(`count(min by (node) (${of('sluice_broker_up', NODE)}) == 0)`), 'not reached'],
    ),
    stat(
      {
        ...{ title: 'Partitions', unit: 'short' },
        description: 'Of the topics that clients ask for, as the last metadata said.',
      },
      [`max(${of('sluice_cluster_partitions')})`, 'partitions'],
    ),
    stat(
      {
        ...{ title: 'Offline', unit: 'short', alarmAt: 1 },
        description: 'Partitions without a leader: nobody can write or read them (SluicePartitionsOffline).',
      },
      [`max(${of('sluice_cluster_partitions_offline')})`, 'offline'],
    ),
    stat(
      {
        ...{ title: 'Under-replicated', unit: 'short', warnAt: 1 },
        description: 'Partitions with replicas out of sync: wait with restarts (SluicePartitionsUnderReplicated).',
      },
      [`max(${of('sluice_cluster_partitions_under_replicated')})`, 'under-replicated'],
    ),
    stat(
      {
        ...{ title: 'Broker throttle', unit: 's', warnAt: 0.1 },
        description:
          'Seconds in a second that the brokers’ own quotas ask for. Not 0: their quotas are stricter than the sluices’.',
      },
      [`sum(${rate('sluice_broker_node_throttle_seconds_total', NODE)})`, 'asked for'],
    ),
  ],
}

const REACH: Row = {
  title: 'Reaching them',
  panels: [
    states(
      {
        ...{ title: 'Up', unit: 'short' },
        description:
          'Whether the last attempt of each broker’s worst sluice succeeded. A broker that nobody connects to keeps its last colour.',
      },
      { '1': 'up', '0': 'not reached' },
      [`min by (node) (${of('sluice_broker_up', NODE)})`, 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Connections', unit: 'short' },
        description:
          'Open connections to each broker. One broker with far more: it leads more partitions than its share.',
      },
      [sumBy('node', of('sluice_broker_connections', NODE)), 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Failed connections', unit: 'cps' },
        description:
          'Connections that did not come about: refused, timed out, TLS or login failed. /readyz and the log say why.',
      },
      [sumBy('node', rate('sluice_broker_connect_failures_total', NODE)), 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Resets', unit: 'cps' },
        description:
          'Connections that the broker reset, or ended while it owed answers. Look into its log at that time.',
      },
      [sumBy('node', rate('sluice_broker_resets_total', NODE)), 'broker {{node}}'],
    ),
  ],
}

const ANSWERS: Row = {
  title: 'Their answers',
  panels: [
    lines(
      {
        ...{ title: 'Latency by broker, p99', unit: 's', warnAt: 1 },
        description:
          'Without the time held here, and without requests that wait by design. One broker above the others: its disks, its network.',
      },
      [quantile(0.99, 'sluice_broker_node_latency_seconds', 'node', NODE), 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Latency by broker, median', unit: 's' },
        description: 'The ordinary request. Rising with the p99: load; not rising: single slow ones.',
      },
      [quantile(0.5, 'sluice_broker_node_latency_seconds', 'node', NODE), 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Latency by API, p99', unit: 's' },
        description: 'Fetch waits for data and JoinGroup for members, that is well. Produce alone: replication.',
      },
      [quantile(0.99, 'sluice_broker_latency_seconds', 'api'), '{{api}}'],
    ),
    lines(
      {
        ...{ title: 'Errors by broker', unit: 'cps' },
        description:
          'Error codes in the answers of each broker. One broker alone: NOT_LEADER_OR_FOLLOWER after a move, or its own trouble.',
      },
      [sumBy('node', rate('sluice_broker_node_errors_total', NODE)), 'broker {{node}}'],
    ),
    lines(
      {
        ...{ title: 'Errors by code', unit: 'cps' },
        description:
          'What brokers answer, by API and code, as they count for clients. What to do by code: docs/operations.md, SluiceErrorRate.',
      },
      [sumBy('api, error', rate('sluice_errors_total')), '{{api}} {{error}}'],
    ),
    lines(
      {
        ...{ title: 'Throttle of the brokers', unit: 's' },
        description: 'Seconds in a second that each broker’s own quotas ask for, before the sluice adds its own.',
      },
      [sumBy('node', rate('sluice_broker_node_throttle_seconds_total', NODE)), 'broker {{node}}'],
    ),
  ],
}

const CLUSTER: Row = {
  title: 'The cluster',
  panels: [
    lines(
      {
        ...{ title: 'Partitions without leader, or with replicas missing', unit: 'short' },
        description:
          'As the last metadata said, up to 5 minutes old. Follows a broker that is down, and ends when it has caught up.',
      },
      [`max(${of('sluice_cluster_partitions_offline')})`, 'offline'],
      [`max(${of('sluice_cluster_partitions_under_replicated')})`, 'under-replicated'],
    ),
    lines(
      {
        ...{ title: 'Leader moves', unit: 'short' },
        description:
          'Partitions that were seen to have another leader, in 5 minutes. After a restart all of a broker’s move; at other times few should.',
      },
      [`max(increase(${of('sluice_cluster_leader_moves_total')}[5m]))`, 'moves'],
    ),
  ],
}

export const BROKERS: DashboardSpec = {
  name: 'brokers',
  title: 'Brokers',
  description: 'Brokers and the cluster as the sluices see them: is it Kafka, the network, or us?',
  variables: [
    {
      ...{ name: 'node', label: 'Broker', of: 'node' },
      series: of('sluice_broker_up'),
      description: 'Node ids; bootstrap is an address that is not known to be a broker’s.',
    },
  ],
  rows: [NOW, REACH, ANSWERS, CLUSTER],
}
