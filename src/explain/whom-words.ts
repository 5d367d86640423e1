/** Whom a match concerns, in words: `clients checkout-*, except clients checkout-7`. */
import type { Match, MatchField, PlainField } from '../policy/quota-rule.ts'
import { listWords, shown } from './words.ts'

const PLURALS: Readonly<Record<PlainField, string>> = {
  clientId: 'clients',
  principal: 'users',
  group: 'groups',
  topic: 'topics',
  api: 'requests',
  software: 'libraries',
  softwareVersion: 'library versions',
  address: 'addresses',
  sni: 'server names',
}

/** Everything that is matched, less what is excepted. */
export function whomWords(match: Match, except: readonly Match[] = []): string {
  const all = clauses(match)
  const words = all.length === 0 ? 'every client' : all.join(' with ')
  return except.length === 0 ? words : `${words}, except ${listWords(except.map((one) => clauses(one).join(' with ')))}`
}

/** What has a bucket of its own. */
export function perWords(per: readonly MatchField[]): string {
  return per.length === 0 ? 'one bucket for all' : `a bucket for each ${per.join(', ')}`
}

function clauses(match: Match): string[] {
  return Object.entries(match).map(([field, patterns = []]) => {
    const plural = Object.hasOwn(PLURALS, field) ? PLURALS[field as PlainField] : field
    return `${plural} ${listWords(patterns.map(shown))}`
  })
}
