/** Prometheus' own programs for tests: whether they are to be had here, and the metric names in a query. */
import { toolAnswers } from '../../src/demo/kafka/run-tool.ts'
import { CATALOGUE } from '../../src/telemetry/catalogue/index.ts'
import type { Surroundings } from './surroundings.ts'

/** Fails instead of skipping, as in test/support/clients.ts. */
const REQUIRE_ALL = process.env['SLUICE_REQUIRE_ALL'] === '1'
const HISTOGRAM_SUFFIX = /_(bucket|sum|count)$/u

export type PrometheusTool = 'prometheus' | 'promtool'

/** False, and the test is marked as skipped with the reason, where the program is not on the PATH. */
export async function requirePrometheusTool(
  context: Pick<Surroundings, 'skip'>,
  name: PrometheusTool,
): Promise<boolean> {
  if (await toolAnswers(name, '--version')) return true
  if (REQUIRE_ALL) throw new Error(`${name} is not on the PATH, and SLUICE_REQUIRE_ALL is set`)
  context.skip(`needs ${name} on the PATH (Debian: apt-get install prometheus)`)
  return false
}

/** The metrics of ours that a query names, and labels in braces behind them that they do not have; recorded series are not ours. */
export function faultsOf(query: string): string[] {
  const faults: string[] = []
  for (const [, name = '', braces = ''] of query.matchAll(/(?<![:\w])(sluice_\w+)(?:\{([^}]*)\})?/gu)) {
    const definition = CATALOGUE[name as 'sluice_'] ?? CATALOGUE[name.replace(HISTOGRAM_SUFFIX, '') as 'sluice_']
    if (definition === undefined) faults.push(`${name} is not in the catalogue`)
    const known = new Set([...(definition?.labels ?? []), 'le', ...TARGET_LABELS])
    for (const [, label = ''] of braces.matchAll(/(\w+)\s*[=!]/gu)) {
      if (!known.has(label)) faults.push(`${name} has no label ${label}`)
    }
  }
  return faults
}

/** What Prometheus puts on every series of a target, in Kubernetes or elsewhere. */
const TARGET_LABELS: readonly string[] = ['job', 'instance', 'namespace', 'pod']
