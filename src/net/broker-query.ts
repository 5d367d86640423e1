/** Asks a broker for the cluster's brokers, on a connection of its own (design.md §7). Metadata v1 works with every Kafka since 0.10. */
import { API_KEY, type Struct } from 'kafka-protocol-codec'
import { type Address, isDialable } from '../cluster/address-book.ts'
import { BrokerConnection, QueryError } from './broker-connection.ts'
import { logIn } from './broker-login.ts'
import { PLAIN_UPSTREAM, type Upstream } from './upstream.ts'

/** A broker as the cluster names it. */
export interface FoundBroker extends Address {
  readonly nodeId: number
}

/** What asking one address brought. A broker that wants a login is reachable and tells nothing. */
export type QueryOutcome =
  | { readonly kind: 'brokers'; readonly brokers: readonly FoundBroker[] }
  | { readonly kind: 'silent' }
  /** `isAnswered`: something is there, and it is no broker for us until its configuration or ours is another. */
  | { readonly kind: 'unreachable'; readonly error: string; readonly isAnswered: boolean }

const METADATA_VERSION = 1

/** Never rejects; `signal` gives up. Where we have a login, a broker that does not tell us is as good as none. */
export async function queryBrokers(
  address: Address,
  signal: AbortSignal,
  { tls, credentials }: Upstream = PLAIN_UPSTREAM,
): Promise<QueryOutcome> {
  try {
    const connection = await BrokerConnection.connect(address, signal, tls)
    try {
      if (credentials !== undefined) await logIn(connection, credentials)
      return { kind: 'brokers', brokers: await askBrokers(connection) }
    } finally {
      connection.close()
    }
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const { reason, message } = error
    // Whatever else answered, and however: clients may log in where we do not, and no more is known.
    const isOurs = reason === 'unreachable' || reason === 'foreign' || credentials !== undefined
    const isAnswered = reason === 'foreign' || reason === 'refused' || reason === 'closed'
    return isOurs ? { kind: 'unreachable', error: message, isAnswered } : { kind: 'silent' }
  }
}

/** The cluster's brokers that can be dialled. @throws QueryError */
export async function askBrokers(connection: BrokerConnection): Promise<readonly FoundBroker[]> {
  const answer = await connection.request(API_KEY.Metadata, METADATA_VERSION, { topics: [] })
  const brokers = (answer['brokers'] as Struct[]).map((broker) => ({
    nodeId: Number(broker['nodeId']),
    host: String(broker['host']),
    port: Number(broker['port']),
  }))
  return brokers.filter(isDialable)
}
