/**
 * Things that are built once and used by many runs: Kafka's jars, the test clients. Each lives in a directory of its own
 * whose name says what it was built from; a directory that exists is complete, because it is built beside and renamed.
 * One build at a time on a machine: Maven's local repository does not like two writers, and cores are few.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A first Maven run on a slow line takes minutes. */
const LOCK_WAIT_MAX_MS = 15 * 60_000
const LOCK_POLL_MS = 200
/** A lock without a name in it this long after its birth lost its maker between two system calls. */
const LOCK_UNSIGNED_MAX_MS = 10_000

export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME']
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'kafka-sluice')
}

/** A short name for some content, so that a changed source gives a new directory. */
export function contentKey(...contents: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const content of contents) hash.update(content).update('\0')
  return hash.digest('hex').slice(0, 10)
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** The directory `name` in the cache, built by `build` into a directory of its own first if it is not there yet. */
export async function cached(name: string, build: (into: string) => Promise<void>): Promise<string> {
  const target = join(cacheDirectory(), name)
  if (await exists(target)) return target
  await mkdir(dirname(target), { recursive: true })
  const unlock = await lock(join(cacheDirectory(), 'build.lock'))
  try {
    if (!(await exists(target))) await buildBeside(target, build)
  } finally {
    await unlock()
  }
  return target
}

async function buildBeside(target: string, build: (into: string) => Promise<void>): Promise<void> {
  const into = `${target}.${randomUUID()}`
  await mkdir(into, { recursive: true })
  try {
    await build(into)
    await rename(into, target)
  } catch (error) {
    await rm(into, { recursive: true, force: true })
    throw error
  }
}

async function lock(path: string): Promise<() => Promise<void>> {
  const deadlineMs = Date.now() + LOCK_WAIT_MAX_MS
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' })
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (await isAbandoned(path)) await rm(path, { force: true })
    else if (Date.now() > deadlineMs) throw new Error(`waited too long for another build to finish: ${path}`)
    else await delay(LOCK_POLL_MS)
  }
}

/** True when the process that took the lock is gone. Two that notice at once at worst build the same thing twice. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    const holder = (await readFile(path, 'utf8')).trim()
    if (holder === '') return Date.now() - (await stat(path)).mtimeMs > LOCK_UNSIGNED_MAX_MS
    process.kill(Number(holder), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
