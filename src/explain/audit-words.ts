/** A change of the policy for the log: what is new, gone and different, a line for each quota, in the words of `diff`. */
import { isDeepStrictEqual } from 'node:util'
import type { QuotaRule } from '../policy/quota-rule.ts'
import { comparePolicies, type QuotaDifference } from './difference.ts'
import { changesOnOneLine, EFFECTS } from './difference-text.ts'
import type { Policy } from './policy-document.ts'

export interface PolicyChange {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly string[]
}

/** Quotas and overrides of both policies up to which every difference is put into words; above that the data path would feel it. */
const WORDED_MAX = 500
/** Lines in one list. */
const LINES_MAX = 50

export function policyChange(before: Policy, after: Policy): PolicyChange {
  const { added, removed, changed } =
    sizeOf(before) + sizeOf(after) > WORDED_MAX ? byName(before, after) : inWords(before, after)
  return { added: short(added), removed: short(removed), changed: short(changed) }
}

function inWords(before: Policy, after: Policy): PolicyChange {
  const { quotas, settings } = comparePolicies(before, after)
  const of = (...kinds: readonly QuotaDifference['kind'][]): string[] =>
    quotas.filter(({ kind }) => kinds.includes(kind)).map(words)
  return {
    added: of('new'),
    removed: of('gone'),
    changed: [...of('renamed', 'changed'), ...(settings.length === 0 ? [] : [changesOnOneLine(settings, false)])],
  }
}

function words({ kind, quota, formerly, effect, whom, changes }: QuotaDifference): string {
  const was = formerly === undefined ? [] : [`was ${formerly}`]
  const what = kind === 'changed' || (kind === 'renamed' && changes.length > 0) ? [EFFECTS[effect]] : []
  const differences = changesOnOneLine(changes, kind === 'new' || kind === 'gone')
  return `${quota} (${whom}): ${[...was, ...what, ...(differences === '' ? [] : [differences])].join('; ')}`
}

function byName(before: Policy, after: Policy): PolicyChange {
  const old = new Map(before.quotas.map((rule) => [rule.name, rule]))
  const fresh = new Map(after.quotas.map((rule) => [rule.name, rule]))
  const isOther = (rule: QuotaRule): boolean => fresh.has(rule.name) && !isDeepStrictEqual(rule, fresh.get(rule.name))
  return {
    added: [...fresh.keys()].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !fresh.has(name)),
    changed: [
      ...before.quotas.filter(isOther).map(({ name }) => name),
      ...inWords(withoutQuotas(before), withoutQuotas(after)).changed,
    ],
  }
}

function withoutQuotas({ mode, clients }: Policy): Policy {
  return { mode, clients, quotas: [] }
}

function sizeOf({ quotas }: Policy): number {
  return quotas.reduce((sum, { overrides }) => sum + 1 + overrides.length, 0)
}

function short(lines: readonly string[]): readonly string[] {
  if (lines.length <= LINES_MAX) return lines
  return [...lines.slice(0, LINES_MAX), `and ${lines.length - LINES_MAX} more`]
}
