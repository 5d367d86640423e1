/** The end of the demo: what was measured, whether the limiter kept its promises, and how to go on. Pure functions. */
import { styleText } from 'node:util'
import { formatByteRate, formatDuration, formatExact, formatPercent } from '../cli/format.ts'
import type { SequenceCounts } from './app-messages.ts'

/** What the run came to. */
export interface DemoResult {
  readonly kafka: string
  /** Address of the Kafka behind the sluice, if it goes on running: the user's own. */
  readonly upstream: string | undefined
  readonly limitBytesPerSecond: number
  /** The rate as the user wrote it: `1MB/s`. */
  readonly limitText: string
  /** Length of the time that was measured, after the burst. */
  readonly windowSeconds: number
  readonly steady: AppResult
  readonly flood: AppResult
}

/** What one application came to. */
export interface AppResult {
  readonly name: string
  /** undefined: all it can. */
  readonly wantsBytesPerSecond: number | undefined
  /** Request frames answered, over the measured time. */
  readonly bytesPerSecond: number
  /** Payload alone, over the measured time. */
  readonly payloadBytesPerSecond: number
  readonly throttleMs: number
  readonly latencyP50Ms: number | null
  readonly latencyP99Ms: number | null
  readonly producedRecords: number
  readonly consumedRecords: number
  readonly check: SequenceCounts
  readonly errors: number
}

/** One promise, kept or not. */
export interface Check {
  readonly name: 'limit' | 'nothing-lost' | 'others-undisturbed'
  readonly ok: boolean
  readonly text: string
}

/** Above: the limit leaks. The measured time holds a few hundred frames, so this is far more than its error. */
const OVER_LIMIT_MAX = 1.02
/** Below: the client did not get what it is owed. Wider, as a busy machine slows applications too. */
const UNDER_LIMIT_MIN = 0.95
const STEADY_SHARE_MIN = 0.95

/** The three promises of the demo; it fails unless all are kept. */
export function verdict(result: DemoResult): readonly Check[] {
  return [limitCheck(result), lossCheck(result), steadyCheck(result.steady)]
}

function limitCheck({ flood, limitBytesPerSecond, windowSeconds }: DemoResult): Check {
  const share = flood.bytesPerSecond / limitBytesPerSecond
  const limit = formatByteRate(limitBytesPerSecond)
  const over = `over ${formatDuration(windowSeconds * 1000)} after the burst`
  // A flood that nobody slowed proves nothing, wherever its rate happened to be.
  if (flood.throttleMs === 0) {
    return { name: 'limit', ok: false, text: `the limit was never met: flood sent ${formatPercent(share)} of ${limit}` }
  }
  const ok = share >= UNDER_LIMIT_MIN && share <= OVER_LIMIT_MAX
  const word = ok ? 'the limit held' : 'the limit failed'
  return { name: 'limit', ok, text: `${word}: flood got ${formatPercent(share)} of ${limit} ${over}` }
}

function lossCheck({ steady, flood }: DemoResult): Check {
  const apps = [steady, flood]
  const produced = apps.reduce((sum, app) => sum + app.producedRecords, 0)
  const consumed = apps.reduce((sum, app) => sum + app.consumedRecords, 0)
  const ok = produced > 0 && apps.every(isWhole)
  const text = ok
    ? `nothing was lost: ${formatExact(produced)} records produced and consumed, in order`
    : `something went wrong: ${formatExact(produced)} records produced, ${formatExact(consumed)} consumed`
  return { name: 'nothing-lost', ok, text }
}

function isWhole({ producedRecords, consumedRecords, check, errors }: AppResult): boolean {
  const faults = check.lost + check.doubled + check.reordered + check.damaged + errors
  return producedRecords === consumedRecords && faults === 0
}

function steadyCheck(steady: AppResult): Check {
  const share = steady.payloadBytesPerSecond / (steady.wantsBytesPerSecond ?? Number.NaN)
  const ok = share >= STEADY_SHARE_MIN && steady.throttleMs === 0
  const word = ok ? 'was left alone' : 'was disturbed'
  const throttled = formatDuration(steady.throttleMs)
  const text = `steady ${word}: it got ${formatPercent(share)} of what it wanted, throttled ${throttled}`
  return { name: 'others-undisturbed', ok, text }
}

/** The closing table, the verdict and the way on, without a final newline. */
export function renderReport(result: DemoResult, colour: boolean): string {
  const { steady, flood } = result
  const rows = ROWS.map(([what, cell]) => tableRow(what, cell(steady, result), cell(flood, result)))
  const checks = verdict(result).map(({ ok, text }) => mark(ok, colour) + text)
  return [tableRow('', steady.name, flood.name), ...rows, '', ...checks, '', ...wayOn(result)].join('\n')
}

type Cell = (app: AppResult, result: DemoResult) => string

const ROWS: readonly (readonly [string, Cell])[] = [
  [
    'wanted to send',
    (app) => (app.wantsBytesPerSecond === undefined ? 'all it can' : formatByteRate(app.wantsBytesPerSecond)),
  ],
  ['sent', (app) => formatByteRate(app.bytesPerSecond)],
  ['of its limit', (app, { limitBytesPerSecond }) => formatPercent(app.bytesPerSecond / limitBytesPerSecond)],
  ['throttled, all sends', (app) => formatDuration(app.throttleMs)],
  ['latency p50', (app) => formatDuration(app.latencyP50Ms ?? Number.NaN)],
  ['latency p99', (app) => formatDuration(app.latencyP99Ms ?? Number.NaN)],
  ['records produced', (app) => formatExact(app.producedRecords)],
  ['records consumed', (app) => formatExact(app.consumedRecords)],
  ['lost', ({ check }) => formatExact(check.lost)],
  ['doubled', ({ check }) => formatExact(check.doubled)],
  ['out of order', ({ check }) => formatExact(check.reordered)],
  ['damaged', ({ check }) => formatExact(check.damaged)],
  ['errors and timeouts', (app) => formatExact(app.errors)],
]

function tableRow(what: string, steady: string, flood: string): string {
  return `  ${what.padEnd(20)} ${steady.padStart(14)} ${flood.padStart(14)}`
}

function mark(ok: boolean, colour: boolean): string {
  const text = ok ? '✓' : '✗'
  return `${colour ? styleText(ok ? 'green' : 'red', text, { validateStream: false }) : text} `
}

function wayOn({ upstream, limitText }: DemoResult): string[] {
  return [
    'Point your own application at it:',
    `  npx kafka-sluice run --upstream ${upstream ?? 'YOUR-KAFKA:9092'} --produce-rate ${shellWord(limitText)}`,
    'Then give it bootstrap.servers=localhost:9092; nothing else in it changes.',
    'To see first what a limit would do, add --observe. While it runs:',
    '  curl http://localhost:9404/metrics',
  ]
}

/** `1 MB/s` is one word only in quotes. */
function shellWord(text: string): string {
  return /\s/.test(text) ? `'${text}'` : text
}
