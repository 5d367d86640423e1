/**
 * Patterns: `checkout-7` (exactly), `checkout-*` (a glob: `*` any run of characters, `?` any one), `/^checkout-\d+$/i` (a
 * regular expression, found anywhere unless anchored). Values come from clients, so no pattern may take long on any value:
 * globs are matched in time length × length; regular expressions are checked when the configuration is read, and see the
 * first characters of a value only.
 */
import { PATTERN_CHARS_MAX, REGEX_INPUT_CHARS_MAX, REGEX_REPEATS_MAX } from '../bounds.ts'
import type { Match, MatchField } from './quota-rule.ts'

/** How closely a pattern names its values; larger is more specific. */
type PatternKind = 'exact' | 'glob' | 'regex'

/** A pattern, ready to match. */
export interface Pattern {
  readonly text: string
  readonly kind: PatternKind
  /** Characters that a value must have: of two globs the longer is the more specific. */
  readonly literalChars: number
  matches(value: string): boolean
}

const REGEX = /^\/(.*)\/([a-z]*)$/su
const GLOB = /[*?]/u

/**
 * Compiles a pattern.
 * @throws RangeError with a message for the operator: no pattern, or one that could take long
 */
export function compilePattern(text: string): Pattern {
  if (text.length > PATTERN_CHARS_MAX) {
    throw new RangeError(`a pattern of ${text.length} characters; at most ${PATTERN_CHARS_MAX}: use a list of patterns`)
  }
  const regex = REGEX.exec(text)
  if (regex !== null) return compileRegex(text, regex[1]!, regex[2]!)
  if (text.length > 1 && text.startsWith('/')) {
    throw new RangeError(`a pattern that begins with / is a regular expression and must end with /: /${text.slice(1)}/`)
  }
  if (!GLOB.test(text)) {
    return { text, kind: 'exact', literalChars: text.length, matches: (value) => value === text }
  }
  const literalChars = text.replaceAll(/[*?]/gu, '').length
  return { text, kind: 'glob', literalChars, matches: (value) => matchesGlob(text, value) }
}

function compileRegex(text: string, source: string, flags: string): Pattern {
  if (!/^[iu]*$/u.test(flags)) throw new RangeError(`the only flag of a regular expression is i, not "${flags}"`)
  const danger = dangerOf(source)
  if (danger !== undefined) {
    throw new RangeError(
      `this regular expression ${danger}, so a client could stall the sluice with a crafted value; simplify it or use a list of globs`,
    )
  }
  let regex: RegExp
  try {
    regex = new RegExp(source, flags)
  } catch (error) {
    throw new RangeError(`no regular expression: ${(error as Error).message}`)
  }
  return { text, kind: 'regex', literalChars: 0, matches: (value) => regex.test(value.slice(0, REGEX_INPUT_CHARS_MAX)) }
}

/** Greedy with one point of return: the last star. */
function matchesGlob(glob: string, value: string): boolean {
  let g = 0
  let starAt = -1
  let valueAtStar = 0
  let v = 0
  while (v < value.length) {
    if (glob[g] === '*') {
      starAt = g++
      valueAtStar = v
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === value[v])) {
      g++
      v++
    } else if (starAt >= 0) {
      g = starAt + 1
      v = ++valueAtStar
    } else {
      return false
    }
  }
  while (glob[g] === '*') g++
  return g === glob.length
}

/** Strips what cannot repeat: escapes and character classes each stand for one character. */
const ONE_CHARACTER = /\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]/gsu
const REPEAT = /[*+]|\{\d*,?\d*\}/gu

/**
 * What makes a regular expression take long, or undefined. Conservative: an expression that is refused here may be harmless.
 * Repeats within a repeated group make time grow exponentially with the value's length, others by its power.
 */
function dangerOf(source: string): string | undefined {
  if (/\\[1-9]|\\k</u.test(source)) return 'has a back reference'
  const plain = source.replaceAll(ONE_CHARACTER, 'c').replaceAll('#', 'c')
  if (/\(\?<?[=!]/u.test(plain)) return 'looks ahead or behind'
  if (repeatsBranchingGroup(plain)) return 'repeats a group that repeats or chooses'
  const repeats = plain.match(REPEAT)?.length ?? 0
  return repeats > REGEX_REPEATS_MAX ? `has ${repeats} repeats; at most ${REGEX_REPEATS_MAX}` : undefined
}

/** Innermost groups first: each is replaced by one character, or by `#` if there is more than one way through it. */
function repeatsBranchingGroup(plain: string): boolean {
  let rest = plain
  for (;;) {
    const group = /\((?:\?[^()]*?[:>])?([^()]*)\)([*+{]?)/u.exec(rest)
    if (group === null) return false
    const isBranching = /[*+?{|#]/u.test(group[1]!)
    if (isBranching && group[2] !== '') return true
    rest =
      rest.slice(0, group.index) + (isBranching ? '#' : 'c') + group[2]! + rest.slice(group.index + group[0].length)
  }
}

/** A compiled `match`: every field must match, by any of its patterns. */
export interface Matcher {
  /** The pattern that matched in each field, for people (`clientId "checkout-*"`); undefined when a field does not match. */
  explain(facts: Readonly<Record<MatchField, string>>): string | undefined
  /** Larger is more specific: first the number of fields, then the kinds of their patterns, then their letters. */
  readonly specificity: number
}

const KIND_WEIGHT: Readonly<Record<PatternKind, number>> = { exact: 3, glob: 2, regex: 1 }

/** @throws RangeError as `compilePattern` */
export function compileMatch(match: Match): Matcher {
  const fields = Object.entries(match).map(([field, texts]) => ({
    field: field as MatchField,
    patterns: texts.map(compilePattern),
  }))
  let specificity = 0
  for (const { patterns } of fields) {
    const kind = Math.min(...patterns.map((pattern) => KIND_WEIGHT[pattern.kind]))
    const literalChars = Math.min(...patterns.map((pattern) => pattern.literalChars))
    specificity += 1_000_000 + kind * 10_000 + literalChars
  }
  return {
    specificity,
    explain: (facts) => {
      const reasons: string[] = []
      for (const { field, patterns } of fields) {
        const hit = patterns.find((pattern) => pattern.matches(facts[field]))
        if (hit === undefined) return undefined
        reasons.push(`${field} ${JSON.stringify(hit.text)}`)
      }
      return reasons.join(', ')
    },
  }
}
