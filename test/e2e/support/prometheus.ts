/**
 * The real Prometheus, as operators run it: it scrapes a running sluice, evaluates the rules that the chart ships, answers queries. A minute
 * of the rules is a second here: every duration in their expressions and every `for` is divided by 60, as are the scrape and
 * evaluation intervals of a minute; thresholds stay as they are.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { RULE_FILES, type Rule, readRules } from '../../support/alert-rules.ts'
import { freePort } from '../../support/ports.ts'
import { LineProcess } from '../../support/processes.ts'
import { requirePrometheusTool } from '../../support/prometheus-tools.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
/** So many times faster than in production. */
const HASTE = 60
const SAID_MAX = 50

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface RangeSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly (readonly [second: number, value: number])[]
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

interface RuleHealth {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

/** Starts Prometheus on these targets (HOST:PORT). Undefined, and the test skipped, where there is none. */
export async function startPrometheus(
  context: Surroundings,
  targets: readonly string[],
): Promise<Prometheus | undefined> {
  if (!(await requirePrometheusTool(context, 'prometheus'))) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'))
  const port = await freePort()
  for (const name of RULE_FILES) await writeFile(join(directory, name), stringify(hastened(name)))
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [join(directory, '*.yaml')],
    scrape_configs: [{ job_name: 'kafka-sluice', static_configs: [{ targets }] }],
  }
  await writeFile(join(directory, 'prometheus.yml'), stringify(config))
  const said: string[] = []
  const hear = (line: string): void => {
    said.splice(0, Math.max(0, said.push(line) - SAID_MAX))
  }
  const child = new LineProcess(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { onLine: hear, onErrorLine: hear },
  )
  context.after(async () => {
    child.kill()
    await child.ended
    await rm(directory, { recursive: true, force: true })
  })
  const prometheus = new Prometheus(`http://127.0.0.1:${port}`)
  await waitFor('Prometheus is ready', () => prometheus.isReady(), { seen: () => said.join('\n') })
  return prometheus
}

export class Prometheus {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  async isReady(): Promise<boolean> {
    return fetch(`${this.url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  }

  /** An instant query. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?${new URLSearchParams({ query: expr })}`,
    )
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }

  /** The query at every step, from one second to another. */
  async queryRange(
    expr: string,
    { fromSecond, toSecond, stepSeconds }: { fromSecond: number; toSecond: number; stepSeconds: number },
  ): Promise<RangeSeries[]> {
    const asked = { query: expr, start: `${fromSecond}`, end: `${toSecond}`, step: `${stepSeconds}` }
    const { result } = await this.#get<{ result: { metric: Record<string, string>; values: [number, string][] }[] }>(
      `query_range?${new URLSearchParams(asked)}`,
    )
    return result.map(({ metric, values }) => ({
      labels: metric,
      points: values.map(([second, value]) => [second, Number(value)] as const),
    }))
  }

  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get<{ alerts: ActiveAlert[] }>('alerts')).alerts
  }

  /** Rules that could not be evaluated, and why. */
  async ruleFaults(): Promise<RuleHealth[]> {
    const { groups } = await this.#get<{ groups: { rules: RuleHealth[] }[] }>('rules')
    return groups.flatMap(({ rules }) => rules).filter(({ health }) => health === 'err')
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}`)
    const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string }
    if (status !== 'success') throw new Error(`Prometheus: ${error}: ${path}`)
    return data
  }
}

function hastened(name: string): object {
  const { groups } = readRules(name)
  return { groups: groups.map((group) => ({ ...group, rules: group.rules.map(hastenedRule) })) }
}

function hastenedRule(rule: Rule): Rule {
  const expr = rule.expr.replaceAll(/(?<=\[)\d+[smhd](?=\])/gu, hastenedTime)
  return rule.for === undefined ? { ...rule, expr } : { ...rule, expr, for: hastenedTime(rule.for) }
}

function hastenedTime(text: string): string {
  const seconds = Number.parseInt(text, 10) * (SECONDS[text.slice(-1)] ?? Number.NaN)
  return `${seconds / HASTE}s`
}
