/** Where the demo's words go: a screen that is redrawn, plain lines, or JSON lines. It alone knows which. */
import { stripVTControlCharacters } from 'node:util'
import type { Terminal } from '../cli/terminal.ts'
import { type DemoResult, renderReport, verdict } from './report.ts'
import { type DemoState, progressHeading, progressLines, renderScreen } from './screen.ts'

/** What the demo has to tell. */
export interface DemoOutput {
  /** A step of the start or the end. */
  notice(text: string): void
  /** How things stand; called a few times a second, shown as often as suits. */
  live(state: DemoState): void
  report(result: DemoResult): void
}

/** JSON if asked for, redrawn on a terminal, plain lines elsewhere. */
export function createOutput(terminal: Terminal, json: boolean): DemoOutput {
  if (json) return new JsonOutput(terminal)
  return terminal.isTerminal ? new ScreenOutput(terminal) : new PlainOutput(terminal)
}

class ScreenOutput implements DemoOutput {
  readonly #terminal: Terminal
  /** Terminal lines that the last screen took up. */
  #height = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  notice(text: string): void {
    // What is drawn stays above; the next screen begins anew below.
    this.#height = 0
    this.#terminal.out(`${text}\n`)
  }

  live(state: DemoState): void {
    const text = renderScreen(state, this.#terminal.colour)
    this.#terminal.out(`${this.#height > 0 ? `\x1b[${this.#height}F\x1b[0J` : '\n'}${text}\n`)
    this.#height = heightOf(text, this.#terminal.columns())
  }

  report(result: DemoResult): void {
    this.#height = 0
    this.#terminal.out(`\n${renderReport(result, this.#terminal.colour)}\n`)
  }
}

/** Lines of the terminal that a text takes up: a narrow one wraps. */
function heightOf(text: string, columns: number): number {
  return text
    .split('\n')
    .reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / Math.max(1, columns))),
      0,
    )
}

/** Passes a state on once a second. */
class Seconds {
  #last = -1

  isNew(state: DemoState): boolean {
    const second = Math.floor(state.elapsedSeconds)
    if (second === this.#last) return false
    this.#last = second
    return true
  }
}

class PlainOutput implements DemoOutput {
  readonly #terminal: Terminal
  readonly #seconds = new Seconds()
  #headed = false

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  notice(text: string): void {
    this.#terminal.out(`${text}\n`)
  }

  live(state: DemoState): void {
    if (!this.#seconds.isNew(state)) return
    if (!this.#headed) this.#terminal.out(`${progressHeading()}\n`)
    this.#headed = true
    this.#terminal.out(`${progressLines(state)}\n`)
  }

  report(result: DemoResult): void {
    this.#terminal.out(`\n${renderReport(result, false)}\n`)
  }
}

class JsonOutput implements DemoOutput {
  readonly #terminal: Terminal
  readonly #seconds = new Seconds()

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  notice(text: string): void {
    this.#line({ t: 'notice', text })
  }

  live(state: DemoState): void {
    if (this.#seconds.isNew(state)) this.#line({ t: 'second', ...state })
  }

  report(result: DemoResult): void {
    const checks = verdict(result)
    this.#line({ t: 'report', ok: checks.every(({ ok }) => ok), checks, ...result })
  }

  #line(value: object): void {
    this.#terminal.out(`${JSON.stringify(value)}\n`)
  }
}
