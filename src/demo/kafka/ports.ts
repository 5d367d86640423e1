/**
 * Ports to give to a process that will listen later. They come from below the range that the system hands to outgoing
 * connections (32768 upwards on Linux): a broker must find its port free again after it was down for a while, and no
 * client's socket may have landed there meanwhile.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST_PORT = 20_000
const PORTS_COUNT = 12_000
const TRIES_MAX = 200
/** Given out by this process already; a port is not given twice even if its taker has not bound it yet. */
const given = new Set<number>()

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS_COUNT)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${FIRST_PORT + PORTS_COUNT} in ${TRIES_MAX} tries`)
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    // No host: a listener on any address or family counts as taken.
    server.listen({ port, exclusive: true })
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
