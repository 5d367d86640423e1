/** Deadlines of our own questions: an answer that is here is in time, one that is not is missed. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { API_KEY, type Struct } from 'kafka-protocol-codec'
import { QUERY_TIMEOUT_MS } from '../../src/bounds.ts'
import { BrokerConnection } from '../../src/net/broker-connection.ts'
import { scriptedBroker } from '../support/scripted-broker.ts'
import { waitFor } from '../support/wait.ts'

const VERSION = 1
const BODY = { topics: [] }

async function connected(
  t: TestContext,
  answer: () => Struct | 'silence',
): Promise<{ connection: BrokerConnection; asked: readonly number[] }> {
  const { address, asked } = await scriptedBroker(t, { [API_KEY.Metadata]: answer })
  const connection = await BrokerConnection.connect(address, t.signal)
  t.after(() => connection.close())
  return { connection, asked }
}

test('an answer that came while the process stood still is in time', async (t) => {
  const realTimeout = setTimeout
  const { connection } = await connected(t, () => {
    // In the turn after this one timers are due first: the answer is in the socket, and nobody has read it.
    realTimeout(() => t.mock.timers.tick(QUERY_TIMEOUT_MS), 1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    return { brokers: [], topics: [] }
  })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  assert.deepEqual((await connection.request(API_KEY.Metadata, VERSION, BODY))['brokers'], [])
})

test('an answer that does not come is missed', async (t) => {
  const { connection, asked } = await connected(t, () => 'silence')
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const answer = connection.request(API_KEY.Metadata, VERSION, BODY)
  const refused = assert.rejects(answer, { reason: 'silent', message: /did not answer Metadata within 5 s$/u })
  await waitFor('it is asked', () => asked.length > 0)
  t.mock.timers.tick(QUERY_TIMEOUT_MS)
  await refused
})
