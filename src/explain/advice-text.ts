/** Advice as a table for people, with what cannot be kept and what to change in the clients beneath it. Fits 100 columns. */
import { styleText } from 'node:util'
import { formatBytes, formatDuration, formatLimit, formatPercent } from '../cli/format.ts'
import type { Advice, ClientAdvice, FloorFinding, LimitAdvice } from './advice.ts'
import type { Habit } from './client-settings.ts'
import { cut, limitWords, shown, wrapped } from './words.ts'

/** CLIENT, LIBRARY, WHAT; then numbers: p99 of 10 s, peak of 1 s, limit, burst. */
const NAME_COLUMNS = [25, 12, 14] as const
const NUMBER_COLUMNS = [11, 11, 11, 8] as const

const ROW_COLUMNS = 100
const USER_COLUMNS = 30

/** Clients in the table; the file of `--yaml` has more. */
const CLIENTS_SHOWN_MAX = 50

const HABITS: Readonly<Record<Habit, string>> = {
  smallProduces: 'sends many small requests',
  smallFetches: 'fetches often and little',
  throttled: 'is throttled (what it would do without its limit was not seen)',
  manyConnections: 'has many connections',
}

/** The page, with its final newline. */
export function adviceText(advice: Advice, width: number, colour: boolean): string {
  const shownClients = advice.clients.slice(0, CLIENTS_SHOWN_MAX)
  const parts = [
    wrapped(headOf(advice), width),
    [
      bold(row(['CLIENT', 'LIBRARY', 'WHAT'], ['P99 10 s', 'PEAK 1 s', 'LIMIT', 'BURST']), colour),
      ...shownClients.map(clientRows),
    ].join('\n'),
    ...section('Limits that cannot be kept', shownClients.flatMap(floorLines), width, colour),
    ...section('In the clients', shownClients.flatMap(settingLines), width, colour),
    ...section('Not in the table', leftOut(advice), width, colour),
  ]
  return `${parts.join('\n\n')}\n`
}

function headOf({ observedMs, headroom, clients }: Advice): string {
  const count = clients.length === 1 ? '1 client' : `${clients.length} clients`
  return (
    `Observed for ${formatDuration(observedMs)}: ${count} at work. A limit is the 99th percentile of the rates over 10 s, of the ` +
    `seconds in which there was any, and ${formatPercent(headroom).replace('.0', '')} more; its burst lets the busiest second through.`
  )
}

function clientRows(client: ClientAdvice): string {
  const { clientId, library, limits } = client
  const rows = limits.map((limit, i) =>
    row(i === 0 ? [shown(clientId), library, limit.dimension] : ['', '', limit.dimension], numbersOf(limit)),
  )
  return [...rows, wrapped(detailsOf(client), ROW_COLUMNS, '  ')].join('\n')
}

function numbersOf({ dimension, p99Of10s, peak, limit, burstSeconds }: LimitAdvice): string[] {
  const rates = [p99Of10s, peak, limit].map((rate) => formatLimit(dimension, rate))
  return [...rates, formatDuration(burstSeconds * 1000)]
}

function detailsOf({ principal, connectionsMax, frames, throttleMs, watchedMs, limits }: ClientAdvice): string {
  const activeSeconds = Math.max(...limits.map((limit) => limit.activeSeconds))
  const sizes = [
    sizeWords('requests', frames.typicalProduceBytes, frames.largestProduceBytes),
    sizeWords('answers', frames.typicalFetchBytes, frames.largestFetchBytes),
  ]
  return [
    ...(principal === '' ? [] : [`user ${cut(shown(principal), USER_COLUMNS)}`]),
    connectionsMax === 1 ? '1 connection' : `${connectionsMax} connections`,
    ...sizes.filter((words) => words !== undefined),
    ...(throttleMs > 0 ? [`throttled ${formatDuration(throttleMs)}`] : []),
    `active ${formatDuration(activeSeconds * 1000)} of ${formatDuration(watchedMs)}`,
  ].join(', ')
}

function sizeWords(what: string, typical: number, largest: number): string | undefined {
  if (largest === 0) return undefined
  return typical === 0
    ? `${what} of ${formatBytes(largest)} at most`
    : `${what} of ${formatBytes(typical)}, ${formatBytes(largest)} at most`
}

function floorLines({ clientId, floors }: ClientAdvice): string[] {
  return floors.map((finding) => `${shown(clientId)}: ${floorWords(finding)}`)
}

function floorWords({
  dimension,
  of,
  limit,
  floor,
  largest,
  connections,
  holdMs,
  largestBearable,
  settings,
}: FloorFinding): string {
  const which = of === 'current' ? 'its limit now,' : 'the limit proposed,'
  const over = connections === 1 ? 'one connection' : `${connections} connections`
  const things = dimension === 'produceBytes' ? 'requests' : 'answers'
  const mend =
    settings === undefined
      ? ''
      : ` Set ${settings} so that ${things} are at most ${formatBytes(largestBearable)}, or use fewer connections.`
  return `${which} ${limitWords(dimension, limit)} of ${dimension}, is below its floor of ${limitWords(dimension, floor)} (${things} of ${formatBytes(largest)} over ${over}, each held ${formatDuration(holdMs)} at most).${mend}`
}

function settingLines({ clientId, library, settings }: ClientAdvice): string[] {
  return settings.map(({ habit, settings: text }) => `${shown(clientId)} (${library}) ${HABITS[habit]}: ${text}.`)
}

function leftOut({ clients, unwatched }: Advice): string[] {
  const more = clients.length - CLIENTS_SHOWN_MAX
  return [
    ...(more > 0 ? [`${more} clients that are less busy; --json and --yaml have them.`] : []),
    ...(unwatched > 0 ? [`${unwatched} clients that were not watched, because too many were at work at a time.`] : []),
  ]
}

function section(title: string, lines: readonly string[], width: number, colour: boolean): string[] {
  if (lines.length === 0) return []
  return [[bold(title, colour), ...lines.map((line) => wrapped(line, width - 2).replaceAll(/^/gmu, '  '))].join('\n')]
}

function row(names: readonly string[], numbers: readonly string[]): string {
  const left = NAME_COLUMNS.map((columns, i) => cut(names[i] ?? '', columns).padEnd(columns))
  const right = NUMBER_COLUMNS.map((columns, i) => (numbers[i] ?? '').padStart(columns))
  return `${left.join(' ')}${right.join(' ')}`.trimEnd()
}

function bold(text: string, colour: boolean): string {
  return colour ? styleText('bold', text, { validateStream: false }) : text
}
