/**
 * Small faults that a test should notice, one at a time. The source is stripped of its types (which keeps every offset), cut into
 * tokens, and each operator, constant, condition and plain statement gives one or two mutants.
 */
import { stripTypeScriptTypes } from 'node:module'

export interface Mutant {
  readonly file: string
  readonly line: number
  readonly from: number
  readonly to: number
  readonly original: string
  readonly replacement: string
}

interface Token {
  readonly text: string
  readonly at: number
  readonly kind: 'word' | 'number' | 'sign'
  /** Inside `${…}` of a template. */
  readonly inTemplate: boolean
}

interface Scan {
  readonly code: string
  readonly tokens: Token[]
  /** Depth of braces at which each open template goes on. */
  readonly templates: number[]
  depth: number
  at: number
}

/** By token: what it may become. */
const SWAPS: Readonly<Record<string, readonly string[]>> = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '++': ['--'],
  '--': ['++'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '!': [''],
  '>>': ['<<'],
  '<<': ['>>'],
  '&': ['|'],
  '|': ['&'],
  min: ['max'],
  max: ['min'],
  some: ['every'],
  every: ['some'],
  POSITIVE_INFINITY: ['NEGATIVE_INFINITY'],
  NEGATIVE_INFINITY: ['POSITIVE_INFINITY'],
  true: ['false'],
  false: ['true'],
}

const SIGNS =
  /^(?:>>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.|\+\+|--|\+=|-=|\*=|\/=|%=|\*\*|<<|>>|[-+*/%<>=!&|^~?:;,.(){}[\]#@])/
const SKIPPED = /^(?:\s+|\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")/
/** A whole statement on one line: an assignment, a count or a call. */
const STATEMENT =
  /^\s*(?!#|return\b|const\b|let\b|throw\b|import\b|export\b|case\b|super\b)[\w.#!?[\]]+\s*(?:\(.*\)|[-+*/|&?]*=(?!=|>).*[^{([,]|\+\+|--)$/
const GUARD = /^(\s*(?:if|while|else if) \()(.*)\)( .*)?$/

export function mutantsOf(file: string, source: string): Mutant[] {
  const code = stripTypeScriptTypes(source)
  const lineStarts = [0, ...[...code.matchAll(/\n/g)].map(({ index }) => index + 1)]
  const lineOf = (at: number): number => lineStarts.findLastIndex((start) => start <= at) + 1
  const mutants: Mutant[] = []
  const add = (from: number, to: number, replacement: string): void => {
    mutants.push({ file, line: lineOf(from), from, to, original: code.slice(from, to), replacement })
  }
  for (const token of tokensOf(code)) {
    const line = code.slice(lineStarts[lineOf(token.at) - 1], lineStarts[lineOf(token.at)])
    if (/^\s*(import|export \*)\b/.test(line) || (token.inTemplate && line.includes('throw'))) continue
    for (const replacement of replacementsOf(token)) add(token.at, token.at + token.text.length, replacement)
  }
  for (const [index, start] of lineStarts.entries()) {
    const line = code.slice(start, (lineStarts[index + 1] ?? code.length + 1) - 1)
    addLineMutants(line, start, add)
  }
  return mutants.sort((a, b) => a.from - b.from)
}

/** The stripped source with one fault in it. */
export function applied(source: string, { from, to, replacement }: Mutant): string {
  const code = stripTypeScriptTypes(source)
  return code.slice(0, from) + replacement + code.slice(to)
}

function replacementsOf({ text, kind }: Token): readonly string[] {
  if (kind === 'number') return /^\d+$/.test(text) ? [`${Number(text) + 1}`, ...(text === '1' ? ['0'] : [])] : []
  return Object.hasOwn(SWAPS, text) ? SWAPS[text]! : []
}

function addLineMutants(
  line: string,
  start: number,
  add: (from: number, to: number, replacement: string) => void,
): void {
  const text = line.replace(/\s*\/\/.*$/, '').trimEnd()
  const indent = line.length - line.trimStart().length
  if (text.startsWith('    ') && STATEMENT.test(text) && isBalanced(text)) add(start + indent, start + text.length, ';')
  const [, head, condition] = GUARD.exec(text) ?? []
  if (head === undefined || condition === undefined) return
  const end = head.length + conditionLength(text.slice(head.length))
  if (end <= head.length) return
  for (const value of head.trimStart().startsWith('while') ? ['false'] : ['true', 'false']) {
    add(start + head.length, start + end, value)
  }
}

/** Up to the parenthesis that closes the condition. */
function conditionLength(text: string): number {
  let depth = 1
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i
  }
  return 0
}

function isBalanced(text: string): boolean {
  const count = (bracket: string): number => text.split(bracket).length
  return count('(') === count(')') && count('[') === count(']') && count('{') === count('}')
}

/** The tokens that matter; strings, comments and regular expressions are stepped over. */
function tokensOf(code: string): Token[] {
  const scan: Scan = { code, at: 0, depth: 0, templates: [], tokens: [] }
  while (scan.at < code.length) {
    const skipped = SKIPPED.exec(code.slice(scan.at, scan.at + 4000))?.[0]
    if (skipped !== undefined) scan.at += skipped.length
    else if (!stepOverText(scan)) takeToken(scan)
  }
  return scan.tokens
}

/** The text of a template, from its beginning or from where an expression in it ends. */
function stepOverText(scan: Scan): boolean {
  const { code, at, templates, depth } = scan
  const isEndOfExpression = code[at] === '}' && templates.at(-1) === depth
  if (code[at] !== '`' && !isEndOfExpression) return false
  if (isEndOfExpression) templates.pop()
  const { end, isOpen } = templatePart(code, at + 1)
  if (isOpen) templates.push(depth)
  scan.at = end
  return true
}

function takeToken(scan: Scan): void {
  const { code, at, templates, tokens } = scan
  const token = tokenAt(code.slice(at, at + 400), at, templates.length > 0, tokens.at(-1))
  if (token.text === '{') scan.depth++
  if (token.text === '}') scan.depth--
  const isRegex = token.text.startsWith('/') && token.text.length > 2
  if (!isRegex) tokens.push(token)
  scan.at += token.text.length
}

function tokenAt(rest: string, at: number, inTemplate: boolean, previous: Token | undefined): Token {
  const word = /^[#\w$]+/.exec(rest)?.[0]
  if (word !== undefined) return { text: word, at, kind: /^\d/.test(word) ? 'number' : 'word', inTemplate }
  const isOperand = previous !== undefined && (previous.kind !== 'sign' || [')', ']', '}'].includes(previous.text))
  const regex = isOperand ? undefined : /^\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[a-z]*/.exec(rest)?.[0]
  const text = regex ?? SIGNS.exec(rest)?.[0] ?? rest[0]!
  return { text, at, kind: 'sign', inTemplate }
}

/** From behind a backtick or a `}`: to behind the closing backtick, or to behind the next `${`. */
function templatePart(code: string, from: number): { end: number; isOpen: boolean } {
  for (let at = from; at < code.length; at++) {
    if (code[at] === '\\') at++
    else if (code[at] === '`') return { end: at + 1, isOpen: false }
    else if (code[at] === '$' && code[at + 1] === '{') return { end: at + 2, isOpen: true }
  }
  return { end: code.length, isOpen: false }
}
