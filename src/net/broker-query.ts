/** Asks a broker for the cluster's brokers, on a connection of its own (design.md §7). Metadata v1 works with every Kafka since 0.10. */
import { connect } from 'node:net'
import { API_KEY, apiSchema, decode, encodeRequest, type Struct } from 'kafka-protocol-codec'
import { QUERY_BYTES_MAX, QUERY_TIMEOUT_MS } from '../bounds.ts'
import { type Address, isDialable } from '../cluster/address-book.ts'

/** A broker as the cluster names it. */
export interface FoundBroker extends Address {
  readonly nodeId: number
}

/** What asking one address brought. A broker that wants a login is reachable and tells nothing. */
export type QueryOutcome =
  | { readonly kind: 'brokers'; readonly brokers: readonly FoundBroker[] }
  | { readonly kind: 'silent' }
  | { readonly kind: 'unreachable'; readonly error: string }

const METADATA_VERSION = 1
const HEADER = {
  apiKey: API_KEY.Metadata,
  apiVersion: METADATA_VERSION,
  correlationId: 1,
  clientId: 'kafka-sluice',
} as const

/** Never rejects; `signal` gives up. */
export function queryBrokers(address: Address, signal: AbortSignal): Promise<QueryOutcome> {
  return new Promise((resolve) => {
    let connected = false
    let received: Uint8Array = new Uint8Array(0)
    const socket = connect({ host: address.host, port: address.port, noDelay: true })
    const giveUp = (): void => done({ kind: 'silent' })
    const done = (outcome: QueryOutcome): void => {
      signal.removeEventListener('abort', giveUp)
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(QUERY_TIMEOUT_MS, () =>
      done(
        connected
          ? { kind: 'silent' }
          : { kind: 'unreachable', error: `no connection within ${QUERY_TIMEOUT_MS / 1000} s` },
      ),
    )
    socket.on('connect', () => {
      connected = true
      socket.write(encodeRequest(HEADER, { topics: [] }))
    })
    socket.on('data', (chunk: Uint8Array) => {
      received = Buffer.concat([received, chunk])
      const brokers = parse(received)
      if (brokers === 'bad') done({ kind: 'silent' })
      else if (brokers !== 'more') done({ kind: 'brokers', brokers })
    })
    socket.on('error', (error) => done(connected ? { kind: 'silent' } : { kind: 'unreachable', error: error.message }))
    socket.on('close', giveUp)
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp)
  })
}

function parse(received: Uint8Array): readonly FoundBroker[] | 'more' | 'bad' {
  if (received.length < 8) return 'more'
  const size = new DataView(received.buffer, received.byteOffset).getInt32(0)
  if (size < 4 || size > QUERY_BYTES_MAX) return 'bad'
  if (received.length < size + 4) return 'more'
  const schema = apiSchema(API_KEY.Metadata)?.response
  if (schema === undefined) return 'bad'
  try {
    const { value } = decode(schema, METADATA_VERSION, received.subarray(8, size + 4))
    const brokers = (value['brokers'] as Struct[]).map((broker) => ({
      nodeId: Number(broker['nodeId']),
      host: String(broker['host']),
      port: Number(broker['port']),
    }))
    return brokers.filter(isDialable)
  } catch {
    return 'bad' // not Kafka's protocol: reachable, and no more is known
  }
}
