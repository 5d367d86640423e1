/** Events of clients' connections. Those that end one are named as its reason is in `sluice_disconnects_total`. */
import type { EventDefinition, EventMetric } from './definition.ts'

const BY_REASON: EventMetric = { name: 'sluice_disconnects_total', labels: ['reason'] }
/** A connection that came no further than the door has no number, no client id, no library. */
const ENDED = ['peer', 'reason', 'connection?', 'clientId?', 'software?'] as const

/** Of a connection that ends by somebody's fault; the other ends are daily life, and `disconnected`. */
interface Ending extends EventDefinition {
  readonly fields: readonly ['peer', 'reason', 'connection?', 'clientId?', 'software?']
}

const ends = (meaning: string, action: string): Ending => ({
  level: 'warn',
  fields: ENDED,
  meaning,
  action,
  metric: BY_REASON,
})
const refuses = (meaning: string, action: string): Ending => ({ ...ends(meaning, action), audit: true })

const NO_CLIENT = 'Find out who it is: it is no Kafka client, or one that is broken.'

export type EndingEvent =
  | 'client_tls'
  | 'client_plaintext'
  | 'client_tls_failed'
  | 'client_login_failed'
  | 'broker_login_failed'
  | 'client_http'
  | 'client_garbage'
  | 'client_bad_frame'
  | 'client_frame_too_large'
  | 'client_frame_stalled'
  | 'client_not_reading'
  | 'broker_not_reading'
  | 'broker_unreachable'
  | 'no_broker_port'
  | 'broker_bad_frame'
  | 'broker_reset'
  | 'broker_closed_early'
  | 'connection_limit'
  | 'drain_deadline'

export const ENDING_EVENTS: Readonly<Record<EndingEvent, Ending>> = {
  client_tls: ends(
    'A client speaks TLS to a port without.',
    'Set `security.protocol` to PLAINTEXT or SASL_PLAINTEXT in the client, or configure `listen.tls`.',
  ),
  client_plaintext: ends(
    'A client speaks without TLS to a port with it.',
    'Set `security.protocol` to SSL or SASL_SSL in the client, or leave `listen.tls` out.',
  ),
  client_tls_failed: refuses(
    'A TLS handshake came to nothing: versions, certificates, time.',
    'The message says which, and what mends it.',
  ),
  client_login_failed: refuses(
    'A login that the sluice verifies is wrong or missing, or a client logs in where the sluice does that for it.',
    'The message names the setting. Many from one peer: somebody guesses passwords.',
  ),
  broker_login_failed: ends(
    'The broker does not let the sluice in; the client is told so where it can understand it.',
    "Check `upstream.sasl`: user, password file, mechanism. The broker's own words are in the message.",
  ),
  client_http: ends(
    'An HTTP request came to the Kafka port.',
    'Point probes and scrapers at the admin port; or a browser, at nothing.',
  ),
  client_garbage: ends('The first bytes of a connection are no Kafka request.', NO_CLIENT),
  client_bad_frame: ends('A frame in mid-connection cannot be of Kafka.', NO_CLIENT),
  client_frame_too_large: ends(
    'A request is larger than `limits.frameBytesMax`, or a login or greeting than 128 KiB.',
    'Lower `max.request.size` in the client, or raise the limit as high as the broker has it.',
  ),
  client_frame_stalled: ends(
    'A request began and its rest did not come.',
    'Look at the network between the two, or at a client that hangs.',
  ),
  client_not_reading: ends(
    'A client has not taken its answers for too long.',
    'Look for a client that hangs, or is paused.',
  ),
  broker_not_reading: ends('A broker has not taken requests for too long.', 'Look at the broker and the network.'),
  broker_unreachable: ends(
    'No broker could be reached for a client.',
    'Check `upstream.bootstrap` and the network; `/readyz` says why.',
  ),
  no_broker_port: ends(
    'An answer names a broker for which there is no local port.',
    'Give more, or other, ports in `listen.brokerPorts`.',
  ),
  broker_bad_frame: ends(
    "A broker's answer does not parse, or answers nothing that was asked.",
    'Is `--upstream` a Kafka listener for clients? Otherwise report it.',
  ),
  broker_reset: ends('The broker reset the connection.', "Look at the broker's log."),
  broker_closed_early: ends(
    'The broker ended the connection instead of answering the first request of a client that has not logged in.',
    "If that listener takes logins (SASL): let the client log in, or configure `upstream.sasl`. Otherwise look at the broker's log.",
  ),
  connection_limit: refuses(
    'As many connections are open as `limits.connectionsMax` allows: one was refused, or one that had sent nothing closed.',
    'Raise the limit, or find out who opens so many.',
  ),
  drain_deadline: ends(
    'The drain deadline cut the connection off.',
    'Look for clients that stopped reading, or brokers that stopped answering.',
  ),
}

export const CONNECTION_EVENTS = {
  connection_quota: {
    level: 'warn',
    fields: ['quota', 'peer', 'reason', 'connection?', 'clientId?', 'software?'],
    meaning: 'A quota allows no more connections of this client, or no more new ones.',
    action: 'Nothing, if the quota is meant so. Otherwise raise it, or have the client keep its connections.',
    metric: { name: 'sluice_throttled_requests_total', labels: ['quota'], fixed: { action: 'refused' } },
    audit: true,
  },
  internal_error: {
    level: 'error',
    fields: ['stack', 'peer', 'reason', 'connection?', 'clientId?', 'software?'],
    meaning: 'Our bug: a session met an unexpected error and was closed. The others go on.',
    action: 'Report the stack.',
    metric: { name: 'sluice_disconnects_total', labels: ['reason'] },
  },
  client_identified: {
    level: 'debug',
    fields: ['peer', 'connection', 'clientId', 'principal', 'software', 'softwareVersion'],
    meaning: 'Who is at the other end of a connection, as far as it is known by now.',
  },
  disconnected: {
    level: 'debug',
    fields: ['peer', 'reason', 'connection?', 'clientId?', 'software?', 'detail?'],
    meaning: "A connection has ended in everyday's way.",
    metric: { name: 'sluice_disconnects_total', labels: ['reason'] },
  },
} as const
