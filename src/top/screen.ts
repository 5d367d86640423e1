/** The screen of `top` as lines, each at most as wide as the terminal: a pure function of what the sluice said and what was chosen. */
import { styleText } from 'node:util'
import { formatByteRate, formatCount } from '../cli/format.ts'
import { delayWords, nameWords, rateWords, uptimeWords } from '../page/words.ts'
import type { ClientNow, QuotaNow, StatusDocument } from '../status/status-document.ts'
import { BROKER_COLUMNS, CLIENT_COLUMNS, QUOTA_COLUMNS } from './columns.ts'
import { FIRST_STATE, type TopState, VIEWS } from './state.ts'
import { type TableText, tableText } from './table.ts'
import { cutTo } from './text-width.ts'

export interface Screen {
  readonly status: StatusDocument | undefined
  readonly state: TopState
  /** Where the sluice is. */
  readonly address: string
  /** Why it does not answer; what is shown is old then. */
  readonly trouble: string | undefined
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

type Style = Parameters<typeof styleText>[0]

/** Lines that are not rows of a table: three of the head, a blank one, the heading, the keys. */
export const LINES_AROUND = 6
const COLUMNS_MIN = 20

const HELP: readonly string[] = [
  '1 2 3, Tab   clients, quotas, brokers',
  's S ← →      sort clients by the next, the previous column',
  'r            the other way round',
  '/            find: client, user, group or library; Enter takes it, Esc leaves it',
  'l            only clients that are limited',
  '↑ ↓ PgUp PgDn Home   scroll',
  'p, space     pause',
  'Esc          all clients again',
  'q, Ctrl-C    leave',
]

/** As many lines as there are rows, at most. */
export function screenLines(screen: Screen): readonly string[] {
  const columns = Math.max(COLUMNS_MIN, screen.columns)
  const paint = (text: string, style: Style): string =>
    screen.colour ? styleText(style, text, { validateStream: false }) : text
  const top = [...headLines(screen, columns, paint), '']
  const foot = paint(cutTo(footText(screen), columns), 'dim')
  const room = Math.max(0, screen.rows - top.length - 1)
  const body = bodyLines(screen, columns, paint).slice(0, room)
  return [...top, ...body, ...Array.from({ length: room - body.length }, () => ''), foot].slice(
    0,
    Math.max(1, screen.rows),
  )
}

/** For output that is no terminal: the same without keys, and all rows. */
export function plainLines(
  status: StatusDocument,
  state: Pick<TopState, 'view' | 'sort' | 'order'>,
  address: string,
  columns: number,
): readonly string[] {
  const screen: Screen = {
    ...{ status, address, columns, rows: Number.MAX_SAFE_INTEGER, trouble: undefined, colour: false },
    state: { ...FIRST_STATE, ...state },
  }
  const paint = (text: string): string => text
  return [...headLines(screen, columns, paint), '', ...bodyLines(screen, columns, paint)]
}

type Paint = (text: string, style: Style) => string

function headLines({ status, address, trouble }: Screen, columns: number, paint: Paint): string[] {
  if (status === undefined) {
    return [
      paint(cutTo(`kafka-sluice at ${address}`, columns), 'bold'),
      paint(cutTo(trouble ?? 'asking …', columns), trouble === undefined ? 'dim' : 'red'),
    ]
  }
  const { version, uptimeMs, at, ready, reasons, mode, config } = status
  const title = `kafka-sluice ${version} at ${address}, up ${uptimeWords(uptimeMs)}, as of ${at.slice(11, 19)} UTC${mode === 'observe' ? ', observes only' : ''}`
  const faults = [
    ...(trouble === undefined ? [] : [`${trouble}; what is shown is old, trying again …`]),
    ...(ready ? [] : [`not ready: ${reasons.join('; ')}`]),
    ...(config.report?.valid === false ? ['the configuration file has faults; what was in force before still is'] : []),
  ]
  return [
    paint(cutTo(title, columns), 'bold'),
    verdictLine(status, columns, paint),
    cutTo(trafficText(status), columns),
    ...faults.map((fault) => paint(cutTo(`! ${fault}`, columns), 'red')),
  ]
}

function verdictLine({ counts, mostLimited }: StatusDocument, columns: number, paint: Paint): string {
  const { known, limited, observed } = counts
  const [first] = mostLimited
  const by =
    first?.limitedBy == null
      ? ''
      : `; most: ${nameWords(first.clientId, '(no client id)', 32)} by ${nameWords(first.limitedBy.quota, '', 32)}`
  if (limited > 0) return paint(cutTo(`${limited} of ${known} clients limited${by}`, columns), ['yellow', 'bold'])
  if (observed > 0)
    return paint(cutTo(`nobody is limited; ${observed} of ${known} clients would be${by}`, columns), 'magenta')
  return paint(
    cutTo(known === 0 ? 'no client has connected yet' : `none of ${known} clients limited`, columns),
    'green',
  )
}

function trafficText({ totals, connections, heldConnections }: StatusDocument): string {
  const held = heldConnections === 0 ? '' : `, ${formatCount(heldConnections)} held`
  return `produced ${formatByteRate(totals.producedBytes)}  fetched ${formatByteRate(totals.fetchedBytes)}  requests ${rateWords('requests', totals.requests)}  throttle ${delayWords(totals.throttleMs)}  ${formatCount(connections)} connections${held}`
}

function bodyLines(screen: Screen, columns: number, paint: Paint): string[] {
  const { status, state } = screen
  if (state.showsHelp) return HELP.map((line) => cutTo(line, columns))
  if (status === undefined) return []
  if (state.view === 'clients') {
    const marked = CLIENT_COLUMNS.map((column) =>
      column.sort === state.sort ? { ...column, title: `${column.title}${state.order === 'asc' ? '↑' : '↓'}` } : column,
    )
    const nobody =
      status.counts.known === 0 ? `No client yet. Applications connect to ${status.listen}.` : 'No client matches.'
    return painted(
      tableText(marked, status.clients, columns),
      status.clients,
      clientStyle,
      cutTo(nobody, columns),
      paint,
    )
  }
  if (state.view === 'quotas') {
    const quotas = status.quotas.slice(state.skip)
    return painted(
      tableText(QUOTA_COLUMNS, quotas, columns),
      quotas,
      quotaStyle,
      cutTo('There are no quotas: nothing is limited.', columns),
      paint,
    )
  }
  const brokers = status.brokers.slice(state.skip)
  const style = ({ reachable }: { readonly reachable: boolean }): Style | undefined => (reachable ? undefined : 'red')
  return painted(
    tableText(BROKER_COLUMNS, brokers, columns),
    brokers,
    style,
    cutTo('No broker is known yet.', columns),
    paint,
  )
}

function painted<Row>(
  { heading, rows }: TableText,
  of: readonly Row[],
  styleOf: (row: Row) => Style | undefined,
  empty: string,
  paint: Paint,
): string[] {
  if (rows.length === 0) return [empty]
  return [
    paint(heading, 'dim'),
    ...rows.map((text, i) => {
      const style = styleOf(of[i]!)
      return style === undefined ? text : paint(text, style)
    }),
  ]
}

function clientStyle({ state }: ClientNow): Style | undefined {
  if (state === 'limited') return 'yellow'
  if (state === 'observed') return 'magenta'
  return state === 'active' ? undefined : 'dim'
}

function quotaStyle({ limitedClients, mode }: QuotaNow): Style | undefined {
  if (limitedClients === 0) return undefined
  return mode === 'enforce' ? 'yellow' : 'magenta'
}

function footText({ status, state }: Screen): string {
  if (state.typing !== undefined) return `find: ${state.typing}▏  (Enter takes it, Esc leaves it)`
  const views = VIEWS.map((view, i) => (view === state.view ? `[${i + 1} ${view}]` : `${i + 1} ${view}`)).join('  ')
  const parts = [
    views,
    ...shownText(status, state),
    ...(state.isPaused ? ['PAUSED'] : []),
    's sort  / find  l limited  ? help  q leave',
  ]
  return parts.join('   ')
}

function shownText(status: StatusDocument | undefined, { view, skip, filter, onlyLimited }: TopState): string[] {
  if (status === undefined || view !== 'clients') return []
  const { matching } = status.counts
  const range =
    matching === 0 ? '0' : `${Math.min(skip + 1, matching)}–${Math.min(matching, skip + status.clients.length)}`
  return [
    `${range} of ${matching}`,
    ...(onlyLimited ? ['only limited'] : []),
    ...(filter === '' ? [] : [`found by ${JSON.stringify(filter)}`]),
  ]
}
