/** Events of the brokers' side, and of the files that secure both sides. */

export const BROKER_EVENTS = {
  broker_joined: { level: 'info', fields: ['nodeId', 'address'], meaning: 'A broker is known that was not before.' },
  broker_moved: { level: 'info', fields: ['nodeId', 'address'], meaning: 'A broker has another address.' },
  broker_listener: { level: 'debug', fields: ['nodeId', 'port?'], meaning: 'A local port stands for a broker.' },
  broker_port_failed: {
    level: 'error',
    fields: ['nodeId'],
    meaning: 'No local port can be opened for a broker: its clients cannot reach it.',
    action: 'Give other ports in `listen.brokerPorts`.',
  },
  broker_away: {
    level: 'warn',
    fields: ['nodeId', 'address', 'port'],
    meaning:
      'A broker refuses connections. The port that stands for it refuses them as well, and is open again once the broker is back.',
    action: 'Nothing, if it is restarted; otherwise look at the broker, and at the network between.',
    metric: { name: 'sluice_broker_up', fixed: {} },
  },
  broker_back: {
    level: 'info',
    fields: ['nodeId', 'address', 'port'],
    meaning: 'It takes connections again, and so does its port.',
  },
  dial_failed: {
    level: 'warn',
    fields: ['address'],
    meaning: 'A broker cannot be reached, or its TLS or login failed, for a client that wants it.',
    action: 'Do what the message says; `/readyz` shows it as well.',
  },
  discovery_failed: {
    level: 'warn',
    fields: ['address'],
    meaning: 'A broker does not answer our own question for the brokers of the cluster.',
    action: 'Check `--upstream`, the network, and that the listener is the one for clients.',
  },
  certificate_expires: {
    level: 'warn',
    fields: ['role', 'file', 'subject', 'expiresAt', 'daysLeft'],
    meaning: 'A certificate in use runs out in less than 30, 7 or 1 days.',
    action: 'Put another one in its place; it is read again when the file changes.',
    metric: { name: 'sluice_certificate_expiry_timestamp_seconds', labels: ['role'] },
  },
  certificate_expired: {
    level: 'error',
    fields: ['role', 'file', 'subject', 'expiresAt', 'daysLeft'],
    meaning: 'A certificate in use has run out: the other side refuses it, or nobody can be verified by it.',
    action: 'Put another one in its place; it is read again when the file changes.',
    metric: { name: 'sluice_certificate_expiry_timestamp_seconds', labels: ['role'] },
  },
  secrets_reloaded: {
    level: 'info',
    fields: ['section', 'files'],
    meaning: 'A certificate, key, password, token or list of users has changed and is in use for new connections.',
    metric: { name: 'sluice_secret_reloads_total', fixed: { result: 'ok' } },
    audit: true,
  },
  secrets_refused: {
    level: 'error',
    fields: ['path'],
    meaning: 'Such a file has changed and has a fault. What was read before stays in use.',
    action: 'Mend the file; it is read again when it changes.',
    metric: { name: 'sluice_secret_reloads_total', fixed: { result: 'failed' } },
    audit: true,
  },
} as const
