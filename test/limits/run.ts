/**
 * `npm run limits`: how exactly limits are kept, and that they do no harm, on real Kafka with real clients, for docs/limits.md.
 *
 *   npm run limits                              every cell of the matrix that has no result yet, then the table
 *   npm run limits -- --only sarama,fetch       only cells whose name has all of these words; --list shows them
 *   npm run limits -- --again                   also cells that have one
 *   npm run limits -- --attempts 1              how often a client that did not flood is started anew (default 5)
 *   npm run limits -- --table                   only the tables, from what is there
 *   npm run limits -- --harmless [--seconds 60] every library ten times over its limit, five minutes unless told
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ATTEMPTS_MAX, type Cell, dimensionOf, quotaOf } from '../e2e/support/cells.ts'
import { FLOOD_LIBRARIES } from '../e2e/support/flood.ts'
import { clientAvailable } from '../support/clients.ts'
import { replaceSection } from './document.ts'
import { type HarmlessResult, harmlessTable, isHarmless, runHarmless } from './harmless.ts'
import { ALL_CELLS, type MatrixResult, matrixTable, measureCells } from './matrix.ts'
import { Results } from './results.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const DOCUMENT = join(ROOT, 'docs/limits.md')

process.env['SLUICE_JIT'] ??= 'full'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    harmless: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '300' },
    attempts: { type: 'string', default: String(ATTEMPTS_MAX) },
    results: { type: 'string' },
  },
})

process.exitCode = flags.harmless ? await harmless() : await matrix()

async function matrix(): Promise<number> {
  const results = await Results.open<MatrixResult>(flags.results ?? join(ROOT, 'docs/limits.json'))
  const words = flags.only.split(',').filter((word) => word !== '')
  const wanted = ALL_CELLS.filter(({ id }) => words.every((word) => id.includes(word)))
  const cells = await measurable(wanted.filter(({ id }) => flags.again || results.get(id) === undefined))
  const attemptsMax = Number(flags.attempts)
  if (!(attemptsMax >= 1)) {
    console.error(`--attempts ${flags.attempts}: a number from 1`)
    return 2
  }
  if (flags.list) {
    for (const { id } of cells) console.log(id)
    return 0
  }
  const failed = flags.table ? [] : await measureCells(cells, results, { signal: interruptible(), attemptsMax })
  await replaceSection(DOCUMENT, 'matrix', matrixTable(results))
  for (const id of failed) console.log(`not measured: ${id}`)
  return failed.length === 0 ? 0 : 1
}

async function harmless(): Promise<number> {
  const results = await Results.open<HarmlessResult>(flags.results ?? join(ROOT, 'docs/harmless.json'))
  const missing = await missingLibraries()
  const libraries = FLOOD_LIBRARIES.filter((library) => flags.only.includes(library) || flags.only === '')
  const here = libraries.filter((library) => !missing.has(library))
  const harmed: string[] = []
  if (!flags.table) {
    await runHarmless(here, Number(flags.seconds), interruptible(), async (library, result) => {
      await results.set(library, result)
      if (!isHarmless(result)) harmed.push(library)
      console.log(`${library}: ${isHarmless(result) ? 'unharmed' : JSON.stringify(result)}`)
    })
  }
  const table = harmlessTable((library) => results.get(library))
  console.log(table)
  await replaceSection(DOCUMENT, 'harmless', table)
  return harmed.length === 0 ? 0 : 1
}

/** By name, why not; said once. */
async function missingLibraries(): Promise<Map<string, string>> {
  const missing = new Map<string, string>()
  for (const library of FLOOD_LIBRARIES) {
    const { ok, why } = await clientAvailable(library)
    if (!ok) missing.set(library, `${library} ${why}`)
  }
  for (const why of missing.values()) console.log(`left out: ${why}`)
  return missing
}

/** Leaves out, and says so, what this machine or this sluice cannot do. */
async function measurable(cells: readonly Cell[]): Promise<Cell[]> {
  const missing = await missingLibraries()
  const dimensions = new Map(cells.map((cell) => [dimensionOf(cell), cell]))
  const unknown = new Set([...dimensions].filter(([, cell]) => !knowsDimension(cell)).map(([dimension]) => dimension))
  for (const dimension of unknown) console.log(`left out: no quotas on ${dimension} yet`)
  return cells.filter((cell) => !missing.has(cell.library) && !unknown.has(dimensionOf(cell)))
}

function knowsDimension(cell: Cell): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-limits-'))
  try {
    const file = join(directory, 'sluice.yaml')
    writeFileSync(file, JSON.stringify({ upstream: { bootstrap: 'kafka:9092' }, quotas: [quotaOf(cell)] }))
    const command = [join(ROOT, 'bin/kafka-sluice.js'), 'check-config', file]
    return spawnSync(process.execPath, command, { stdio: 'ignore' }).status === 0
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Ctrl-C ends clients and brokers in order; what was measured is kept. */
function interruptible(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  return controller.signal
}
