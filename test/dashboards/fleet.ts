/** All sluices together: are they well, what passes, who is throttled, what goes wrong. */
import { CLIENT_URL, type DashboardSpec, type Row } from './dashboard.ts'
import { lines, stat, table } from './panels.ts'
import { CHOSEN, of, orZero, quantile, rate, sumBy } from './queries.ts'

const NOW: Row = {
  title: 'Now',
  panels: [
    stat(
      {
        ...{ title: 'Sluices', unit: 'short' },
        description: 'Sluices that answer Prometheus. Fewer than pods that have one: see the alert SluiceDown.',
      },
      [`count(${of('sluice_build_info')})`, 'sluices'],
    ),
    stat(
      {
        ...{ title: 'Not ready', unit: 'short', alarmAt: 1 },
        description: 'Sluices that reach no broker, or drain. Their applications have no Kafka: /readyz says why.',
      },
      [orZero(`count(${of('sluice_ready')} == 0)`), 'not ready'],
    ),
    stat(
      {
        ...{ title: 'Bad configuration', unit: 'short', warnAt: 1 },
        description:
          'Sluices whose configuration file or secrets have faults and that run on the last good ones. Mend the file before they restart.',
      },
      [orZero(`count(${of('sluice_config_valid')} == 0 or ${of('sluice_secrets_valid')} == 0)`), 'with faults'],
    ),
    stat(
      {
        ...{ title: 'Alerts', unit: 'short', warnAt: 1 },
        description: 'Alerts of kafka-sluice that fire. docs/operations.md has a section for each.',
      },
      [orZero(`count(ALERTS{alertname=~"Sluice.*",alertstate="firing",${CHOSEN}})`), 'firing'],
    ),
    stat(
      {
        ...{ title: 'Client connections', unit: 'short' },
        description: 'Connections of applications that are open.',
      },
      [`sum(${of('sluice_connections')})`, 'connections'],
    ),
    stat(
      {
        ...{ title: 'Throttled', unit: 's', warnAt: 1 },
        description:
          'Seconds of delay that quotas give in each second, those that only observe included. 1: one bucket is in debt all the time. Far more than there are clients: requests that cannot be held long enough, see Below the floor on the dashboard Quotas.',
      },
      [`sum(${rate('sluice_throttle_seconds_total')})`, 'delay in a second'],
    ),
  ],
}

const TRAFFIC: Row = {
  title: 'Traffic',
  panels: [
    lines(
      {
        ...{ title: 'Bytes', unit: 'Bps' },
        description: 'What producers send (Produce requests) and consumers get (answers to Fetch), headers included.',
      },
      [`sum(${rate('sluice_request_bytes_total', 'api="Produce"')})`, 'produced'],
      [`sum(${rate('sluice_response_bytes_total', 'api=~"Fetch|ShareFetch"')})`, 'fetched'],
    ),
    lines(
      {
        ...{ title: 'Records', unit: 'short' },
        description:
          'Records a second, from the headers of record batches. Few records in many bytes: large records; the other way round: batches that are not full.',
      },
      [sumBy('direction', rate('sluice_records_total')), '{{direction}}'],
    ),
    lines(
      {
        ...{ title: 'Requests by API', unit: 'reqps', stacked: true },
        description:
          'Requests cost the sluice CPU, whatever their size. Many Metadata or ListOffsets requests: a client that polls needlessly.',
      },
      [sumBy('api', rate('sluice_requests_total')), '{{api}}'],
    ),
    lines(
      {
        ...{ title: 'Connections', unit: 'short' },
        description:
          'Open connections of applications by sluice. A line that only rises: a client that does not close its producers.',
      },
      [sumBy('pod, instance', of('sluice_connections')), '{{pod}} {{instance}}'],
    ),
  ],
}

const THROTTLING: Row = {
  title: 'Throttling',
  panels: [
    lines(
      {
        ...{ title: 'What quotas did', unit: 'reqps' },
        description:
          'Requests that were told to wait (stamped), held, refused, or would have been (observed). Many held: clients that do not listen to throttle_time_ms.',
      },
      [sumBy('action', rate('sluice_throttled_requests_total')), '{{action}}'],
    ),
    lines(
      {
        ...{ title: 'Time held', unit: 's' },
        description:
          'Of requests that were held: half and all but one in a hundred were held no longer. Bounded by what the library of the client bears.',
      },
      [quantile(0.5, 'sluice_hold_seconds', ''), 'p50'],
      [quantile(0.99, 'sluice_hold_seconds', ''), 'p99'],
    ),
    lines(
      {
        ...{ title: 'Most throttled clients', unit: 's', warnAt: 0.9 },
        description:
          'Seconds of delay in a second. Near 1: always at its limit (SluiceClientFlood). The name leads nowhere here; the table has links.',
      },
      [`topk(10, ${sumBy('client_id', rate('sluice_client_throttle_seconds_total'))})`, '{{client_id}}'],
    ),
    table(
      {
        ...{ title: 'Busiest clients', unit: 'Bps' },
        description:
          'Bytes a second produced and fetched, over the last 5 minutes. A click on a name opens the dashboard of that client.',
      },
      [
        { label: 'client_id', title: 'client', link: { title: 'Open this client', url: CLIENT_URL } },
        { label: 'Value', title: 'bytes a second', unit: 'Bps' },
      ],
      [
        `topk(20, ${sumBy(
          'client_id',
          `rate(${of('sluice_client_produced_bytes_total')}[5m]) + rate(${of('sluice_client_fetched_bytes_total')}[5m])`,
        )})`,
        'bytes',
      ],
    ),
  ],
}

const TROUBLE: Row = {
  title: 'Trouble',
  panels: [
    lines(
      {
        ...{ title: 'Disconnects by reason', unit: 'cps' },
        description:
          'client_closed, broker_closed and drained are ordinary. What the others mean, and what to do, is in docs/logs.md under their names.',
      },
      [`${sumBy('reason', rate('sluice_disconnects_total'))} > 0`, '{{reason}}'],
    ),
    lines(
      {
        ...{ title: 'Errors in answers', unit: 'cps' },
        description:
          'Kafka errors that brokers answered with, by API and code. REBALANCE_IN_PROGRESS and MEMBER_ID_REQUIRED belong to every rebalance; others that last are an incident.',
      },
      [sumBy('api, error', rate('sluice_errors_total')), '{{api}} {{error}}'],
    ),
    lines(
      {
        ...{ title: 'Lag by group', unit: 'short' },
        description:
          'Records between what a group has fetched and the end of its topics. Rising for long: SluiceLagGrowing.',
      },
      [
        sumBy('group, topic', `max by (group, topic, partition) (${of('sluice_consumer_lag_records')})`),
        '{{group}} {{topic}}',
      ],
    ),
    lines(
      {
        ...{ title: 'Rebalances by group', unit: 'short' },
        description:
          'Rebalances in 5 minutes. One after a deployment is ordinary; more than five in 15 minutes is a loop.',
      },
      [`max by (group) (sum without (reason) (increase(${of('sluice_group_rebalances_total')}[5m])))`, '{{group}}'],
    ),
  ],
}

const PROCESS: Row = {
  title: 'The processes',
  panels: [
    lines(
      {
        ...{ title: 'CPU', unit: 'percentunit', warnAt: 0.7, alarmAt: 0.85 },
        description:
          'Of one processor. The data path is one thread: near 100 % everybody behind it waits (SluiceSaturated).',
      },
      [rate('process_cpu_seconds_total'), '{{pod}} {{instance}}'],
    ),
    lines(
      {
        ...{ title: 'Memory', unit: 'bytes' },
        description:
          'Resident memory. It follows connections, not the size of requests; a line that never falls for days is worth a report.',
      },
      [of('process_resident_memory_bytes'), '{{pod}} {{instance}}'],
    ),
    lines(
      {
        ...{ title: 'Event loop lag, p99', unit: 's', warnAt: 0.1 },
        description: 'How late the one thread comes to what is due. Above 100 ms, too little CPU, or too much of it.',
      },
      [of('nodejs_eventloop_lag_p99_seconds'), '{{pod}} {{instance}}'],
    ),
    table(
      {
        ...{ title: 'Versions', unit: 'short' },
        description: 'What runs where. Two versions for longer than a rollout: some pods were not restarted.',
      },
      [
        { label: 'version', title: 'version' },
        { label: 'kafka_protocol', title: 'Kafka protocol' },
        { label: 'Value', title: 'sluices' },
      ],
      [`count by (version, kafka_protocol) (${of('sluice_build_info')})`, 'versions'],
    ),
  ],
}

export const FLEET: DashboardSpec = {
  name: 'fleet',
  title: 'Fleet',
  description: 'All sluices together: are they well, what passes, who is throttled, what goes wrong.',
  variables: [],
  rows: [NOW, TRAFFIC, THROTTLING, TROUBLE, PROCESS],
}
