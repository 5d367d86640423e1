/**
 * How a client is told that its connection came to nothing: by a reset, as a broker's kernel tells who dials a broker that is not
 * there. An orderly goodbye before the first answer means something else to clients: franz-go takes it for a wrong security.protocol,
 * gives up at once and fails every record that waits, where it would have tried again (decision 50).
 */
import type { Socket } from 'node:net'
import type { CloseReason } from '../session/counters.ts'

/** Reasons that are not the client's: it may try again, and is expected to. */
const TRY_AGAIN: ReadonlySet<CloseReason> = new Set([
  'broker_unreachable',
  'broker_reset',
  'broker_login_failed',
  'connection_quota',
  'connection_limit',
  'drained',
  'drain_deadline',
])

export function mayTryAgain(reason: CloseReason): boolean {
  return TRY_AGAIN.has(reason)
}

/** A socket of TLS keeps the one beneath it here, where a reset has to happen. */
interface Layered {
  readonly _parent?: Socket | null
}

/** Resets the connection of an accepted socket. */
export function hangUp(socket: Socket): void {
  const beneath = (socket as Socket & Layered)._parent
  if (beneath !== undefined && beneath !== null && !beneath.destroyed) beneath.resetAndDestroy()
  else if (!('encrypted' in socket) && !socket.destroyed) socket.resetAndDestroy()
  socket.destroy()
}
