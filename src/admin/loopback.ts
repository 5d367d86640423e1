/**
 * Pages that tell more than numbers, or do something, are for this machine (or pod) only, whatever address they are served on.
 * Who asks from here by way of something else is not from here: a proxy on this machine lets others through (a service mesh's comes from
 * 127.0.0.6, and dials the pod's address), and a web page elsewhere may have its own name point here (DNS rebinding).
 */
import { isIP } from 'node:net'

/** Who asks: both ends of the connection, and what the request says of its way. */
export interface Asker {
  readonly peer: string
  /** The address that was dialled; undefined: that of the peer. */
  readonly dialled?: string | undefined
  /** The Host header. */
  readonly host: string | undefined
  /** A proxy says that it asks for somebody else. */
  readonly isForwarded?: boolean
}

/** What proxies add, and browsers and our commands do not. */
export const FORWARDED_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'] as const

/** Why somebody may not see such a page; undefined if he may. */
export function loopbackFault({ peer, dialled = peer, host, isForwarded = false }: Asker): string | undefined {
  if (!isLoopback(peer)) {
    return `this page is for the machine (or pod) of the sluice only, not for ${peer}; run the command there (kubectl exec, or kubectl port-forward)`
  }
  if (isForwarded || !isLoopback(dialled)) {
    return 'this page was asked for through a proxy on this machine, which may do so for anybody; ask 127.0.0.1 without it'
  }
  const name = (host ?? '').replace(/:\d*$/u, '').replace(/^\[(.*)\]$/u, '$1')
  if (name === '' || name === 'localhost' || isIP(name) !== 0) return undefined
  return 'this page is asked for by address or as localhost only, not by another name'
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/u.test(address)
}
