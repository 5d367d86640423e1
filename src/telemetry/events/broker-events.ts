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
