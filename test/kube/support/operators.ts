/**
 * The Prometheus operator and cert-manager for tests, as test/kube/operators/build.sh makes them: their types in the API, and they
 * themselves as processes of this machine, with all rights. In somebody's cluster they may run already: for clusters of tests only.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { listAt, type Mapping, mappingAt } from '../../../src/config/raw.ts'
import { freePort } from '../../../src/demo/kafka/ports.ts'
import { LineProcess } from '../../support/processes.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'
import { controlPlaneMissing } from './control-plane.ts'

export type Operator = 'prometheus-operator' | 'cert-manager'

/** A cluster, as far as an operator needs it. */
export interface Operated {
  readonly plane: { readonly kubeconfig: string; readonly bin?: string }
  ask(args: readonly string[], input?: object): Promise<string>
}

const OPERATORS: readonly Operator[] = ['prometheus-operator', 'cert-manager']

/** Why they are not here; undefined: they are. With SLUICE_REQUIRE_ALL it is an error. */
export async function operatorsMissing(wanted: readonly Operator[] = OPERATORS): Promise<string | undefined> {
  const { KUBE_BIN: bin, SLUICE_REQUIRE_ALL: all } = process.env
  const absent = wanted.filter((name) => bin === undefined || !existsSync(join(bin, name)))
  if (absent.length === 0) return controlPlaneMissing()
  const why = `needs ${absent.join(' and ')} in KUBE_BIN (test/kube/operators/build.sh)`
  if (all === '1') throw new Error(why)
  return why
}

/** Makes its types known to the API. */
export async function defineTypes(cluster: Operated, operator: Operator): Promise<void> {
  const folder = join(cluster.plane.bin ?? '', 'crds', operator)
  // Not by `apply` of the client: it would write each whole into an annotation, and some are larger than one may be.
  await cluster.ask(['apply', '--server-side', '-f', folder])
  await cluster.ask(['wait', '--for=condition=Established', '--timeout=60s', '-f', folder])
}

/** What the operator wrote for the Prometheus `main`: its configuration, and its files of rules by name. */
export async function madeForPrometheus(
  cluster: Pick<Operated, 'ask'>,
  namespace: string,
  whole: { readonly jobs: number; readonly ruleFiles: number; readonly said: () => string },
): Promise<{ readonly config: Mapping; readonly rules: Readonly<Record<string, string>> }> {
  const data = async (kind: string, name: string): Promise<Mapping> =>
    mappingAt(
      JSON.parse(
        (await cluster.ask(['get', kind, name, '-n', namespace, '-o', 'json', '--ignore-not-found'])) || '{}',
      ) as Mapping,
      'data',
    )
  return waitFor(
    'the operator has made a configuration of monitors and rules',
    async () => {
      const packed = (await data('secret', 'prometheus-main'))['prometheus.yaml.gz']
      if (typeof packed !== 'string') return undefined
      const config = parse(gunzipSync(Buffer.from(packed, 'base64')).toString()) as Mapping
      const rules = (await data('configmap', 'prometheus-main-rulefiles-0')) as Record<string, string>
      const isWhole =
        listAt(config, 'scrape_configs').length >= whole.jobs && Object.keys(rules).length >= whole.ruleFiles
      return isWhole && { config, rules }
    },
    { pollMs: 250, seen: whole.said },
  )
}

/** Starts it; it ends with the tests. What it says is for complaints. */
export async function startOperator(
  context: Pick<Surroundings, 'after'>,
  { plane }: Operated,
  operator: Operator,
): Promise<{ readonly said: () => string }> {
  const lines: string[] = []
  const args = operator === 'cert-manager' ? [plane.kubeconfig] : [`-web.listen-address=127.0.0.1:${await freePort()}`]
  const child = new LineProcess(join(plane.bin ?? '', operator), args, {
    env: { ...process.env, KUBECONFIG: plane.kubeconfig },
    onLine: (line) => lines.push(line),
    onErrorLine: (line) => lines.push(line),
  })
  context.after(async () => {
    child.kill()
    await child.ended
  })
  return { said: () => lines.slice(-20).join('\n') }
}
