/** The clients that a running sluice knows, for somebody who has not said which one is meant. */
import { cut, shown } from '../explain/words.ts'

/** The answer of `/api/explain` to a question that does not say which client. */
export interface KnownClients {
  readonly clients: readonly KnownClient[]
}

interface KnownClient {
  readonly clientId: string
  readonly software: string
  readonly principal: string
  readonly connections: number
}

const CLIENTS_SHOWN_MAX = 50
const ID_COLUMNS = 40
const SOFTWARE_COLUMNS = 24

/** A list to choose from, with its final newline. */
export function clientsText({ clients }: KnownClients): string {
  if (clients.length === 0) {
    return 'Which client? Give --client-id ID. This sluice has not seen any client yet.\n'
  }
  const rows = clients
    .toSorted((a, b) => b.connections - a.connections || (a.clientId < b.clientId ? -1 : 1))
    .slice(0, CLIENTS_SHOWN_MAX)
    .map(({ clientId, software, principal, connections }) =>
      row(shown(clientId), software && shown(software), `${connections}`, principal && shown(principal)),
    )
  const more = clients.length - rows.length
  return [
    'Which client? Give --client-id ID. This sluice knows:',
    row('CLIENT ID', 'LIBRARY', 'OPEN', 'USER'),
    ...rows,
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
  ].join('\n')
}

function row(clientId: string, software: string, connections: string, principal: string): string {
  const cells = [
    cut(clientId, ID_COLUMNS).padEnd(ID_COLUMNS),
    cut(software, SOFTWARE_COLUMNS).padEnd(SOFTWARE_COLUMNS),
    connections.padStart(4),
    cut(principal, 24),
  ]
  return `  ${cells.join('  ')}`.trimEnd()
}
