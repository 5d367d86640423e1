/**
 * What differs between two policies: quotas that are new, gone, renamed, stricter or looser, and by how much. Plain data in
 * and out; `difference-text.ts` says it.
 */
import { isDeepStrictEqual } from 'node:util'
import { formatDuration } from '../cli/format.ts'
import { DIMENSIONS, type Dimension } from '../policy/dimensions.ts'
import type { Limit, Mode, QuotaRule } from '../policy/quota-rule.ts'
import { type Change, changed, compareBursts, compareLimits, effectOf } from './change.ts'
import { compareOverrides } from './override-difference.ts'
import type { Policy } from './policy-document.ts'
import { perWords, whomWords } from './whom-words.ts'
import { limitWords, shown } from './words.ts'

/** What a change means for those whom it concerns; `mixed`: some of it this way, some that way. */
export type Effect = 'stricter' | 'looser' | 'mixed' | 'other'

export interface QuotaDifference {
  readonly kind: 'new' | 'gone' | 'renamed' | 'changed'
  readonly quota: string
  /** What it was called. */
  readonly formerly?: string | undefined
  readonly effect: Effect
  /** Whom it concerns. */
  readonly whom: string
  readonly changes: readonly Change[]
}

export interface PolicyDifference {
  readonly quotas: readonly QuotaDifference[]
  /** The mode of all, times of client libraries. */
  readonly settings: readonly Change[]
  /** Sections of the file that differ and need a restart. */
  readonly restart: readonly string[]
}

/** Compares what decides about clients. */
export function comparePolicies(before: Policy, after: Policy): PolicyDifference {
  const gone = before.quotas.filter(({ name }) => !after.quotas.some((other) => other.name === name))
  const fresh = after.quotas.filter(({ name }) => !before.quotas.some((other) => other.name === name))
  const renamed = pairs(gone, fresh)
  const quotas: QuotaDifference[] = []
  for (const rule of after.quotas) {
    const old = before.quotas.find(({ name }) => name === rule.name) ?? renamed.get(rule)
    const difference = old === undefined ? appeared(rule, after.mode) : compareRules(old, rule, before.mode, after.mode)
    if (difference !== undefined) quotas.push(difference)
  }
  const moved = new Set(renamed.values())
  for (const rule of gone) if (!moved.has(rule)) quotas.push(disappeared(rule, before.mode))
  return { quotas, settings: compareSettings(before, after), restart: [] }
}

/** Whether there is nothing to say. */
export function isSame({ quotas, settings, restart }: PolicyDifference): boolean {
  return quotas.length + settings.length + restart.length === 0
}

/** Of the new quotas, those that are an old one under another name: all else equal, or at least whom it concerns and what it limits. */
function pairs(gone: readonly QuotaRule[], fresh: readonly QuotaRule[]): ReadonlyMap<QuotaRule, QuotaRule> {
  const found = new Map<QuotaRule, QuotaRule>()
  const left = new Set(gone)
  for (const isAlike of [isEqualButName, isAkin]) {
    for (const rule of fresh) {
      if (found.has(rule)) continue
      const old = [...left].find((candidate) => isAlike(candidate, rule))
      if (old === undefined) continue
      found.set(rule, old)
      left.delete(old)
    }
  }
  return found
}

function isEqualButName(a: QuotaRule, b: QuotaRule): boolean {
  return isDeepStrictEqual({ ...a, name: '' }, { ...b, name: '' })
}

function isAkin(a: QuotaRule, b: QuotaRule): boolean {
  const core = ({ match, except = [], per, limit }: QuotaRule): unknown => [match, except, per, Object.keys(limit)]
  return isDeepStrictEqual(core(a), core(b))
}

function appeared(rule: QuotaRule, mode: Mode): QuotaDifference {
  const effect = isEnforced(rule, mode) ? 'stricter' : 'other'
  return { kind: 'new', quota: rule.name, effect, whom: whomOf(rule), changes: limitsOf(rule, mode) }
}

function disappeared(rule: QuotaRule, mode: Mode): QuotaDifference {
  const effect = isEnforced(rule, mode) ? 'looser' : 'other'
  return { kind: 'gone', quota: rule.name, effect, whom: whomOf(rule), changes: limitsOf(rule, mode) }
}

/** What a quota that is there on one side only says. */
function limitsOf(rule: QuotaRule, mode: Mode): Change[] {
  const limits = DIMENSIONS.filter((dimension) => rule.limit[dimension] !== undefined).map(
    (dimension): Change => ({ what: dimension, effect: 'other', to: limitWords(dimension, rule.limit[dimension]!) }),
  )
  const overrides = rule.overrides.map(
    ({ match, except, limit }): Change => ({
      what: 'override',
      effect: 'other',
      whom: whomWords(match, except),
      to: limitListWords(limit),
    }),
  )
  const more: Change[] = [{ what: 'per', effect: 'other', to: perWords(rule.per) }, ...overrides]
  return [
    ...limits,
    ...more,
    ...(isEnforced(rule, mode) ? [] : [{ what: 'mode', effect: 'other', to: 'observe' } as const]),
  ]
}

function limitListWords(limit: Limit): string {
  return Object.entries(limit)
    .map(([dimension, value]) => limitWords(dimension as Dimension, value))
    .join(', ')
}

function compareRules(
  before: QuotaRule,
  after: QuotaRule,
  modeBefore: Mode,
  modeAfter: Mode,
): QuotaDifference | undefined {
  const changes = [
    ...compareLimits(before.limit, after.limit),
    ...compareBursts(before, after),
    ...changed('whom', whomOf(before), whomOf(after)),
    ...changed('per', perWords(before.per), perWords(after.per)),
    ...compareOverrides(before, after),
    ...compareModes(modeOf(before, modeBefore), modeOf(after, modeAfter)),
    ...changed('rampIn', json(before.rampInMs || undefined), json(after.rampInMs || undefined)),
    ...changed('share', json(before.share), json(after.share)),
    ...changed('schedule', json(before.schedule), json(after.schedule)),
  ]
  const isRenamed = before.name !== after.name
  if (!isRenamed && changes.length === 0) return undefined
  return {
    kind: isRenamed ? 'renamed' : 'changed',
    quota: after.name,
    ...(isRenamed ? { formerly: before.name } : {}),
    effect: feltEffect(changes, isEnforced(before, modeBefore), isEnforced(after, modeAfter)),
    whom: whomOf(after),
    changes,
  }
}

/** A quota that only observes is felt by nobody, whatever its numbers. */
function feltEffect(changes: readonly Change[], wasEnforced: boolean, isNowEnforced: boolean): Effect {
  if (wasEnforced && isNowEnforced) return effectOf(changes)
  if (wasEnforced === isNowEnforced) return 'other'
  return isNowEnforced ? 'stricter' : 'looser'
}

function compareModes(before: Mode, after: Mode): Change[] {
  if (before === after) return []
  return [{ what: 'mode', effect: after === 'enforce' ? 'stricter' : 'looser', from: before, to: after }]
}

function compareSettings(before: Policy, after: Policy): Change[] {
  return [...compareModes(before.mode, after.mode), ...changed('clients', clientRows(before), clientRows(after))]
}

function clientRows({ clients }: Policy): string | undefined {
  if (clients.length === 0) return undefined
  return clients
    .map(({ software, holdMs, stampMs }) => {
      const times = [
        ...(holdMs === undefined ? [] : [`hold ${formatDuration(holdMs)}`]),
        ...(stampMs === undefined ? [] : [`throttle ${formatDuration(stampMs)}`]),
      ]
      return `${shown(software)} ${times.join(', ')}`
    })
    .join('; ')
}

function whomOf({ match, except }: QuotaRule): string {
  return whomWords(match, except)
}

function modeOf(rule: QuotaRule, mode: Mode): Mode {
  return mode === 'observe' ? 'observe' : rule.mode
}

function isEnforced(rule: QuotaRule, mode: Mode): boolean {
  return modeOf(rule, mode) === 'enforce'
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value)
}
