/** Events of the policy: what it is made of and who changed it. */

export const POLICY_EVENTS = {
  config_reloaded: {
    level: 'info',
    fields: ['trigger', 'peer?', 'file', 'sha256', 'quotas', 'added', 'removed', 'changed'],
    meaning: 'The configuration file is in force as it stands now. `peer` is who sent POST /api/reload.',
    metric: { name: 'sluice_config_reloads_total', fixed: { result: 'ok' } },
    audit: true,
  },
  config_refused: {
    level: 'error',
    fields: ['trigger', 'peer?', 'file', 'sha256?', 'path', 'line', 'column', 'message'],
    meaning: 'A fault of the configuration file, one line for each. What was in force stays in force.',
    action: 'Mend the place; `kafka-sluice check-config FILE` tells whether it is right.',
    metric: { name: 'sluice_config_reloads_total', fixed: { result: 'failed' } },
    audit: true,
  },
  config_reload_failed: {
    level: 'error',
    fields: ['trigger', 'peer?', 'file', 'err'],
    meaning: 'Our bug: a reload failed. What was in force stays in force.',
    action: 'Report the stack.',
    metric: { name: 'sluice_config_reloads_total', fixed: { result: 'failed' } },
  },
  config_missing: {
    level: 'warn',
    fields: ['trigger', 'peer?'],
    meaning: 'A reload was asked for, and there is no configuration file.',
    action: 'Start with `--config FILE`.',
  },
  config_unwatched: {
    level: 'warn',
    fields: ['file', 'err'],
    meaning: 'The system sends no events for the configuration file; it is looked at every few seconds instead.',
  },
  schedule_changed: {
    level: 'info',
    fields: ['trigger', 'added', 'removed', 'changed'],
    meaning: 'A window of a `schedule` has opened or closed.',
    audit: true,
  },
  kafka_quotas: {
    level: 'info',
    fields: ['trigger', 'quotas', 'notes', 'added', 'removed', 'changed'],
    meaning: "The cluster's own quotas are others, and in force (`followKafka`).",
    metric: { name: 'sluice_kafka_quota_polls_total', fixed: { result: 'ok' } },
    audit: true,
  },
  kafka_quotas_failed: {
    level: 'warn',
    fields: ['address'],
    meaning: "The cluster's own quotas cannot be read. The last ones stay in force.",
    action: 'The user of the sluice needs DescribeConfigs on the cluster; otherwise as `broker_unreachable`.',
    metric: { name: 'sluice_kafka_quota_polls_total', fixed: { result: 'failed' } },
  },
  kafka_quotas_recovered: {
    level: 'info',
    fields: ['failuresInRow'],
    meaning: "The cluster's own quotas can be read again.",
  },
  floor_exceeded: {
    level: 'warn',
    fields: ['quota', 'clientId', 'connection', 'api', 'frameBytes', 'heldMs'],
    meaning: 'A quota is below what this client can be held to without breaking it: a request went before its time.',
    action: 'Make its requests smaller (the message names the settings), use fewer connections, or raise the quota.',
    metric: { name: 'sluice_quota_floor_exceeded_total', labels: ['quota'] },
  },
  mutation_refused: {
    level: 'warn',
    fields: ['quota', 'clientId', 'principal', 'peer', 'connection', 'api', 'topicsRefused'],
    meaning: 'Topics of a request that creates or deletes were refused with THROTTLING_QUOTA_EXCEEDED.',
    action: 'Nothing, if the quota is meant so: clients try again. Otherwise raise it.',
    metric: { name: 'sluice_throttled_requests_total', labels: ['quota'], fixed: { action: 'refused' } },
    audit: true,
  },
} as const
