/**
 * Numbers for people: rates, bytes, durations, counts. One place, so that every command and table says them alike.
 * Decimal units (MB = 10⁶), as in the configuration. Three significant digits at most: a reader compares, he does not audit.
 */

const DECIMAL_STEPS: readonly (readonly [number, string])[] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

/** `1234567` → `1.23 MB`. */
export function formatBytes(bytes: number): string {
  return `${scaled(bytes)}B`
}

/** `1234567` → `1.23 MB/s`. */
export function formatByteRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** `23456` → `23.5 k`; below 1000 the number itself. */
export function formatCount(count: number): string {
  return scaled(count).trimEnd()
}

/** `0.4` → `0.4 ms`, `250` → `250 ms`, `2900` → `2.9 s`, `90000` → `1 m 30 s`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 999.5) return `${significant(ms)} ms`
  if (ms < 59_950) return `${significant(ms / 1000)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} m ${seconds % 60} s`
}

/** `0.998` → `99.8 %`. */
export function formatPercent(ratio: number): string {
  return Number.isFinite(ratio) ? `${(ratio * 100).toFixed(1)} %` : '–'
}

/** `1234567` → `1,234,567`: for numbers that a reader checks against one another. */
export function formatExact(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}

/** A limit in the unit of its dimension: bytes for `…Bytes`, plain numbers otherwise, a number at a time without `/s`. */
export function formatLimit(dimension: string, value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'unlimited'
  if (dimension === 'connections' || dimension === 'inFlight') return formatCount(value)
  if (dimension.endsWith('Bytes')) return formatByteRate(value)
  if (value >= 1) return `${formatCount(value)}/s`
  return value * 60 >= 0.9995 ? `${formatCount(value * 60)}/min` : `${formatCount(value * 3600)}/h`
}

/** The number with the letter of its size; a space stands between them, also where there is no letter (`999 B`). */
function scaled(value: number): string {
  for (const [step, letter] of DECIMAL_STEPS) {
    // 999.5 k shows as 1 M, not as 1000 k.
    if (Math.abs(value) >= step * 0.9995) return `${significant(value / step)} ${letter}`
  }
  return `${significant(value)} `
}

/** At most three significant digits, no trailing zeros. */
function significant(value: number): string {
  return String(Number(value.toPrecision(3)))
}
