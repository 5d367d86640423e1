/**
 * At most one line for each (event, subject) a minute (design.md §10): a client that speaks TLS to a plaintext port retries
 * ten times a second, and the log must stay readable. What was kept back is counted and said, on the next line of that
 * pair or in a summary line once its minute is over. Whoever makes up another subject for each attempt gains
 * nothing: of one event only so many subjects have lines in a minute, and the others share one count.
 */
import type { EventFields, EventName } from './events/events.ts'
import type { Logger } from './logger.ts'

/** Settings of a `LogLimiter`. */
export interface LogLimiterOptions {
  readonly windowMs?: number
  /** Pairs remembered at once; beyond, the oldest is forgotten early (and its count said). */
  readonly pairsMax?: number
  /** Subjects of one event that have lines of their own at once. */
  readonly subjectsMax?: number
  /** Monotonic milliseconds; tests bring their own. */
  readonly nowMs?: () => number
}

interface Window {
  readonly event: EventName
  readonly endsMs: number
  /** Says how many lines were kept back. */
  readonly say: (suppressed: number) => void
  suppressed: number
}

/** What subjects share that come when there are too many of them. No address or client id is it. */
const OTHERS = '\0others'

/** Wraps a logger; one for a process. */
export class LogLimiter {
  readonly #logger: Logger
  readonly #windowMs: number
  readonly #pairsMax: number
  readonly #subjectsMax: number
  readonly #nowMs: () => number
  /** In order of their beginning, so the first is always the first to end. */
  readonly #windows = new Map<string, Window>()
  readonly #subjects = new Map<EventName, number>()

  constructor(logger: Logger, options: LogLimiterOptions = {}) {
    this.#logger = logger
    this.#windowMs = options.windowMs ?? 60_000
    this.#pairsMax = options.pairsMax ?? 1_000
    this.#subjectsMax = options.subjectsMax ?? 100
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /**
   * Logs the event, unless this pair had its line in the last minute.
   * @param subject whom it is about: a client id, or an address without its port, because ports change with every retry
   */
  log<Name extends EventName>(event: Name, subject: string, fields: EventFields<Name>, message: string): void {
    const nowMs = this.#nowMs()
    this.#closeEnded(nowMs)
    const open = this.#windows.get(keyOf(event, subject))
    if (open !== undefined) {
      open.suppressed++
      return
    }
    const isOther = (this.#subjects.get(event) ?? 0) >= this.#subjectsMax
    if (isOther) this.#countOther(event, nowMs)
    else {
      this.#open(event, subject, nowMs, (suppressed) => this.#logger.summary(event, fields, suppressed))
      this.#logger.log(event, fields, message)
    }
  }

  /** Says what is owed of minutes that are over: what the clock brings. */
  sweep(): void {
    this.#closeEnded(this.#nowMs())
  }

  /** Says every count that is still owed: at drain, so that the last minute is not lost. */
  flush(): void {
    while (this.#windows.size > 0) this.#closeOldest()
  }

  #countOther(event: EventName, nowMs: number): void {
    const key = keyOf(event, OTHERS)
    if (!this.#windows.has(key))
      this.#open(event, OTHERS, nowMs, (suppressed) => this.#logger.summary(event, {}, suppressed))
    const others = this.#windows.get(key)
    if (others !== undefined) others.suppressed++
  }

  #open(event: EventName, subject: string, nowMs: number, say: Window['say']): void {
    if (this.#windows.size >= this.#pairsMax) this.#closeOldest()
    this.#windows.set(keyOf(event, subject), { event, endsMs: nowMs + this.#windowMs, say, suppressed: 0 })
    this.#subjects.set(event, (this.#subjects.get(event) ?? 0) + 1)
  }

  #closeEnded(nowMs: number): void {
    for (const window of this.#windows.values()) {
      if (window.endsMs > nowMs) return
      this.#closeOldest()
    }
  }

  #closeOldest(): void {
    const first = this.#windows.entries().next().value
    if (first === undefined) return
    const [key, { event, say, suppressed }] = first
    this.#windows.delete(key)
    this.#subjects.set(event, (this.#subjects.get(event) ?? 1) - 1)
    if (suppressed > 0) say(suppressed)
  }
}

function keyOf(event: EventName, subject: string): string {
  return `${event}\n${subject}`
}
