/**
 * Pages that tell more than numbers, or do something, are for this machine (or pod) only, whatever address they are served on.
 * The name in the Host header counts too: a web page elsewhere may have its own name point here (DNS rebinding).
 */
import { isIP } from 'node:net'

/** Who asks: the other end of the connection, and the Host header. */
interface Asker {
  readonly peer: string
  readonly host: string | undefined
}

/** Why somebody may not see such a page; undefined if he may. */
export function loopbackFault({ peer, host }: Asker): string | undefined {
  if (!isLoopback(peer)) {
    return 'this page is for the machine (or pod) of the sluice only; run the command there (kubectl exec, or kubectl port-forward)'
  }
  const name = (host ?? '').replace(/:\d*$/u, '').replace(/^\[(.*)\]$/u, '$1')
  if (name === '' || name === 'localhost' || isIP(name) !== 0) return undefined
  return 'this page is asked for by address or as localhost only, not by another name'
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/u.test(address)
}
