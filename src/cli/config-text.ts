/** Where a configuration comes from: flags, variables, the text of a file; and in what form it is given to be understood. */
import { readFileSync, statSync } from 'node:fs'
import { CONFIG_FILE_BYTES_MAX } from '../bounds.ts'
import type { Config, ConfigFlags } from '../config/config.ts'
import { ConfigError, type Fault } from '../config/config-error.ts'

/** The flags of `run` as commander gives them. */
export interface RunFlags extends ConfigFlags {
  readonly config?: string
  /** False: not reloaded when it changes. */
  readonly watch?: boolean
}

export type Environment = Readonly<Record<string, string | undefined>>

/** What is to be understood. */
export interface ConfigTask {
  readonly file: { readonly path: string; readonly text: string } | undefined
  readonly flags: ConfigFlags
  readonly env: Environment
  /** Files of labels that were read already, by path. */
  readonly labelTexts: ReadonlyMap<string, string>
}

/** What comes of it: plain data, because it may come from a thread. */
export type ConfigAnswer =
  | { readonly kind: 'config'; readonly config: Config; readonly labelTexts: ReadonlyMap<string, string> }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[]; readonly file: string | undefined }

/** Undefined: there is no file. */
export function configPath(flags: RunFlags, env: Environment): string | undefined {
  return flags.config ?? (env['SLUICE_CONFIG'] || undefined)
}

/** @throws ConfigError */
export function readConfigText(path: string): string {
  try {
    return readBounded(path, CONFIG_FILE_BYTES_MAX)
  } catch (error) {
    const message = `cannot read the configuration: ${(error as Error).message}`
    throw new ConfigError([{ path: '', line: 0, column: 0, message }], path)
  }
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory, not a file',
}

/** @throws RangeError that says why it cannot be read */
export function readBounded(path: string, bytesMax: number): string {
  try {
    const { size } = statSync(path)
    if (size > bytesMax) throw new RangeError(`it has ${size} bytes; at most ${bytesMax}`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof RangeError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new RangeError(READ_FAULTS[code ?? ''] ?? message)
  }
}
