/**
 * What `npm test` says at its end: which files took longest, what is covered, what was skipped and why, and one sum over all parts. It
 * reads the events of node:test as they pass.
 */
import { relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
/** Of all lines in src and protocol/src that any covered test loaded. Raise it, never lower it. */
const COVERED_LINES_MIN_PERCENT = 95
/** Files below the bar that are worth a line in the report. */
const WORST_COUNT = 10
const SLOWEST_COUNT = 10
/** Node's own sums at the end of each part; we print one for all parts. */
const SUMS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'] as const
const SUM_LINE = new RegExp(`^(${SUMS.join('|')}) ([\\d.]+)$`)

export interface TestEvent {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: node:test gives each event type data of its own shape
  readonly data: any
}

interface FileCoverage {
  readonly path: string
  readonly lines: readonly { readonly line: number; readonly count: number }[]
}

export class RunReport {
  failed = false
  readonly #sums = new Map<string, number>()
  readonly #skipped: string[] = []
  readonly #parts: string[] = []
  readonly #files: { readonly path: string; readonly seconds: number }[] = []
  /** File → line → how often it ran. */
  readonly #lines = new Map<string, Map<number, number>>()

  get tests(): number {
    return this.#sums.get('tests') ?? 0
  }

  /** Remembers what the end of the report needs; returns what the reporter shall see, or nothing. */
  note({ type, data }: TestEvent): TestEvent | undefined {
    if (type === 'test:fail') this.failed = true
    if (type === 'test:pass' && data.skip !== undefined) {
      const reason = typeof data.skip === 'string' ? `: ${data.skip}` : ''
      this.#skipped.push(`${data.name} (${relative(ROOT, data.file ?? '')})${reason}`)
    }
    if (type === 'test:coverage') {
      this.#noteCoverage(data.summary.files)
      return undefined
    }
    if (type === 'test:summary' && data.file !== undefined) return this.#noteFile(data)
    const sum = type === 'test:diagnostic' && data.nesting === 0 ? SUM_LINE.exec(data.message) : null
    if (sum === null) return { type, data }
    const [, name = '', value] = sum
    this.#sums.set(name, (this.#sums.get(name) ?? 0) + Number(value))
    return undefined
  }

  notePart(name: string, files: number, ms: number): void {
    this.#parts.push(`${name} ${(ms / 1000).toFixed(0)} s (${files} files)`)
  }

  /** The whole: the bar of coverage holds, because a part of the tests covers a part of the code. */
  print({ whole }: { readonly whole: boolean }): void {
    this.#printSlowest()
    this.#printCoverage(whole)
    if (this.#skipped.length > 0) console.log(`skipped ${this.#skipped.length}:`)
    for (const line of this.#skipped) console.log(`  ${line}`)
    for (const name of SUMS) console.log(`ℹ ${name} ${this.#sums.get(name) ?? 0}`)
  }

  #noteFile({ file, counts, duration_ms: ms, success }: TestEvent['data']): TestEvent {
    const path = relative(ROOT, file)
    const { passed, failed, tests } = counts
    const verdict = success ? `${passed} of ${tests} passed` : `${failed} of ${tests} FAILED`
    const seconds = ms / 1000
    this.#files.push({ path, seconds })
    return { type: 'test:diagnostic', data: { nesting: 0, message: `${path}: ${verdict}, ${seconds.toFixed(1)} s` } }
  }

  #noteCoverage(files: readonly FileCoverage[]): void {
    for (const { path, lines } of files) {
      const known = this.#lines.get(path) ?? new Map<number, number>()
      this.#lines.set(path, known)
      for (const { line, count } of lines) known.set(line, (known.get(line) ?? 0) + count)
    }
  }

  #printSlowest(): void {
    const slowest = this.#files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_COUNT)
    if (this.#files.length <= SLOWEST_COUNT) return
    console.log(`slowest files: ${slowest.map(({ path, seconds }) => `${path} ${seconds.toFixed(0)} s`).join(', ')}`)
    console.log(`parts: ${this.#parts.join(', ')}`)
  }

  #printCoverage(enforce: boolean): void {
    const files = [...this.#lines].map(([path, lines]) => {
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
    this.failed = true
  }
}
