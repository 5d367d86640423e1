/**
 * The live screen of the demo: a pure function from what is known to lines of text, at most 80 columns wide. `demo.ts`
 * redraws it in place on a terminal; elsewhere it prints `progressLines`, one line an application.
 */
import { styleText } from 'node:util'
import { formatByteRate, formatCount, formatDuration } from '../cli/format.ts'

/** Everything that the screen shows. */
export interface DemoState {
  readonly kafka: string
  readonly listen: string
  /** URL of the metrics. */
  readonly metrics: string
  readonly limitBytesPerSecond: number
  readonly elapsedSeconds: number
  readonly totalSeconds: number
  readonly phase: DemoPhase
  readonly apps: readonly AppState[]
  /** Warnings from the sluice's log, newest last. */
  readonly notices: readonly string[]
}

/** `burst`: the buckets' credit is being used up; `measuring`: what the verdict counts; `settling`: consuming the rest. */
export type DemoPhase = 'burst' | 'measuring' | 'settling'

/** One application. */
export interface AppState {
  readonly name: string
  /** Bytes a second that it would like to send; undefined: all it can. */
  readonly wantsBytesPerSecond: number | undefined
  /** Request frames answered, over the last seconds. */
  readonly bytesPerSecond: number
  /** Delay that its requests met in the sluice so far, told and held. */
  readonly throttleMs: number
  readonly latencyP50Ms: number | null
  readonly latencyP99Ms: number | null
  /** Records produced and not yet consumed. */
  readonly lagRecords: number
}

const BAR_WIDTH = 10
const NOTICES_SHOWN = 3
const WIDTH = 80

const PHASES: Readonly<Record<DemoPhase, string>> = {
  burst: 'the burst is used up first',
  measuring: 'measuring',
  settling: 'consuming what is left',
}

const HEADINGS: readonly string[] = ['', 'wants', 'sends', 'of limit', 'throttled', 'p50 / p99', 'lag']
/** Widths of the columns, without the bar; the first is aligned left, the others right. */
const COLUMNS: readonly number[] = [6, 9, 9, 8, 9, 15, 6]
const BAR_COLUMN = 3
const CLOCK_WIDTH = 6

/** The whole screen, without a final newline. */
export function renderScreen(state: DemoState, colour: boolean): string {
  const { kafka, listen, metrics, limitBytesPerSecond, apps, notices } = state
  const bold = (text: string): string => paint(text, 'bold', colour)
  const dim = (text: string): string => paint(text, 'dim', colour)
  return [
    bold(`kafka-sluice demo`) + dim(clock(state)),
    `${kafka} ← sluice ${listen} ← two applications`,
    `Limit: every client id may produce ${bold(formatByteRate(limitBytesPerSecond))}`,
    '',
    dim(row(HEADINGS, BAR_WIDTH)),
    ...apps.map((app) => coloured(app, limitBytesPerSecond, colour)),
    '',
    `While it runs:  curl ${metrics}`,
    ...notices.slice(-NOTICES_SHOWN).map((notice) => dim(cut(`! ${notice}`))),
  ].join('\n')
}

/** For output that is no terminal: the heading of `progressLines`. */
export function progressHeading(): string {
  return `${'at'.padStart(CLOCK_WIDTH)} ${row(HEADINGS)}`
}

/** For output that is no terminal: one line an application. */
export function progressLines({ apps, elapsedSeconds, limitBytesPerSecond }: DemoState): string {
  const at = `${Math.floor(elapsedSeconds)} s`.padStart(CLOCK_WIDTH)
  return apps.map((app) => `${at} ${row(appCells(app, limitBytesPerSecond, false))}`).join('\n')
}

function clock({ phase, elapsedSeconds, totalSeconds }: DemoState): string {
  const seconds = Math.min(Math.floor(elapsedSeconds), totalSeconds)
  return `   ${seconds} of ${totalSeconds} s, ${PHASES[phase]}`
}

function appCells(app: AppState, limit: number, bars: boolean): readonly string[] {
  const share = app.bytesPerSecond / limit
  return [
    app.name,
    app.wantsBytesPerSecond === undefined ? 'all' : formatByteRate(app.wantsBytesPerSecond),
    Number.isFinite(share) ? formatByteRate(app.bytesPerSecond) : '–',
    bars ? `${bar(share)} ${percent(share)}` : percent(share),
    formatDuration(app.throttleMs),
    latency(app),
    formatCount(app.lagRecords),
  ]
}

function row(cells: readonly string[], barWidth = 0): string {
  const padded = cells.map((cell, i) => {
    const width = (COLUMNS[i] ?? 0) + (i === BAR_COLUMN ? barWidth : 0)
    return i === 0 ? cell.padEnd(width) : cell.padStart(width)
  })
  return padded.join(' ').trimEnd()
}

/** An application at its limit is yellow, one over it red; below, green. */
function coloured(app: AppState, limit: number, colour: boolean): string {
  const text = row(appCells(app, limit, true), BAR_WIDTH)
  const share = app.bytesPerSecond / limit
  if (share > 1.1) return paint(text, 'red', colour)
  return paint(text, share > 0.9 ? 'yellow' : 'green', colour)
}

function bar(share: number): string {
  const filled = Number.isFinite(share) ? Math.min(BAR_WIDTH, Math.round(share * BAR_WIDTH)) : 0
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
}

function percent(share: number): string {
  return Number.isFinite(share) ? `${Math.round(share * 100)} %`.padStart(6) : '–'.padStart(6)
}

/** `4 / 9 ms`, `160 ms / 1.2 s`. */
function latency({ latencyP50Ms, latencyP99Ms }: AppState): string {
  if (latencyP50Ms === null || latencyP99Ms === null) return '–'
  const median = formatDuration(Math.round(latencyP50Ms))
  const late = formatDuration(Math.round(latencyP99Ms))
  const unit = / \w+$/.exec(late)?.[0] ?? ''
  return `${median.endsWith(unit) ? median.slice(0, -unit.length) : median} / ${late}`
}

function cut(text: string): string {
  return text.length <= WIDTH ? text : `${text.slice(0, WIDTH - 1)}…`
}

function paint(text: string, style: Parameters<typeof styleText>[0], colour: boolean): string {
  return colour ? styleText(style, text, { validateStream: false }) : text
}
