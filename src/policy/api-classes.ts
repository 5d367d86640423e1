/**
 * Which APIs are alike when it comes to waiting: the classes of protocol-facts D.8, one row an API. A row for every API that
 * the codec knows, so that a new Kafka release does not compile before somebody has thought about its new APIs.
 */
import { API_KEY, type ApiName } from 'kafka-protocol-codec'

/**
 * - `produce`, `fetch`: the data.
 * - `lookup`: asked now and then, by people and tools.
 * - `metadata`: clients cannot go on without the answer, and ask in storms.
 * - `commit`: between the data and the group; slow ones eat the time of a rebalance.
 * - `mutation`: changes the cluster.
 * - `exempt`: never held, never stamped, never charged. `EXEMPT_REASONS` says why.
 */
export type ApiClass = 'produce' | 'fetch' | 'lookup' | 'metadata' | 'commit' | 'mutation' | 'exempt'

const CLASSES: Readonly<Record<ApiName, ApiClass>> = {
  Produce: 'produce',
  Fetch: 'fetch',
  ListOffsets: 'lookup',
  Metadata: 'metadata',
  OffsetCommit: 'commit',
  OffsetFetch: 'metadata',
  FindCoordinator: 'metadata',
  JoinGroup: 'exempt',
  Heartbeat: 'exempt',
  LeaveGroup: 'exempt',
  SyncGroup: 'exempt',
  DescribeGroups: 'lookup',
  ListGroups: 'lookup',
  SaslHandshake: 'exempt',
  ApiVersions: 'exempt',
  CreateTopics: 'mutation',
  DeleteTopics: 'mutation',
  DeleteRecords: 'mutation',
  InitProducerId: 'exempt',
  OffsetForLeaderEpoch: 'lookup',
  AddPartitionsToTxn: 'exempt',
  AddOffsetsToTxn: 'exempt',
  EndTxn: 'exempt',
  WriteTxnMarkers: 'exempt',
  TxnOffsetCommit: 'exempt',
  DescribeAcls: 'lookup',
  CreateAcls: 'mutation',
  DeleteAcls: 'mutation',
  DescribeConfigs: 'lookup',
  AlterConfigs: 'mutation',
  AlterReplicaLogDirs: 'mutation',
  DescribeLogDirs: 'lookup',
  SaslAuthenticate: 'exempt',
  CreatePartitions: 'mutation',
  CreateDelegationToken: 'mutation',
  RenewDelegationToken: 'mutation',
  ExpireDelegationToken: 'mutation',
  DescribeDelegationToken: 'lookup',
  DeleteGroups: 'mutation',
  ElectLeaders: 'mutation',
  IncrementalAlterConfigs: 'mutation',
  AlterPartitionReassignments: 'mutation',
  ListPartitionReassignments: 'lookup',
  OffsetDelete: 'mutation',
  DescribeClientQuotas: 'lookup',
  AlterClientQuotas: 'mutation',
  DescribeUserScramCredentials: 'lookup',
  AlterUserScramCredentials: 'mutation',
  DescribeQuorum: 'lookup',
  UpdateFeatures: 'mutation',
  DescribeCluster: 'metadata',
  DescribeProducers: 'lookup',
  UnregisterBroker: 'mutation',
  DescribeTransactions: 'lookup',
  ListTransactions: 'lookup',
  ConsumerGroupHeartbeat: 'exempt',
  ConsumerGroupDescribe: 'lookup',
  GetTelemetrySubscriptions: 'exempt',
  PushTelemetry: 'exempt',
  ListConfigResources: 'lookup',
  DescribeTopicPartitions: 'metadata',
  ShareGroupHeartbeat: 'exempt',
  ShareGroupDescribe: 'lookup',
  ShareFetch: 'fetch',
  ShareAcknowledge: 'commit',
  AddRaftVoter: 'mutation',
  RemoveRaftVoter: 'mutation',
  InitializeShareGroupState: 'exempt',
  ReadShareGroupState: 'exempt',
  WriteShareGroupState: 'exempt',
  DeleteShareGroupState: 'exempt',
  ReadShareGroupStateSummary: 'exempt',
  StreamsGroupHeartbeat: 'exempt',
  StreamsGroupDescribe: 'lookup',
  DescribeShareGroupOffsets: 'lookup',
  AlterShareGroupOffsets: 'mutation',
  DeleteShareGroupOffsets: 'mutation',
  StreamsGroupTopologyDescriptionUpdate: 'exempt',
  UnregisterController: 'mutation',
}

const HEARTBEAT = 'a late heartbeat costs the member its partitions, and the whole group a rebalance'
const REBALANCE = 'one late member keeps every member of the group waiting, and is thrown out (protocol-facts D.6)'
const TRANSACTION = 'an open transaction blocks every read_committed consumer, and times out'
const LOGIN = 'a login has a deadline at the broker and comes before anything that could be limited'
const TELEMETRY = 'the broker paces it itself (KIP-714)'
const BROKERS = 'between brokers; no application sends it'

/** Why an API is exempt, for people: shown by the configuration when a quota asks for such an API. */
export const EXEMPT_REASONS: Readonly<Partial<Record<ApiName, string>>> = {
  ApiVersions: 'it opens every connection, and a client that gets no answer in time gives up on the broker',
  SaslHandshake: LOGIN,
  SaslAuthenticate: LOGIN,
  Heartbeat: HEARTBEAT,
  ConsumerGroupHeartbeat: HEARTBEAT,
  ShareGroupHeartbeat: HEARTBEAT,
  StreamsGroupHeartbeat: HEARTBEAT,
  StreamsGroupTopologyDescriptionUpdate: HEARTBEAT,
  JoinGroup: REBALANCE,
  SyncGroup: REBALANCE,
  LeaveGroup: REBALANCE,
  InitProducerId: TRANSACTION,
  AddPartitionsToTxn: TRANSACTION,
  AddOffsetsToTxn: TRANSACTION,
  EndTxn: TRANSACTION,
  TxnOffsetCommit: TRANSACTION,
  GetTelemetrySubscriptions: TELEMETRY,
  PushTelemetry: TELEMETRY,
  WriteTxnMarkers: BROKERS,
  InitializeShareGroupState: BROKERS,
  ReadShareGroupState: BROKERS,
  WriteShareGroupState: BROKERS,
  DeleteShareGroupState: BROKERS,
  ReadShareGroupStateSummary: BROKERS,
}

/** Every API that the codec knows, by Kafka's name. */
export const API_NAMES: readonly ApiName[] = Object.keys(API_KEY) as ApiName[]

const NAME_BY_KEY: ReadonlyMap<number, ApiName> = new Map(API_NAMES.map((name) => [API_KEY[name], name]))

/** Kafka's name of an API; '' for one that the codec does not know. */
export function apiNameOf(apiKey: number): ApiName | '' {
  return NAME_BY_KEY.get(apiKey) ?? ''
}

/** The class of an API. One that the codec does not know is exempt: it could be the heartbeat of a newer Kafka. */
export function apiClassOf(apiKey: number): ApiClass {
  const name = NAME_BY_KEY.get(apiKey)
  return name === undefined ? 'exempt' : CLASSES[name]
}

/** Its answer brings data. */
export function isFetch(apiKey: number): boolean {
  return apiKey === API_KEY.Fetch || apiKey === API_KEY.ShareFetch
}
