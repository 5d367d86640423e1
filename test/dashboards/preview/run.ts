/**
 * `npm run dashboards:preview`: plays some minutes in front of a real Kafka with real clients, lets a real Prometheus scrape two sluices, and
 * draws every dashboard of the chart with what its own queries answered: docs/images/dashboard-*.png. Needs what `.ci/run` installs.
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createTopic, type KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { CLIENT, GROUP, QUOTAS, RESTLESS, scenesAtOnce, TOPIC } from '../../e2e/support/alert-scenes.ts'
import { startProgram } from '../../e2e/support/program-flood.ts'
import { type Prometheus, startPrometheus } from '../../e2e/support/prometheus.ts'
import { kafkaFor, type RunningSluice, startSluice } from '../../e2e/support/sluice.ts'
import { type Scope, scoped } from '../../limits/scope.ts'
import { requireBrowser } from '../../support/browser.ts'
import { readDashboard } from '../../support/dashboard-files.ts'
import { DASHBOARDS } from '../dashboards.ts'
import { previewPage } from './page.ts'
import { readPanels, type Span } from './read.ts'

const IMAGES = resolve(import.meta.dirname, '../../../docs/images')
const CALM_MS = 60_000
const SCENE_EVERY_MS = 15_000
const STORY_MS = 180_000
const STEP_SECONDS = 2
const VARIABLES = { client: CLIENT, group: `${GROUP}|${RESTLESS}`, __rate_interval: '20s' }
const QUIET: readonly object[] = [
  { name: 'everybody', limit: { produceBytes: '1 MB/s', fetchBytes: '2 MB/s' }, per: ['clientId'] },
]

const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
await scoped(controller.signal, async (scope) => {
  const browser = await requireBrowser(scope)
  const kafka = await kafkaFor(scope, { brokers: 2 })
  if (browser === undefined || kafka === undefined) return
  await createTopic(kafka.internalBootstrap, { topic: TOPIC, partitions: 4 })
  await createTopic(kafka.internalBootstrap, { topic: 'payments', partitions: 4 })
  const loud = await startSluice(scope, { upstream: kafka, quotas: QUOTAS })
  const calm = await startSluice(scope, { upstream: kafka, quotas: QUIET })
  const prometheus = await startPrometheus(
    scope,
    [loud, calm].map(({ adminUrl }) => new URL(adminUrl).host),
  )
  if (prometheus === undefined) return
  const fromSecond = Math.floor(Date.now() / 1000)
  await play(scope, kafka, loud, calm)
  const span = { fromSecond, toSecond: Math.floor(Date.now() / 1000), stepSeconds: STEP_SECONDS }
  await draw(browser, prometheus, span)
})

/** Two teams that keep within their limits; then, beside the other sluice, a flood, a slow consumer, a group that does not settle. */
async function play(scope: Scope, kafka: KafkaCluster, loud: RunningSluice, calm: RunningSluice): Promise<void> {
  const payments = { bootstrap: calm.bootstrap, topic: 'payments' }
  console.log('a calm minute')
  await startProgram(scope, 'java', 'produce', { ...payments, clientId: 'payments-api', bytesPerSecond: 250_000 })
  await startProgram(scope, 'java', 'consume', { ...payments, clientId: 'ledger', group: 'ledger' })
  await startProgram(scope, 'librdkafka', 'produce', {
    ...{ bootstrap: loud.bootstrap, topic: TOPIC, clientId: 'shop', bytesPerSecond: 60_000, compression: 'gzip' },
  })
  await delay(CALM_MS, undefined, { signal: scope.signal })
  for (const scene of scenesAtOnce(scope, loud)) {
    console.log(scene.alert)
    await scene.begin()
    await delay(SCENE_EVERY_MS, undefined, { signal: scope.signal })
  }
  const [broker] = kafka.brokers
  await delay(STORY_MS / 2, undefined, { signal: scope.signal })
  if (broker !== undefined) {
    console.log(`broker ${broker.id} dies and comes back`)
    await kafka.killBroker(broker.id)
    await delay(SCENE_EVERY_MS, undefined, { signal: scope.signal })
    await kafka.startBroker(broker.id)
  }
  await delay(STORY_MS / 2, undefined, { signal: scope.signal })
}

async function draw(
  browser: NonNullable<Awaited<ReturnType<typeof requireBrowser>>>,
  prometheus: Prometheus,
  span: Span,
): Promise<void> {
  await mkdir(IMAGES, { recursive: true })
  const page = await browser.newPage({ viewport: { width: 1304, height: 900 } })
  for (const { name } of DASHBOARDS) {
    const dashboard = readDashboard(name)
    await page.setContent(previewPage(dashboard, await readPanels(prometheus, dashboard, VARIABLES, span), span))
    const file = join(IMAGES, `dashboard-${name}.png`)
    await page.screenshot({ path: file, fullPage: true })
    console.log(file)
  }
}
