/**
 * Who a client certificate belongs to: Kafka's `ssl.principal.mapping.rules`, with the meaning that Kafka's own SslPrincipalMapper gives
 * them, so that a broker's rules can be copied.
 *
 *     RULE:^CN=(.*?),OU=Services.*$/$1/L, DEFAULT      the first rule that matches counts; L and U change the case
 *
 * A subject comes from a certificate that our CA has signed, but not from us: rules are checked when they are read, and see short
 * subjects only. They may still take long on a crafted one; whoever asks bounds the time (`net/tls-front.ts`).
 */
import { MAPPING_REPEATS_MAX, SUBJECT_CHARS_MAX } from '../bounds.ts'
import { regexFault } from './match.ts'

/** Gives the principal of a subject (RFC 2253); undefined where no rule matches, which refuses the client. */
export type PrincipalMapping = (subject: string) => string | undefined

type Rule = PrincipalMapping

/** As in Kafka: a rule, blanks, and a comma or the end. */
const NEXT_RULE = /\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?))?\s*(,|$)/suy

/** No rules are `DEFAULT`: the subject itself. @throws RangeError with what is wrong, for the operator */
export function parsePrincipalMapping(text: string): PrincipalMapping {
  const rules = parseRules(text)
  return (subject) => {
    for (const rule of rules) {
      const principal = rule(subject)
      if (principal !== undefined) return principal
    }
    return undefined
  }
}

function parseRules(text: string): readonly Rule[] {
  const rules: Rule[] = []
  let at = 0
  while (at < text.length) {
    NEXT_RULE.lastIndex = at
    const found = NEXT_RULE.exec(text)
    if (found === null) {
      throw new RangeError(
        `no rule: ${JSON.stringify(text.slice(at, at + 80))}; a rule is DEFAULT or RULE:pattern/replacement/ and L or U`,
      )
    }
    const [whole, isDefault, pattern, replacement = '', letterCase = ''] = found
    if (isDefault !== undefined) rules.push((subject) => subject)
    else if (pattern !== undefined) rules.push(compileRule(pattern, replacement, letterCase))
    at += whole.length
  }
  return rules.length === 0 ? [(subject) => subject] : rules
}

function compileRule(pattern: string, replacement: string, letterCase: string): Rule {
  const fault = regexFault(pattern, MAPPING_REPEATS_MAX)
  if (fault !== undefined) {
    throw new RangeError(
      `the pattern ${JSON.stringify(pattern)} ${fault}, so a crafted certificate could stall the sluice; simplify it`,
    )
  }
  const whole = regex(`^(?:${pattern})$`, '')
  const every = regex(pattern, 'g')
  const groups = groupsOf(whole)
  const parts = parseReplacement(replacement, groups)
  return (subject) => {
    if (subject.length > SUBJECT_CHARS_MAX || !whole.test(subject)) return undefined
    const principal = subject.replace(every, (...found: unknown[]) =>
      parts.map((part) => (typeof part === 'number' ? String(found[part] ?? '') : part)).join(''),
    )
    if (letterCase === 'L') return principal.toLowerCase()
    return letterCase === 'U' ? principal.toUpperCase() : principal
  }
}

function regex(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags)
  } catch (error) {
    throw new RangeError(`the pattern is no regular expression: ${(error as Error).message}`)
  }
}

/** How many groups a pattern captures: with an empty alternative it matches everything. */
function groupsOf({ source }: RegExp): number {
  return (new RegExp(`${source}|`).exec('')?.length ?? 1) - 1
}

/** Texts, and numbers of groups. A reference to a group that the pattern lacks is text, as in Kafka. */
function parseReplacement(replacement: string, groups: number): readonly (string | number)[] {
  return Array.from(replacement.matchAll(/\\(.)|\$(\d+)|(\$)|([^\\$]+)/gsu), ([, escaped, digits, dollar, plain]) => {
    if (dollar !== undefined)
      throw new RangeError(`a $ in the replacement ${JSON.stringify(replacement)} needs a number`)
    if (digits === undefined) return [escaped ?? plain ?? '']
    // As in Java: as many digits as make the number of a group.
    let length = digits.length
    while (length > 1 && Number(digits.slice(0, length)) > groups) length--
    const group = Number(digits.slice(0, length))
    return group <= groups ? [group, digits.slice(length)] : [`$${digits}`]
  }).flat()
}
