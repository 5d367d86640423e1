/** The Prometheus rules that the chart ships, read as data. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const RULES: string = fileURLToPath(new URL('../../helm/kafka-sluice/rules/', import.meta.url))

export interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[]
}

export type Alert = Rule & { readonly alert: string }

export const RULE_FILES: readonly string[] = readdirSync(RULES)
  .filter((name) => name.endsWith('.yaml'))
  .sort()

export function readRules(name: string): RuleFile {
  return parse(readFileSync(`${RULES}${name}`, 'utf8')) as RuleFile
}

export function allRules(): Rule[] {
  return RULE_FILES.flatMap((name) => readRules(name).groups.flatMap(({ rules }) => rules))
}

export function allAlerts(): Alert[] {
  return allRules().filter((rule): rule is Alert => rule.alert !== undefined)
}
