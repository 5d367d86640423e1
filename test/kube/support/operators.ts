/**
 * The Prometheus operator and cert-manager for tests, as test/kube/operators/build.sh makes them: their types in the API, and they
 * themselves as processes of this machine, with all rights. Only beside a control plane of our own: in somebody's cluster they may run.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../src/demo/kafka/ports.ts'
import { LineProcess } from '../../support/processes.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import type { Cluster } from './cluster.ts'
import { controlPlaneMissing } from './control-plane.ts'

export type Operator = 'prometheus-operator' | 'cert-manager'

const OPERATORS: readonly Operator[] = ['prometheus-operator', 'cert-manager']

/** Why they are not here; undefined: they are. With SLUICE_REQUIRE_ALL it is an error. */
export async function operatorsMissing(): Promise<string | undefined> {
  const { KUBE_BIN: bin, SLUICE_REQUIRE_ALL: all } = process.env
  const absent = OPERATORS.filter((name) => bin === undefined || !existsSync(join(bin, name)))
  if (absent.length === 0) return controlPlaneMissing()
  const why = `needs ${absent.join(' and ')} in KUBE_BIN (test/kube/operators/build.sh)`
  if (all === '1') throw new Error(why)
  return why
}

/** Makes its types known to the API. */
export async function defineTypes(cluster: Cluster, operator: Operator): Promise<void> {
  const folder = join(cluster.plane.bin ?? '', 'crds', operator)
  // Not by `apply` of the client: it would write each whole into an annotation, and some are larger than one may be.
  await cluster.ask(['apply', '--server-side', '-f', folder])
  await cluster.ask(['wait', '--for=condition=Established', '--timeout=60s', '-f', folder])
}

/** Starts it; it ends with the tests. What it says is for complaints. */
export async function startOperator(
  context: Pick<Surroundings, 'after'>,
  { plane }: Cluster,
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
