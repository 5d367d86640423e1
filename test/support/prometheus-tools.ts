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

/** A metric of ours, and labels in braces behind it; recorded series are not ours. */
const METRIC = /(?<![:\w])(?<name>sluice_\w+)(?:\{(?<braces>[^}]*)\})?/gu

/** The metrics of ours that a query names, each once, without the suffixes of a histogram's series. */
export function metricsIn(query: string): string[] {
  return [...new Set([...query.matchAll(METRIC)].map(({ groups }) => catalogued(groups!['name']!)))]
}

/** The metrics of ours that a query names and that there are not, and labels in braces behind them that they do not have. */
export function faultsOf(query: string): string[] {
  const faults: string[] = []
  for (const { groups } of query.matchAll(METRIC)) {
    const { name = '', braces = '' } = groups!
    const definition = CATALOGUE[catalogued(name) as 'sluice_']
    if (definition === undefined) faults.push(`${name} is not in the catalogue`)
    const known = new Set([...(definition?.labels ?? []), 'le', ...TARGET_LABELS])
    for (const [, label = ''] of braces.matchAll(/(\w+)\s*[=!]/gu)) {
      if (!known.has(label)) faults.push(`${name} has no label ${label}`)
    }
  }
  return faults
}

/** The name in the catalogue of the metric that a series belongs to. */
function catalogued(series: string): string {
  return series in CATALOGUE ? series : series.replace(HISTOGRAM_SUFFIX, '')
}

/** What Prometheus puts on every series of a target, in Kubernetes or elsewhere. */
const TARGET_LABELS: readonly string[] = ['job', 'instance', 'namespace', 'pod']
