/**
 * Standing between two sides, as taps and witnesses do: every chunk goes on as it came, with back-pressure and half-closes, and is
 * seen on its way. A side that is gone takes the other along.
 */
import { connect, type Socket } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Watcher {
  toBroker(chunk: Buffer): void
  toClient(chunk: Buffer): void
  closed?(): void
}

/** Dials `target` for a client that was accepted (half-open allowed). `open` has both sockets for as long as they are. */
export function standBetween(client: Socket, target: Address, open: Set<Socket>, watcher: Watcher): void {
  const broker = connect({ host: target.host, port: target.port, allowHalfOpen: true })
  forward(client, broker, (chunk) => watcher.toBroker(chunk))
  forward(broker, client, (chunk) => watcher.toClient(chunk))
  for (const socket of [client, broker]) {
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      open.delete(socket)
      client.destroy()
      broker.destroy()
      watcher.closed?.()
    })
  }
}

function forward(from: Socket, to: Socket, watch: (chunk: Buffer) => void): void {
  from.on('data', (chunk) => {
    watch(chunk)
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
}
