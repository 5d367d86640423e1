/**
 * `npm test`: all tests, the quick ones in parallel, then those with real Kafka and real clients, at last one after the other
 * those that measure, or need the machine for themselves. What was skipped is named at the end, with its reason.
 *
 *   node -C source test/run.ts [--fast | --e2e] [--no-coverage] [words that a file's path must contain …]
 *   node -C source test/run.ts --image | --kube   what is no part of `npm test`: it needs Docker, or a Kubernetes node, as root
 *   node -C source test/run.ts --prepare     fetches and builds what the slow tests need, and says what is missing
 */
import { glob } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { KAFKA_VERSION } from '../src/demo/kafka/cluster.ts'
import { archiveKafkaClasses } from '../src/demo/kafka/jar-provider.ts'
import { findJava, jarsUnavailable, kafkaJars } from '../src/demo/kafka/jars.ts'
import { buildHelm, helmAvailable } from './chart/helm.ts'
import {
  buildClient,
  buildCollector,
  buildKafkaConfigs,
  buildKafkaTools,
  CLIENT_NAMES,
  type ClientName,
  clientAvailable,
} from './support/clients.ts'

const ROOT = resolve(import.meta.dirname, '..')
const TEST_FILES = ['test/**/*.test.ts', 'protocol/**/*.test.ts']
/** Files that start Kafka, or take long. */
const SLOW = /^test\/(e2e|clients|chart)\/|^test\/demo\/(kafka-cluster|demo\.)/
/**
 * Of those, files that measure rates, counts in a second or memory: beside another file they would measure that one, too. And those
 * that need more than half of the machine: three brokers that die under three clients, alerts on what goes on in seconds, a browser.
 */
const ALONE =
  /^test\/e2e\/(alerts|cluster|fair-share|limits-.*|memory|metrics|observe|other-limits|reload|shares|status-page)\.test/
const FILES_AT_ONCE = Math.min(2, availableParallelism())
/** Files that need a container engine or a cluster, which a machine either has or has not: not part of `npm test`. */
const APART = /^test\/(image|kube)\//
const PARTS = [
  { kind: 'fast', filesAtOnce: FILES_AT_ONCE },
  { kind: 'slow', filesAtOnce: FILES_AT_ONCE },
  { kind: 'alone', filesAtOnce: 1 },
  { kind: 'image', filesAtOnce: 1 },
  { kind: 'kube', filesAtOnce: 1 },
] as const
type Kind = (typeof PARTS)[number]['kind']
/** What `npm test` runs. */
const ALL: readonly Kind[] = ['fast', 'slow', 'alone']
const FILE_MAX_MS = 20 * 60_000
/** Of all lines in src and protocol/src that any test loaded. Raise it, never lower it. */
const COVERED_LINES_MIN_PERCENT = 95
const COVERED = ['src/**/*.ts', 'protocol/src/**/*.ts']
const NOT_COVERED = ['protocol/src/generated/**', '**/*.test.ts']
/** Files below the bar that are worth a line in the report. */
const WORST_COUNT = 10
/** Node's own sums at the end of each part; we print one for all parts. */
const SUMS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'] as const
const SUM_LINE = new RegExp(`^(${SUMS.join('|')}) ([\\d.]+)$`)

interface Totals {
  readonly sums: Map<string, number>
  readonly skipped: string[]
  /** File → line → how often it ran. */
  readonly lines: Map<string, Map<number, number>>
  failed: boolean
}

interface TestEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: node:test gives each event type data of its own shape
  readonly data: any
}

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
  const files = await findFiles()
  if (files.length === 0) {
    console.error(`no test file matches ${words.join(' ')}`)
    return 1
  }
  const totals: Totals = { sums: new Map(), skipped: [], lines: new Map(), failed: false }
  const kinds = kindsAsked()
  for (const { kind, filesAtOnce } of PARTS) {
    const some = files.filter((file) => kinds.includes(kind) && kindOf(file) === kind)
    await runPart(some, filesAtOnce, totals)
  }
  // The bar is for the whole; a part of the tests covers a part of the code.
  const whole = words.length === 0 && kinds.length === ALL.length
  if (flags.coverage) reportCoverage(totals, whole)
  reportSkipped(totals)
  for (const name of SUMS) console.log(`ℹ ${name} ${totals.sums.get(name) ?? 0}`)
  return totals.failed || (totals.sums.get('tests') ?? 0) === 0 ? 1 : 0
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

async function findFiles(): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(TEST_FILES, { exclude: ['**/node_modules/**'] })) {
    const path = file.replaceAll('\\', '/')
    if (words.length === 0 || words.some((word) => path.includes(word))) files.push(path)
  }
  return files.sort()
}

async function runPart(files: readonly string[], concurrency: number, totals: Totals): Promise<void> {
  if (files.length === 0) return
  const events = run({
    files: files.map((file) => resolve(file)),
    concurrency,
    timeout: FILE_MAX_MS,
    coverage: flags.coverage,
    coverageIncludeGlobs: COVERED,
    coverageExcludeGlobs: NOT_COVERED,
  })
  const watch = new Transform({
    objectMode: true,
    transform(event: TestEvent, _encoding, done) {
      done(null, note(event, totals))
    },
  })
  await pipeline(events, watch, new spec(), process.stdout, { end: false })
}

/** Remembers what the end of the report needs; returns what the reporter shall see, or nothing. */
function note({ type, data }: TestEvent, totals: Totals): TestEvent | undefined {
  if (type === 'test:fail') totals.failed = true
  if (type === 'test:pass' && data.skip !== undefined) {
    const reason = typeof data.skip === 'string' ? `: ${data.skip}` : ''
    totals.skipped.push(`${data.name} (${relative(ROOT, data.file ?? '')})${reason}`)
  }
  if (type === 'test:coverage') {
    noteCoverage(data.summary.files, totals)
    return undefined
  }
  if (type === 'test:summary' && data.file !== undefined) {
    const { passed, failed, tests } = data.counts
    const took = `${(data.duration_ms / 1000).toFixed(1)} s`
    const verdict = data.success ? `${passed} of ${tests} passed` : `${failed} of ${tests} FAILED`
    return {
      type: 'test:diagnostic',
      data: { nesting: 0, message: `${relative(ROOT, data.file)}: ${verdict}, ${took}` },
    }
  }
  const sum = type === 'test:diagnostic' && data.nesting === 0 ? SUM_LINE.exec(data.message) : null
  if (sum === null) return { type, data }
  const [, name = '', value] = sum
  totals.sums.set(name, (totals.sums.get(name) ?? 0) + Number(value))
  return undefined
}

interface FileCoverage {
  readonly path: string
  readonly lines: readonly { readonly line: number; readonly count: number }[]
}

function noteCoverage(files: readonly FileCoverage[], totals: Totals): void {
  for (const { path, lines } of files) {
    const known = totals.lines.get(path) ?? new Map<number, number>()
    totals.lines.set(path, known)
    for (const { line, count } of lines) known.set(line, (known.get(line) ?? 0) + count)
  }
}

function reportCoverage(totals: Totals, enforce: boolean): void {
  const files = [...totals.lines].map(([path, lines]) => {
    const covered = [...lines.values()].filter((count) => count > 0).length
    return {
      path: relative(ROOT, path),
      covered,
      lines: lines.size,
      percent: (100 * covered) / Math.max(1, lines.size),
    }
  })
  const all = files.reduce((sum, file) => sum + file.lines, 0)
  if (all === 0) return
  const percent = (100 * files.reduce((sum, file) => sum + file.covered, 0)) / all
  const low = files.filter((file) => file.percent < COVERED_LINES_MIN_PERCENT)
  for (const file of low.sort((a, b) => a.percent - b.percent).slice(0, WORST_COUNT)) {
    console.log(`  ${file.percent.toFixed(1).padStart(5)} % of the lines of ${file.path}`)
  }
  console.log(
    `coverage: ${percent.toFixed(2)} % of ${all} lines in ${files.length} files (at least ${COVERED_LINES_MIN_PERCENT} %)`,
  )
  if (!enforce || percent >= COVERED_LINES_MIN_PERCENT) return
  console.log('✖ too little is covered')
  totals.failed = true
}

function reportSkipped({ skipped }: Totals): void {
  if (skipped.length === 0) return
  console.log(`skipped ${skipped.length}:`)
  for (const line of skipped) console.log(`  ${line}`)
}

async function prepareCollector(): Promise<string[]> {
  const collector = await buildCollector()
  if (typeof collector === 'string') return [`the OpenTelemetry receiver ${collector}`]
  console.log('ready: the OpenTelemetry receiver')
  return []
}

/** Everything that a first run would otherwise fetch and build in the middle of its tests. */
async function prepare(): Promise<number> {
  const missing: string[] = []
  missing.push(...(await prepareKafka()))
  for (const name of CLIENT_NAMES) missing.push(...(await prepareClient(name)))
  const helm = await helmAvailable()
  if (helm.ok) await buildHelm()
  else missing.push(`the chart ${helm.why}`)
  missing.push(...(await prepareCollector()))
  for (const line of missing) console.log(`missing: ${line}`)
  return missing.length === 0 ? 0 : 1
}

async function prepareKafka(): Promise<string[]> {
  const java = await findJava()
  const why = 'why' in java ? java.why : await jarsUnavailable(KAFKA_VERSION)
  if ('why' in java || why !== undefined) return [`Kafka from its jars: ${why}`]
  await archiveKafkaClasses(java, await kafkaJars(KAFKA_VERSION, console.log, undefined))
  console.log('ready: Kafka')
  return []
}

async function prepareClient(name: ClientName): Promise<readonly string[]> {
  const { ok, why } = await clientAvailable(name)
  if (!ok) return [`the ${name} client ${why}`]
  await buildClient(name)
  if (name === 'java') await buildKafkaTools()
  if (name === 'java') await buildKafkaConfigs()
  console.log(`ready: the ${name} client`)
  return []
}
