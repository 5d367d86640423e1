/** Numbers as Grafana writes them, for the units that our dashboards use. */

type Scale = readonly (readonly [from: number, suffix: string])[]

const SHORT: Scale = [
  [1e9, ' Bil'],
  [1e6, ' Mil'],
  [1e3, ' K'],
  [0, ''],
]
const BYTES: Scale = [
  [2 ** 30, ' GiB'],
  [2 ** 20, ' MiB'],
  [2 ** 10, ' KiB'],
  [0, ' B'],
]
const BYTES_PER_SECOND: Scale = [
  [1e9, ' GB/s'],
  [1e6, ' MB/s'],
  [1e3, ' kB/s'],
  [0, ' B/s'],
]
const SECONDS: Scale = [
  [60, ' min'],
  [1, ' s'],
  [1e-3, ' ms'],
  [0, ' µs'],
]
/** What one of a scale's steps is worth, where it is not what it begins at. */
const WORTH: Readonly<Record<string, number>> = { ' µs': 1e-6 }
const DIGITS = 3

/** @throws Error for a unit that no dashboard has had so far */
export function inUnit(value: number, unit: string): string {
  switch (unit) {
    case 'Bps':
      return scaled(value, BYTES_PER_SECOND)
    case 'bytes':
      return scaled(value, BYTES)
    case 's':
      return value === 0 ? '0 s' : scaled(value, SECONDS)
    case 'percentunit':
      return `${digits(value * 100)}%`
    case 'reqps':
      return `${scaled(value, SHORT)} req/s`
    case 'cps':
      return `${scaled(value, SHORT)} c/s`
    case 'short':
      return scaled(value, SHORT)
    default:
      throw new Error(`the preview does not know the unit ${unit}`)
  }
}

function scaled(value: number, scale: Scale): string {
  const [from, suffix] = scale.find(([least]) => Math.abs(value) >= least) ?? [0, '']
  return `${digits(value / (WORTH[suffix] ?? (from === 0 ? 1 : from)))}${suffix}`
}

function digits(value: number): string {
  return String(Number(value.toPrecision(DIGITS)))
}
