// What is not Kafka, or not acceptable, ends with a counted reason and a line that says what it looks like; the broker is not
// dialled for it, and others do not notice.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { CLIENT_LOGIN_TIMEOUT_MS, FIRST_FRAME_TIMEOUT_MS, STALLED_FRAME_TIMEOUT_MS } from '../../src/bounds.ts'
import { formatVerifier } from '../../src/config/users-file.ts'
import { UserVerifier, verifierOf } from '../../src/net/user-verifier.ts'
import type { CloseReason } from '../../src/session/counters.ts'
import { FAST, fetchBody, patternBytes, produceBody } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { startBareGateway } from './bare-gateway.ts'
import { startScene } from './scene.ts'

function sized(size: number, rest = ''): Buffer {
  const head = Buffer.alloc(4)
  head.writeInt32BE(size)
  return Buffer.concat([head, Buffer.from(rest, 'hex')])
}

const HEAD_OF_PRODUCE = '0000000900000001000474657374'
const FOREIGN: readonly (readonly [what: string, bytes: Uint8Array, reason: CloseReason, says: RegExp])[] = [
  ['an HTTP GET', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'client_http', /an HTTP request/],
  ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), 'client_http', /an HTTP request/],
  [
    'a TLS hello',
    Buffer.from('16030100c8010000c40303000102030405060708090a0b0c0d0e0f', 'hex'),
    'client_tls',
    /a client speaks TLS to a plaintext port/,
  ],
  ['random bytes', patternBytes(500, 77), 'client_garbage', /no Kafka request|too short|cannot be|API|limit/],
  ['a request of an API that there is not', sized(100, '7fff000000000001'), 'client_garbage', /no Kafka request/],
  ['a frame of size −1', sized(-1, HEAD_OF_PRODUCE), 'client_garbage', /./],
  ['a frame of size 0', sized(0, HEAD_OF_PRODUCE), 'client_garbage', /./],
  ['a frame of 2 GB', sized(0x7fffffff, HEAD_OF_PRODUCE), 'client_garbage', /no Kafka request/],
]

describe('bad bytes on the Kafka port', () => {
  for (const [what, bytes, reason, says] of FOREIGN) {
    test(`${what}: closed as ${reason}, the broker is not dialled`, async (t) => {
      const scene = await startScene(t)
      const good = await scene.client()
      await good.ping()
      const bad = await scene.client()
      bad.write(bytes)
      await waitFor('it is closed', () => bad.closed, FAST)
      await waitFor('a reason is counted', () => Object.keys(scene.counted()).length > 0, FAST)
      assert.deepEqual(scene.counted(), { [reason]: 1 })
      assert.match(String(scene.said(reason)[0]?.['msg']), says)
      await good.ping()
      assert.equal(scene.broker.clientConnections.length, 1, 'the broker was dialled for it')
    })
  }

  test('a client id longer than its frame', async (t) => {
    const scene = await startScene(t)
    const bad = await scene.client()
    bad.write(sized(20, '00120000000000017000'))
    await waitFor('it is closed', () => bad.closed, FAST)
    await scene.ended({ client_garbage: 1 })
    assert.match(String(scene.said('client_garbage')[0]?.['msg']), /client id/)
  })

  test('a frame of 2 GB in mid-connection is refused as soon as its size is known', async (t) => {
    const scene = await startScene(t)
    const bad = await scene.client()
    await bad.ping()
    bad.write(sized(0x7fffffff, HEAD_OF_PRODUCE))
    await waitFor('it is closed', () => bad.closed, FAST)
    await scene.ended({ client_frame_too_large: 1 })
    assert.match(String(scene.said('client_frame_too_large')[0]?.['msg']), /2147483647 bytes is over the limit/)
  })

  test('a bad frame in mid-connection ends that connection only', async (t) => {
    const scene = await startScene(t)
    const good = await scene.client()
    const bad = await scene.client()
    await good.ping()
    await bad.ping()
    bad.write(sized(-5, HEAD_OF_PRODUCE))
    await waitFor('it is closed', () => bad.closed, FAST)
    await good.ping()
    assert.deepEqual(scene.counted(), { client_bad_frame: 1 })
  })

  test('a Produce that lies about its inner lengths ends that connection only', async (t) => {
    const scene = await startScene(t)
    const good = await scene.client()
    await good.ping()
    const bad = await scene.client()
    const frame = Buffer.from(bad.encode(API_KEY.Produce, 9, produceBody(patternBytes(64))))
    frame.fill(0xff, 24)
    bad.write(frame)
    await waitFor('it is closed', () => bad.closed, FAST)
    await good.ping()
    assert.equal(
      Object.values(scene.counted()).reduce((sum, n) => sum + n, 0),
      1,
    )
  })

  test('a hundred of each at once, while a good client goes on', async (t) => {
    const scene = await startScene(t)
    const good = await scene.client()
    await good.ping()
    const bad = await Promise.all(
      Array.from({ length: 100 }, async () =>
        Promise.all(
          FOREIGN.map(async ([, bytes]) => {
            const client = await scene.client()
            client.write(bytes)
            return client
          }),
        ),
      ),
    )
    for (let i = 0; i < 50; i++) await good.ping()
    await waitFor('all of them are closed', () => bad.flat().every((client) => client.closed), FAST)
    await waitFor('one session is left', () => scene.sluice.counters.connections === 1, FAST)
    await good.ping()
    const counted = scene.counted()
    assert.equal(counted.client_tls, 100)
    assert.equal(counted.client_http, 200)
    assert.equal(counted.client_garbage, 500)
    assert.equal(scene.said('client_tls').length, 1, 'one line a peer and minute')
  })
})

describe('clients that keep us waiting', () => {
  test('a client that never sends anything is closed in time, and not before', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    bare.passMs(FIRST_FRAME_TIMEOUT_MS - 1_000)
    assert.equal(bare.gateway.connections.size, 1)
    bare.passMs(FIRST_FRAME_TIMEOUT_MS + 1)
    await waitFor('it is closed', () => client.closed, FAST)
    await waitFor('it is counted', () => bare.counters.disconnects.client_silent === 1, FAST)
    assert.equal(bare.broker.connections.length, 0)
  })

  test('a client that must log in and does not is closed in time; one that has logged in stays', async (t) => {
    const verifier = new UserVerifier()
    verifier.replace(JSON.stringify({ alice: formatVerifier(await verifierOf('SCRAM-SHA-256', 'pencil')) }))
    const bare = await startBareGateway(t, [], 3_000, { verifier })
    const [known, unknown] = await Promise.all([bare.client(), bare.client()])
    for (const client of [known, unknown]) await client.request(API_KEY.ApiVersions, 0, {})
    await known.request(API_KEY.SaslHandshake, 1, { mechanism: 'PLAIN' })
    await known.request(API_KEY.SaslAuthenticate, 2, { authBytes: Buffer.from('\0alice\0pencil') })
    bare.passMs(CLIENT_LOGIN_TIMEOUT_MS - 1_000)
    assert.equal(bare.gateway.connections.size, 2)
    bare.passMs(CLIENT_LOGIN_TIMEOUT_MS + 1)
    await waitFor('it is closed', () => unknown.closed, FAST)
    await waitFor('it is counted', () => bare.counters.disconnects.client_login_failed === 1, FAST)
    assert.match(JSON.stringify(bare.lines), /a client has not logged in within 30 s \(listen\.sasl\)/)
    await known.ping()
  })

  test('a few bytes that look like nothing yet, and no more: the same', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    client.write(sized(100))
    bare.passMs(FIRST_FRAME_TIMEOUT_MS + 1)
    await waitFor('it is closed', () => client.closed, FAST)
    await waitFor('it is counted', () => bare.counters.disconnects.client_silent === 1, FAST)
    assert.equal(bare.broker.connections.length, 0)
  })

  test('a frame that never ends is closed once nothing more comes, and says so', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    await client.ping()
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(100_000)))
    client.write(frame.subarray(0, 50_000))
    await waitFor('the broker has half of it', () => (bare.broker.connections[0]?.pendingBytes ?? 0) >= 49_000, FAST)
    bare.passMs(STALLED_FRAME_TIMEOUT_MS - 1_000)
    assert.equal(bare.gateway.connections.size, 1)
    assert.equal(client.closed, false)
    bare.passMs(STALLED_FRAME_TIMEOUT_MS + 1_000)
    await waitFor('it is closed', () => client.closed, FAST)
    await waitFor('it is counted', () => bare.counters.disconnects.client_frame_stalled === 1, FAST)
    assert.match(
      String(bare.lines.find((line) => line['event'] === 'client_frame_stalled')?.['msg']),
      /its rest did not come/,
    )
  })

  test('half a head is a frame that never ends, too', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    await client.ping()
    client.write(sized(100, '0000'))
    await waitFor(
      'it was read',
      () => {
        bare.passMs(STALLED_FRAME_TIMEOUT_MS + 1_000)
        return client.closed
      },
      FAST,
    )
    await waitFor('it is counted', () => bare.counters.disconnects.client_frame_stalled === 1, FAST)
  })

  test('a client that is idle between requests may be so for ever', async (t) => {
    const bare = await startBareGateway(t)
    const client = await bare.client()
    await client.ping()
    bare.passMs(86_400_000)
    await client.ping()
  })

  test('a client whose first request is held is not silent', async (t) => {
    const limit = { requests: 0.001 }
    const quota = {
      name: 'q',
      limit,
      burst: { amount: 1 },
      match: {},
      per: [],
      overrides: [],
      mode: 'enforce',
    } as const
    const bare = await startBareGateway(t, [quota], 500)
    const first = await bare.client()
    for (let i = 0; i < 2; i++) await first.request(API_KEY.Fetch, 12, fetchBody())
    const second = await bare.client()
    second.send(API_KEY.Fetch, 12, fetchBody())
    await waitFor('it is held', () => bare.counters.quota('q').heldRequests > 0, FAST)
    bare.passMs(FIRST_FRAME_TIMEOUT_MS + 1)
    await second.frame('the held request was answered')
  })
})
