/**
 * Flags and environment, laid over the document: file, then `SLUICE_*`, then flags; the last one counts. A rate is a quota for
 * each client id, named after its flag; a quota of that name in the file gives way.
 */

import { type Dimension, UNITS } from '../policy/dimensions.ts'
import { parseAddress, parseAddresses, parseBrokerPorts } from './addresses.ts'
import type { Fault } from './config-error.ts'
import { DEFAULT_ADMIN } from './defaults.ts'
import { LOG_LEVELS } from './document.ts'
import { POD_VARIABLES, parseLabels, parseLabelValue } from './labels.ts'
import { isMapping } from './raw.ts'
import { suggestion } from './suggest.ts'
import { parseRate } from './units.ts'

/** The flags of `run` that say what a file could say. */
export interface ConfigFlags {
  readonly upstream?: string | undefined
  readonly listen?: string | undefined
  readonly brokerPorts?: string | undefined
  readonly admin?: string | undefined
  readonly produceRate?: string | undefined
  readonly fetchRate?: string | undefined
  readonly requestRate?: string | undefined
  readonly observe?: boolean | undefined
  /** `name=value`, each. */
  readonly label?: readonly string[] | undefined
  readonly labelsFile?: string | undefined
  readonly logLevel?: string | undefined
}

/** A document on its way to the schema: anything may stand anywhere. */
export type RawDocument = Record<string, unknown>

/** Writes one setting into the document; throws RangeError when its text makes no sense. */
type Apply = (document: RawDocument, value: string) => void

/** `variable` where it is not named after the flag. */
const SETTINGS: readonly { flag: keyof ConfigFlags; name: string; variable?: string; apply: Apply }[] = [
  {
    flag: 'upstream',
    name: 'upstream',
    apply: (document, value) => {
      parseAddresses(value)
      merge(document, 'upstream', { bootstrap: value })
    },
  },
  {
    flag: 'listen',
    name: 'listen',
    apply: (document, value) => merge(document, 'listen', { ...parseAddress(value, 0) }),
  },
  {
    flag: 'brokerPorts',
    name: 'broker-ports',
    apply: (document, value) => {
      parseBrokerPorts(value)
      merge(document, 'listen', { brokerPorts: value })
    },
  },
  {
    flag: 'admin',
    name: 'admin',
    apply: (document, value) => {
      if (value === 'off') document['admin'] = 'off'
      else merge(document, 'admin', { ...parseAddress(value, 0, DEFAULT_ADMIN.port) })
    },
  },
  { flag: 'produceRate', name: 'produce-rate', apply: rateQuota('produce-rate', 'produceBytes') },
  { flag: 'fetchRate', name: 'fetch-rate', apply: rateQuota('fetch-rate', 'fetchBytes') },
  { flag: 'requestRate', name: 'request-rate', apply: rateQuota('request-rate', 'requests') },
  { flag: 'observe', name: 'observe', apply: observe },
  {
    flag: 'label',
    name: 'label',
    variable: 'SLUICE_LABELS',
    apply: (document, value) => merge(document, 'labels', parseLabels(value)),
  },
  {
    flag: 'labelsFile',
    name: 'labels-file',
    apply: (document, value) => {
      document['labelsFile'] = value
    },
  },
  {
    flag: 'logLevel',
    name: 'log-level',
    apply: (document, value) => {
      if (!LOG_LEVELS.some((level) => level === value)) {
        throw new RangeError(`"${value}" is no log level${suggestion(value, LOG_LEVELS)}`)
      }
      merge(document, 'log', { level: value })
    },
  },
]

/** Every setting by its flag and its variable, for people. */
export function settingNames(): readonly { readonly flag: string; readonly variable: string }[] {
  return SETTINGS.map((setting) => ({ flag: `--${setting.name}`, variable: variableOf(setting) }))
}

function variableOf({ name, variable }: { readonly name: string; readonly variable?: string }): string {
  return variable ?? `SLUICE_${name.toUpperCase().replaceAll('-', '_')}`
}

/** Lays environment and flags over a document, which is changed; returns what is wrong with them. */
export function overlay(
  document: RawDocument,
  flags: ConfigFlags,
  env: Readonly<Record<string, string | undefined>>,
): Fault[] {
  const faults: Fault[] = []
  const put = (path: string, value: string | undefined, apply: Apply): void => {
    if (value === undefined) return
    try {
      apply(document, value)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      faults.push({ path, line: 0, column: 0, message: error.message })
    }
  }
  // Set but empty is how compose files and charts say "not set".
  for (const [variable, label] of Object.entries(POD_VARIABLES)) {
    put(variable, env[variable] || undefined, (_, value) => {
      merge(document, 'labels', { [label]: parseLabelValue(value) })
    })
  }
  for (const setting of SETTINGS) {
    const variable = variableOf(setting)
    put(variable, env[variable] || undefined, setting.apply)
    for (const value of [flags[setting.flag] ?? []].flat()) put(`--${setting.name}`, String(value), setting.apply)
  }
  return faults
}

/** Keys of a section; one that is no mapping stays, for the schema to complain about. */
function merge(document: RawDocument, key: string, values: Readonly<Record<string, unknown>>): void {
  const section = document[key]
  if (section === undefined || section === null) document[key] = values
  else if (section === 'off' || section === false) document[key] = values
  else if (typeof section === 'object' && !Array.isArray(section)) document[key] = { ...section, ...values }
}

function rateQuota(name: string, dimension: Dimension): Apply {
  return (document, value) => {
    parseRate(value, UNITS[dimension])
    const quota = { name, limit: { [dimension]: value }, per: ['clientId'] }
    const quotas = document['quotas'] ?? []
    if (Array.isArray(quotas)) document['quotas'] = withQuota(quotas, quota)
    else if (isMapping(quotas)) {
      const rules = quotas['rules'] ?? []
      if (Array.isArray(rules)) document['quotas'] = { ...quotas, rules: withQuota(rules, quota) }
    }
  }
}

function withQuota(quotas: readonly unknown[], quota: { readonly name: string }): readonly unknown[] {
  const at = quotas.findIndex((other) => isMapping(other) && other['name'] === quota.name)
  return at < 0 ? [...quotas, quota] : quotas.with(at, quota)
}

function observe(document: RawDocument, value: string): void {
  if (['true', '1', 'yes', 'on'].includes(value)) document['mode'] = 'observe'
  else if (['false', '0', 'no', 'off'].includes(value)) document['mode'] = 'enforce'
  else throw new RangeError(`"${value}" is neither true nor false`)
}
