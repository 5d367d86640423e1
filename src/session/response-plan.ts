/** What is looked for in each answer, compiled once for each API and version from the generated tables. */
import { API_KEY, apiSchema, compileSkim, inRange, type SkimPlan } from 'kafka-protocol-codec'

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

/** Where the addresses of an answer are. */
interface AddressFields {
  readonly list: string
  readonly nodeId: string
  /** A field behind the list, where the rest of the answer is long and need not be seen. */
  readonly marker: string
}

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

const NO_ADDRESSES: AddressFields = { list: '', nodeId: '', marker: '' }

function addressFields(apiKey: number, version: number): AddressFields {
  switch (apiKey) {
    case API_KEY.Metadata:
      return { list: 'brokers', nodeId: 'nodeId', marker: 'topics' }
    case API_KEY.FindCoordinator:
      return { list: version >= 4 ? 'coordinators' : '', nodeId: 'nodeId', marker: '' }
    case API_KEY.DescribeCluster:
      return { list: 'brokers', nodeId: 'brokerId', marker: '' }
    case API_KEY.Produce:
    case API_KEY.Fetch:
    case API_KEY.ShareFetch:
    case API_KEY.ShareAcknowledge:
      return { list: 'nodeEndpoints', nodeId: 'nodeId', marker: '' }
    default:
      return NO_ADDRESSES
  }
}

function addressMode(apiKey: number, version: number): AddressMode {
  switch (apiKey) {
    case API_KEY.Metadata:
      return 'head'
    case API_KEY.FindCoordinator:
    case API_KEY.DescribeCluster:
    case API_KEY.ShareAcknowledge:
      return 'whole'
    case API_KEY.Produce:
      return version >= 10 ? 'whole' : 'none'
    case API_KEY.Fetch:
      return version >= 16 ? 'tail' : 'none'
    case API_KEY.ShareFetch:
      return 'tail'
    default:
      return 'none'
  }
}

/** By API and version; compiled at first use. An array, because every answer asks. */
const plans: ResponsePlan[][] = []

/** The plan for an answer, undefined for an API or a version that the codec does not know: that one passes as it is. */
export function responsePlan(apiKey: number, version: number): ResponsePlan | undefined {
  const known = plans[apiKey]?.[version]
  if (known !== undefined) return known
  const schema = apiSchema(apiKey)?.response
  if (schema === undefined || !inRange(version, schema.versions)) return undefined
  const { list, nodeId, marker } = addressFields(apiKey, version)
  const mode = addressMode(apiKey, version)
  const prefix = list === '' ? '' : `${list}.`
  const skim = compileSkim(schema, version, [
    'throttleTimeMs',
    '**.errorCode',
    'responses.partitions.records',
    mode === 'none' ? '' : prefix + nodeId,
    mode === 'none' ? '' : `${prefix}host`,
    mode === 'none' ? '' : `${prefix}port`,
    list,
    marker,
    apiKey === API_KEY.DescribeCluster ? 'endpointType' : '',
  ])
  const plan: ResponsePlan = { skim, addresses: mode, flexible: inRange(version, schema.flexible) }
  plans[apiKey] ??= []
  plans[apiKey][version] = plan
  return plan
}
