/**
 * Helm for tests: from PATH or $KUBE_BIN, else built once into the cache by tools.sh, where there is a Go that can.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { cached, contentKey, exists } from '../../src/demo/kafka/cache.ts'
import { toolAnswers } from '../../src/demo/kafka/run-tool.ts'
import type { Availability } from '../support/clients.ts'
import type { Surroundings } from '../support/surroundings.ts'

const run = promisify(execFile)
const SCRIPT = resolve(import.meta.dirname, 'tools.sh')
export const CHART: string = resolve(import.meta.dirname, '../../helm/kafka-sluice')
const LIBRARY_CHART = resolve(import.meta.dirname, 'library-chart')
const GO_MIN = [1, 26] as const
const OUTPUT_BYTES_MAX = 16_777_216

type Tool = 'helm' | 'helm-unittest'

let directory: Promise<string | undefined> | undefined

/** Where the tools are, built if need be; undefined: in PATH. */
function toolsDirectory(): Promise<string | undefined> {
  directory ??= (async () => {
    const given = process.env['KUBE_BIN']
    if (given !== undefined && (await exists(join(given, 'helm-unittest')))) return given
    if ((await toolAnswers('helm', 'version')) && (await toolAnswers('helm-unittest', '--help'))) return undefined
    const name = `helm-${contentKey(readFileSync(SCRIPT))}`
    return cached(name, async (into) => void (await run(SCRIPT, [into], { maxBuffer: OUTPUT_BYTES_MAX })))
  })()
  return directory
}

/** Whether Helm is to be had here, or can be built. */
export async function helmAvailable(): Promise<Availability> {
  const given = process.env['KUBE_BIN']
  if (given !== undefined && (await exists(join(given, 'helm-unittest')))) return { ok: true, why: '' }
  if ((await toolAnswers('helm', 'version')) && (await toolAnswers('helm-unittest', '--help')))
    return { ok: true, why: '' }
  const version = await run('go', ['env', 'GOVERSION']).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
  const [, major = '0', minor = '0'] = /^go(\d+)\.(\d+)/u.exec(version) ?? []
  const isNew = Number(major) > GO_MIN[0] || (Number(major) === GO_MIN[0] && Number(minor) >= GO_MIN[1])
  return isNew
    ? { ok: true, why: '' }
    : { ok: false, why: `needs helm and helm-unittest, or Go ${GO_MIN.join('.')} to build them` }
}

/** Builds the tools if need be, so that no test waits for a download. */
export async function buildHelm(): Promise<void> {
  await toolsDirectory()
}

/** False, and the test is marked as skipped with the reason, when Helm cannot be had here. */
export async function requireHelm(context: Surroundings): Promise<boolean> {
  const { ok, why } = await helmAvailable()
  if (ok) return true
  if (process.env['SLUICE_REQUIRE_ALL'] === '1') throw new Error(`the chart ${why}, and SLUICE_REQUIRE_ALL is set`)
  context.skip(why)
  return false
}

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one of the tools to its end; never rejects for what the tool says. */
export async function tool(name: Tool, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const bin = await toolsDirectory()
  const command = bin === undefined ? name : join(bin, name)
  return run(command, [...args], { env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code?: unknown; stdout?: string; stderr?: string; message: string }) => {
      if (typeof error.code !== 'number') throw error
      return { code: error.code, out: error.stdout ?? '', err: error.stderr ?? '' }
    },
  )
}

/** The chart's templates with these values (`--set`, or `-f FILE`), in the namespace platform, for one version of Kubernetes. */
export function render(chart: string, ...args: readonly string[]): Promise<Ran> {
  return tool('helm', ['template', 'sluice', chart, '--namespace', 'platform', '--kube-version', '1.37.0', ...args])
}

export interface KubeManifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  // biome-ignore lint/suspicious/noExplicitAny: manifests are of any shape; what a test reads of one it asserts
  readonly [key: string]: any
}

export function manifestsOf(yaml: string): readonly KubeManifest[] {
  return parseAllDocuments(yaml)
    .map((document) => document.toJS() as KubeManifest | null)
    .filter((manifest) => manifest !== null)
}

/** A copy of the chart that uses the library template, with its dependency in place. */
export function libraryChart(context: Pick<Surroundings, 'after'>): string {
  const copy = mkdtempSync(join(tmpdir(), 'sluice-library-chart-'))
  context.after(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(LIBRARY_CHART, copy, { recursive: true })
  cpSync(CHART, join(copy, 'charts/kafka-sluice'), { recursive: true })
  return copy
}
