/**
 * Keeps asking the cluster for its client quotas and tells when they have changed, so that an operator may keep Kafka's own tools.
 * An answer is believed whole; while there is none, the last one stays: a cluster that cannot be reached lifts no limit.
 */
import { FOLLOW_RETRY_MS } from '../bounds.ts'
import { type KafkaQuota, type Translation, translateKafkaQuotas } from '../policy/kafka-quotas.ts'
import type { Mode } from '../policy/quota-rule.ts'
import { QueryError } from './broker-connection.ts'

export interface QuotaFollowerOptions {
  /** Asks the cluster once; rejects with a QueryError. */
  readonly ask: (signal: AbortSignal) => Promise<readonly KafkaQuota[]>
  readonly intervalMs: number
  readonly mode: Mode
  /** The rules are others than before, at the first answer in any case. It must not throw. */
  readonly changed: (translation: Translation) => void
  /** There was no answer, and why; `failuresInRow` from 1, so that a caller may log the first one only. */
  readonly failed: (error: QueryError, failuresInRow: number) => void
  /** There is an answer again, after so many failures. */
  readonly recovered: (failuresInRow: number) => void
  readonly now: () => number
  /** In [0, 1): spreads many instances over the interval. */
  readonly random: () => number
}

/** For status, metrics and health. */
export interface QuotaFollowerState {
  /** `waiting` for the first answer, `following`, or `stale`: the last answer stays, and the newest question had none. */
  readonly kind: 'waiting' | 'following' | 'stale'
  /** On the clock of `now`; undefined before the first. */
  readonly answeredAtMs: number | undefined
  /** Why the newest question had no answer. */
  readonly error: string | undefined
  readonly failuresInRow: number
  readonly questions: number
  readonly failures: number
  readonly changes: number
  /** What is in force. */
  readonly translation: Translation
}

/** A part of the interval: the next question comes that much earlier at most. */
const JITTER = 0.2
const NOTHING: Translation = { quotas: [], notes: [] }

export class QuotaFollower {
  readonly #options: QuotaFollowerOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #answeredAtMs: number | undefined
  #error: string | undefined
  #failuresInRow = 0
  #questions = 0
  #failures = 0
  #changes = 0
  #translation = NOTHING
  /** The rules as text, to see whether others say the same. */
  #known: string | undefined

  constructor(options: QuotaFollowerOptions) {
    this.#options = options
  }

  /** Asks at once, and from then on regularly. */
  start(): void {
    void this.ask().then(() => this.#next())
  }

  /** Asks no more; a question under way is given up, and its answer not told. */
  stop(): void {
    this.#stopping.abort()
    clearTimeout(this.#timer)
  }

  /** One question now; joins the one that is under way. Never rejects for what a cluster may do. */
  ask(): Promise<void> {
    this.#round ??= this.#ask().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  state(): QuotaFollowerState {
    return {
      kind: this.#answeredAtMs === undefined ? 'waiting' : this.#failuresInRow > 0 ? 'stale' : 'following',
      answeredAtMs: this.#answeredAtMs,
      error: this.#error,
      failuresInRow: this.#failuresInRow,
      questions: this.#questions,
      failures: this.#failures,
      changes: this.#changes,
      translation: this.#translation,
    }
  }

  #next(): void {
    if (this.#stopping.signal.aborted) return
    const { intervalMs, random } = this.#options
    const wantedMs =
      this.#failuresInRow > 0 ? Math.min(FOLLOW_RETRY_MS * 2 ** (this.#failuresInRow - 1), intervalMs) : intervalMs
    this.#timer = setTimeout(() => this.start(), wantedMs * (1 - JITTER * random()))
    this.#timer.unref()
  }

  async #ask(): Promise<void> {
    const { ask } = this.#options
    const { signal } = this.#stopping
    if (signal.aborted) return
    this.#questions++
    try {
      const quotas = await ask(signal)
      if (!signal.aborted) this.#answered(quotas)
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      if (!signal.aborted) this.#unanswered(error)
    }
  }

  #answered(quotas: readonly KafkaQuota[]): void {
    const { mode, changed, recovered, now } = this.#options
    const failuresInRow = this.#failuresInRow
    this.#answeredAtMs = now()
    this.#failuresInRow = 0
    this.#error = undefined
    if (failuresInRow > 0) recovered(failuresInRow)
    const translation = translateKafkaQuotas(quotas, { mode, times: 1 })
    this.#translation = translation
    const known = JSON.stringify(translation.quotas.map(({ rule }) => rule))
    if (known === this.#known) return
    this.#known = known
    this.#changes++
    changed(translation)
  }

  #unanswered(error: QueryError): void {
    this.#failures++
    this.#failuresInRow++
    this.#error = error.message
    this.#options.failed(error, this.#failuresInRow)
  }
}
