/**
 * The other processes of `bystander.ts`: a broker that answers at once; a sluice; a crowd of clients that write Produce requests into its
 * kernel buffers as fast as they fit, whatever they are told, while their parent says so. Argument: the role, then a port.
 */
import { connect, type Socket } from 'node:net'
import { API_KEY, encodeRequest } from 'kafka-protocol-codec'
import { startSluice } from '../../src/app.ts'
import { collectingLogger, plainConfig } from '../net/scene.ts'
import { startFakeBroker } from '../support/fake-broker.ts'

const FLOODERS = 50
const RECORD_BYTES = 16_000
/** Of each client; fifty floods are 5 MB/s of what the sluice moves for them. */
const BYTES_PER_SECOND = 100_000

const [role, port] = process.argv.slice(2)
if (role === 'broker') process.send?.((await startFakeBroker()).port)
else if (role === 'sluice') await limit(Number(port))
else crowd(Number(port))

async function limit(upstreamPort: number): Promise<void> {
  const quota = {
    name: 'each',
    limit: { produceBytes: BYTES_PER_SECOND },
    burst: { seconds: 1 },
    match: {},
    per: ['clientId'] as const,
    overrides: [],
    mode: 'enforce' as const,
  }
  const config = plainConfig([{ host: '127.0.0.1', port: upstreamPort }], { quotas: [quota], log: { level: 'error' } })
  const sluice = await startSluice(config, { logger: collectingLogger([]) })
  process.on('message', () => process.send?.(sluice.counters.quota('each').heldRequests))
  process.send?.(sluice.listen.port)
}

function crowd(sluicePort: number): void {
  let sockets: Socket[] = []
  process.on('message', (flooding: boolean) => {
    for (const socket of sockets) socket.destroy()
    sockets = flooding ? Array.from({ length: FLOODERS }, (_, i) => flood(sluicePort, i)) : []
    process.send?.(sockets.length)
  })
  process.send?.('ready')
}

function flood(sluicePort: number, n: number): Socket {
  const partitionData = [{ index: 0, records: new Uint8Array(RECORD_BYTES) }]
  const header = { apiKey: API_KEY.Produce, apiVersion: 9, correlationId: 1, clientId: `flood-${n}` }
  const frame = encodeRequest(header, { acks: 1, timeoutMs: 1_000, topicData: [{ name: 't', partitionData }] })
  const socket = connect({ host: '127.0.0.1', port: sluicePort }).on('error', () => undefined)
  const fill = (): void => {
    while (!socket.destroyed && socket.write(frame)) {
      // as much as fits
    }
  }
  socket.on('connect', fill).on('drain', fill).resume()
  return socket
}
