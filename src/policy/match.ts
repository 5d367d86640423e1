/**
 * Patterns: `checkout-7` (exactly), `checkout-*` (a glob: `*` any run of characters, `?` any one), `/^checkout-\d+$/i` (a
 * regular expression, found anywhere unless anchored). A backslash before `*`, `?`, `/` or `\` makes that character mean itself:
 * `\*` is the one client whose id is a star. Values come from clients, so no pattern may take long on any value: globs are
 * matched in time length × length; regular expressions are checked when the configuration is read, and see the first
 * characters of a value only.
 */
import { PATTERN_CHARS_MAX, REGEX_INPUT_CHARS_MAX, REGEX_REPEATS_MAX } from '../bounds.ts'
import { compileAddress } from './match-address.ts'
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
/** One after the other: an escaped character, or any other. */
const UNITS = /\\([*?/\\])|(.)/gs

/** In a glob, in place of a UTF-16 code unit. */
const ANY_RUN = -1
const ANY_ONE = -2

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
  const glob = globOf(text)
  const literal = glob.filter((unit) => unit >= 0)
  if (literal.length === glob.length) {
    const exactly = String.fromCharCode(...literal)
    return { text, kind: 'exact', literalChars: exactly.length, matches: (value) => value === exactly }
  }
  return { text, kind: 'glob', literalChars: literal.length, matches: (value) => matchesGlob(glob, value) }
}

/** The pattern that matches this value and no other, whatever characters it has. */
export function exactPattern(value: string): string {
  const escaped = value.replaceAll(/[*?\\]/gu, (character) => `\\${character}`)
  return escaped.length > 1 && escaped.startsWith('/') ? `\\${escaped}` : escaped
}

/** Code units that stand for themselves, ANY_RUN and ANY_ONE. */
function globOf(text: string): readonly number[] {
  return Array.from(text.matchAll(UNITS), ([, escaped, plain]) => {
    if (plain === '*') return ANY_RUN
    if (plain === '?') return ANY_ONE
    return (escaped ?? plain ?? '').charCodeAt(0)
  })
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
function matchesGlob(glob: readonly number[], value: string): boolean {
  let g = 0
  let starAt = -1
  let valueAtStar = 0
  let v = 0
  while (v < value.length) {
    if (glob[g] === ANY_RUN) {
      starAt = g++
      valueAtStar = v
    } else if (g < glob.length && (glob[g] === ANY_ONE || glob[g] === value.charCodeAt(v))) {
      g++
      v++
    } else if (starAt >= 0) {
      g = starAt + 1
      v = ++valueAtStar
    } else {
      return false
    }
  }
  while (glob[g] === ANY_RUN) g++
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
  return regexFault(source, REGEX_REPEATS_MAX)
}

/** As `dangerOf`, for expressions whose time is bounded elsewhere and that may therefore repeat more often. */
export function regexFault(source: string, repeatsMax: number): string | undefined {
  if (/\\[1-9]|\\k</u.test(source)) return 'has a back reference'
  const plain = source.replaceAll(ONE_CHARACTER, 'c').replaceAll('#', 'c')
  if (/\(\?<?[=!]/u.test(plain)) return 'looks ahead or behind'
  if (repeatsBranchingGroup(plain)) return 'repeats a group that repeats or chooses'
  const repeats = plain.match(REPEAT)?.length ?? 0
  return repeats > repeatsMax ? `has ${repeats} repeats; at most ${repeatsMax}` : undefined
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

/** What is asked about: a value for every field that a quota may match; '' where there is none. */
export type Facts = (field: MatchField) => string

/** Whether a request is meant, and by which clause: for people. */
export interface Verdict {
  readonly matched: boolean
  /** The pattern that matched in each field (`clientId "checkout-*"`), or the field that did not and why. */
  readonly why: string
}

/** A compiled `match` with its exceptions: every field must match, by any of its patterns, and no exception. */
export interface Matcher {
  /** Whether it matches, in all fields but `ignoring`. Cheaper than `explain`. */
  matches(facts: Facts, ignoring?: MatchField): boolean
  explain(facts: Facts): Verdict
  /** Larger is more specific: first the number of fields, then the kinds of their patterns, then their letters. */
  readonly specificity: number
  /** Whether some clause, exceptions included, asks about this field. */
  asks(field: MatchField): boolean
}

interface Clause {
  readonly field: MatchField
  readonly patterns: readonly Pattern[]
}

const KIND_WEIGHT: Readonly<Record<PatternKind, number>> = { exact: 3, glob: 2, regex: 1 }

/** @throws RangeError as `compilePattern` */
export function compileMatch(match: Match, except: readonly Match[] = []): Matcher {
  const clauses = compileClauses(match)
  const exceptions = except.map(compileClauses)
  return {
    specificity: specificityOf(clauses),
    asks: (field) => [clauses, ...exceptions].flat().some((clause) => clause.field === field),
    matches: (facts, ignoring) =>
      clauses.every((clause) => clause.field === ignoring || hitOf(clause, facts) !== undefined) &&
      !exceptions.some((exception) => isExcepted(exception, facts, ignoring)),
    explain: (facts) => {
      const reasons: string[] = []
      for (const clause of clauses) {
        const hit = hitOf(clause, facts)
        if (hit === undefined) return { matched: false, why: missOf(clause, facts) }
        reasons.push(`${clause.field} ${JSON.stringify(hit.text)}`)
      }
      const exception = exceptions.find((candidate) => isExcepted(candidate, facts))
      if (exception !== undefined) return { matched: false, why: `excepted: ${hitsOf(exception, facts)}` }
      return { matched: true, why: reasons.length === 0 ? 'matches everything' : reasons.join(', ') }
    },
  }
}

function compileClauses(match: Match): readonly Clause[] {
  return Object.entries(match).map(([field, texts]) => ({
    field: field as MatchField,
    patterns: (texts ?? []).map(field === 'address' ? compileAddress : compilePattern),
  }))
}

function specificityOf(clauses: readonly Clause[]): number {
  let specificity = 0
  for (const { patterns } of clauses) {
    const kind = Math.min(...patterns.map((pattern) => KIND_WEIGHT[pattern.kind]))
    const literalChars = Math.min(...patterns.map((pattern) => pattern.literalChars))
    specificity += 1_000_000 + kind * 10_000 + literalChars
  }
  return specificity
}

function hitOf({ field, patterns }: Clause, facts: Facts): Pattern | undefined {
  const value = facts(field)
  return patterns.find((pattern) => pattern.matches(value))
}

/** What is not known yet of a topic excepts nothing. */
function isExcepted(exception: readonly Clause[], facts: Facts, ignoring?: MatchField): boolean {
  return exception.every((clause) => clause.field !== ignoring && hitOf(clause, facts) !== undefined)
}

function hitsOf(clauses: readonly Clause[], facts: Facts): string {
  return clauses.map((clause) => `${clause.field} ${JSON.stringify(hitOf(clause, facts)?.text)}`).join(', ')
}

function missOf({ field, patterns }: Clause, facts: Facts): string {
  const value = facts(field)
  const is = value === '' ? 'is not known or empty' : `is ${JSON.stringify(value)}`
  return `${field} ${is}, not ${patterns.map(({ text }) => JSON.stringify(text)).join(' or ')}`
}
