/**
 * At most one line for each (event, peer) a minute (design.md §10): a client that speaks TLS to a plaintext port retries
 * ten times a second, and the log must stay readable. What was kept back is counted and said, on the next line of that
 * pair or, when none comes, in a summary line once its minute is over.
 */
import type { Logger } from './logger.ts'

/** The level of a limited line. */
export type LimitedLevel = 'error' | 'warn' | 'info'

/** Settings of a `LogLimiter`. */
export interface LogLimiterOptions {
  readonly windowMs?: number
  /** Pairs remembered at once; beyond, the oldest is forgotten early (and its count said). */
  readonly pairsMax?: number
  /** Monotonic milliseconds; tests bring their own. */
  readonly nowMs?: () => number
}

interface Window {
  readonly level: LimitedLevel
  readonly event: string
  readonly peer: string
  readonly endsMs: number
  suppressed: number
}

/** Wraps a logger; one for a process. */
export class LogLimiter {
  readonly #logger: Logger
  readonly #windowMs: number
  readonly #pairsMax: number
  readonly #nowMs: () => number
  /** In order of their beginning, so the first is always the first to end. */
  readonly #windows = new Map<string, Window>()

  constructor(logger: Logger, options: LogLimiterOptions = {}) {
    this.#logger = logger
    this.#windowMs = options.windowMs ?? 60_000
    this.#pairsMax = options.pairsMax ?? 1_000
    this.#nowMs = options.nowMs ?? (() => performance.now())
  }

  /**
   * Logs `message` with `{ event, peer, ...fields }`, unless this pair had its line in the last minute.
   * `peer` is an address without its port: ports change with every retry.
   */
  log(level: LimitedLevel, event: string, peer: string, message: string, fields: Readonly<object> = {}): void {
    const nowMs = this.#nowMs()
    this.#closeEnded(nowMs)
    const key = `${event}\n${peer}`
    const open = this.#windows.get(key)
    if (open !== undefined) {
      open.suppressed++
      return
    }
    if (this.#windows.size >= this.#pairsMax) this.#closeOldest()
    this.#windows.set(key, { level, event, peer, endsMs: nowMs + this.#windowMs, suppressed: 0 })
    this.#logger[level]({ event, peer, ...fields }, message)
  }

  /** Says every count that is still owed: at drain, so that the last minute is not lost. */
  flush(): void {
    while (this.#windows.size > 0) this.#closeOldest()
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
    const [key, { level, event, peer, suppressed }] = first
    this.#windows.delete(key)
    if (suppressed > 0)
      this.#logger[level]({ event, peer, suppressed }, `${event}: ${suppressed} more like it, not logged`)
  }
}
