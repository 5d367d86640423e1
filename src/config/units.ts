/**
 * Amounts as people write them: `5 MB/s`, `512 KiB`, `20k/s`, `30/min`, `2s`. Units are explicit and spelled one way, because
 * a wrong guess here is a limit that is off by a factor. Every function throws a RangeError that shows the right form.
 */
import { LEVEL_MAX, RATE_MAX_PER_SECOND, RATE_MIN_PER_SECOND } from '../bounds.ts'
import type { Unit } from '../policy/dimensions.ts'

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}
const COUNTS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 }
const SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600 }
const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3, min: 60e3, h: 3600e3, d: 86_400e3 }

const NUMBER = /^\s*(\d+(?:\.\d+)?)\s*(.*?)\s*$/su

/** Units a second: `5 MB/s` for bytes, `20k/s` for anything else. */
export function parseRate(text: string, counted: Unit): number {
  const { value, unit } = split(text, counted === 'bytes' ? 'write a rate like 5 MB/s' : 'write a rate like 100/s')
  const [amountUnit = '', time, ...more] = unit.split('/').map((part) => part.trim())
  const perUnit = unitOf(amountUnit, value, counted, '/s')
  if (time === undefined)
    throw new RangeError(`"${text}" is an amount, not a rate; write ${value}${spaced(amountUnit)}/s`)
  const seconds = SECONDS[time]
  if (seconds === undefined || more.length > 0) {
    throw new RangeError(
      `"/${[time, ...more].join('/')}" is no time; write ${value}${spaced(amountUnit)}/s, /min or /h`,
    )
  }
  const perSecond = (value * perUnit) / seconds
  if (value === 0)
    throw new RangeError(
      'a rate of 0 would stop the client for good; leave the quota out, or give the least rate that is useful',
    )
  if (perSecond < RATE_MIN_PER_SECOND) throw new RangeError(`"${text}" is less than one in an hour`)
  if (perSecond > RATE_MAX_PER_SECOND) throw new RangeError(`"${text}" is more than 1 TB/s; leave the quota out`)
  return perSecond
}

/** An amount: `10 MB` for bytes, `500` or `2k` for anything else. */
export function parseAmount(text: string, counted: Unit): number {
  const example = counted === 'bytes' ? 'write an amount like 10 MB' : 'write a number like 500 or 2k'
  const { value, unit } = split(text, example)
  if (unit.includes('/')) throw new RangeError(`"${text}" is a rate; ${example}`)
  return value * unitOf(unit, value, counted, '')
}

/** How many at a time: `100`, `2k`. `rate` is the dimension that limits the same by the second. */
export function parseLevel(text: string, dimension: string, rate: string): number {
  const { value, unit } = split(text, 'write a number like 100 or 2k')
  const [amountUnit = '', time] = unit.split('/').map((part) => part.trim())
  if (time !== undefined) {
    const right = `${value}${Object.hasOwn(COUNTS, amountUnit) ? amountUnit : ''}`
    throw new RangeError(
      `${dimension} is a number at a time; write ${right}, not ${text.trim()}; for so many a second use ${rate}`,
    )
  }
  const factor = Object.hasOwn(COUNTS, unit) ? COUNTS[unit] : undefined
  if (factor === undefined) throw new RangeError(`${dimension} is a number at a time, without a unit; write ${value}`)
  const level = Math.round(value * factor)
  if (level !== value * factor) throw new RangeError(`${dimension} is a whole number at a time, not ${text.trim()}`)
  if (level < 1) throw new RangeError(`${dimension} of 0 would let nobody in; leave the quota out, or write 1`)
  if (level > LEVEL_MAX) throw new RangeError(`${text.trim()} is more than ${LEVEL_MAX}; leave the limit out`)
  return level
}

/** A part of a whole: `10%` is 0.1. */
export function parsePercent(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/u.exec(text)
  if (match === null) throw new RangeError(`"${text}" is no percentage; write one like 10%`)
  return Number(match[1]) / 100
}

/** Milliseconds: `500ms`, `2s`, `10m` (or `10min`), `1h`, `7d`. */
export function parseDuration(text: string): number {
  const { value, unit } = split(text, 'write a time like 2s or 500ms')
  const unitMs = DURATIONS[unit]
  if (unitMs !== undefined) return value * unitMs
  if (unit === '') throw new RangeError(`${text} has no unit; write ${text}s or ${text}ms`)
  throw new RangeError(`"${unit}" is no unit of time; write ${value}s, or ms, m, h, d`)
}

/** Whether a text is meant as a time: its unit is one, or one spelled another way. */
export function isDuration(text: string): boolean {
  return /^\s*[\d.]+\s*(ms|msecs?|millis|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\s*$/u.test(text)
}

function split(text: string, example: string): { value: number; unit: string } {
  const match = NUMBER.exec(text)
  if (match === null) throw new RangeError(`"${text}" does not begin with a number; ${example}`)
  const value = Number(match[1])
  if (!Number.isFinite(value)) throw new RangeError(`"${text}" is too large`)
  return { value, unit: match[2]! }
}

function unitOf(unit: string, value: number, counted: Unit, suffix: string): number {
  const units = counted === 'bytes' ? BYTES : COUNTS
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (factor !== undefined) return factor
  const meant = Object.keys(units).find((name) => name !== '' && name.toLowerCase() === unit.toLowerCase())
  const wrong = counted === 'bytes' ? bytesFault(unit, value, suffix) : countFault(unit, value, counted, suffix)
  if (wrong !== undefined) throw new RangeError(wrong)
  if (meant !== undefined) throw new RangeError(`"${unit}" is no unit; did you mean ${value}${spaced(meant)}${suffix}?`)
  if (unit.toLowerCase().replace(/s$/u, '') === counted.replace(/s$/u, '')) {
    const right = counted === 'bytes' ? bytesForm(value) : String(value)
    throw new RangeError(`"${unit}" goes without saying here; write ${right}${suffix}`)
  }
  const known =
    counted === 'bytes'
      ? 'B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB (of 1024)'
      : 'none, k (1000) and M (1000000)'
  throw new RangeError(`"${unit}" is no unit of ${counted}; there is ${known}`)
}

/** Bytes without a unit, and bits. */
function bytesFault(unit: string, value: number, suffix: string): string | undefined {
  if (unit === '') return `${value} has no unit; write ${bytesForm(value)}${suffix}`
  if (!/^[kKMGT]?(b|bit|bits|bps)$/u.test(unit) || unit === 'kb' || unit === 'b') return undefined
  return `"${unit}" would be bits; rates are in bytes: write ${value} ${unit[0]}B${suffix}`.replace(' KB', ' kB')
}

/** Bytes where something else is counted. */
function countFault(unit: string, value: number, counted: Unit, suffix: string): string | undefined {
  if (!/^([kmgt]i?)?b$/iu.test(unit)) return undefined
  return `"${unit}" is a unit of bytes, and this counts ${counted}; write ${value}${suffix} or ${value}k${suffix}`
}

/** `MB` stands apart from its number, `k` does not. */
function spaced(unit: string): string {
  return Object.hasOwn(BYTES, unit) ? ` ${unit}` : unit
}

function bytesForm(value: number): string {
  for (const unit of ['GB', 'MB', 'kB']) {
    const size = BYTES[unit]!
    if (value >= size && value % size === 0) return `${value / size} ${unit}`
  }
  return `${value} B`
}
