/**
 * `npm test`: all tests, the quick ones in parallel, then those with real Kafka and real clients, at last one after the other
 * those that measure. At the end it says which files took longest, what is covered, and what was skipped, with its reason.
 *
 *   node -C source test/run.ts [--fast | --e2e] [--no-coverage] [words that a file's path must contain …]
 *   node -C source test/run.ts --image | --kube   what is no part of `npm test`: it needs Docker, or a Kubernetes node, as root
 *   node -C source test/run.ts --prepare     fetches and builds what the slow tests need, and says what is missing
 */
import { glob } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { cacheDirectory } from '../src/demo/kafka/cache.ts'
import { prepare } from './support/prepare.ts'
import { RunReport, type TestEvent } from './support/run-report.ts'

const ROOT = resolve(import.meta.dirname, '..')
const TEST_FILES = ['test/**/*.test.ts', 'protocol/**/*.test.ts']
/** Files that start Kafka, or take long. */
const SLOW = /^test\/(e2e|clients|chart)\/|^test\/demo\/(kafka-cluster|demo\.)/
/** Of those, files that measure rates, counts in a second or memory: beside another file they would measure that one, too. */
const ALONE =
  /^test\/e2e\/(fair-share|limits-.*|memory|observe|other-limits|reload|shares)\.test|^test\/demo\/demo\.test/
/**
 * Files without coverage: those that try very many inputs, which takes up to four times as long with it and runs lines that others
 * run, too; and those whose sluice is in a process of its own.
 */
const NOT_COVERING =
  /^test\/(properties|e2e|clients|chart|image|kube)\/|\/(fuzz|skim-fuzz|share-fairness)\.test|^test\/demo\/demo\.test/
/** Half a minute and more: they begin first, so that none of them is left when all others are through. */
const LONG =
  /\/(alerts|clients|cluster|groups|idempotence|kafka-cluster|kafka-quotas|metrics|metrics-faults|otlp|roundtrip|scopes|security|status-page)\.test/
/** One more than processors: most files wait for something now and then. */
const FILES_AT_ONCE = Math.min(3, availableParallelism() + 1)
/** Files that need a container engine or a cluster, which a machine either has or has not: not part of `npm test`. */
const APART = /^test\/(image|kube)\//
type Kind = 'fast' | 'slow' | 'alone' | 'image' | 'kube'
/** What `npm test` runs. */
const ALL: readonly Kind[] = ['fast', 'slow', 'alone']
const FILE_MAX_MS = 20 * 60_000
const COVERED = ['src/**/*.ts', 'protocol/src/**/*.ts']
const NOT_COVERED = ['protocol/src/generated/**', '**/*.test.ts']

interface Part {
  readonly name: string
  readonly has: (file: string) => boolean
  readonly filesAtOnce: number
  readonly coverage: boolean
}

const isAlone = (file: string): boolean => ALONE.test(file) || APART.test(file)
const PARTS: readonly Part[] = [
  {
    ...{ name: 'covering', filesAtOnce: FILES_AT_ONCE, coverage: true },
    has: (file) => !NOT_COVERING.test(file),
  },
  {
    ...{ name: 'not covering', filesAtOnce: FILES_AT_ONCE, coverage: false },
    has: (file) => NOT_COVERING.test(file) && !isAlone(file),
  },
  { name: 'alone', filesAtOnce: 1, coverage: false, has: isAlone },
]

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    fast: { type: 'boolean', default: false },
    e2e: { type: 'boolean', default: false },
    image: { type: 'boolean', default: false },
    kube: { type: 'boolean', default: false },
    prepare: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: true },
  },
  allowNegative: true,
})

process.chdir(ROOT)
process.exitCode = flags.prepare ? await prepare() : await testAll()

async function testAll(): Promise<number> {
  const kinds = kindsAsked()
  const files = (await findFiles()).filter((file) => kinds.includes(kindOf(file)))
  if (files.length === 0) {
    console.error(`no test file matches ${words.join(' ')}`)
    return 1
  }
  const report = new RunReport()
  for (const part of PARTS) {
    const its = files.filter(part.has)
    if (its.length === 0) continue
    const fromMs = performance.now()
    await runPart(part, its, report)
    report.notePart(part.name, its.length, performance.now() - fromMs)
  }
  report.print({ whole: words.length === 0 && kinds.length === ALL.length })
  return report.failed || report.tests === 0 ? 1 : 0
}

function kindsAsked(): readonly Kind[] {
  if (flags.image) return ['image']
  if (flags.kube) return ['kube']
  if (flags.fast) return ['fast']
  return flags.e2e ? ['slow', 'alone'] : ALL
}

function kindOf(file: string): Kind {
  const [, apart] = APART.exec(file) ?? []
  if (apart !== undefined) return apart as 'image' | 'kube'
  if (!SLOW.test(file)) return 'fast'
  return ALONE.test(file) ? 'alone' : 'slow'
}

/** Those that the words choose, long ones first. */
async function findFiles(): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(TEST_FILES, { exclude: ['**/node_modules/**'] })) {
    const path = file.replaceAll('\\', '/')
    if (words.length === 0 || words.some((word) => path.includes(word))) files.push(path)
  }
  files.sort()
  return [...files.filter((file) => LONG.test(file)), ...files.filter((file) => !LONG.test(file))]
}

async function runPart(part: Part, files: readonly string[], report: RunReport): Promise<void> {
  const coverage = part.coverage && flags.coverage
  // To read TypeScript again and again takes 0.3 s in each process. Not with coverage: code from a cache makes it less exact.
  if (!coverage) process.env['NODE_COMPILE_CACHE'] ??= join(cacheDirectory(), 'compiled')
  const events = run({
    files: files.map((file) => resolve(file)),
    concurrency: part.filesAtOnce,
    timeout: FILE_MAX_MS,
    coverage,
    coverageIncludeGlobs: COVERED,
    coverageExcludeGlobs: NOT_COVERED,
  })
  const watch = new Transform({
    objectMode: true,
    transform(event: TestEvent, _encoding, done) {
      done(null, report.note(event))
    },
  })
  await pipeline(events, watch, new spec(), process.stdout, { end: false })
}
