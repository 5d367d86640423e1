/**
 * `docker compose up`, and whether one sees what docs/docker.md tells: a client under its limit that nothing happens to, one that
 * floods and is held to it, a Prometheus that scrapes and has the rules, and a limit that is changed while all run.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { RULE_FILES, readRules } from '../support/alert-rules.ts'
import { waitFor } from '../support/wait.ts'
import { COMPOSE_DIRECTORY, Project, readCompose } from './support/compose.ts'
import { imageFor } from './support/docker.ts'

const LIMIT = 1_000_000
/** Of what `rate` says, which looks at a few scrapes. */
const NEAR = 0.1
const STORY_TIMEOUT_MS = 120_000

interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

class Prometheus {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  async get<T>(path: string): Promise<T> {
    const { data } = (await (await fetch(`${this.#url}/api/v1/${path}`)).json()) as { data: T }
    return data
  }

  /** By client id. */
  async byClient(query: string): Promise<Readonly<Record<string, number>>> {
    const { result } = await this.get<{ result: readonly Sample[] }>(`query?query=${encodeURIComponent(query)}`)
    return Object.fromEntries(result.map(({ metric, value }) => [metric['client_id'] ?? '', Number(value[1])]))
  }
}

const RATES = 'rate(sluice_client_produced_bytes_total[30s])'
const THROTTLES = 'rate(sluice_client_throttle_seconds_total[30s])'

test('the whole story: both clients, the limit, Prometheus with targets and rules, a change of the limit', async (context) => {
  const image = await imageFor(context)
  if (image === undefined) return
  const project = await Project.up(context, image.name, ['kafka', 'prometheus'])
  if (project === undefined) return
  console.log(project.absent.length === 0 ? 'all services run' : `without ${project.absent.join(', ')}: no image`)
  const prometheus = new Prometheus(await project.url('prometheus', 9090))

  await waitFor('every target is up', () => everyTargetIsUp(prometheus), { timeoutMs: STORY_TIMEOUT_MS, pollMs: 500 })
  const { groups } = await prometheus.get<{ groups: readonly { name: string; rules: { health: string }[] }[] }>('rules')
  assert.deepEqual(groups.map(({ name }) => name).sort(), ruleGroups())

  const near = async (limit: number): Promise<boolean> => {
    const { flood = 0, steady = 0 } = await prometheus.byClient(RATES)
    return Math.abs(flood / limit - 1) < NEAR && steady > 0.3 * LIMIT && steady < 0.5 * LIMIT
  }
  const seen = { timeoutMs: STORY_TIMEOUT_MS, pollMs: 1_000 }
  await waitFor('flood is at its limit, and steady sends what it wants', () => near(LIMIT), seen)
  const throttled = await prometheus.byClient(THROTTLES)
  assert.ok((throttled['flood'] ?? 0) > 0, JSON.stringify(throttled))
  assert.equal(throttled['steady'] ?? 0, 0)
  const { groups: judged } = await prometheus.get<{ groups: { rules: { health: string; lastError?: string }[] }[] }>(
    'rules',
  )
  const faults = judged.flatMap(({ rules }) => rules.filter(({ health }) => health === 'err'))
  assert.deepEqual(faults, [], 'rules that Prometheus cannot evaluate')

  writeFileSync(project.configFile, readFileSync(project.configFile, 'utf8').replace('1 MB/s }', '2 MB/s }'))
  await waitFor('flood follows to the new limit', () => near(2 * LIMIT), seen)
})

async function everyTargetIsUp(prometheus: Prometheus): Promise<boolean> {
  const { activeTargets } = await prometheus.get<{ activeTargets: readonly { health: string }[] }>('targets')
  return activeTargets.length > 0 && activeTargets.every(({ health }) => health === 'up')
}

function ruleGroups(): readonly string[] {
  return RULE_FILES.flatMap((name) => readRules(name).groups.map((group) => group.name)).sort()
}

test('Grafana finds what it is given: dashboards where they are mounted, a data source that is a service', () => {
  const { services } = readCompose()
  const grafana = services['grafana']
  assert.ok(grafana)
  const mounts = new Map(
    (grafana.volumes ?? []).map((volume) => {
      const [from = '', to = ''] = volume.split(':')
      return [to, join(COMPOSE_DIRECTORY, from)] as const
    }),
  )
  const provisioning = mounts.get('/etc/grafana/provisioning') ?? ''
  const read = (name: string): Record<string, Record<string, unknown>[]> =>
    parse(readFileSync(join(provisioning, name), 'utf8'))
  const [provider] = read('dashboards/kafka-sluice.yaml')['providers'] ?? []
  const { path = '' } = (provider?.['options'] ?? {}) as { path?: string }
  assert.ok(existsSync(join(mounts.get(path) ?? '', 'fleet.json')), `${path} has the dashboards`)
  const [source] = read('datasources/prometheus.yaml')['datasources'] ?? []
  const { hostname, port } = new URL(String(source?.['url']))
  assert.ok((services[hostname]?.ports ?? []).some((published) => published.endsWith(`:${port}`)))
})
