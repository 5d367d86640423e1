/** From a command line to a Config: finds and reads the file; everything about its content is `config/`'s. */
import { readFileSync } from 'node:fs'
import { type Config, ConfigError, type ConfigFlags, loadConfig } from '../config/config.ts'

/** The flags of `run` as commander gives them. */
export interface RunFlags extends ConfigFlags {
  readonly config?: string
}

/** Reads the file that `--config` or SLUICE_CONFIG names, if any, and merges it with flags and environment. Throws ConfigError. */
export function readConfig(flags: RunFlags, env: Readonly<Record<string, string | undefined>>): Config {
  const { config: flagPath, ...rest } = flags
  const path = flagPath ?? (env['SLUICE_CONFIG'] || undefined)
  if (path === undefined) return loadConfig({ flags: rest, env })
  return loadConfig({ file: { path, text: readText(path) }, flags: rest, env })
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory, not a file',
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = READ_FAULTS[code ?? ''] ?? message
    throw new ConfigError([{ path: '', line: 0, column: 0, message: `cannot read the configuration: ${why}` }], path)
  }
}
