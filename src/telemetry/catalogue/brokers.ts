/** Brokers and the cluster, as seen from here. */
import { BY_NODE, type Definitions } from './definition.ts'

const AS_OLD =
  'As old as the last Metadata answer that named the topic: clients ask every 5 minutes (`metadata.max.age.ms`), and at once after an error. Only topics that some client asks for.'

export const BROKERS: Definitions = {
  sluice_broker_connections: {
    type: 'gauge',
    help: 'Connections to the broker open now.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'our own sockets; `bootstrap` while an address is not known to be a broker’s',
  },
  sluice_broker_connect_failures_total: {
    type: 'counter',
    help: 'Connections to the broker that did not come about.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'refused, timed out, TLS or login failed; our own questions for brokers included',
  },
  sluice_broker_resets_total: {
    type: 'counter',
    help: 'Connections that the broker reset, or ended while it owed answers.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'RST or an error of the socket; FIN while answers are due',
  },
  sluice_broker_up: {
    type: 'gauge',
    help: 'Whether the last attempt to reach the broker succeeded.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'connections for clients, and our own question every 15 s (of the first broker that answers)',
    caveat: 'A broker that nobody connects to keeps its last value.',
  },
  sluice_broker_node_latency_seconds: {
    type: 'histogram',
    help: 'Time from forwarding a request to its answer, by broker, without APIs that wait by design.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'as `sluice_broker_latency_seconds`, without Fetch, ShareFetch, JoinGroup and SyncGroup',
  },
  sluice_broker_node_errors_total: {
    type: 'counter',
    help: 'Error codes in answers of the broker.',
    labels: ['node'],
    bounds: BY_NODE,
    source: 'every `errorCode` of the answers',
  },
  sluice_broker_node_throttle_seconds_total: {
    type: 'counter',
    help: 'Throttle time that the broker itself asked for.',
    labels: ['node'],
    bounds: BY_NODE,
    source: '`throttleTimeMs` of the answers, before ours is written into it',
  },
  sluice_cluster_partitions: {
    type: 'gauge',
    help: 'Partitions that Metadata answers have told of lately.',
    labels: [],
    bounds: '1',
    source: 'Metadata answers that pass by',
    caveat: AS_OLD,
  },
  sluice_cluster_partitions_under_replicated: {
    type: 'gauge',
    help: 'Partitions with fewer in-sync replicas than replicas.',
    labels: [],
    bounds: '1',
    source: '`isrNodes` and `replicaNodes` of Metadata answers that pass by',
    caveat: AS_OLD,
  },
  sluice_cluster_partitions_offline: {
    type: 'gauge',
    help: 'Partitions without a leader.',
    labels: [],
    bounds: '1',
    source: '`leaderId` −1 or LEADER_NOT_AVAILABLE in Metadata answers that pass by',
    caveat: AS_OLD,
  },
  sluice_cluster_leader_moves_total: {
    type: 'counter',
    help: 'Times that a partition was seen to have another leader, or another term of one.',
    labels: [],
    bounds: '1',
    source: '`leaderEpoch` (v7+, else `leaderId`) of Metadata answers that pass by',
    caveat: `${AS_OLD} Several moves between two answers count once.`,
  },
}
