/**
 * Sockets that read straight into a pipe's buffer. Node offers that for sockets that we dial (`onread`), not for those that we
 * accept: there the handle is taken over by a new socket (design.md §4). Where a Node release does not let us, and for accepted
 * sockets that speak TLS, 'data' events do the same with one copy more.
 */
import { connect, Socket, type SocketConstructorOpts } from 'node:net'
import type { Address } from '../cluster/address-book.ts'
import type { BrokerTls } from './broker-tls.ts'
import type { Pipe } from './pipe.ts'

interface WithHandle {
  _handle: NonNullable<SocketConstructorOpts['handle']> | null
}

interface OnRead {
  buffer: () => Uint8Array
  callback: (bytes: number) => boolean
}

function onReadOf(pipe: Pipe): OnRead {
  return { buffer: pipe.nextBuffer, callback: pipe.onRead }
}

/** An accepted socket (`pauseOnConnect`), reading into `pipe` from now on. */
export function adoptAccepted(accepted: Socket, pipe: Pipe): Socket {
  const inner = accepted as Socket & Partial<WithHandle>
  const handle = inner._handle
  if (handle === undefined || handle === null || 'encrypted' in accepted) return readByEvents(accepted, pipe)
  inner._handle = null
  const socket = new Socket({ handle, onread: onReadOf(pipe), allowHalfOpen: true })
  accepted.destroy()
  pipe.connectSource(socket)
  return socket
}

/** The fallback: 'data' events. */
function readByEvents(socket: Socket, pipe: Pipe): Socket {
  pipe.connectSource(socket)
  socket.on('data', pipe.onData)
  socket.resume() // `pauseOnConnect` has paused it
  return socket
}

/** Dials a broker; what it sends goes into `pipe`. With TLS it is connected at `secureConnect`, without at `connect`. */
export function dialBroker(address: Address, pipe: Pipe, tls?: BrokerTls): Socket {
  const socket =
    tls?.connect(address, onReadOf(pipe)) ??
    connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      keepAlive: true,
      allowHalfOpen: true,
      autoSelectFamily: true,
      onread: onReadOf(pipe),
    })
  pipe.connectSource(socket)
  return socket
}
