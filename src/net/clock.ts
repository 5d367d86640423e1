/** Monotonic milliseconds with fractions; the only clock of the data path. */
export function monotonicMs(): number {
  return performance.now()
}

/** What `monotonicMs` must be added to, to be milliseconds since 1970. */
export function epochMs(): number {
  return Date.now() - monotonicMs()
}
