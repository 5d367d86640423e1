/** Configurations as text, for tests: loaded, or what is wrong with them and where. */
import assert from 'node:assert/strict'
import { type Config, ConfigError, type ConfigFlags, loadConfig } from '../../src/config/config.ts'

/** What a file needs at least, in one line of its own. */
export const UPSTREAM = 'upstream: { bootstrap: kafka:9092 }\n'

export function load(text: string, flags: ConfigFlags = {}, env: Record<string, string> = {}): Config {
  return loadConfig({ file: { path: 'sluice.yaml', text }, flags, env })
}

export function errorOf(act: () => unknown): ConfigError {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error
  }
  assert.fail('nothing was wrong')
}

/** Faults as `line:column path: message`. */
export function faultsOf(act: () => unknown): string[] {
  return errorOf(act).faults.map(({ path, line, column, message }) => `${line}:${column} ${path}: ${message}`)
}
