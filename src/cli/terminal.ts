/** What a command may use of the process around it; tests hand in a recording one. */

/** Output, environment and signals of one command run. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Whether a person looks at the output: redraw and readable logs, not lines for a machine. */
  readonly isTerminal: boolean
  /** Whether to colour: a terminal, and neither NO_COLOR nor TERM=dumb (no-color.org). */
  readonly colour: boolean
  /** Width now; it may change while a command runs. */
  columns(): number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signals: SignalSource
}

/** Signals that commands listen for. */
type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The part of `process` that delivers signals. */
export interface SignalSource {
  on(signal: Signal, listener: () => void): unknown
  off(signal: Signal, listener: () => void): unknown
}

/** The real one. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process
  const isTerminal = stdout.isTTY === true
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTerminal,
    colour: isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    columns: () => stdout.columns ?? 80,
    env,
    signals: process,
  }
}
