/** What a test's context is to a test, for a program: who wants something done at the end says so here. */
import type { Surroundings } from '../support/surroundings.ts'

export class Scope implements Surroundings {
  readonly signal: AbortSignal
  readonly #cleanUps: (() => unknown)[] = []

  constructor(signal: AbortSignal) {
    this.signal = signal
  }

  after(cleanUp: () => unknown): void {
    this.#cleanUps.push(cleanUp)
  }

  skip(reason: string): never {
    throw new Error(reason)
  }

  /** Does it all, the last first; the first failure is thrown when the rest is done. */
  async close(): Promise<void> {
    const failures: unknown[] = []
    for (let cleanUp = this.#cleanUps.pop(); cleanUp !== undefined; cleanUp = this.#cleanUps.pop()) {
      try {
        await cleanUp()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** Runs `body` with a scope of its own. */
export async function scoped<T>(signal: AbortSignal, body: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope(signal)
  try {
    return await body(scope)
  } finally {
    await scope.close()
  }
}
