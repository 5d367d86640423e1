/** Command lines run in this process, with what they print; and a sluice that runs in one of its own. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCli } from '../../src/cli/program.ts'
import { LineProcess } from './processes.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const START_MAX_MS = 30_000

export interface Outcome {
  readonly exitCode: number
  readonly out: string
  readonly err: string
}

/** Runs one command line; `terminal` says what differs from a pipe. */
export async function cli(
  args: readonly string[],
  terminal: {
    readonly isTerminal?: boolean
    readonly colour?: boolean
    readonly columns?: number
    readonly env?: Readonly<Record<string, string>>
    readonly signals?: EventEmitter
  } = {},
): Promise<Outcome> {
  let out = ''
  let err = ''
  const exitCode = await runCli(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    isTerminal: terminal.isTerminal ?? false,
    colour: terminal.colour ?? false,
    columns: () => terminal.columns ?? 80,
    env: terminal.env ?? {},
    signals: terminal.signals ?? new EventEmitter(),
  })
  return { exitCode, out, err }
}

/** Runs one command line that is wrong in a way that its user can mend. */
export async function failing(args: readonly string[], exitCode: number): Promise<string> {
  const outcome = await cli(args)
  assert.equal(outcome.exitCode, exitCode, outcome.err)
  assert.equal(outcome.out, '')
  assert.doesNotMatch(outcome.err, /\n\s+at /, 'a stack is nothing for a user')
  return outcome.err
}

export interface SluiceProcess {
  /** Where applications connect. */
  readonly port: number
  /** HOST:PORT of its admin pages. */
  readonly admin: string
  /** Lines of its log so far. */
  readonly lines: readonly Readonly<Record<string, unknown>>[]
}

/** Starts `kafka-sluice run` on free ports; it ends with the test. */
export async function startProcess(t: TestContext, args: readonly string[]): Promise<SluiceProcess> {
  const started = Promise.withResolvers<SluiceProcess>()
  const lines: Record<string, string>[] = []
  const child = new LineProcess(
    process.execPath,
    ['-C', 'source', 'src/main.ts', 'run', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args],
    {
      cwd: REPOSITORY,
      onLine: (line) => {
        const said = JSON.parse(line) as Record<string, string>
        lines.push(said)
        const { msg, listen, admin } = said
        if (!msg?.startsWith('listening on ')) return
        started.resolve({ port: Number(listen?.split(':').at(-1)), admin: String(admin).replace('http://', ''), lines })
      },
    },
  )
  t.after(async () => {
    child.kill()
    await child.ended
  })
  const late = setTimeout(() => started.reject(new Error(`it did not start: ${child.stderr}`)), START_MAX_MS)
  void child.ended.then((code) => started.reject(new Error(`it ended with ${code}: ${child.stderr}`)))
  return started.promise.finally(() => clearTimeout(late))
}
