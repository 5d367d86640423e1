/**
 * The configuration of a running sluice: where it is, what it says now and later. What makes a Config of a text is megabytes (the schema),
 * and 1,000 quotas take it a quarter of a second; so it is loaded for the start, and in a thread for each reload.
 */
import type { Config, ConfigFlags } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { workerThreads } from '../net/builtins.ts'
import {
  type ConfigAnswer,
  type ConfigTask,
  configPath,
  type Environment,
  type RunFlags,
  readConfigText,
} from './config-text.ts'

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
  const path = configPath(flags, env)
  return path === undefined ? undefined : new ConfigFile(path, flags, env)
}

/** A configuration file that is read now and later again. */
export class ConfigFile {
  readonly path: string
  readonly #flags: ConfigFlags
  readonly #env: Environment
  /** By path. Labels are read once: a change of them needs a restart, and must not keep the quotas from being reloaded. */
  #labelTexts: ReadonlyMap<string, string> = new Map()

  constructor(path: string, flags: ConfigFlags, env: Environment) {
    this.path = path
    this.#flags = flags
    this.#env = env
  }

  /** @throws ConfigError */
  readText(): string {
    return readConfigText(this.path)
  }

  /** Rejects with a ConfigError that has every fault of the text, the flags and the environment. */
  load(text: string): Promise<Config> {
    return this.#load(text, answerHere)
  }

  /** As `load`, while the data path goes on. */
  loadAside(text: string): Promise<Config> {
    return this.#load(text, answerOfWorker)
  }

  async #load(text: string, answer: (task: ConfigTask) => Promise<ConfigAnswer>): Promise<Config> {
    const { path } = this
    const [flags, env] = [{ ...this.#flags }, { ...this.#env }]
    const { config, labelTexts } = understood(
      await answer({ file: { path, text }, flags, env, labelTexts: this.#labelTexts }),
    )
    this.#labelTexts = labelTexts
    return config
  }
}

/** As `ConfigFile.load`, where flags and variables say it all. */
export async function loadWithoutFile(flags: ConfigFlags, env: Environment): Promise<Config> {
  return understood(await answerHere({ file: undefined, flags, env, labelTexts: new Map() })).config
}

/** @throws ConfigError */
function understood(answer: ConfigAnswer): Extract<ConfigAnswer, { kind: 'config' }> {
  if (answer.kind === 'config') return answer
  throw new ConfigError(answer.faults, answer.file)
}

async function answerHere(task: ConfigTask): Promise<ConfigAnswer> {
  const { answerTo } = await import('./config-answer.ts')
  return answerTo(task)
}

function answerOfWorker(task: ConfigTask): Promise<ConfigAnswer> {
  // In a checkout the thread runs the sources, as we do, and needs to be told as we were.
  const isSource = import.meta.url.endsWith('.ts')
  const program = new URL(isSource ? './config-worker.ts' : './config-worker.js', import.meta.url)
  const { Worker } = workerThreads()
  const worker = new Worker(program, { workerData: task, execArgv: isSource ? ['-C', 'source'] : [] })
  return new Promise((answered, failed) => {
    let answer: ConfigAnswer | undefined
    worker.once('message', (said: ConfigAnswer) => {
      answer = said
    })
    worker.once('error', failed)
    // Not before it has ended: its memory is back then.
    worker.once('exit', (code) => {
      if (answer !== undefined) answered(answer)
      else failed(new Error(`the thread that reads the configuration ended with ${code}`))
    })
  })
}
