/** What the helpers need of whoever uses them: a test's context has it, a program can. */
export interface Surroundings {
  /** Aborted when the user is over before its time. */
  readonly signal: AbortSignal
  /** To be done when the user is over. */
  after(cleanUp: () => unknown): void
  /** The user cannot do its work here, and why. */
  skip(reason: string): void
}
