/**
 * Windows of time: which limit of a quota is in force in a given minute. A window is five cron fields on the wall clock of a
 * time zone. It follows that clock through summer time: an hour that is skipped never comes, one that is repeated comes twice.
 */
import { Cron } from 'croner'
import { CRONS_MAX } from '../bounds.ts'
import type { Limit, QuotaRule, ScheduleWindow } from '../policy/quota-rule.ts'
import { nearest } from './suggest.ts'

/** Rules as they are at one moment. */
export interface Timetable {
  /** The rules that were given, the same objects where no window is open; for one window always the same object. */
  readonly rules: readonly QuotaRule[]
  /** By name of the quota: the index of its open window. */
  readonly open: ReadonlyMap<string, number>
}

/** The first open window's limit and burst in place of the quota's own; dimensions that it does not name keep theirs. */
export function effectiveRules(rules: readonly QuotaRule[], at: Date): Timetable {
  const minute = new Date(Math.floor(at.getTime() / 60_000) * 60_000)
  const open = new Map<string, number>()
  for (const { name, schedule = [] } of rules) {
    const index = schedule.findIndex((window) => isOpen(window, minute))
    if (index >= 0) open.set(name, index)
  }
  if (open.size === 0) return { rules, open }
  return { rules: rules.map((rule) => withWindow(rule, open.get(rule.name))), open }
}

/** Compiled windows, by pattern and zone: quotas mostly have the same few. */
const crons = new Map<string, Cron>()
/** Which of them are open in the minute that was asked about last: to match one takes a hundredth of a millisecond. */
const openNow = new Map<string, boolean>()
let openAtMs = Number.NaN
const windowed = new WeakMap<ScheduleWindow, { readonly rule: QuotaRule; readonly effective: QuotaRule }>()

function isOpen({ during, timeZone }: ScheduleWindow, minute: Date): boolean {
  const key = `${during} ${timeZone}`
  if (openAtMs !== minute.getTime() || openNow.size >= CRONS_MAX) openNow.clear()
  openAtMs = minute.getTime()
  const known = openNow.get(key)
  if (known !== undefined) return known
  const isOpen = compiled(key, during, timeZone).match(minute)
  openNow.set(key, isOpen)
  return isOpen
}

function compiled(key: string, during: string, timeZone: string): Cron {
  let cron = crons.get(key)
  if (cron === undefined) {
    if (crons.size >= CRONS_MAX) crons.clear()
    cron = new Cron(during, { timezone: timeZone, mode: '5-part' })
    crons.set(key, cron)
  }
  return cron
}

function withWindow(rule: QuotaRule, index: number | undefined): QuotaRule {
  const window = index === undefined ? undefined : rule.schedule?.[index]
  if (window === undefined) return rule
  const known = windowed.get(window)
  if (known?.rule === rule) return known.effective
  const effective = { ...rule, limit: merged(rule.limit, window.limit), burst: window.burst ?? rule.burst }
  windowed.set(window, { rule, effective })
  return effective
}

/** A limit that the window lifts is left out. */
function merged(own: Limit, inWindow: Limit): Limit {
  const all = Object.entries({ ...own, ...inWindow })
  return Object.fromEntries(all.filter(([, value]) => value !== Number.POSITIVE_INFINITY))
}

interface CronField {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly form: RegExp
  readonly example: string
}

const NUMBER_TERM = String.raw`(\*|\d+(-\d+)?)(/\d+)?`

function cronField(name: string, min: number, max: number, example: string, names: readonly string[] = []): CronField {
  const value = ['\\d+', ...names].join('|')
  const term = names.length === 0 ? NUMBER_TERM : String.raw`(\*|(${value})(-(${value}))?)(/\d+)?`
  return { name, min, max, example, form: new RegExp(`^${term}(,${term})*$`, 'iu') }
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const CRON_FIELDS: readonly CronField[] = [
  cronField('minute', 0, 59, '0-29 or */5'),
  cronField('hour', 0, 23, '22-23,0-5'),
  cronField('day of the month', 1, 31, '1-7'),
  cronField('month', 1, 12, '11-12 or nov-dec', MONTHS),
  cronField('day of the week', 0, 7, '1-5 or mon-fri (0 and 7 are Sunday)', WEEKDAYS),
]

/**
 * Five cron fields: `* 22-23,0-5 * * mon-fri`. Returns them with one space between each.
 * @throws RangeError that names the field
 */
export function parseDuring(text: string): string {
  const parts = text.trim().split(/\s+/u)
  if (text.trim() === '' || parts.length !== CRON_FIELDS.length) {
    throw new RangeError(
      `"${text}" has ${text.trim() === '' ? 0 : parts.length} fields, not five: minute, hour, day of the month, month, day of the week, as in "* 22-23,0-5 * * mon-fri"`,
    )
  }
  const during = parts.join(' ')
  const isRight = CRON_FIELDS.every(({ form }, i) => form.test(parts[i]!)) && isCron(during)
  if (!isRight) {
    for (const [i, field] of CRON_FIELDS.entries()) checkField(field, parts, i)
    throw new RangeError(`"${text}" is no window; write one like "* 22-23,0-5 * * mon-fri"`)
  }
  if (
    parts[2] !== '*' &&
    parts[3] !== '*' &&
    new Cron(during, { timezone: 'UTC', mode: '5-part' }).nextRun() === null
  ) {
    throw new RangeError(`"${text}" never comes: there is no such day`)
  }
  return during
}

function checkField({ name, min, max, form, example }: CronField, parts: readonly string[], i: number): void {
  const part = parts[i]!
  const backwards = part.split(',').find((term) => {
    const range = /^(\d+)-(\d+)$/u.exec(term)
    return range !== null && Number(range[1]) > Number(range[2])
  })
  if (backwards !== undefined) {
    const [from, to] = backwards.split('-')
    throw new RangeError(`the ${name} ${backwards} runs backwards; write ${from}-${max === 7 ? 6 : max},${min}-${to}`)
  }
  const alone = CRON_FIELDS.map((_, j) => (i === j ? part : '*')).join(' ')
  if (form.test(part) && isCron(alone)) return
  throw new RangeError(`"${part}" is no ${name}: ${min} to ${max}, as in ${example}`)
}

function isCron(pattern: string): boolean {
  try {
    new Cron(pattern, { timezone: 'UTC', mode: '5-part' })
    return true
  } catch {
    return false
  }
}

/** Zones that were found to be right: to ask takes a tenth of a millisecond. */
const usedZones = new Set<string>()

/**
 * An IANA time zone: `Europe/Berlin`, `UTC`.
 * @throws RangeError with the one that was meant
 */
export function parseTimeZone(text: string): string {
  if (usedZones.has(text)) return text
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    if (usedZones.size < CRONS_MAX) usedZones.add(text)
    return text
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const zones = Intl.supportedValuesOf('timeZone')
    const city = zones.find((zone) => zone.toLowerCase().endsWith(`/${text.toLowerCase().replaceAll(' ', '_')}`))
    const meant = city ?? nearest(text, zones)
    const fix = meant === undefined ? '; write one like Europe/Berlin or UTC' : `; did you mean ${meant}?`
    throw new RangeError(`"${text}" is no time zone${fix}`)
  }
}
