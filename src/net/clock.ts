/** Monotonic milliseconds with fractions; the only clock of the data path. */
export function monotonicMs(): number {
  return performance.now()
}
