/**
 * What `/metrics` says against what is so: records, batches and codecs against what was sent, lag against the group's offsets as Kafka has
 * them, turns of groups against members that come and go, ages against timestamps of known age, the cluster against a broker that dies.
 * Real clients, a cluster of three, one sluice.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { type Admin, CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { createTopic, describeTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import {
  type ClientConfig,
  type ClientName,
  type RunningClient,
  requireClient,
  runClient,
  startClient,
} from '../support/clients.ts'
import { waitFor } from '../support/wait.ts'
import { isSame, lagIn, lagsOf, told } from './support/lag-view.ts'
import { kafkaFor, type RunningSluice, withSluice } from './support/sluice.ts'

const BROKERS = 3
const KILLED = 3
const SLOW = { timeoutMs: 180_000, pollMs: 250 } as const
const RECORD_BYTES = 500

const PRODUCERS: readonly {
  readonly client: ClientName
  readonly compression: 'none' | 'gzip' | 'lz4' | 'snappy' | 'zstd'
}[] = [
  { client: 'java', compression: 'lz4' },
  { client: 'librdkafka', compression: 'zstd' },
  { client: 'sarama', compression: 'snappy' },
  { client: 'franz-go', compression: 'gzip' },
]

const GROUPS: readonly { readonly name: string; readonly client: ClientName; readonly protocol?: string }[] = [
  { name: 'turns-classic', client: 'java', protocol: 'classic' },
  { name: 'turns-kip-848', client: 'java', protocol: 'consumer' },
  { name: 'turns-franz-go', client: 'franz-go' },
]

interface OldGroup {
  readonly name: string
  readonly client: ClientName
  readonly protocol?: string
}

/** A consumer of each protocol of groups, and another library's: they ask for their offsets in different versions. */
const OLD_GROUPS: readonly OldGroup[] = [
  { name: 'old-classic', client: 'java', protocol: 'classic' },
  { name: 'old-kip-848', client: 'java', protocol: 'consumer' },
  { name: 'old-librdkafka', client: 'librdkafka' },
]

test('what /metrics says is so', async (context) => {
  const has = new Map<ClientName, boolean>()
  for (const client of ['java', 'librdkafka', 'sarama', 'franz-go'] as const) {
    await context.test(`${client}: the client is to be had`, async (subtest) => {
      has.set(client, await requireClient(subtest, client))
    })
  }
  const kafka = await kafkaFor(context, { brokers: BROKERS })
  if (kafka === undefined) return
  await withSluice(context, { upstream: kafka, quotas: [READERS] }, async (sluice) => {
    const producers = PRODUCERS.filter(({ client }) => has.get(client) === true)
    const groups = GROUPS.filter(({ client }) => has.get(client) === true)
    await Promise.all([
      ...producers.map((one) => context.test(`${one.client}: batches`, () => batches(one, kafka, sluice))),
      ...groups.map((one) => context.test(`${one.name}: turns`, (subtest) => turns(subtest, one, kafka, sluice))),
      context.test('lag', (subtest) => lag(subtest, kafka, sluice)),
      ...OLD_GROUPS.map((one) =>
        context.test(`${one.name}: committed lag`, (subtest) => oldGroup(subtest, one, kafka, sluice)),
      ),
      context.test('end-to-end latency', (subtest) => ages(subtest, kafka, sluice)),
    ])
    await context.test('a broker dies', (subtest) => aBrokerDies(subtest, kafka, sluice))
    await context.test('promtool check metrics finds nothing', (subtest) => checked(subtest, sluice))
  })
})

/** The consumers of the lag subtest are slowed so that they stay behind for a while. */
const READERS = { name: 'readers', limit: { fetchBytes: '60 kB/s' }, match: { clientId: 'slow-reader' } }

/** Records, codec and requests are those that were sent. */
async function batches(
  { client, compression }: (typeof PRODUCERS)[number],
  kafka: KafkaCluster,
  sluice: RunningSluice,
): Promise<void> {
  const topic = `batches-${client}`
  const who = { client_id: `batches-${client}` }
  const count = 3_000
  await createTopic(kafka.internalBootstrap, { topic, partitions: 3, replicas: 1 })
  const sent = { topic, clientId: who.client_id, count, recordBytes: RECORD_BYTES, compression }
  const result = await runClient(client, 'produce', { bootstrap: sluice.bootstrap, acks: 'all', ...sent })
  assert.equal(result.acked, count)
  const metrics = await sluice.metrics()
  const value = (name: string, labels = {}): number => metrics.value(name, { ...who, ...labels })
  const records = value('sluice_client_produced_records_total')
  const requests = value('sluice_client_produce_requests_total')
  const { errors, timeouts, disconnects } = result
  // Where something went wrong, batches were sent again.
  if (errors + timeouts + disconnects + value('sluice_client_errors_total') === 0) {
    assert.equal(records, count)
    assert.equal(value('sluice_produce_retries_total'), 0)
    assert.equal(value('sluice_client_produce_latency_seconds_count'), requests)
  }
  assert.ok(records >= count, `${records} records`)
  const all = value('sluice_client_produce_batches_total')
  assert.ok(all > 0 && all <= records)
  // A batch that compressing makes no smaller goes as it is (librdkafka, franz-go), and our records are noise.
  const codecs = [compression, 'none'].map((codec) => value('sluice_client_produce_batches_total', { codec }))
  assert.equal(
    codecs.reduce((sum, seen) => sum + seen),
    all,
  )
  if (client === 'java' || client === 'sarama') assert.equal(codecs[0], all)
  assert.ok(value('sluice_client_produce_batch_bytes_total') < value('sluice_client_produced_bytes_total'))
  assert.equal(metrics.value('sluice_client_info', who), 1)
}

/** A member comes, a second one comes and goes again. */
async function turns(
  context: TestContext,
  { name, client, protocol }: (typeof GROUPS)[number],
  kafka: KafkaCluster,
  sluice: RunningSluice,
): Promise<void> {
  await createTopic(kafka.internalBootstrap, { topic: name, partitions: 4, replicas: 1 })
  const consumer = protocol === undefined ? {} : { 'group.protocol': protocol }
  const config = { bootstrap: sluice.bootstrap, topic: name, group: name, clientId: name, seconds: 600, consumer }
  const slow = { ...SLOW, seen: (): string => latest }
  const start = async (): Promise<RunningClient> => {
    const running = await startClient(client, 'consume', config, { signal: context.signal })
    context.after(() => running.kill())
    return running
  }
  let latest = ''
  const of = async (metric: string, labels = {}): Promise<number> => {
    const metrics = await sluice.metrics()
    latest = metrics.text
      .split('\n')
      .filter((line) => /^sluice_group_(?!.*_bucket)/u.test(line) && line.includes(name))
      .join('\n')
    return metrics.value(metric, { group: name, ...labels })
  }
  const turned = (reason: string): Promise<number> => of('sluice_group_rebalances_total', { reason })
  const first = await start()
  await waitFor('the first member has joined', async () => (await turned('member_joined')) >= 1, slow)
  await waitFor('its turn has ended', async () => (await of('sluice_group_rebalance_seconds_count')) >= 1, slow)
  const before = await turned('member_joined')
  const second = await start()
  await waitFor('the second one has joined', async () => (await turned('member_joined')) > before, slow)
  await waitFor('both are known', async () => (await of('sluice_group_members')) === 2, slow)
  await waitFor('heartbeats are told', async () => (await of('sluice_group_heartbeat_gap_seconds_count')) >= 2, slow)
  assert.equal(await turned('member_left'), 0)
  await second.stop()
  await waitFor('its leaving has turned the group', async () => (await turned('member_left')) >= 1, slow)
  assert.equal(await of('sluice_group_members'), 1)
  await first.stop()
}

/** What the sluice says of a group that is behind is what Kafka's own admin client makes of its offsets. */
async function lag(context: TestContext, kafka: KafkaCluster, sluice: RunningSluice): Promise<void> {
  if (!(await requireClient(context, 'java'))) return
  const topic = 'lagging'
  const count = 4_000
  await createTopic(kafka.internalBootstrap, { topic, partitions: 2, replicas: 1 })
  await runClient('platformatic', 'produce', { bootstrap: kafka.bootstrap, topic, count, recordBytes: 1_000 })
  const config: ClientConfig = {
    ...{ bootstrap: sluice.bootstrap, topic, group: topic, clientId: 'slow-reader', seconds: 600 },
    consumer: { 'auto.commit.interval.ms': '2000', 'max.partition.fetch.bytes': '20000' },
  }
  const running = await startClient('java', 'consume', config, { signal: context.signal })
  context.after(() => running.kill())
  await withAdmin(kafka, async (admin) => {
    await waitFor(
      'committed lag is the one that Kafka has, while the group is behind',
      async () => {
        const theirs = await lagsOf(admin, topic)
        const ours = await told(sluice, 'sluice_consumer_committed_lag_records', topic)
        const isBehind = [...theirs.values()].some((offsets) => offsets > 0 && offsets < count / 2)
        return isBehind && isSame(ours, theirs)
      },
      SLOW,
    )
    const metrics = await sluice.metrics()
    const fetched = lagIn(metrics, 'sluice_consumer_lag_records', topic)
    const committed = lagIn(metrics, 'sluice_consumer_committed_lag_records', topic)
    for (const [partition, offsets] of fetched) {
      assert.ok(offsets <= (committed.get(partition) ?? 0), `partition ${partition}: fetched before it was committed`)
    }
    await sluice.reload([])
    await waitFor(
      'nothing is left',
      async () => {
        const ours = [...(await told(sluice, 'sluice_consumer_lag_records', topic)).values()]
        return ours.length === 2 && ours.every((offsets) => offsets === 0)
      },
      SLOW,
    )
    await waitFor(
      'and all is committed',
      async () => {
        const theirs = await lagsOf(admin, topic)
        const ours = await told(sluice, 'sluice_consumer_committed_lag_records', topic)
        return [...theirs.values()].every((offsets) => offsets === 0) && isSame(ours, theirs)
      },
      SLOW,
    )
  })
  await running.stop()
}

/** A consumer that goes on where its group stopped long ago, and never commits. */
async function oldGroup(
  context: TestContext,
  { name, client, protocol }: OldGroup,
  kafka: KafkaCluster,
  sluice: RunningSluice,
): Promise<void> {
  if (!(await requireClient(context, client))) return
  const count = 1_000
  await createTopic(kafka.internalBootstrap, { topic: name, partitions: 2, replicas: 1 })
  await runClient('platformatic', 'produce', { bootstrap: kafka.bootstrap, topic: name, count, recordBytes: 100 })
  await withAdmin(kafka, async (admin) => {
    await admin.setOffsets({ groupId: name, topic: name, partitions: [{ partition: 0, offset: '100' }] })
    const theirs = await lagsOf(admin, name)
    assert.deepEqual([...theirs.keys()], [0])
    const config: ClientConfig = {
      ...{ bootstrap: sluice.bootstrap, topic: name, group: name, clientId: name, seconds: 600 },
      consumer: { 'enable.auto.commit': 'false', ...(protocol === undefined ? {} : { 'group.protocol': protocol }) },
    }
    const running = await startClient(client, 'consume', config, { signal: context.signal })
    context.after(() => running.kill())
    await waitFor(
      'all is fetched, and committed is what was before',
      async () => {
        const fetched = [...(await told(sluice, 'sluice_consumer_lag_records', name)).values()]
        const committed = await told(sluice, 'sluice_consumer_committed_lag_records', name)
        return fetched.length === 2 && fetched.every((offsets) => offsets === 0) && isSame(committed, theirs)
      },
      SLOW,
    )
    assert.deepEqual(await lagsOf(admin, name), theirs, 'it did not commit')
    await running.stop()
  })
}

/** Records that were written with a time of ten seconds ago are at least that old when they pass. */
async function ages(context: TestContext, kafka: KafkaCluster, sluice: RunningSluice): Promise<void> {
  if (!(await requireClient(context, 'librdkafka'))) return
  const topic = 'aged'
  const agedMs = 10_000
  const count = 60
  await createTopic(kafka.internalBootstrap, { topic, partitions: 1, replicas: 1 })
  const producer = kafkajsOf(kafka).producer()
  await producer.connect()
  const firstAtMs = Date.now()
  for (let i = 0; i < count; i++) {
    const message = { value: `${i}`, timestamp: String(Date.now() - agedMs) }
    await producer.send({ topic, messages: [message], compression: CompressionTypes.None })
  }
  await producer.disconnect()
  const config = { bootstrap: sluice.bootstrap, topic, group: topic, clientId: topic, seconds: 600 }
  const running = await startClient('librdkafka', 'consume', config, { signal: context.signal })
  context.after(() => running.kill())
  const of = async (metric: string): Promise<number> => (await sluice.metrics()).value(metric, { group: topic })
  const name = 'sluice_consumer_end_to_end_latency_seconds'
  await waitFor('every batch has passed', async () => (await of(`${name}_count`)) >= count, SLOW)
  const average = (await of(`${name}_sum`)) / (await of(`${name}_count`))
  const sinceSeconds = (Date.now() - firstAtMs) / 1000
  assert.ok(
    average >= agedMs / 1000,
    `${average} s, and the records were ${agedMs / 1000} s old when they were written`,
  )
  assert.ok(average <= agedMs / 1000 + sinceSeconds, `${average} s, after ${sinceSeconds} s`)
  assert.equal(await of('sluice_consumer_timestamps_ahead_total'), 0)
  await running.stop()
}

/** Replicas go missing, leaders move, connections are cut, and the broker is down; then it comes back. */
async function aBrokerDies(context: TestContext, kafka: KafkaCluster, sluice: RunningSluice): Promise<void> {
  const topic = 'replicated'
  const node = String(KILLED)
  await createTopic(kafka.internalBootstrap, { topic, partitions: 6, replicas: BROKERS })
  const config = { bootstrap: sluice.bootstrap, topic, clientId: topic, seconds: 600, bytesPerSecond: 50_000 }
  const running = await startClient(
    'kafkajs',
    'produce',
    { ...config, producer: { retry: { retries: 50 } } },
    { signal: context.signal },
  )
  context.after(() => running.kill())
  const of = async (metric: string, labels = {}): Promise<number> => (await sluice.metrics()).value(metric, labels)
  await waitFor('the partitions are known', async () => (await of('sluice_cluster_partitions')) >= 6, SLOW)
  await waitFor('it talks to the broker', async () => (await of('sluice_broker_connections', { node })) > 0, SLOW)
  assert.equal(await of('sluice_broker_up', { node }), 1)
  const movesBefore = await of('sluice_cluster_leader_moves_total')
  await kafka.killBroker(KILLED)
  const looker = kafkajsAt(sluice.bootstrap).admin()
  await looker.connect()
  context.after(() => looker.disconnect())
  const look = async (): Promise<number> => {
    await looker.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined)
    return of('sluice_cluster_partitions_under_replicated')
  }
  await waitFor('its replicas are missed', async () => (await look()) >= 6, SLOW)
  const missing = (await describeTopic(kafka.internalBootstrap, topic)).filter(({ inSync }) => inSync.length < BROKERS)
  assert.equal(missing.length, 6)
  await waitFor('leaders have moved', async () => (await of('sluice_cluster_leader_moves_total')) > movesBefore, SLOW)
  await waitFor('it is down', async () => (await of('sluice_broker_up', { node })) === 0, SLOW)
  assert.ok((await of('sluice_broker_connect_failures_total', { node })) > 0)
  assert.equal(await of('sluice_broker_connections', { node }), 0)
  await kafka.startBroker(KILLED)
  await waitFor('its replicas are back', async () => (await look()) === 0, SLOW)
  await running.stop()
}

async function checked(context: TestContext, sluice: RunningSluice): Promise<void> {
  if (spawnSync('promtool', ['--version']).error !== undefined) return context.skip('needs promtool on the PATH')
  const input = await (await fetch(`${sluice.adminUrl}/metrics`)).text()
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
}

const kafkajsOf = (kafka: KafkaCluster): Kafka => kafkajsAt(kafka.internalBootstrap)

function kafkajsAt(bootstrap: string): Kafka {
  return new Kafka({
    clientId: 'looker',
    brokers: bootstrap.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
  })
}

async function withAdmin(kafka: KafkaCluster, body: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = kafkajsOf(kafka).admin()
  await admin.connect()
  try {
    await body(admin)
  } finally {
    await admin.disconnect()
  }
}
