/**
 * Reads a configuration in a thread of its own: a file of 1,000 quotas takes a quarter of a second to parse and check, in which
 * the data path would stand still. What comes back is plain data, or the faults. `ConfigFile.loadAside` starts it.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type Config, ConfigError, type ConfigFlags } from '../config/config.ts'
import type { Fault } from '../config/config-error.ts'
import { ConfigFile } from './read-config.ts'

/** What the thread is given. */
export interface ConfigTask {
  readonly path: string
  readonly text: string
  readonly flags: ConfigFlags
  readonly env: Readonly<Record<string, string | undefined>>
  /** Files of labels that were read already, by path. */
  readonly labelTexts: ReadonlyMap<string, string>
}

/** What it sends back. */
export type ConfigAnswer =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'faults'; readonly faults: readonly Fault[]; readonly file: string | undefined }

function answerTo({ path, text, flags, env, labelTexts }: ConfigTask): ConfigAnswer {
  try {
    return { kind: 'config', config: new ConfigFile(path, flags, env, labelTexts).load(text) }
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'faults', faults: error.faults, file: error.file }
    throw error
  }
}

parentPort?.postMessage(answerTo(workerData as ConfigTask))
