/** A watched file, changed in every way that editors, tools and Kubernetes change one. Real files; the waits are on conditions. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { FileWatch } from '../../src/config/watch.ts'
import { waitFor } from '../support/wait.ts'

const SETTLE_MS = 60
/** Where a test must not be slower than the file may be restless. */
const SLOW_SETTLE_MS = 1_000
const POLL_MS = 250

interface Scene {
  readonly path: string
  readonly directory: string
  /** What the file said each time that a change was told; a reason where it could not be read. */
  readonly told: string[]
  readonly problems: Error[]
}

async function watching(
  t: TestContext,
  prepare: (directory: string) => string,
  settleMs: number = SETTLE_MS,
): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  const path = prepare(directory)
  const told: string[] = []
  const problems: Error[] = []
  const watch = new FileWatch({
    path,
    changed: () => {
      try {
        told.push(readFileSync(path, 'utf8'))
      } catch (error) {
        told.push(String((error as NodeJS.ErrnoException).code))
      }
    },
    unwatched: (error) => problems.push(error),
    settleMs,
    pollMs: POLL_MS,
  })
  t.after(() => {
    watch.close()
    rmSync(directory, { recursive: true, force: true })
  })
  await waitFor('the start is told', () => told.length === 1)
  return { path, directory, told, problems }
}

function plainFile(directory: string): string {
  const path = join(directory, 'sluice.yaml')
  writeFileSync(path, 'first')
  return path
}

const last = (told: readonly string[], text: string) => (): boolean => told.at(-1) === text

test('written in place', async (t) => {
  const { path, told } = await watching(t, plainFile)
  writeFileSync(path, 'second')
  await waitFor('it is told', last(told, 'second'))
  assert.deepEqual(told, ['first', 'second'])
})

test('renamed over, as editors do, again and again', async (t) => {
  const { path, told } = await watching(t, plainFile)
  for (const text of ['second', 'third!', 'second']) {
    writeFileSync(`${path}~`, text)
    renameSync(`${path}~`, path)
    await waitFor('it is told', last(told, text))
  }
  assert.deepEqual(told, ['first', 'second', 'third!', 'second'])
})

test("swapped by Kubernetes' links", async (t) => {
  const version = (directory: string, name: string, text: string): void => {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'sluice.yaml'), text)
    symlinkSync(name, join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  }
  const { directory, told } = await watching(t, (inside) => {
    version(inside, '..2026_11_23_10_00_00.1', 'first')
    symlinkSync('..data/sluice.yaml', join(inside, 'sluice.yaml'))
    return join(inside, 'sluice.yaml')
  })
  version(directory, '..2026_11_23_11_00_00.2', 'second')
  rmSync(join(directory, '..2026_11_23_10_00_00.1'), { recursive: true })
  await waitFor('it is told', last(told, 'second'))
  version(directory, '..2026_11_23_12_00_00.3', 'third')
  await waitFor('it is told', last(told, 'third'))
  assert.deepEqual(told, ['first', 'second', 'third'])
})

test('a link to a file in another directory, of which no event comes, is found by looking', async (t) => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'sluice-elsewhere-'))
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }))
  const target = plainFile(elsewhere)
  const { told } = await watching(t, (directory) => {
    symlinkSync(target, join(directory, 'sluice.yaml'))
    return join(directory, 'sluice.yaml')
  })
  writeFileSync(target, 'second')
  await waitFor('it is told', last(told, 'second'))
})

test('emptied, and completed a moment later, is told of once', async (t) => {
  const { path, told } = await watching(t, plainFile, SLOW_SETTLE_MS)
  truncateSync(path)
  for (let chars = 1; chars <= 'complete'.length; chars++) {
    await delay(SLOW_SETTLE_MS / 10) // a writer that takes its time, always less than the file must stand still
    writeFileSync(path, 'complete'.slice(0, chars))
  }
  await waitFor('it is told', last(told, 'complete'))
  assert.deepEqual(told, ['first', 'complete'])
})

test('left empty is told of as it is', async (t) => {
  const { path, told } = await watching(t, plainFile)
  truncateSync(path)
  await waitFor('it is told', last(told, ''))
})

test('written a hundred times in a row is told of a few times, the last one included', async (t) => {
  const { path, told } = await watching(t, plainFile, SLOW_SETTLE_MS)
  for (let i = 1; i <= 100; i++) {
    writeFileSync(path, `version ${i}`)
    if (i % 10 === 0) await delay(1)
  }
  await waitFor('the last is told', last(told, 'version 100'))
  assert.ok(told.length <= 4, `told ${told.length} times`)
})

test('never standing still is told of in the end', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  const path = plainFile(directory)
  let told = 0
  const watch = new FileWatch({ path, changed: () => void told++, settleMs: 100, settleMaxMs: 500, pollMs: POLL_MS })
  let writes = 0
  const writer = setInterval(() => writeFileSync(path, `version ${writes++}`), 10)
  t.after(() => {
    clearInterval(writer)
    watch.close()
    rmSync(directory, { recursive: true, force: true })
  })
  await waitFor('it is told while it is written', () => told > 0)
  assert.ok(writes > 10)
})

test('deleted, and restored with the same text', async (t) => {
  const { path, told } = await watching(t, plainFile)
  unlinkSync(path)
  await waitFor('that it has gone is told', last(told, 'ENOENT'))
  writeFileSync(path, 'first')
  await waitFor('that it is back is told', last(told, 'first'))
  assert.deepEqual(told, ['first', 'ENOENT', 'first'])
})

test('replaced between two looks is not told of as gone', async (t) => {
  const { path, told } = await watching(t, plainFile)
  unlinkSync(path)
  writeFileSync(path, 'second')
  await waitFor('it is told', last(told, 'second'))
  assert.ok(!told.includes('ENOENT'))
})

test('replaced by a link to itself, which nobody can read, and put back', async (t) => {
  const { path, told } = await watching(t, plainFile)
  unlinkSync(path)
  symlinkSync(path, path)
  await waitFor('that it cannot be read is told', last(told, 'ELOOP'))
  unlinkSync(path)
  writeFileSync(path, 'second')
  await waitFor('it is told', last(told, 'second'))
})

test('replaced by a directory, and put back', async (t) => {
  const { path, told } = await watching(t, plainFile)
  unlinkSync(path)
  mkdirSync(path)
  await waitFor('that it is a directory is told', last(told, 'EISDIR'))
  rmSync(path, { recursive: true })
  writeFileSync(path, 'second')
  await waitFor('it is told', last(told, 'second'))
})

test('its rights taken away and given back', async (t) => {
  const { path, directory, told } = await watching(t, plainFile)
  chmodSync(directory, 0o755)
  chmodSync(path, 0)
  const giveBack = actAsNobody()
  try {
    await waitFor('that it cannot be read is told', last(told, 'EACCES'))
  } finally {
    giveBack()
  }
  chmodSync(path, 0o600)
  await waitFor('it is told', last(told, 'first'))
})

/** Root may read everything: until the function that this returns is called we are nobody, unless we are not root anyway. */
function actAsNobody(): () => void {
  if (process.geteuid?.() !== 0) return () => undefined
  process.seteuid?.(65_534)
  return () => process.seteuid?.(0)
}

test('changed before the watch began is told of, and nothing is told of other files', async (t) => {
  const { directory, told } = await watching(t, plainFile)
  for (let i = 0; i < 20; i++) writeFileSync(join(directory, `other-${i}`), 'x')
  writeFileSync(join(directory, 'sluice.yaml'), 'second')
  await waitFor('it is told', last(told, 'second'))
  assert.deepEqual(told, ['first', 'second'])
})

test('in a directory that is not there yet: says that it cannot be watched, and looks', async (t) => {
  const { path, directory, told, problems } = await watching(t, (inside) => join(inside, 'absent', 'sluice.yaml'))
  assert.deepEqual(told, ['ENOENT'])
  assert.equal(problems.length, 1)
  mkdirSync(join(directory, 'absent'))
  writeFileSync(path, 'there')
  await waitFor('it is told', last(told, 'there'))
})

test('nothing is told after close', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-watch-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = plainFile(directory)
  const told: string[] = []
  const closed = new FileWatch({ path, changed: () => told.push('closed one'), settleMs: 10, pollMs: 20 })
  const open = new FileWatch({ path, changed: () => told.push('open one'), settleMs: 100, pollMs: 20 })
  t.after(() => open.close())
  closed.close()
  await waitFor('the other one tells', () => told.length > 0)
  assert.deepEqual(told, ['open one'])
})
