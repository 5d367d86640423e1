/** What keeps a sluice from starting, in words that say how to mend it. */

import { formatAddress } from '../cluster/address-book.ts'
import type { Config } from '../config/config.ts'

/** The message for a start that failed for a reason outside this program; undefined when the error is our bug. */
export function startFault(error: unknown, config: Pick<Config, 'listen'>): string | undefined {
  if (!(error instanceof Error)) return undefined
  // The admin server says itself what is wrong and which flag mends it.
  if (error.name === 'AdminListenError') return error.message
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string }
  const host = address ?? config.listen.host
  if (code === 'EADDRINUSE') return `${portInUse(host, port ?? config.listen.port, config)}`
  if (code === 'EACCES') {
    return `this user may not listen on ${formatAddress({ host, port: port ?? config.listen.port })}; take a port above 1023 with --listen HOST:PORT`
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `this machine does not have the address ${host}; choose another with --listen HOST:PORT`
  }
  return undefined
}

function portInUse(host: string, port: number, { listen }: Pick<Config, 'listen'>): string {
  const taken = `cannot listen on ${formatAddress({ host, port })}: another process has the port`
  if (port === listen.port) {
    const other = formatAddress({ host: listen.host, port: port + 1 })
    return `${taken} (a Kafka broker on this machine?). Choose another, for instance --listen ${other}, and point applications there`
  }
  return `${taken}. It is one of the ports that stand for brokers; choose another range with listen.brokerPorts in the configuration file`
}
