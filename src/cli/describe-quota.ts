/** A quota in words: what it limits, whom, what shares a bucket, and what changes it. For people who check a file. */
import { type Dimension, isOfConnection, UNITS } from '../policy/dimensions.ts'
import type { Burst, Limit, Match, QuotaOverride, QuotaRule, ScheduleWindow, Share } from '../policy/quota-rule.ts'
import { formatBytes, formatCount, formatDuration, formatLimit } from './format.ts'

/** Lines of one quota, the first with its name. `exempt`: whom no quota limits, which is said elsewhere. */
export function describeQuota(rule: QuotaRule, exempt: readonly Match[] = []): string[] {
  const { name, mode, limit, burst, match, except = [], per, share, overrides, rampInMs, schedule = [] } = rule
  const dimensions = Object.keys(limit) as Dimension[]
  const not = except.filter((one) => !exempt.includes(one))
  const who = dimensions.every(isOfConnection) ? 'connections' : 'requests'
  return [
    `${name}${mode === 'observe' ? ' (only observes: slows nobody)' : ''}`,
    `limits ${limitsInWords(limit, ' to ')}${burstOf(limit, burst)}`,
    `of ${Object.keys(match).length === 0 ? `all ${who}` : `${who} whose ${matchInWords(match)}`}`,
    ...(not.length === 0 ? [] : [`but not of those whose ${not.map(matchInWords).join(', nor whose ')}`]),
    bucketsInWords(per),
    ...(share === undefined ? [] : [shareInWords(share)]),
    ...overrides.map((override) => overrideInWords(override, limit)),
    ...(rampInMs === undefined
      ? []
      : [`a new or lower limit comes down from what is used within ${formatDuration(rampInMs)}`]),
    ...schedule.map((window) => windowInWords(window, limit)),
  ]
}

/** `clientId is "a-*" or "b" and topic is "x"`. */
export function matchInWords(match: Match): string {
  const clauses = Object.entries(match).map(
    ([field, patterns]) => `${field} is ${(patterns ?? []).map((pattern) => JSON.stringify(pattern)).join(' or ')}`,
  )
  return clauses.join(' and ')
}

function limitsInWords(limit: Limit, to = ' '): string {
  return Object.entries(limit)
    .map(([dimension, value]) => `${dimension}${to}${formatLimit(dimension, value)}`)
    .join(', ')
}

/** Nothing where there is no rate, which alone has a burst. */
function burstOf(limit: Limit, burst: Burst | undefined): string {
  const rates = (Object.keys(limit) as Dimension[]).filter(
    (dimension) => dimension !== 'connections' && dimension !== 'inFlight',
  )
  if (burst === undefined || rates.length === 0) return ''
  return `, with a burst of ${burstInWords(burst, rates[0]!)}`
}

function burstInWords(burst: Burst, dimension: Dimension): string {
  if ('seconds' in burst) return formatDuration(burst.seconds * 1000)
  return UNITS[dimension] === 'bytes' ? formatBytes(burst.amount) : formatCount(burst.amount)
}

function bucketsInWords(per: readonly string[]): string {
  return per.length === 0 ? 'one bucket for all of them together' : `a bucket for each ${listed(per)}`
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

function shareInWords({ by, weight, priority, minimum }: Share): string {
  const own = `weight ${weight}, priority ${priority}`
  return `divided among each ${listed(by)} that wants it (${own}); lower classes are sure of ${formatCount(minimum * 100)} %`
}

function overrideInWords(override: QuotaOverride, limit: Limit): string {
  const { match, except = [], limit: own, burst, per, weight, priority } = override
  const whom = Object.keys(match).length === 0 ? 'for all' : `where ${matchInWords(match)}`
  const not = except.length === 0 ? '' : `, but not where ${except.map(matchInWords).join(', nor where ')}`
  const what = [
    ...(Object.keys(own).length === 0 ? [] : [limitsInWords(own)]),
    ...(burst === undefined ? [] : [`a burst of ${burstInWords(burst, firstOf({ ...limit, ...own }))}`]),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
    ...(per === undefined ? [] : [bucketsInWords(per)]),
  ]
  return `${whom}${not}: ${what.join(', ')}`
}

function windowInWords({ during, timeZone, limit: own, burst }: ScheduleWindow, limit: Limit): string {
  const what = burst === undefined ? '' : `, a burst of ${burstInWords(burst, firstOf({ ...limit, ...own }))}`
  return `in minutes "${during}" of ${timeZone}: ${limitsInWords(own)}${what}`
}

/** Where a burst is an amount all rates are of one unit, so that any of them tells which. */
function firstOf(limit: Limit): Dimension {
  return (Object.keys(limit) as Dimension[]).find(
    (dimension) => dimension !== 'connections' && dimension !== 'inFlight',
  )!
}
