/** From a command line to a Config, in place. */
import { dirname, resolve } from 'node:path'
import { LABELS_FILE_BYTES_MAX } from '../bounds.ts'
import { type Config, loadConfig } from '../config/config.ts'
import {
  type ConfigTask,
  configPath,
  type Environment,
  type RunFlags,
  readBounded,
  readConfigText,
} from './config-text.ts'

/** Reads the file that `--config` or SLUICE_CONFIG names, if any, and merges it with flags and environment. Throws ConfigError. */
export function readConfig(flags: RunFlags, env: Environment): Config {
  const path = configPath(flags, env)
  const file = path === undefined ? undefined : { path, text: readConfigText(path) }
  return loadTask({ file, flags, env, labelTexts: new Map() }).config
}

/**
 * What a text, flags and variables say together, and the texts of labels that were read for it.
 * @throws ConfigError with every fault of them
 */
export function loadTask({ file, flags, env, labelTexts }: ConfigTask): {
  readonly config: Config
  readonly labelTexts: ReadonlyMap<string, string>
} {
  const known = new Map(labelTexts)
  const place = file === undefined ? '.' : dirname(file.path)
  const readLabels = (path: string): string => {
    const text = known.get(path) ?? readBounded(resolve(place, path), LABELS_FILE_BYTES_MAX)
    known.set(path, text)
    return text
  }
  return { config: loadConfig({ file, flags, env, readLabels }), labelTexts: known }
}
