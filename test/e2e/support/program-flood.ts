/** One of our client programs as a flood, with any of its settings: `flood.ts` knows only those that all libraries have. */
import { type ClientConfig, type ClientName, type RunningClient, startClient } from '../../support/clients.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import type { Flood } from './flood.ts'

const COMPLAINTS_MAX = 5
const COMPLAINTS: ReadonlySet<string> = new Set(['timeout', 'disconnect', 'error'])

export interface ProgramFlood extends Flood {
  readonly client: RunningClient
}

export async function startProgram(
  context: Surroundings,
  library: ClientName,
  mode: 'produce' | 'consume',
  config: ClientConfig,
): Promise<ProgramFlood> {
  const client = await startClient(library, mode, config)
  context.after(() => client.kill())
  let ended: string | undefined
  client.result.then(
    () => {
      ended = 'with its result'
    },
    (error: Error) => {
      ended = error.message
    },
  )
  return {
    client,
    get ended() {
      return ended
    },
    says: () => JSON.stringify([client.latest, ...client.events.slice(-COMPLAINTS_MAX)]),
    stop: async () => {
      const { timeouts, disconnects, errors, events } = await client.stop()
      const complaints = events.filter(({ kind }) => COMPLAINTS.has(kind)).map(({ kind, text }) => `${kind}: ${text}`)
      return { timeouts, disconnects, errors, complaints: complaints.slice(0, COMPLAINTS_MAX) }
    },
  }
}
