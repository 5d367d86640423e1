/**
 * A text that costs CPU to make, for whoever asks however often: it is made again only when ten times what it cost has passed, so that
 * strangers take a tenth of a core at most from the data path that shares it. A scraper does not notice.
 */

/** Of what a text costs: how long it is given out after. */
const COST_FACTOR = 9
/** Older it never is. */
const AGE_MAX_MS = 1_000

export class SharedText {
  readonly #make: () => Promise<string>
  readonly #nowMs: () => number
  #text: Promise<string> | undefined
  /** While the text is being made: for ever. */
  #freshUntilMs = Number.NEGATIVE_INFINITY

  constructor(make: () => Promise<string>, nowMs: () => number) {
    this.#make = make
    this.#nowMs = nowMs
  }

  /** Rejects as making it does. */
  get(): Promise<string> {
    if (this.#text === undefined || this.#nowMs() >= this.#freshUntilMs) {
      this.#freshUntilMs = Number.POSITIVE_INFINITY
      this.#text = this.#made(this.#nowMs())
    }
    return this.#text
  }

  async #made(sinceMs: number): Promise<string> {
    try {
      return await this.#make()
    } finally {
      const nowMs = this.#nowMs()
      this.#freshUntilMs = nowMs + Math.min(AGE_MAX_MS, (nowMs - sinceMs) * COST_FACTOR)
    }
  }
}
