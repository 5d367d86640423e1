/** Every client program against a real broker, with nothing between: what they report here is the truth to compare with. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTopic, endOffsets, type KafkaCluster, startKafka } from '../../src/demo/kafka/index.ts'
import { CLIENT_NAMES, clientAvailable, requireClient, runClient, startClient } from '../support/clients.ts'
import { perfProducerSummary, startPerfConsumer, startPerfProducer } from '../support/perf-tools.ts'
import { waitFor } from '../support/wait.ts'

const RECORDS = 5000
const PARTITIONS = 3

describe('client programs, straight against the broker', () => {
  let kafka: KafkaCluster
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.stop())

  for (const name of CLIENT_NAMES) {
    test(`${name}: a roundtrip loses, doubles, reorders and changes nothing`, async (context) => {
      if (!(await requireClient(context, name))) return
      const topic = `roundtrip-${name}`
      await createTopic(kafka.internalBootstrap, { topic, partitions: PARTITIONS })
      const config = { bootstrap: kafka.bootstrap, topic, count: RECORDS, recordBytes: 500, clientId: `app-${name}` }
      const result = await runClient(name, 'roundtrip', config)
      const { sent, acked, bytes, received, lost, duplicates, outOfOrder, corrupt, errors, timeouts, disconnects } =
        result
      assert.deepEqual(
        { sent, acked, bytes, received, lost, duplicates, outOfOrder, corrupt, errors, timeouts, disconnects },
        {
          ...{ sent: RECORDS, acked: RECORDS, bytes: RECORDS * 500, received: RECORDS },
          ...{ lost: 0, duplicates: 0, outOfOrder: 0, corrupt: 0, errors: 0, timeouts: 0, disconnects: 0 },
        },
        JSON.stringify(result.events),
      )
      assert.ok(result.p99Ms > 0, 'latency was measured')
      const stored = [...(await endOffsets(kafka.internalBootstrap, topic)).values()].reduce(
        (sum, end) => sum + end,
        0n,
      )
      assert.equal(stored, BigInt(RECORDS))
    })

    test(`${name}: two members of a group share a topic that two instances fill at a rate, until they are stopped`, async (context) => {
      if (!(await requireClient(context, name))) return
      const topic = `group-${name}`
      await createTopic(kafka.internalBootstrap, { topic, partitions: PARTITIONS })
      const shared = { bootstrap: kafka.bootstrap, topic, connections: 2, clientId: `app-${name}` }
      const consumer = await startClient(name, 'consume', { ...shared, group: `group-${name}` })
      context.after(() => consumer.kill())
      const producing = { ...shared, recordBytes: 500, bytesPerSecond: 100_000, drain: true, run: 'paced' }
      const producer = await startClient(name, 'produce', producing)
      context.after(() => producer.kill())
      await waitFor('records arrive', () => (consumer.latest?.received ?? 0) >= 300)
      const produced = await producer.stop()
      assert.equal(produced.acked, produced.sent)
      assert.equal(produced.errors, 0, JSON.stringify(produced.events))
      // At its rate up to the granularity of a batch for each instance.
      assert.ok(produced.bytes <= 100_000 * produced.seconds + 2 * 100 * 500 + 500, `${produced.bytes} bytes`)
      await waitFor('all records arrived', () => consumer.latest?.received === produced.acked)
      const consumed = await consumer.stop()
      assert.equal(consumed.lost + consumed.duplicates + consumed.outOfOrder + consumed.corrupt, 0)
      assert.equal(consumed.errors, 0, JSON.stringify(consumed.events))
      assert.ok(consumed.events.some((event) => event.kind === 'assigned'))
    })
  }

  for (const name of CLIENT_NAMES) {
    test(`${name}: more instances than partitions flood for a time, and without a group each reads everything`, async (context) => {
      if (!(await requireClient(context, name))) return
      const topic = `flood-${name}`
      await createTopic(kafka.internalBootstrap, { topic })
      const flood = {
        bootstrap: kafka.bootstrap,
        topic,
        connections: 2,
        recordBytes: 10_000,
        seconds: name === 'java' ? 6 : 1.5, // a cold JVM beside two other files took four to send its first
        maxPending: 100,
      }
      const produced = await runClient(name, 'produce', { ...flood, drain: true })
      assert.ok(produced.sent > 0 && produced.acked === produced.sent, JSON.stringify(produced))
      const reading = { bootstrap: kafka.bootstrap, topic, connections: 2, count: produced.acked }
      const consumed = await runClient(name, 'consume', reading)
      assert.ok(consumed.received >= 2 * produced.acked)
      assert.deepEqual([consumed.lost, consumed.corrupt, consumed.errors], [0, 0, 0], JSON.stringify(consumed.events))
    })
  }

  for (const name of ['java', 'librdkafka', 'sarama', 'franz-go'] as const) {
    test(`${name}: what is produced in transactions is there for those who read what is committed`, async (context) => {
      if (!(await requireClient(context, name))) return
      const topic = `transactions-${name}`
      await createTopic(kafka.internalBootstrap, { topic, partitions: PARTITIONS })
      const shared = { bootstrap: kafka.bootstrap, topic, count: 450, run: topic }
      const transactional = { transactionalId: topic, transactionRecords: 100 }
      const produced = await runClient(name, 'produce', { ...shared, ...transactional, connections: 2 })
      assert.deepEqual([produced.acked, produced.errors], [450, 0], JSON.stringify(produced.events))
      // Of each instance's 225 records in three transactions: a marker in every partition that a transaction wrote to.
      const stored = [...(await endOffsets(kafka.internalBootstrap, topic)).values()].reduce(
        (sum, end) => sum + end,
        0n,
      )
      assert.ok(stored >= 450n + 6n, `${stored} records and markers`)
      const consumed = await runClient('platformatic', 'consume', shared)
      assert.deepEqual([consumed.received, consumed.lost, consumed.duplicates, consumed.corrupt], [450, 0, 0, 0])
    })
  }

  test('sarama: a group with a producer on the same client id tells of its sessions', async (context) => {
    if (!(await requireClient(context, 'sarama'))) return
    await createTopic(kafka.internalBootstrap, { topic: 'sarama-both', partitions: PARTITIONS })
    const config = { bootstrap: kafka.bootstrap, topic: 'sarama-both', group: 'both', clientId: 'both' }
    const client = await startClient('sarama', 'group', { ...config, bytesPerSecond: 200_000 })
    context.after(() => client.kill())
    await waitFor('it consumes what it produces', () => (client.latest?.received ?? 0) > 200)
    const result = await client.stop()
    assert.equal(result.errors + result.rebalances, 0, JSON.stringify(result.events))
    assert.deepEqual(
      result.events.map((event) => event.kind),
      ['assigned', 'session'],
    )
  })

  test('Kafka’s own performance tools run and are understood', async (context) => {
    const { ok, why } = await clientAvailable('java')
    if (!ok) return context.skip(why)
    await createTopic(kafka.internalBootstrap, { topic: 'perf', partitions: PARTITIONS })
    const shared = { bootstrap: kafka.bootstrap, topic: 'perf', records: RECORDS, properties: { 'client.id': 'perf' } }
    const producer = await startPerfProducer({ ...shared, recordBytes: 1000 })
    assert.equal(await producer.ended, 0, producer.lines.join('\n'))
    assert.equal(perfProducerSummary(producer)?.records, RECORDS)
    const consumer = await startPerfConsumer({ ...shared, group: 'perf' })
    assert.equal(await consumer.ended, 0, consumer.lines.join('\n'))
    assert.match(consumer.lines.at(-1) ?? '', new RegExp(`, ${RECORDS}, `))
    assert.deepEqual([...producer.timeouts, ...producer.disconnects], [])
  })

  test('a program whose broker is not there says so', async (context) => {
    const nowhere = {
      bootstrap: '127.0.0.1:1',
      topic: 'none',
      count: 1,
      consumer: {},
      producer: { retry: { retries: 0 } },
    }
    const client = await startClient('kafkajs', 'produce', nowhere)
    context.after(() => client.kill())
    await waitFor('it tells of the failed connection', () => client.events.some((event) => event.kind === 'disconnect'))
    client.kill()
    await assert.rejects(client.result, /kafkajs produce ended with/)
  })
})
