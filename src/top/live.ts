/**
 * `top` on a terminal: its own screen, redrawn in place, keys, resizing. Whatever ends it, the terminal is as it was before. A sluice
 * that does not answer is said to be away, and asked again.
 */
import { AdminFault } from '../cli/ask-sluice.ts'
import type { Interactive, Terminal } from '../cli/terminal.ts'
import type { StatusDocument } from '../status/status-document.ts'
import { LINES_AROUND, screenLines } from './screen.ts'
import { type Key, pressed, queryOf, type TopState } from './state.ts'

export interface LiveOptions {
  readonly terminal: Terminal
  readonly interactive: Interactive
  /** Asks for the status by a query; rejects with AdminFault. */
  readonly ask: (query: string) => Promise<StatusDocument>
  readonly address: string
  readonly intervalMs: number
  readonly state: TopState
}

/** The other screen, without a cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
/** A frame: all at once where the terminal can (mode 2026), from the top, and nothing left below. */
const BEGIN = '\u001b[?2026h\u001b[H'
const END = '\u001b[J\u001b[?2026l'
const LINE_END = '\u001b[K\r\n'

/** Runs until somebody leaves. */
export async function runLive(options: LiveOptions): Promise<void> {
  const live = new Live(options)
  await live.run()
}

class Live {
  readonly #options: LiveOptions
  #state: TopState
  #status: StatusDocument | undefined
  #trouble: string | undefined
  #timer: NodeJS.Timeout | undefined
  /** Grows with every question: an answer to an older one comes too late. */
  #asked = 0
  readonly #over = Promise.withResolvers<void>()

  constructor(options: LiveOptions) {
    this.#options = options
    this.#state = options.state
  }

  async run(): Promise<void> {
    const { terminal, interactive } = this.#options
    const end = (): void => this.#over.resolve()
    const close = interactive.open({
      key: (key) => this.#key(key),
      resized: () => {
        this.#draw()
        void this.#refresh()
      },
      closed: end,
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) terminal.signals.on(signal, end)
    terminal.out(ENTER)
    try {
      this.#draw()
      void this.#refresh()
      await this.#over.promise
    } finally {
      this.#asked++
      clearTimeout(this.#timer)
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) terminal.signals.off(signal, end)
      terminal.out(LEAVE)
      close()
    }
  }

  #key(key: Key): void {
    const before = this.#state
    this.#state = this.#inRange(pressed(before, key, this.#rows()))
    if (this.#state.isOver) {
      this.#over.resolve()
      return
    }
    this.#draw()
    if (this.#question(before) !== this.#question(this.#state) || this.#state.isPaused !== before.isPaused) {
      void this.#refresh()
    }
  }

  /** Never rejects but for a bug of ours, which then ends the command. */
  async #refresh(): Promise<void> {
    clearTimeout(this.#timer)
    const asked = ++this.#asked
    try {
      const status = await this.#options.ask(this.#question(this.#state))
      if (asked !== this.#asked) return
      this.#status = status
      this.#trouble = undefined
    } catch (error) {
      if (asked !== this.#asked) return
      if (!(error instanceof AdminFault)) {
        this.#over.reject(error)
        return
      }
      this.#trouble = error.message
    }
    this.#state = this.#inRange(this.#state)
    this.#draw()
    if (!this.#state.isPaused) this.#timer = setTimeout(() => void this.#refresh(), this.#options.intervalMs)
  }

  #draw(): void {
    const { terminal, interactive, address } = this.#options
    const screen = { status: this.#status, state: this.#state, address, trouble: this.#trouble }
    const size = { columns: terminal.columns(), rows: interactive.rows(), colour: terminal.colour }
    // The last line has no end: the screen would move up.
    terminal.out(BEGIN + screenLines({ ...screen, ...size }).join(LINE_END) + END)
  }

  #question(state: TopState): string {
    return queryOf(
      state.view === 'clients' ? state : { ...state, skip: 0 },
      state.view === 'clients' ? this.#rows() : 0,
    )
  }

  #rows(): number {
    return Math.max(1, this.#options.interactive.rows() - LINES_AROUND)
  }

  /** Nobody scrolls beyond the end. */
  #inRange(state: TopState): TopState {
    if (this.#status === undefined) return state
    const { counts, quotas, brokers } = this.#status
    const all = { clients: counts.matching, quotas: quotas.length, brokers: brokers.length }[state.view]
    return { ...state, skip: Math.max(0, Math.min(state.skip, all - this.#rows())) }
  }
}
