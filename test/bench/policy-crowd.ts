/**
 * The other side of `policy.ts`: a broker that takes everything and answers nothing, or a crowd of clients of which some send two requests,
 * so that the second is held. Tells its parent when it is there. Arguments: `broker`, or `clients PORT COUNT HELD`.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { API_KEY, encodeRequest } from 'kafka-protocol-codec'

const AT_ONCE = 200
const RECORD_BYTES = 1_000

const [role, ...figures] = process.argv.slice(2)
if (role === 'broker') await serve()
else await crowd(...(figures.map(Number) as [number, number, number]))

async function serve(): Promise<void> {
  const server = createServer((socket) => void socket.on('error', () => undefined).resume())
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 })
  await once(server, 'listening')
  process.send?.((server.address() as AddressInfo).port)
}

async function crowd(port: number, count: number, held: number): Promise<void> {
  for (let open = 0; open < count; open += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, i) => {
        const socket = connect({ host: '127.0.0.1', port }).on('error', () => undefined)
        await once(socket, 'connect')
        if (open + i < held) socket.write(Buffer.concat([produce(open + i, 1), produce(open + i, 2)]))
      }),
    )
  }
  process.send?.(count)
}

function produce(client: number, correlationId: number): Uint8Array {
  const partitionData = [{ index: 0, records: new Uint8Array(RECORD_BYTES) }]
  const header = { apiKey: API_KEY.Produce, apiVersion: 9, correlationId, clientId: `flood-${client}` }
  return encodeRequest(header, { acks: 1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] })
}
