/** A side that stops reading for good, and a cluster that names addresses that are none: neither may keep anything for ever. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { UNREAD_TIMEOUT_MS } from '../../src/bounds.ts'
import { FAST, fetchBody, fetchedBody, patternBytes, produceBody, stuck } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { startBareGateway } from './bare-gateway.ts'
import { startScene } from './scene.ts'

const MIB = 1_048_576

describe('a side that has stopped reading', () => {
  test('a client: closed when it has read nothing for as long as the broker would wait, and not before', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    await client.ping()
    bare.broker.controlKey(API_KEY.Fetch, () => fetchedBody(patternBytes(32 * MIB)))
    client.pause()
    client.send(API_KEY.Fetch, 12, fetchBody())
    bare.passMs(UNREAD_TIMEOUT_MS - 60_000)
    assert.equal(bare.gateway.connections.size, 1)
    await waitFor(
      'it is closed',
      () => {
        bare.passMs(UNREAD_TIMEOUT_MS + 1)
        return bare.counters.disconnects.client_not_reading === 1
      },
      FAST,
    )
    assert.match(
      String(bare.lines.find((line) => line['event'] === 'client_not_reading')?.['msg']),
      /the client has read nothing for 10 minutes/,
    )
  })

  test('a broker: the same', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    await client.ping()
    bare.broker.clientConnections[0]?.pause()
    client.send(API_KEY.Produce, 9, produceBody(patternBytes(32 * MIB)))
    await stuck(client.socket)
    await waitFor(
      'it is closed',
      () => {
        bare.passMs(UNREAD_TIMEOUT_MS + 1)
        return bare.counters.disconnects.broker_not_reading === 1
      },
      FAST,
    )
  })
})

test('a broker that names an address that cannot be dialled is passed over, and the others are found', async (t) => {
  const scene = await startScene(t)
  scene.broker.brokers = [scene.broker.self, { nodeId: 9, host: '127.0.0.1', port: 70_000 }]
  const client = await scene.client()
  const { brokers } = await client.request(API_KEY.Metadata, 1, { topics: [] })
  assert.deepEqual(
    (brokers as { nodeId: number; port: number }[]).map(({ nodeId, port }) => [nodeId, port === 70_000]),
    [
      [0, false],
      [9, true],
    ],
  )
  assert.deepEqual(
    scene.sluice.status().brokers.map(({ nodeId }) => nodeId),
    [0],
  )
})
