/** Events of the process and its admin pages. */

export const PROCESS_EVENTS = {
  started: {
    level: 'info',
    fields: ['listen', 'upstream', 'quotas', 'admin', 'file?', 'sha256?'],
    meaning: 'It listens. Brokers may still be out of reach: `/readyz` tells.',
    audit: true,
  },
  start_failed: {
    level: 'fatal',
    fields: [],
    meaning: 'An address cannot be listened on; the process ends with exit code 1.',
    action: 'Do what the message says.',
  },
  exposed: {
    level: 'warn',
    fields: [],
    meaning: 'It listens on an address that others reach, without TLS or without asking who they are.',
    action: 'Listen on 127.0.0.1, or configure what the message names ([security.md](security.md)).',
  },
  draining: {
    level: 'info',
    fields: ['signal'],
    meaning: 'SIGTERM or SIGINT: no new connections, answers under way are delivered.',
  },
  drained: { level: 'info', fields: ['tookMs'], meaning: 'Everything under way was delivered; the process ends.' },
  drain_incomplete: {
    level: 'warn',
    fields: ['tookMs'],
    meaning: 'The drain deadline is over: connections that were left are cut. `drain_deadline` says which.',
    action: 'Look for clients that stopped reading, or brokers that stopped answering.',
  },
  drain_failed: {
    level: 'error',
    fields: ['err'],
    meaning: 'Our bug: the drain failed, connections are cut.',
    action: 'Report the stack.',
  },
  second_signal: {
    level: 'warn',
    fields: ['signal'],
    meaning: 'Told to stop again, 250 ms after the first time or later: it leaves at once, connections are cut.',
  },
  bug: {
    level: 'error',
    fields: ['err', 'bugs'],
    meaning: 'Our bug: an error that nobody caught. It goes on.',
    action: 'Report the stack.',
  },
  gave_up: {
    level: 'fatal',
    fields: ['bugs'],
    meaning: 'Nothing but bugs: it ends, so that its supervisor starts a fresh one.',
    action: 'Report the stacks before it.',
  },
  otlp_started: {
    level: 'info',
    fields: ['endpoint', 'protocol', 'intervalMs'],
    meaning: 'Metrics are pushed by OTLP from now on.',
  },
  otlp_failed: {
    level: 'warn',
    fields: ['endpoint'],
    meaning:
      'Metrics could not be pushed. Nothing is kept: the next push has the same counters, and what has come since.',
    action: 'Do what the message says ([telemetry.md](telemetry.md)).',
    metric: { name: 'sluice_otlp_pushes_total', fixed: { result: 'failed' } },
  },
  otlp_recovered: {
    level: 'info',
    fields: ['endpoint', 'failuresInRow'],
    meaning: 'Metrics can be pushed again.',
    metric: { name: 'sluice_otlp_pushes_total', fixed: { result: 'ok' } },
  },
  admin_failed: {
    level: 'error',
    fields: ['path', 'err'],
    meaning: 'Our bug: an admin page failed and was answered with 500.',
    action: 'Report the stack.',
  },
  admin_forbidden: {
    level: 'warn',
    fields: ['peer', 'path', 'detail'],
    meaning:
      'Somebody asked for a page of `/api` from elsewhere without the token, by another name, or from a web page.',
    action: 'If it should be allowed: `admin.tokenFile`. If not, find out who it is.',
    metric: { name: 'sluice_admin_forbidden_total' },
    audit: true,
  },
} as const
