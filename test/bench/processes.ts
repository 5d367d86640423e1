/** Processes of a benchmark, each with a core to itself where the machine lets it, and what they use. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const ROOT: string = join(import.meta.dirname, '../..')
export const LOAD: string = join(import.meta.dirname, 'load.ts')
const CLOCK_TICKS_PER_SECOND = 100

const children: ChildProcess[] = []
process.on('exit', killAll)
process.on('SIGINT', () => process.exit(130))

export function killAll(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL')
}

export function has(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const canPin = availableParallelism() > 1 && has('taskset', '-V')

export function start(core: number, command: string, ...args: readonly string[]): ChildProcess {
  const all = canPin ? ['taskset', '-c', String(core), command, ...args] : [command, ...args]
  const child = spawn(all[0] as string, all.slice(1), { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

/** CPU seconds of a process so far, its own threads included (Linux). */
export function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND
}

/** What `load.ts gen` prints at its end. */
export interface Load {
  readonly requests: number
  readonly bytes: number
  readonly bytesPerSecond: number
  /** Where a rate was asked for. */
  readonly p50Ms?: number
  readonly p99Ms?: number
}

/** One run of the generator; `measuring` is called when it is warm. */
export async function generate(
  options: Readonly<Record<string, string | number>>,
  measuring: () => void = () => undefined,
): Promise<Load> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = start(1, process.execPath, '-C', 'source', LOAD, 'gen', ...args)
  if (child.stdout === null) throw new Error('no output to read')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'measuring') return JSON.parse(line) as Load
    measuring()
  }
  throw new Error(`the generator failed at port ${options['port']}`)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
