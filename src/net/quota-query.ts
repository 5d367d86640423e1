/** Asks a cluster for its client quotas: DescribeClientQuotas (KIP-546, Kafka 2.6), after a login where one is needed. */
import { API_KEY, apiSchema, ERROR_CODE, type Struct } from 'kafka-protocol-codec'
import { KAFKA_QUOTAS_BYTES_MAX, KAFKA_QUOTAS_MAX } from '../bounds.ts'
import { type Address, formatAddress } from '../cluster/address-book.ts'
import type { KafkaQuota } from '../policy/kafka-quotas.ts'
import { errorWords } from '../session/login-faults.ts'
import { BrokerConnection, QueryError } from './broker-connection.ts'
import { logIn } from './broker-login.ts'
import { askBrokers } from './broker-query.ts'
import type { BrokerTls } from './broker-tls.ts'
import type { Credentials } from './upstream.ts'

/** The quotas of a cluster. */
export interface ClusterQuotas {
  readonly quotas: readonly KafkaQuota[]
  readonly brokersCount: number
}

export interface QuotaQueryOptions {
  /** Where to ask; the first that answers is believed. */
  readonly addresses: readonly Address[]
  /** Undefined: no login. */
  readonly credentials: Credentials | undefined
  /** Undefined: plaintext. */
  readonly tls?: BrokerTls | undefined
  readonly signal: AbortSignal
}

/** ApiVersions that every broker takes. */
const API_VERSIONS_VERSION = 0

/** @throws QueryError whose message says what to do */
export async function queryQuotas({ addresses, ...options }: QuotaQueryOptions): Promise<ClusterQuotas> {
  const failures: QueryError[] = []
  for (const address of addresses) {
    try {
      return await askAt(address, options)
    } catch (error) {
      // Another broker would say the same of a login or a right that is missing.
      if (!(error instanceof QueryError) || error.reason === 'refused' || error.reason === 'aborted') throw error
      const { reason, message } = error
      failures.push(reason === 'unreachable' ? new QueryError(reason, `${formatAddress(address)}: ${message}`) : error)
    }
  }
  const [first, ...more] = failures
  if (first !== undefined && more.length === 0 && first.reason !== 'unreachable') throw first
  const reason = failures.at(-1)?.reason ?? 'unreachable'
  throw new QueryError(reason, `no broker answers: ${failures.map(({ message }) => message).join('; ')}`)
}

async function askAt(
  address: Address,
  { credentials, tls, signal }: Omit<QuotaQueryOptions, 'addresses'>,
): Promise<ClusterQuotas> {
  const connection = await BrokerConnection.connect(address, signal, tls)
  try {
    const version = await quotasVersion(connection, address)
    if (credentials !== undefined) await logIn(connection, credentials)
    const user = credentials === undefined ? undefined : (await credentials.current()).user
    const quotas = await askQuotas(connection, version, user)
    return { quotas, brokersCount: (await askBrokers(connection)).length }
  } finally {
    connection.close()
  }
}

/** The newest version of DescribeClientQuotas that both sides know. */
async function quotasVersion(connection: BrokerConnection, address: Address): Promise<number> {
  const where = formatAddress(address)
  const answer = await connection.request(API_KEY.ApiVersions, API_VERSIONS_VERSION, {}).catch((error: unknown) => {
    if (!(error instanceof QueryError) || error.reason !== 'closed') throw error
    throw new QueryError(
      'foreign',
      `${where} ends the connection at the first request, as a TLS listener does; configure upstream.tls, or give the address of a listener without TLS`,
    )
  })
  const code = Number(answer['errorCode'])
  if (code !== ERROR_CODE.NONE) throw new QueryError('refused', `${where} refuses ApiVersions: ${errorWords(code)}`)
  const range = (answer['apiKeys'] as Struct[]).find(({ apiKey }) => apiKey === API_KEY.DescribeClientQuotas)
  const [oldest, newest] = apiSchema(API_KEY.DescribeClientQuotas)!.request.versions
  const version = Math.min(newest, Number(range?.['maxVersion'] ?? -1))
  if (range === undefined || version < oldest || version < Number(range['minVersion'])) {
    throw new QueryError(
      'refused',
      `${where} does not tell its quotas (DescribeClientQuotas): that needs Kafka 2.6 or later`,
    )
  }
  return version
}

async function askQuotas(
  connection: BrokerConnection,
  version: number,
  login: string | undefined,
): Promise<readonly KafkaQuota[]> {
  const everything = { components: [], strict: false }
  const answer = await connection
    .request(API_KEY.DescribeClientQuotas, version, everything, KAFKA_QUOTAS_BYTES_MAX)
    .catch((error: unknown) => {
      if (!(error instanceof QueryError) || error.reason !== 'closed' || login !== undefined) throw error
      throw new QueryError('refused', `${error.message}: it needs a login; give a user, its password and the mechanism`)
    })
  const code = Number(answer['errorCode'])
  if (code === ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED) {
    const user = login ?? 'ANONYMOUS'
    throw new QueryError(
      'refused',
      `the user ${user} may not read quotas: it needs DescribeConfigs on the cluster ` +
        `(kafka-acls --add --allow-principal 'User:${user}' --operation DescribeConfigs --cluster)`,
    )
  }
  if (code !== ERROR_CODE.NONE) {
    throw new QueryError('refused', `the broker does not tell its quotas: ${errorWords(code, answer['errorMessage'])}`)
  }
  const entries = (answer['entries'] ?? []) as Struct[]
  if (entries.length > KAFKA_QUOTAS_MAX) {
    throw new QueryError(
      'refused',
      `the cluster has ${entries.length} quotas; at most ${KAFKA_QUOTAS_MAX} can be taken over`,
    )
  }
  return entries.map(quotaOf)
}

function quotaOf(entry: Struct): KafkaQuota {
  const entity = (entry['entity'] as Struct[]).map(({ entityType, entityName }) => [entityType, entityName])
  const values = (entry['values'] as Struct[]).map(({ key, value }) => [key, value])
  return {
    entity: Object.fromEntries(entity) as KafkaQuota['entity'],
    values: Object.fromEntries(values) as KafkaQuota['values'],
  }
}
