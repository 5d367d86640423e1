/**
 * Do the tests notice? Every mutant of a room (`mutants.ts`) is run against that room's tests; what survives is listed. Not part of
 * `npm test`: it takes most of an hour. What it found is in docs/mutation.md.
 *
 *   npm run mutation -- --room limiter [--sample N] [--seed S] [words that a file's path must contain …]
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../support/vectors.ts'
import { applied, type Mutant, mutantsOf } from './mutants.ts'

/** By room: its tests, the quick ones first. */
const TESTS: Readonly<Record<string, readonly string[]>> = {
  limiter: [
    'test/limiter/!(share-fairness).test.ts',
    'test/properties/limiter*.test.ts',
    'test/limiter/share-fairness.test.ts',
  ],
  policy: ['test/policy/*.test.ts', 'test/properties/policy*.test.ts'],
}
/** A mutant that takes so much of the processor loops for ever, and was noticed: the tests take 6 s, 13 s on a crowded machine. */
const MUTANT_CPU_MAX_S = 40
const MUTANT_MAX_MS = 600_000

type Fate = 'killed' | 'timed out' | 'survived'

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    room: { type: 'string', default: 'limiter' },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})

process.chdir(resolve(import.meta.dirname, '../..'))
const scratch = mkdtempSync(join(tmpdir(), 'sluice-mutation-'))
try {
  process.exitCode = await main()
} finally {
  rmSync(scratch, { recursive: true })
}

async function main(): Promise<number> {
  const tests = TESTS[flags.room]
  if (tests === undefined) {
    console.error(`--room ${flags.room}: known are ${Object.keys(TESTS).join(', ')}`)
    return 2
  }
  const sources = globSync(`src/${flags.room}/**/*.ts`)
    .sort()
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  const mutants = sampled(sources.flatMap((file) => mutantsOf(file, readFileSync(file, 'utf8'))))
  const fates = new Map<Mutant, Fate>()
  for (const mutant of mutants) {
    fates.set(mutant, await fateOf(mutant, tests))
    if (fates.get(mutant) !== 'killed') console.log(`${fates.get(mutant)}: ${told(mutant)}`)
    if (fates.size % 50 === 0) console.error(`${fates.size} of ${mutants.length}, ${count(fates, 'survived')} survived`)
  }
  report(sources, fates)
  return 0
}

function sampled(mutants: readonly Mutant[]): readonly Mutant[] {
  if (flags.sample === undefined) return mutants
  const random = seededRandom(Number(flags.seed))
  return mutants
    .map((mutant) => ({ mutant, at: random() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, Number(flags.sample))
    .map(({ mutant }) => mutant)
}

/** Runs the tests, those of the mutant's own file first, until one fails. */
function fateOf(mutant: Mutant, tests: readonly string[]): Promise<Fate> {
  const source = join(scratch, 'mutant.js')
  writeFileSync(source, applied(readFileSync(mutant.file, 'utf8'), mutant))
  const own = basename(mutant.file, '.ts')
  const files = [...new Set(tests.flatMap((pattern) => globSync(pattern).sort()))]
  files.sort((a, b) => Number(basename(b).startsWith(own)) - Number(basename(a).startsWith(own)))
  const node = [process.execPath, '-C', 'source', '--import', './test/mutation/replace.ts'].concat(
    'test/mutation/tests.ts',
    files,
  )
  const child = spawn('sh', ['-c', `ulimit -t ${MUTANT_CPU_MAX_S}; exec "$@"`, 'sh', ...node], {
    stdio: 'ignore',
    env: { ...process.env, MUTANT_FILE: mutant.file, MUTANT_SOURCE: source },
  })
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), MUTANT_MAX_MS)
    child.on('exit', (code) => {
      clearTimeout(timer)
      done(code === 0 ? 'survived' : code === null ? 'timed out' : 'killed')
    })
  })
}

function count(fates: ReadonlyMap<Mutant, Fate>, fate: Fate, file?: string): number {
  return [...fates].filter(([mutant, of]) => of === fate && (file === undefined || mutant.file === file)).length
}

function told({ file, line, original, replacement }: Mutant): string {
  return `${file}:${line}  ${original} → ${replacement === ';' ? '(removed)' : replacement}`
}

function report(sources: readonly string[], fates: ReadonlyMap<Mutant, Fate>): void {
  console.log('| file | mutants | killed | timed out | survived |\n|---|---|---|---|---|')
  const row = (name: string, file?: string): void => {
    const [killed, late, survived] = (['killed', 'timed out', 'survived'] as const).map((fate) =>
      count(fates, fate, file),
    )
    console.log(`| ${name} | ${killed! + late! + survived!} | ${killed} | ${late} | ${survived} |`)
  }
  for (const file of sources) row(file, file)
  row('all')
}
