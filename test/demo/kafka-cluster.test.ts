/** The harness for real: brokers that come, go, return and join, with and without login, and never outlive us. */
import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  createTopic,
  describeBrokers,
  describeTopic,
  endOffsets,
  moveLeader,
  startKafka,
} from '../../src/demo/kafka/index.ts'
import { runClient } from '../support/clients.ts'
import { connectedTo, LineProcess } from '../support/processes.ts'
import { startTap, type Tap } from '../support/tap.ts'
import { waitFor } from '../support/wait.ts'

const PRODUCE = 0

describe('Kafka for tests', () => {
  test('one broker, told to applications by the address of a tap that sees all they say', async () => {
    const taps: Tap[] = []
    const kafka = await startKafka({
      advertise: async (broker) => {
        const tap = await startTap(broker)
        taps.push(tap)
        return tap.port
      },
    })
    after(() => kafka.stop())
    const [tap] = taps
    assert.ok(tap)
    assert.equal(kafka.bootstrap, `127.0.0.1:${tap.port}`)
    await createTopic(kafka.internalBootstrap, { topic: 'tapped', configs: { 'retention.ms': '60000' } })
    const config = { bootstrap: kafka.bootstrap, topic: 'tapped', count: 1000 }
    const result = await runClient('platformatic', 'roundtrip', config)
    assert.equal(result.lost + result.duplicates + result.corrupt, 0)
    assert.deepEqual(await endOffsets(kafka.internalBootstrap, 'tapped'), new Map([[0, 1000n]]))
    assert.ok(tap.framesOf(PRODUCE).length >= 10)
    assert.ok(tap.bytesToBroker > 1000 * 1024)
    const [broker] = kafka.brokers
    assert.ok(broker?.pid)
    const dialling = await connectedTo(broker.boundPort)
    assert.ok(
      dialling.every((user) => user.pid === process.pid),
      'only the tap dialled the broker',
    )
    await kafka.stop()
    await assert.rejects(describeBrokers(kafka.brokers.map(({ host, port }) => `${host}:${port}`).join(',')))
    await tap.close()
  })

  test('three brokers: leaders move, one is killed and returns on its port, one joins', async () => {
    const kafka = await startKafka({ brokers: 3 })
    after(() => kafka.stop())
    const ports = kafka.brokers.map((broker) => broker.port)
    await createTopic(kafka.internalBootstrap, { topic: 'three', partitions: 3, replicas: 3 })
    await moveLeader(kafka.internalBootstrap, 'three', 0, 3)
    await moveLeader(kafka.internalBootstrap, 'three', 0, 2)
    await kafka.killBroker(2)
    assert.equal(kafka.bootstrap.split(',').length, 2)
    await waitFor('another broker leads', async () => {
      const [first] = await describeTopic(kafka.internalBootstrap, 'three')
      return first !== undefined && first.leader > 0 && first.leader !== 2
    })
    await kafka.startBroker(2)
    assert.deepEqual(
      kafka.brokers.map((broker) => broker.port),
      ports,
    )
    assert.equal(await kafka.addBroker(), 4)
    const seen = await describeBrokers(kafka.internalBootstrap)
    assert.deepEqual(
      seen.map((broker) => broker.id),
      [1, 2, 3, 4],
    )
    await createTopic(kafka.internalBootstrap, { topic: 'elsewhere' })
    await moveLeader(kafka.internalBootstrap, 'elsewhere', 0, 4)
    await kafka.stop()
    assert.ok(kafka.brokers.every((broker) => broker.pid === undefined))
  })

  test('SASL: PLAIN and both SCRAMs let the right password in and no other', async () => {
    const kafka = await startKafka({ listeners: 'SASL_PLAINTEXT', saslUsers: { alice: 'right' } })
    after(() => kafka.stop())
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
      const topic = `with-${mechanism}`
      await createTopic(kafka.internalBootstrap, { topic })
      const config = { bootstrap: kafka.bootstrap, topic, count: 10 }
      const login = { mechanism, username: 'alice', password: 'right' }
      assert.equal((await runClient('platformatic', 'roundtrip', { ...config, sasl: login })).received, 10)
      const wrong = { ...login, password: 'wrong' }
      const attempt = runClient('platformatic', 'produce', { ...config, sasl: wrong, producer: { retries: 0 } })
      const refused = await attempt.catch(() => undefined)
      assert.equal(refused?.acked ?? 0, 0)
    }
    await kafka.stop()
  })

  test('the broker dies with the process that started it, even when that is killed, and takes its files along', async () => {
    const program = fileURLToPath(new URL('../support/kafka-orphan.ts', import.meta.url))
    const lines: string[] = []
    const parent = new LineProcess(process.execPath, ['-C', 'source', program], { onLine: (line) => lines.push(line) })
    const line = await waitFor('Kafka runs', () => lines[0], { timeoutMs: 90_000 })
    const { pid, directory } = JSON.parse(line) as { pid: number; directory: string }
    parent.kill()
    await waitFor('the broker is gone', () => isGone(pid))
    await waitFor('its files are gone', () =>
      access(directory).then(
        () => false,
        () => true,
      ),
    )
  })

  test('a broker that cannot start is an error with its last words', async () => {
    await assert.rejects(startKafka({ properties: { 'num.network.threads': 'many' } }), /num\.network\.threads/)
  })

  test('a start that is given up leaves nothing behind', async () => {
    await assert.rejects(startKafka({ signal: AbortSignal.timeout(1500), brokers: 3 }), { name: 'TimeoutError' })
  })
})

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}
