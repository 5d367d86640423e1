/** Quotas: how much of each is used, whom it delays, and whether it can be kept. */
import type { DashboardSpec, Row } from './dashboard.ts'
import { LINES_HEIGHT, lines, stat, table } from './panels.ts'
import { of, orZero, rate, sumBy } from './queries.ts'

const QUOTA = 'quota=~"$quota"'

const NOW: Row = {
  title: 'Now',
  panels: [
    table(
      {
        ...{ title: 'Limits in force', unit: 'short', width: 12 },
        description:
          'A second, for each bucket, in the quota’s own unit (bytes, records, requests …). Overrides and ramps do not show here; explain tells them.',
      },
      [
        { label: 'quota', title: 'quota' },
        { label: 'dimension', title: 'dimension' },
        { label: 'Value', title: 'limit a second' },
      ],
      [`max by (quota, dimension) (${of('sluice_quota_limit', QUOTA)})`, 'limit'],
    ),
    stat(
      {
        ...{ title: 'In debt', unit: 'short', height: LINES_HEIGHT, warnAt: 1 },
        description: 'Quotas of which a bucket is in debt now: somebody waits.',
      },
      [orZero(`count(${of('sluice_bucket_debt_seconds', QUOTA)} > 0)`), 'quotas'],
    ),
    stat(
      {
        ...{ title: 'Below the floor', unit: 'reqps', height: LINES_HEIGHT, warnAt: 0.001 },
        description:
          'Requests let go early because holding them longer would break the client. Make its requests smaller, or the limit larger (SluiceFloorExceeded).',
      },
      [`sum(${rate('sluice_quota_floor_exceeded_total', QUOTA)})`, 'let go early'],
    ),
    stat(
      {
        ...{ title: 'Refused', unit: 'reqps', height: LINES_HEIGHT, warnAt: 0.1 },
        description:
          'Connections closed and topics refused by a quota (SluiceQuotaRefusals); the audit log says whose.',
      },
      [`sum(${rate('sluice_throttled_requests_total', QUOTA, 'action="refused"')})`, 'refused'],
    ),
  ],
}

const USE: Row = {
  title: 'Use',
  panels: [
    lines(
      {
        ...{ title: 'Used', unit: 'short' },
        description:
          'Charged a second, of all buckets of a quota together, in its own unit. Compare with the limit times the buckets in use.',
      },
      [sumBy('quota, dimension', rate('sluice_quota_used_total', QUOTA)), '{{quota}} {{dimension}}'],
      [`max by (quota, dimension) (${of('sluice_quota_limit', QUOTA)})`, '{{quota}} {{dimension}} limit'],
    ),
    lines(
      {
        ...{ title: 'Buckets', unit: 'short' },
        description:
          'Keys (clients, topics …) with a bucket that has not refilled. Very many: per has a label with random parts.',
      },
      [sumBy('quota', of('sluice_quota_keys', QUOTA)), '{{quota}}'],
    ),
    lines(
      {
        ...{ title: 'Credit of the emptiest bucket', unit: 'percentunit' },
        description:
          'Part of its burst that is left: 100 % is full, 0 is used up. Always near 0: the limit is what decides the client’s speed.',
      },
      [`min by (quota) (${of('sluice_bucket_level_ratio', QUOTA)})`, '{{quota}}'],
    ),
    lines(
      {
        ...{ title: 'Debt of the deepest bucket', unit: 's' },
        description:
          'Time until it is out of debt. More than a client may be held (3 to 8 s), and growing: the limit is below its floor.',
      },
      [`max by (quota) (${of('sluice_bucket_debt_seconds', QUOTA)})`, '{{quota}}'],
    ),
  ],
}

const EFFECT: Row = {
  title: 'Effect',
  panels: [
    lines(
      {
        ...{ title: 'Delay', unit: 's' },
        description:
          'Seconds of delay in a second, whoever does the waiting; of quotas that only observe, what it would be. 1: one client is always at its limit.',
      },
      [sumBy('quota', rate('sluice_throttle_seconds_total', QUOTA)), '{{quota}}'],
    ),
    lines(
      {
        ...{ title: 'What was done', unit: 'reqps' },
        description:
          'stamped: told to wait, and does. held: did not listen. refused: connections and topics. observed: would have met the limit.',
      },
      [`${sumBy('quota, action', rate('sluice_throttled_requests_total', QUOTA))} > 0`, '{{quota}} {{action}}'],
    ),
    lines(
      {
        ...{ title: 'Bytes delayed', unit: 'Bps' },
        description:
          'Of the requests (of Fetch: answers) that met a delay. Near all bytes of the quota: everybody behind it waits.',
      },
      [sumBy('quota', rate('sluice_throttled_bytes_total', QUOTA)), '{{quota}}'],
    ),
    lines(
      {
        ...{ title: 'Let go early', unit: 'reqps' },
        description:
          'Below the floor. The log (floor_exceeded) names the client and the setting that makes the limit reachable.',
      },
      [sumBy('quota', rate('sluice_quota_floor_exceeded_total', QUOTA)), '{{quota}}'],
    ),
  ],
}

const CHANGES: Row = {
  title: 'Where they come from',
  panels: [
    lines(
      {
        ...{ title: 'Reloads', unit: 'short' },
        description:
          'In 5 minutes, of the file (ok and failed). Failed: the last good file stays in force, /readyz has the faults.',
      },
      [`sum by (result) (increase(${of('sluice_config_reloads_total')}[5m]))`, 'file {{result}}'],
    ),
    lines(
      {
        ...{ title: 'The cluster’s own quotas', unit: 'short' },
        description:
          'Questions in 5 minutes, where followKafka is on. Failed ones leave the last answer in force (SluiceKafkaQuotasStale).',
      },
      [`sum by (result) (increase(${of('sluice_kafka_quota_polls_total')}[5m]))`, '{{result}}'],
    ),
  ],
}

export const QUOTAS: DashboardSpec = {
  name: 'quotas',
  title: 'Quotas',
  description: 'How much of each quota is used, whom it delays, and whether it can be kept.',
  variables: [
    {
      ...{ name: 'quota', label: 'Quota', of: 'quota' },
      series: of('sluice_quota_used_total'),
      description: 'By the names of the configuration file.',
    },
  ],
  rows: [NOW, USE, EFFECT, CHANGES],
}
