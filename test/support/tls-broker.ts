/** A fake broker behind TLS: the same broker, and a server that ends TLS in front of it. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import type { Surroundings } from './surroundings.ts'

export interface TlsBroker {
  readonly broker: FakeBroker
  /** Where TLS is spoken; Metadata names it. */
  readonly address: { readonly host: string; readonly port: number }
  /** Every connection that finished its handshake. */
  readonly secured: TLSSocket[]
}

export async function startTlsBroker(context: Pick<Surroundings, 'after'>, options: TlsOptions): Promise<TlsBroker> {
  const broker = await startFakeBroker()
  const secured: TLSSocket[] = []
  const sockets = new Set<Socket>()
  const server = createServer(options, (socket) => {
    secured.push(socket)
    const inner = connect(broker.address)
    for (const one of [socket, inner]) {
      sockets.add(one)
      one.on('error', () => undefined)
    }
    socket.pipe(inner).pipe(socket)
    socket.on('close', () => inner.destroy())
    inner.on('close', () => socket.destroySoon())
  })
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)))
  server.on('tlsClientError', () => undefined)
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  context.after(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await broker.close()
  })
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  broker.brokers = [{ nodeId: 0, ...address }]
  return { broker, address, secured }
}
