/** What a command may use of the process around it; tests hand in a recording one. */
import type * as Readline from 'node:readline'

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
  /** For a screen of its own: where a person types as well as looks. */
  readonly interactive?: Interactive | undefined
}

/** A terminal at both ends. */
export interface Interactive {
  /** Height now; it may change. */
  rows(): number
  /** Keys come one by one and unseen from here on, until what is returned is called. */
  open(events: InteractiveEvents): () => void
}

export interface InteractiveEvents {
  /** By the name that Node's readline gives it, and what it types. */
  key(key: { readonly name: string; readonly text: string; readonly ctrl: boolean }): void
  resized(): void
  /** Nobody types any more. */
  closed(): void
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
    // A terminal that was not told its size yet says 0: `docker exec -it` in its first moment.
    columns: () => stdout.columns || 80,
    env,
    signals: process,
    interactive: isTerminal && process.stdin.isTTY ? { rows: () => stdout.rows || 24, open: openKeyboard } : undefined,
  }
}

/** Loaded where somebody types, and not in every sidecar. */
const readline = (): typeof Readline => process.getBuiltinModule('node:readline')

function openKeyboard({ key, resized, closed }: InteractiveEvents): () => void {
  const { stdin, stdout } = process
  const onKey = (text: string | undefined, pressed: { name?: string; ctrl?: boolean }): void =>
    key({ name: pressed.name ?? '', text: text ?? '', ctrl: pressed.ctrl ?? false })
  readline().emitKeypressEvents(stdin)
  stdin.setRawMode(true)
  stdin.on('keypress', onKey)
  stdin.on('end', closed)
  stdout.on('resize', resized)
  stdin.resume()
  return () => {
    stdout.off('resize', resized)
    stdin.off('end', closed)
    stdin.off('keypress', onKey)
    stdin.setRawMode(false)
    stdin.pause()
  }
}
