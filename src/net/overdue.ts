/**
 * What a connection may not take forever for: a first request, a login, the rest of a request that began, reading what it was given.
 */
import {
  CLIENT_LOGIN_TIMEOUT_MS,
  FIRST_FRAME_TIMEOUT_MS,
  STALLED_FRAME_TIMEOUT_MS,
  UNREAD_TIMEOUT_MS,
} from '../bounds.ts'
import type { CloseReason } from '../session/counters.ts'
import type { Session } from '../session/session.ts'
import type { Pipe } from './pipe.ts'

/** Which connection it is about. */
interface Watched {
  readonly session: Pick<Session, 'state' | 'clientMidFrame' | 'clientBlock' | 'awaitsLogin'>
  readonly openedAtMs: number
  /** It has sent no whole request. */
  readonly isSilent: boolean
}

type Waiting = Pick<Pipe, 'writing' | 'writingSinceMs' | 'left' | 'lastReadAtMs'>

/** @returns why the connection is to end; undefined while all is in time */
export function overdue(
  { session, openedAtMs, isSilent }: Watched,
  up: Waiting,
  down: Waiting,
  nowMs: number,
): { readonly reason: CloseReason; readonly detail: string } | undefined {
  if (session.state === 'fresh') {
    if (!isSilent || nowMs - openedAtMs <= FIRST_FRAME_TIMEOUT_MS) return undefined
    return { reason: 'client_silent', detail: `no whole request within ${FIRST_FRAME_TIMEOUT_MS / 1000} s` }
  }
  if (session.awaitsLogin && nowMs - openedAtMs > CLIENT_LOGIN_TIMEOUT_MS) {
    const detail = `a client has not logged in within ${CLIENT_LOGIN_TIMEOUT_MS / 1000} s (listen.sasl)`
    return { reason: 'client_login_failed', detail }
  }
  const unread = isUnread(down, nowMs) ? 'client' : isUnread(up, nowMs) ? 'broker' : undefined
  if (unread !== undefined) {
    const detail = `the ${unread} has read nothing for ${UNREAD_TIMEOUT_MS / 60_000} minutes`
    return { reason: `${unread}_not_reading`, detail }
  }
  const waitsForClient = (session.clientMidFrame || up.left > 0) && session.clientBlock === 'none' && !up.writing
  if (!waitsForClient || nowMs - up.lastReadAtMs <= STALLED_FRAME_TIMEOUT_MS) return undefined
  const detail = `a request began and its rest did not come for ${STALLED_FRAME_TIMEOUT_MS / 1000} s`
  return { reason: 'client_frame_stalled', detail }
}

function isUnread({ writing, writingSinceMs }: Waiting, nowMs: number): boolean {
  return writing && nowMs - writingSinceMs > UNREAD_TIMEOUT_MS
}
