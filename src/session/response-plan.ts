/** What is looked for in each answer, compiled once for each API and version from the generated tables. */
import {
  API_KEY,
  addressFields,
  apiSchema,
  compileSkim,
  inRange,
  type MessageSchema,
  type SkimPlan,
} from 'kafka-protocol-codec'
import { commitsOffsets } from './api-kinds.ts'

/** Indexes of the wanted fields, the same in every plan. */
export const W_THROTTLE = 0
export const W_ERROR = 1
export const W_RECORDS = 2
export const W_NODE_ID = 3
export const W_HOST = 4
export const W_PORT = 5
/** The list of brokers itself: where a tag or a count sits that must change with it. */
export const W_NODES = 6
/** What follows the list of brokers: once it is seen, the list is complete. */
export const W_MARKER = 7
export const W_ENDPOINT_TYPE = 8
/** Of answers about topics (`learn-topics.ts`): name, id, and the field that completes a topic. */
export const W_TOPIC_NAME = 9
export const W_TOPIC_ID = 10
export const W_TOPIC_PARTITIONS = 11
export const W_CREATED_PARTITIONS = 12
/** The name of a topic that was to be deleted; its id is `W_TOPIC_ID`. */
export const W_GONE_NAME = 13
/** Of answers whose topics are told apart: with data (`topic-shares.ts`, `fetch-positions.ts`, `fetch-follower.ts`), or to commits. */
export const W_ANSWER_TOPIC = 14
export const W_ANSWER_TOPIC_ID = 15
/** A row: the partition, its error and, of a Fetch, its high watermark. */
export const W_ANSWER_ROW = 16
/** Of an answer that tells what groups have committed (`offset-follower.ts`): a row of the partition and its offset, and the group. */
export const W_OFFSET_ROW = 17
export const W_ANSWER_GROUP = 18
/** Of answers to members of groups (`group-watch.ts`): the generation or epoch, whether there is an assignment, who the member is. */
export const W_GENERATION = 19
export const W_ASSIGNMENT = 20
export const W_MEMBER = 21
/** Of Metadata (`learn-partitions.ts`), in this order; `W_ERROR` comes first. */
export const W_PARTITION = 22
export const W_LEADER = 23
export const W_LEADER_EPOCH = 24
export const W_REPLICAS = 25
export const W_IN_SYNC = 26
const FETCHED_FIELDS = [
  'responses.topic',
  'responses.topicId',
  'responses.partitions.{partitionIndex,errorCode,highWatermark}',
  '',
  '',
]
const COMMITTED_FIELDS = ['topics.name', 'topics.topicId', 'topics.partitions.{partitionIndex,errorCode}', '', '']
const OFFSETS = 'partitions.{partitionIndex,committedOffset}'
const OFFSET_FIELDS = ['topics.name', '', '', `topics.${OFFSETS}`, '']
/** From v8 on. */
const GROUPS_OFFSET_FIELDS = ['name', 'topicId', '', OFFSETS].map((name) =>
  name === '' ? '' : `groups.topics.${name}`,
)
const UNTOLD_FIELDS = ['', '', '', '', '']
const GROUP_FIELDS: ReadonlyMap<number, readonly string[]> = new Map([
  [API_KEY.JoinGroup, ['generationId', '', 'memberId']],
  [API_KEY.ConsumerGroupHeartbeat, ['memberEpoch', 'assignment', '']],
])
const NO_GROUP_FIELDS: readonly string[] = ['', '', '']
const PARTITION_FIELDS = ['partitionIndex', 'leaderId', 'leaderEpoch', 'replicaNodes', 'isrNodes'].map(
  (name) => `topics.partitions.${name}`,
)

/** Where answers speak of topics, in the order of the indexes above. */
const TOPIC_FIELDS: ReadonlyMap<number, readonly string[]> = new Map([
  [API_KEY.Metadata, ['topics.name', 'topics.topicId', 'topics.partitions', '', '']],
  [API_KEY.DescribeTopicPartitions, ['topics.name', 'topics.topicId', 'topics.partitions', '', '']],
  [API_KEY.CreateTopics, ['topics.name', 'topics.topicId', '', 'topics.numPartitions', '']],
  [API_KEY.DeleteTopics, ['', 'responses.topicId', '', '', 'responses.name']],
])
const NO_TOPIC_FIELDS: readonly string[] = ['', '', '', '', '']

/**
 * How an answer with addresses is treated:
 * - `head`: everything up to the end of the broker list is awaited, the rest streams (Metadata)
 * - `whole`: awaited whole
 * - `tail`: short ones are awaited whole, long ones stream and their trailing list is blanked in place (Fetch, ShareFetch)
 */
export type AddressMode = 'none' | 'head' | 'whole' | 'tail'

export interface ResponsePlan {
  readonly skim: SkimPlan
  readonly addresses: AddressMode
  /** The version has compact lengths. */
  readonly flexible: boolean
}

/** Answers with addresses that are not awaited whole, because they may be long. */
const ADDRESS_MODES: ReadonlyMap<number, AddressMode> = new Map<number, AddressMode>([
  [API_KEY.Metadata, 'head'],
  [API_KEY.Fetch, 'tail'],
  [API_KEY.ShareFetch, 'tail'],
])

/** By API and version; compiled at first use. An array, because every answer asks. */
const plans: ResponsePlan[][] = []
/** The same with the topics of answers with data, and to commits. */
const topicPlans: ResponsePlan[][] = []

/**
 * The plan for an answer, undefined for an API or a version that the codec does not know: that one passes as it is.
 * @param tellsTopics the topics and partitions of an answer with data or offsets, or to a commit, are reported as well
 */
export function responsePlan(apiKey: number, version: number, tellsTopics = false): ResponsePlan | undefined {
  const table = tellsTopics ? topicPlans : plans
  const known = table[apiKey]?.[version]
  if (known !== undefined) return known
  const plan = compilePlan(apiKey, version, tellsTopics)
  if (plan === undefined) return undefined
  table[apiKey] ??= []
  table[apiKey][version] = plan
  return plan
}

function toldFields(apiKey: number, { fields }: MessageSchema, version: number): readonly string[] {
  if (commitsOffsets(apiKey)) return COMMITTED_FIELDS
  if (apiKey !== API_KEY.OffsetFetch) return FETCHED_FIELDS
  const namesGroups = fields.some(({ name, versions }) => name === 'groups' && inRange(version, versions))
  return namesGroups ? [...GROUPS_OFFSET_FIELDS, 'groups.groupId'] : OFFSET_FIELDS
}

function compilePlan(apiKey: number, version: number, tellsTopics: boolean): ResponsePlan | undefined {
  const schema = apiSchema(apiKey)?.response
  if (schema === undefined || !inRange(version, schema.versions)) return undefined
  const [where] = addressFields(apiKey, version) // no answer has two lists of brokers
  const inList = (name: string | undefined): string =>
    where === undefined || name === undefined ? '' : where.path === '' ? name : `${where.path}.${name}`
  const skim = compileSkim(schema, version, [
    'throttleTimeMs',
    '**.errorCode',
    'responses.partitions.records',
    inList(where?.nodeId),
    inList(where?.host),
    inList(where?.port),
    where?.path ?? '',
    apiKey === API_KEY.Metadata ? 'topics' : '',
    apiKey === API_KEY.DescribeCluster ? 'endpointType' : '',
    ...(TOPIC_FIELDS.get(apiKey) ?? NO_TOPIC_FIELDS),
    ...(tellsTopics ? toldFields(apiKey, schema, version) : UNTOLD_FIELDS),
    ...(GROUP_FIELDS.get(apiKey) ?? NO_GROUP_FIELDS),
    ...(apiKey === API_KEY.Metadata ? PARTITION_FIELDS : []),
  ])
  const mode = where === undefined ? 'none' : (ADDRESS_MODES.get(apiKey) ?? 'whole')
  return { skim, addresses: mode, flexible: inRange(version, schema.flexible) }
}
