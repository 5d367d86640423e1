/** Where a configuration comes from: flags, variables, the text of a file; and in what form it is given to be understood. */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { CONFIG_FILE_BYTES_MAX } from '../bounds.ts'
import type { Config, ConfigFlags } from '../config/config.ts'
import { ConfigError, type Fault } from '../config/config-error.ts'
import { readFault } from '../file-fault.ts'

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

/** @throws RangeError that says why it cannot be read */
export function readBounded(path: string, bytesMax: number): string {
  try {
    const stat = statSync(path)
    if (stat.size > bytesMax) throw new RangeError(`it has ${stat.size} bytes; at most ${bytesMax}`)
    return stat.isFile() ? readFileSync(path, 'utf8') : readStream(path, bytesMax)
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw new RangeError(readFault(error))
  }
}

/** What comes out of a pipe or a device (`<(make-config)`, `/dev/stdin`): nobody says beforehand how much, and it may never end. */
function readStream(path: string, bytesMax: number): string {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.allocUnsafe(bytesMax + 1)
    let length = 0
    for (let read = -1; read !== 0 && length <= bytesMax; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    if (length > bytesMax) throw new RangeError(`it has more than ${bytesMax} bytes`)
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(file)
  }
}
