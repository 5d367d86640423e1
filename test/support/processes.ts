/** Processes of tests: programs that talk JSON lines, and who on this machine is connected to a port. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

const STDERR_CHARS_MAX = 20_000
/** What a program gets to report after it was asked to stop. */
const STOP_MAX_MS = 20_000

export interface LineProcessOptions {
  /** The first line on its stdin, which then stays open: a program of ours ends when it closes, so none outlives the tests. */
  readonly firstLine?: string | undefined
  readonly cwd?: string | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
  readonly signal?: AbortSignal | undefined
  readonly onLine: (line: string) => void
  readonly onErrorLine?: ((line: string) => void) | undefined
}

/** A child process whose output is read line by line. */
export class LineProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  /** Exit code, or the signal's name. Never rejects but for a command that cannot be started. */
  readonly ended: Promise<number | string>
  #stderr = ''

  constructor(command: string, args: readonly string[], options: LineProcessOptions) {
    const { cwd, env, signal } = options
    this.#child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] })
    const { promise, resolve, reject } = Promise.withResolvers<number | string>()
    this.ended = promise
    this.#child.on('error', reject)
    this.#child.on('close', (code, killedBy) => resolve(code ?? killedBy ?? 'unknown'))
    this.#child.stdin.on('error', () => undefined)
    if (options.firstLine !== undefined) this.#child.stdin.write(`${options.firstLine}\n`)
    createInterface({ input: this.#child.stdout }).on('line', options.onLine)
    createInterface({ input: this.#child.stderr }).on('line', (line) => {
      this.#stderr = `${this.#stderr}${line}\n`.slice(-STDERR_CHARS_MAX)
      options.onErrorLine?.(line)
    })
    const abort = (): void => this.kill()
    signal?.addEventListener('abort', abort, { once: true })
    this.#child.on('close', () => signal?.removeEventListener('abort', abort))
    if (signal?.aborted === true) abort()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stderr(): string {
    return this.#stderr
  }

  /** One more line on its stdin. */
  send(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Asks by stdin, and kills what does not listen. */
  async stop(): Promise<void> {
    this.#child.stdin.end('stop\n')
    const timer = setTimeout(() => this.kill(), STOP_MAX_MS)
    await this.ended
    clearTimeout(timer)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal)
  }
}

export interface PortUser {
  /** The port that the connection comes from. */
  readonly localPort: number
  /** Undefined when the process cannot be seen, or is gone. */
  readonly pid: number | undefined
}

/**
 * Who on this machine has a TCP connection to this port, seen from the connecting side (Linux only). Looking through every
 * process takes a while; `likely` are looked at first, and when all connections are theirs no others.
 */
export async function connectedTo(port: number, likely: readonly number[] = []): Promise<PortUser[]> {
  const found = new Map<string, number>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8')).split('\n').slice(1)) {
      const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/)
      if (state !== '01' || local === undefined || inode === undefined || portOf(remote) !== port) continue
      found.set(inode, portOf(local))
    }
  }
  const owners = await socketOwners(new Set(found.keys()), likely)
  return [...found].map(([inode, localPort]) => ({ localPort, pid: owners.get(inode) }))
}

/** `0100007F:2384` → 9092. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '0', 16)
}

async function socketOwners(inodes: ReadonlySet<string>, likely: readonly number[]): Promise<Map<string, number>> {
  const owners = new Map<string, number>()
  if (inodes.size === 0) return owners
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of [...likely.map(String), ...processes]) {
    if (owners.size === inodes.size) break
    // Processes and descriptors come and go while we look.
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1]
      if (inode !== undefined && inodes.has(inode)) owners.set(inode, Number(pid))
    }
  }
  return owners
}
