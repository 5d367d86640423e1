/** One client: who it is, what it produces and fetches, what throttling costs it, its group and its lag. */
import type { DashboardSpec, Row } from './dashboard.ts'
import { lines, STAT_HEIGHT, stat, table } from './panels.ts'
import { of, quantile, rate, sumBy } from './queries.ts'

const CLIENT = 'client_id="$client"'
const GROUP = 'group=~"$group"'

const WHO: Row = {
  title: 'Who',
  panels: [
    table(
      {
        ...{ title: 'Library and user', unit: 'short', height: STAT_HEIGHT },
        description:
          'As it names itself. Several rows: several programs share the client id, and its limit. An empty library is an old one, which is held most carefully.',
      },
      [
        { label: 'software', title: 'library' },
        { label: 'software_version', title: 'version' },
        { label: 'principal', title: 'user' },
        { label: 'Value', title: 'sluices' },
      ],
      [`count by (software, software_version, principal) (${of('sluice_client_info', CLIENT)})`, 'info'],
    ),
    stat(
      { title: 'Connections', unit: 'short', width: 4, description: 'Open now, over all sluices that are chosen.' },
      [`sum(${of('sluice_client_connections', CLIENT)})`, 'connections'],
    ),
    stat(
      {
        ...{ title: 'Throttled', unit: 'percentunit', width: 4, warnAt: 0.5, alarmAt: 0.9 },
        description:
          'Part of the time that its buckets are in debt, added up. 100 %: it wants more than one of its limits all the time, 200 %: more than two; explain says which.',
      },
      [`max(${rate('sluice_client_throttle_seconds_total', CLIENT)})`, 'of the time'],
    ),
    stat(
      {
        title: 'Requests',
        unit: 'reqps',
        width: 4,
        description: 'Of any API. Many small ones cost as much as many large ones.',
      },
      [`sum(${rate('sluice_client_requests_total', CLIENT)})`, 'requests'],
    ),
  ],
}

const THROTTLING: Row = {
  title: 'Throttling and errors',
  panels: [
    lines(
      {
        ...{ title: 'Throttle and hold', unit: 's' },
        description:
          'Seconds in a second. Delay: what its quotas ask for. Held: what it waited inside the sluice because it did not wait by itself; requests of several connections add up.',
      },
      [`sum(${rate('sluice_client_throttle_seconds_total', CLIENT)})`, 'delay'],
      [`sum(${rate('sluice_client_hold_seconds_total', CLIENT)})`, 'held'],
    ),
    lines(
      {
        ...{ title: 'Errors in answers', unit: 'cps' },
        description:
          'Kafka errors that brokers answered it with. What to do by code: docs/operations.md, SluiceErrorRate.',
      },
      [sumBy('error', rate('sluice_client_errors_total', CLIENT)), '{{error}}'],
    ),
  ],
}

const PRODUCER: Row = {
  title: 'As a producer',
  panels: [
    lines(
      {
        title: 'Bytes produced',
        unit: 'Bps',
        description: 'Produce requests with their headers, as sent, compressed or not.',
      },
      [`sum(${rate('sluice_client_produced_bytes_total', CLIENT)})`, 'produced'],
    ),
    lines(
      {
        title: 'Records produced',
        unit: 'short',
        description: 'Records a second; those of failed and repeated requests count too.',
      },
      [`sum(${rate('sluice_client_produced_records_total', CLIENT)})`, 'records'],
    ),
    lines(
      {
        ...{ title: 'Produce latency at the broker', unit: 's', warnAt: 1 },
        description:
          'From forwarding to the answer, without the time held. High here: the brokers (acks=all waits for replicas). High only in the application: its own queue, or throttling.',
      },
      [quantile(0.5, 'sluice_client_produce_latency_seconds', '', CLIENT), 'p50'],
      [quantile(0.99, 'sluice_client_produce_latency_seconds', '', CLIENT), 'p99'],
    ),
    lines(
      {
        ...{ title: 'Batch size', unit: 'bytes' },
        description:
          'Mean and largest batch. Far below what batch.size says: linger.ms is too short, and it pays for many small requests.',
      },
      [
        `sum(${rate('sluice_client_produce_batch_bytes_total', CLIENT)}) / sum(${rate('sluice_client_produce_batches_total', CLIENT)})`,
        'mean',
      ],
      [`max(${of('sluice_client_largest_batch_bytes', CLIENT)})`, 'largest'],
    ),
    lines(
      {
        ...{ title: 'Records in a request', unit: 'short' },
        description: 'How well it batches. Near 1: every record costs a request, here and at the broker.',
      },
      [
        `sum(${rate('sluice_client_produced_records_total', CLIENT)}) / sum(${rate('sluice_client_produce_requests_total', CLIENT)})`,
        'records',
      ],
    ),
    lines(
      {
        ...{ title: 'Batches by codec, and repeated', unit: 'cps' },
        description:
          'Compression as the batches say. Repeated: seen of idempotent producers only; many of them: answers come late or are lost.',
      },
      [sumBy('codec', rate('sluice_client_produce_batches_total', CLIENT)), '{{codec}}'],
      [`sum(${rate('sluice_produce_retries_total', CLIENT)})`, 'repeated'],
    ),
  ],
}

const CONSUMER: Row = {
  title: 'As a consumer',
  panels: [
    lines({ title: 'Bytes fetched', unit: 'Bps', description: 'Answers to Fetch with their headers.' }, [
      `sum(${rate('sluice_client_fetched_bytes_total', CLIENT)})`,
      'fetched',
    ]),
    lines(
      {
        title: 'Records fetched',
        unit: 'short',
        description: 'Fetched, not yet handled: the library may keep some back.',
      },
      [`sum(${rate('sluice_client_fetched_records_total', CLIENT)})`, 'records'],
    ),
    lines(
      {
        ...{ title: 'Fetch latency at the broker', unit: 's' },
        description:
          'With the wait for data. Near fetch.max.wait.ms (500 ms in Java): the consumer is at the end and idle, which is well.',
      },
      [quantile(0.5, 'sluice_client_fetch_latency_seconds', '', CLIENT), 'p50'],
      [quantile(0.99, 'sluice_client_fetch_latency_seconds', '', CLIENT), 'p99'],
    ),
    lines(
      {
        ...{ title: 'Bytes in a fetch', unit: 'bytes' },
        description:
          'Small and frequent: raise fetch.min.bytes. As large as fetch.max.bytes: it is behind and catches up.',
      },
      [
        `sum(${rate('sluice_client_fetched_bytes_total', CLIENT)}) / sum(${rate('sluice_client_fetch_requests_total', CLIENT)})`,
        'fetched',
      ],
    ),
  ],
}

const IN_GROUP: Row = {
  title: 'Its groups',
  panels: [
    lines(
      {
        ...{ title: 'Lag by partition', unit: 'short' },
        description:
          'Records between fetch position and end. One partition alone: a hot key, or a record that fails again and again. All: too slow, or throttled.',
      },
      [
        `max by (group, topic, partition) (${of('sluice_consumer_lag_records', GROUP)})`,
        '{{group}} {{topic}}-{{partition}}',
      ],
    ),
    lines(
      {
        ...{ title: 'Committed lag by partition', unit: 'short' },
        description:
          'Records between what was committed and the end. Far above the lag: it fetches and does not finish, or does not commit.',
      },
      [
        `max by (group, topic, partition) (${of('sluice_consumer_committed_lag_records', GROUP)})`,
        '{{group}} {{topic}}-{{partition}}',
      ],
    ),
    lines(
      {
        ...{ title: 'End-to-end latency', unit: 's' },
        description:
          'Age of batches when they pass here, by the clock of their producers. A clock that is wrong shows in sluice_consumer_timestamps_ahead_total.',
      },
      [quantile(0.5, 'sluice_consumer_end_to_end_latency_seconds', 'group', GROUP), '{{group}} p50'],
      [quantile(0.99, 'sluice_consumer_end_to_end_latency_seconds', 'group', GROUP), '{{group}} p99'],
    ),
    lines(
      {
        ...{ title: 'Rebalances by reason', unit: 'short' },
        description:
          'In 5 minutes. While the group rebalances its consumers stand still; the reason says who began it.',
      },
      [`sum by (group, reason) (increase(${of('sluice_group_rebalances_total', GROUP)}[5m]))`, '{{group}} {{reason}}'],
    ),
    lines(
      {
        ...{ title: 'Time of rebalances', unit: 's' },
        description:
          'From the first sign until all members here have their partitions again. Long: a member that answers late.',
      },
      [quantile(0.5, 'sluice_group_rebalance_seconds', 'group', GROUP), '{{group}} p50'],
      [quantile(0.99, 'sluice_group_rebalance_seconds', 'group', GROUP), '{{group}} p99'],
    ),
    lines(
      {
        ...{ title: 'Members and heartbeats', unit: 'short' },
        description:
          'Members behind the chosen sluices, and the longest of a hundred gaps between heartbeats in seconds. Gaps near the session time-out end in a rebalance.',
      },
      [sumBy('group', of('sluice_group_members', GROUP)), '{{group}} members'],
      [quantile(0.99, 'sluice_group_heartbeat_gap_seconds', 'group', GROUP), '{{group}} gap p99'],
    ),
  ],
}

export const CLIENT_VIEW: DashboardSpec = {
  name: 'client',
  title: 'One client',
  description: 'Who it is, what it produces and fetches, what throttling costs it, its groups and their lag.',
  variables: [
    {
      ...{ name: 'client', label: 'Client id', of: 'client_id', single: true },
      series: of('sluice_client_requests_total'),
      description: 'The client.id of the application; (other) is all that have no series of their own.',
    },
    {
      ...{ name: 'group', label: 'Group', of: 'group' },
      series: of('sluice_group_members'),
      description: 'Consumer groups behind the chosen sluices; a Fetch does not say which it is of.',
    },
  ],
  rows: [WHO, THROTTLING, PRODUCER, CONSUMER, IN_GROUP],
}
