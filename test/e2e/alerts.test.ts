/**
 * Once for real: Prometheus scrapes a running sluice in front of a real Kafka, and what the main alerts are about is made to happen. Each is
 * seen firing at Prometheus' own API and resolved afterwards; while all of it goes on, every query of every dashboard panel is
 * asked and has series. `support/prometheus.ts` says how the rules' minutes become seconds.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { dashboardQueries } from '../support/dashboard-files.ts'
import { waitFor } from '../support/wait.ts'
import {
  type AlertScene,
  CLIENT,
  deadBroker,
  GROUP,
  QUOTAS,
  RESTLESS,
  scenesAtOnce,
  TOPIC,
} from './support/alert-scenes.ts'
import { type ActiveAlert, type Prometheus, startPrometheus } from './support/prometheus.ts'
import { kafkaFor, startSluice } from './support/sluice.ts'

/** What takes half a minute on an idle machine; the deadline only notices what never comes. */
const ALERT_MAX_MS = 180_000
const POLL_MS = 250
/** With a scrape each second. */
const VARIABLES = { client: CLIENT, group: `${GROUP}|${RESTLESS}`, __rate_interval: '20s' }

test('alerts fire for what they are about, and resolve; every panel of the dashboards has something to show', async (context) => {
  const kafka = await kafkaFor(context)
  if (kafka === undefined) return
  await createTopic(kafka.internalBootstrap, { topic: TOPIC, partitions: 2 })
  const sluice = await startSluice(context, { upstream: kafka, quotas: QUOTAS })
  const prometheus = await startPrometheus(context, [new URL(sluice.adminUrl).host])
  if (prometheus === undefined) return
  const scenes = scenesAtOnce(context, sluice)
  await Promise.all(scenes.map((scene) => scene.begin()))
  for (const scene of scenes) await context.test(`${scene.alert} fires`, (t) => fires(t, prometheus, scene))
  await context.test('every query of the dashboards has series', () => everyQueryAnswers(prometheus))
  await context.test('every rule can be evaluated', async () => assert.deepEqual(await prometheus.ruleFaults(), []))
  await Promise.all(scenes.map((scene) => scene.end()))
  for (const scene of scenes) await context.test(`${scene.alert} resolves`, () => resolves(prometheus, scene))
  const scene = deadBroker(context, kafka, sluice)
  await scene.begin()
  await context.test(`${scene.alert} fires`, (t) => fires(t, prometheus, scene))
  await scene.end()
  await context.test(`${scene.alert} resolves`, () => resolves(prometheus, scene))
})

async function fires(t: { diagnostic(text: string): void }, prometheus: Prometheus, scene: AlertScene): Promise<void> {
  const alert = await waitFor(`${scene.alert} fires`, async () => (await firing(prometheus, scene))[0], {
    ...{ timeoutMs: ALERT_MAX_MS, pollMs: POLL_MS },
    seen: () => JSON.stringify(last),
  })
  const { summary = '', description = '' } = alert.annotations
  t.diagnostic(`${alert.labels['severity']}: ${summary}. ${description}`)
  assert.doesNotMatch(`${summary} ${description}`, /no value|NaN|\{\{/u)
}

async function resolves(prometheus: Prometheus, scene: AlertScene): Promise<void> {
  await waitFor(`${scene.alert} is over`, async () => (await firing(prometheus, scene)).length === 0, {
    ...{ timeoutMs: ALERT_MAX_MS, pollMs: POLL_MS },
    seen: () => JSON.stringify(last),
  })
}

/** What was active when it was looked last, for complaints. */
let last: readonly ActiveAlert[] = []

async function firing(prometheus: Prometheus, { alert, labels }: AlertScene): Promise<readonly ActiveAlert[]> {
  last = await prometheus.alerts()
  const wanted = Object.entries({ alertname: alert, ...labels })
  return last.filter((one) => one.state === 'firing' && wanted.every(([key, value]) => one.labels[key] === value))
}

/** Asked until each had a number: a quantile of nothing is NaN, and a rate needs two scrapes. */
async function everyQueryAnswers(prometheus: Prometheus): Promise<void> {
  let open = dashboardQueries(VARIABLES)
  assert.ok(open.length > 50)
  await waitFor(
    'every query has series',
    async () => {
      const answers = await Promise.all(open.map(({ expr }) => prometheus.query(expr)))
      open = open.filter((_, index) => !answers[index]!.some(({ value }) => !Number.isNaN(value)))
      return open.length === 0
    },
    {
      timeoutMs: ALERT_MAX_MS,
      pollMs: POLL_MS,
      seen: () => open.map(({ where, expr }) => `${where}: ${expr}`).join('\n'),
    },
  )
}
