/** From a command line to a Config: finds and reads the files; everything about their content is `config/`'s. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CONFIG_FILE_BYTES_MAX, CONFIG_INLINE_CHARS_MAX, LABELS_FILE_BYTES_MAX } from '../bounds.ts'
import { type Config, ConfigError, type ConfigFlags, loadConfig } from '../config/config.ts'
import type { ConfigAnswer, ConfigTask } from './config-worker.ts'

/** The flags of `run` as commander gives them. */
export interface RunFlags extends ConfigFlags {
  readonly config?: string
  /** False: not reloaded when it changes. */
  readonly watch?: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** Reads the file that `--config` or SLUICE_CONFIG names, if any, and merges it with flags and environment. Throws ConfigError. */
export function readConfig(flags: RunFlags, env: Environment): Config {
  const file = configFileOf(flags, env)
  if (file !== undefined) return file.load(file.readText())
  return loadConfig({ flags, env, readLabels: (path) => readBounded(path, LABELS_FILE_BYTES_MAX) })
}

/** Whether the file is watched: yes, unless a flag or a variable says no. Throws ConfigError. */
export function readWatch(flags: RunFlags, env: Environment): boolean {
  const said = env['SLUICE_WATCH']?.toLowerCase() ?? ''
  if (!['', 'on', 'true', '1', 'yes', 'off', 'false', '0', 'no'].includes(said)) {
    const message = `"${env['SLUICE_WATCH']}" is neither on nor off`
    throw new ConfigError([{ path: 'SLUICE_WATCH', line: 0, column: 0, message }])
  }
  return flags.watch !== false && !['off', 'false', '0', 'no'].includes(said)
}

/** The configuration file of one command line, undefined where there is none. */
export function configFileOf(flags: RunFlags, env: Environment): ConfigFile | undefined {
  const path = flags.config ?? (env['SLUICE_CONFIG'] || undefined)
  return path === undefined ? undefined : new ConfigFile(path, flags, env)
}

/** A configuration file that is read now and later again. */
export class ConfigFile {
  readonly path: string
  readonly #flags: ConfigFlags
  readonly #env: Environment
  /** By path. Labels are read once: a change of them needs a restart, and must not keep the quotas from being reloaded. */
  readonly #labelTexts: Map<string, string>

  constructor(path: string, flags: ConfigFlags, env: Environment, labelTexts: ReadonlyMap<string, string> = new Map()) {
    this.path = path
    this.#flags = flags
    this.#env = env
    this.#labelTexts = new Map(labelTexts)
  }

  /** @throws ConfigError */
  readText(): string {
    try {
      return readBounded(this.path, CONFIG_FILE_BYTES_MAX)
    } catch (error) {
      const message = `cannot read the configuration: ${(error as Error).message}`
      throw new ConfigError([{ path: '', line: 0, column: 0, message }], this.path)
    }
  }

  /** @throws ConfigError with every fault of the text, the flags and the environment */
  load(text: string): Config {
    return loadConfig({
      file: { path: this.path, text },
      flags: this.#flags,
      env: this.#env,
      readLabels: (path) => this.#readLabels(path),
    })
  }

  /** As `load`, while the data path goes on: what takes long is read in a thread of its own. Rejects as `load` throws. */
  async loadAside(text: string): Promise<Config> {
    if (text.length <= CONFIG_INLINE_CHARS_MAX) return this.load(text)
    const task = {
      path: this.path,
      text,
      flags: { ...this.#flags },
      env: { ...this.#env },
      labelTexts: this.#labelTexts,
    }
    const answer = await answerOfWorker(task)
    if (answer.kind === 'config') return answer.config
    throw new ConfigError(answer.faults, answer.file)
  }

  #readLabels(path: string): string {
    const known = this.#labelTexts.get(path)
    if (known !== undefined) return known
    const text = readBounded(resolve(dirname(this.path), path), LABELS_FILE_BYTES_MAX)
    this.#labelTexts.set(path, text)
    return text
  }
}

function answerOfWorker(task: ConfigTask): Promise<ConfigAnswer> {
  // In a checkout the thread runs the sources, as we do, and needs to be told as we were.
  const isSource = import.meta.url.endsWith('.ts')
  const program = new URL(isSource ? './config-worker.ts' : './config-worker.js', import.meta.url)
  const worker = new Worker(program, { workerData: task, execArgv: isSource ? ['-C', 'source'] : [] })
  return new Promise((answered, failed) => {
    worker.once('message', answered)
    worker.once('error', failed)
    worker.once('exit', (code) => failed(new Error(`the thread that reads the configuration ended with ${code}`)))
  })
}

const READ_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory, not a file',
}

/** @throws RangeError that says why it cannot be read */
function readBounded(path: string, bytesMax: number): string {
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
