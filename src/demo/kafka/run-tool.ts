/** Runs a tool to its end and returns what it wrote; a failure carries the tool's own last words. */
import { spawn } from 'node:child_process'

/** Enough of a Maven or Kafka complaint to act on. */
const LAST_LINES_COUNT = 25
const OUTPUT_BYTES_MAX = 1_000_000

export interface ToolOptions {
  readonly cwd?: string | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly signal?: AbortSignal | undefined
}

/** Resolves with stdout and stderr together, in the order of arrival. */
export async function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_BYTES_MAX)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  child.on('error', reject)
  child.on('close', (code, signal) => {
    if (code === 0) resolve(output)
    else reject(new Error(`${command} ended with ${code ?? signal}:\n${lastLines(output)}`))
  })
  return promise
}

/** True when the command starts at all and ends well. */
export async function toolAnswers(command: string, ...args: readonly string[]): Promise<boolean> {
  return runTool(command, args).then(
    () => true,
    () => false,
  )
}

export function lastLines(text: string, count: number = LAST_LINES_COUNT): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
