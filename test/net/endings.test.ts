// How connections end: goodbyes are passed on behind everything before them, deaths are counted once with their reason, and
// nothing stays open.
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, mock, test } from 'node:test'
import { API_KEY } from 'kafka-protocol-codec'
import { DIAL_TIMEOUT_MS } from '../../src/bounds.ts'
import { startBlackHole } from '../support/fake-broker/black-hole.ts'
import { encodeAnswer, startFakeBroker } from '../support/fake-broker.ts'
import { FAST, fetchBody, fetchedBody, openSockets, patternBytes, produceBody } from '../support/net.ts'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'
import { startScene } from './scene.ts'

const MIB = 1_048_576

describe('goodbyes', () => {
  test('a client that says goodbye right after a Produce with acks 0: everything reaches the broker', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const frames = Array.from({ length: 5 }, (_, i) =>
      client.encode(API_KEY.Produce, 9, produceBody(patternBytes(MIB, i), 0)),
    )
    for (const frame of frames) client.write(frame)
    client.end()
    const connection = await waitFor(
      'the broker hears the goodbye',
      () => scene.broker.clientConnections.find((c) => c.ended),
      FAST,
    )
    assert.deepEqual(
      connection.requests.map((r) => r.frame.length),
      frames.map((f) => f.length),
    )
    await scene.ended({ client_closed: 1 })
    await client.leftInPeace()
  })

  test('the same to a broker that reads slowly: nothing is cut off', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const connection = scene.broker.clientConnections[0]
    connection?.pause()
    client.send(API_KEY.Produce, 9, produceBody(patternBytes(40 * MIB), 0))
    client.end()
    connection?.resume()
    await waitFor('the broker hears the goodbye', () => connection?.ended, FAST)
    assert.equal(connection?.pendingBytes, 0)
    assert.equal(connection?.requests.length, 2)
    await scene.ended({ client_closed: 1 })
  })

  test('a client that says goodbye while its answers are still to come gets them first', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const { promise, resolve } = Promise.withResolvers<void>()
    scene.broker.controlKey(API_KEY.Fetch, async (request) => {
      await promise
      return encodeAnswer(request, fetchedBody(patternBytes(MIB)))
    })
    client.send(API_KEY.Fetch, 12, fetchBody())
    client.end()
    await waitFor('the broker hears the goodbye', () => scene.broker.clientConnections[0]?.ended, FAST)
    assert.equal(client.ended, false)
    resolve()
    assert.ok((await client.frame()).length > MIB)
    await scene.ended({ client_closed: 1 })
    await client.leftInPeace()
  })

  test('a broker that says goodbye: the client gets everything before it, then the goodbye', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    scene.broker.controlKey(API_KEY.Fetch, (request) => {
      request.connection.write(encodeAnswer(request, fetchedBody(patternBytes(40 * MIB))))
      request.connection.end()
      return undefined
    })
    client.pause()
    client.send(API_KEY.Fetch, 12, fetchBody())
    await waitFor('the broker has said goodbye', () => scene.broker.clientConnections[0]?.socket.writableEnded, FAST)
    client.resume()
    assert.ok((await client.frame()).length > 40 * MIB)
    await scene.ended({ broker_closed: 1 })
    await client.leftInPeace()
  })

  test('a client that goes on asking after the broker has said goodbye still gets what was answered', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    scene.broker.controlKey(API_KEY.Fetch, (request) => {
      request.connection.write(encodeAnswer(request, fetchedBody(patternBytes(8 * MIB))))
      request.connection.end()
      return undefined
    })
    client.pause()
    client.send(API_KEY.Fetch, 12, fetchBody())
    const connection = await waitFor('the broker is dialled', () => scene.broker.clientConnections[0], FAST)
    await waitFor('the broker has said goodbye', () => connection.socket.writableEnded, FAST)
    for (let i = 0; i < 50; i++) client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
    client.resume()
    assert.ok((await client.frame()).length > 8 * MIB)
    await scene.ended({ broker_closed: 1 })
    await client.leftInPeace()
  })

  test('a client that says goodbye before any request: the broker is not dialled', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    client.end()
    await scene.ended({ client_closed: 1 })
    assert.equal(scene.broker.clientConnections.length, 0)
  })
})

describe('deaths', () => {
  test('a client that resets its connection takes the broker connection with it', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    client.reset()
    await waitFor('the broker connection is gone', () => scene.broker.clientConnections[0]?.closed, FAST)
    await scene.ended({ client_reset: 1 })
  })

  test('a client that resets its connection in the middle of a request', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(MIB)))
    client.write(frame.subarray(0, MIB / 2))
    await waitFor(
      'the broker has half of it',
      () => (scene.broker.clientConnections[0]?.bytesReceived ?? 0) >= MIB / 2,
      FAST,
    )
    client.reset()
    await scene.ended({ client_reset: 1 })
    await waitFor('the broker connection is gone', () => scene.broker.clientConnections[0]?.closed, FAST)
  })

  test('a broker that resets the connection', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    scene.broker.controlKey(API_KEY.Heartbeat, (request) => {
      request.connection.reset()
      return undefined
    })
    client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
    await waitFor('the client hears of it', () => client.closed, FAST)
    await scene.ended({ broker_reset: 1 })
    assert.equal(scene.said('broker_reset')[0]?.['level'], 'warn')
  })

  for (const how of ['end', 'reset'] as const) {
    test(`a broker that answers greetings, and ends the connection at the first request without a login (${how})`, async (t) => {
      const scene = await startScene(t)
      const client = await scene.client()
      await client.request(API_KEY.ApiVersions, 0, {})
      scene.broker.controlKey(API_KEY.Metadata, (request) => {
        request.connection[how]()
        return undefined
      })
      client.send(API_KEY.Metadata, 9, { topics: [] })
      await waitFor('the client hears of it', () => client.closed, FAST)
      await scene.ended({ broker_closed_early: 1 })
      const { level, msg } = scene.said('broker_closed_early')[0] ?? {}
      assert.equal(level, 'warn')
      assert.match(String(msg), /instead of answering Metadata, .*let the client log in, or configure upstream\.sasl/)
    })
  }

  test('one that has answered more than greetings just ends', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    for (let i = 0; i < 3; i++) await client.request(API_KEY.Metadata, 9, { topics: [] })
    scene.broker.controlKey(API_KEY.Metadata, (request) => {
      request.connection.end()
      return undefined
    })
    client.send(API_KEY.Metadata, 9, { topics: [] })
    await waitFor('the client hears of it', () => client.closed, FAST)
    await scene.ended({ broker_closed: 1 })
  })

  for (const [how, reason] of [
    ['end', 'broker_closed'],
    ['reset', 'broker_reset'],
  ] as const) {
    test(`a broker that dies in the middle of an answer (${how})`, async (t) => {
      const scene = await startScene(t)
      const client = await scene.client()
      scene.broker.controlKey(API_KEY.Fetch, async (request) => {
        const answer = encodeAnswer(request, fetchedBody(patternBytes(MIB)))
        request.connection.write(answer.subarray(0, MIB / 2))
        await waitFor('the client has what was sent', () => client.bytesReceived >= MIB / 2 - 100, FAST)
        request.connection[how]()
        return undefined
      })
      client.send(API_KEY.Fetch, 12, fetchBody())
      await waitFor('the client hears of it', () => client.closed, FAST)
      assert.equal(client.frames.length, 0)
      await scene.ended({ [reason]: 1 })
      if (how === 'end') assert.equal(scene.said('disconnected')[0]?.['detail'], 'in the middle of an answer')
    })
  }

  for (const [what, bytes] of [
    ['garbage', patternBytes(64)],
    ['an answer to something else', Buffer.from('0000000800000063000000000000', 'hex')],
    ['a TLS alert', Buffer.from('15030300020228', 'hex')],
  ] as const) {
    test(`a broker that sends ${what}`, async (t) => {
      const scene = await startScene(t)
      const client = await scene.client()
      scene.broker.controlKey(API_KEY.Heartbeat, (request) => {
        request.connection.write(bytes)
        request.connection.write(bytes)
        return undefined
      })
      client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
      await waitFor('the client hears of it', () => client.closed, FAST)
      await scene.ended({ broker_bad_frame: 1 })
      assert.equal(client.bytesReceived, 0)
    })
  }

  test('a broker that sends what nobody asked for', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    scene.broker.clientConnections[0]?.write(patternBytes(100))
    await waitFor('the client hears of it', () => client.closed, FAST)
    await scene.ended({ broker_bad_frame: 1 })
  })

  for (const how of ['reset', 'end'] as const) {
    test(`a client that dies while a request of its is held (${how}): it is over when the hold is`, async (t) => {
      const quota = {
        name: 'q',
        limit: { produceBytes: 1_000_000 },
        burst: { seconds: 0.1 },
        match: {},
        per: [],
        overrides: [],
        mode: 'enforce',
      } as const
      const scene = await startScene(t, { config: { quotas: [quota] } })
      const client = await scene.client()
      for (let i = 0; i < 4; i++) client.send(API_KEY.Produce, 9, produceBody(patternBytes(150_000)))
      await waitFor('one is held', () => scene.sluice.counters.quota('q').heldRequests > 0, FAST)
      client[how]()
      await waitFor('the session is over', () => scene.sluice.counters.connections === 0, FAST)
      await scene.ended({ [how === 'end' ? 'client_closed' : 'client_reset']: 1 })
      if (how === 'end') assert.equal(scene.broker.requests(API_KEY.Produce).length, 4)
      await waitFor('the broker connection is gone', () => scene.broker.open === 0, FAST)
    })
  }
})

describe('a broker that cannot be reached', () => {
  test('refuses: the client is closed, the reason counted, and a second address is tried', async (t) => {
    const nobody = { host: '127.0.0.1', port: await freePort() }
    const alone = await startScene(t, { bootstrap: [nobody] })
    const client = await alone.client()
    client.send(API_KEY.ApiVersions, 0, {})
    await waitFor('the client hears of it', () => client.closed, FAST)
    assert.equal(client.error?.code, 'ECONNRESET', 'it is to try again: an orderly end would say something else')
    await alone.ended({ broker_unreachable: 1 })
    assert.match(String(alone.said('broker_unreachable').at(-1)?.['msg']), new RegExp(`${nobody.port}`))
    assert.equal(alone.sluice.status().ready, false)
    assert.match(alone.sluice.status().reasons.join(), /no broker can be reached .*ECONNREFUSED/)
  })

  for (const answersFirst of [false, true]) {
    test(`resets the connection ${answersFirst ? 'after an' : 'before any'} answer: the client ${answersFirst ? 'can read to the end' : 'is reset'}`, async (t) => {
      const scene = await startScene(t)
      const client = await scene.client()
      if (answersFirst) await client.ping()
      scene.broker.controlKey(API_KEY.Fetch, () => {
        scene.broker.clientConnections[0]?.reset()
        return undefined
      })
      client.send(API_KEY.Fetch, 12, fetchBody())
      await waitFor('the client hears of it', () => client.closed, FAST)
      assert.equal(client.error?.code, answersFirst ? undefined : 'ECONNRESET')
      await scene.ended({ broker_reset: 1 })
    })
  }

  test('fails over to the next bootstrap address', async (t) => {
    const broker = await startFakeBroker()
    const nobody = { host: '127.0.0.1', port: await freePort() }
    const scene = await startScene(t, { brokers: [], bootstrap: [nobody, broker.address] })
    scene.alsoClose(() => broker.close())
    const client = await scene.client()
    await client.ping()
    assert.equal(broker.requests().length, 1)
    assert.equal(scene.sluice.status().ready, true)
    client.end()
    await scene.ended({ client_closed: 1 })
  })

  test('does not answer at all: given up after the time-out, then the next address', async (t) => {
    const hole = await startBlackHole()
    const broker = await startFakeBroker()
    mock.timers.enable({ apis: ['setTimeout'] })
    t.after(() => mock.timers.reset())
    const scene = await startScene(t, { brokers: [], bootstrap: [hole.address, broker.address] })
    scene.alsoClose(() => Promise.all([broker.close(), hole.close()]))
    const client = await scene.client()
    client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
    await waitFor('the client is accepted', () => scene.sluice.counters.connections === 1, FAST)
    await waitFor(
      'the second address is dialled',
      () => {
        mock.timers.tick(DIAL_TIMEOUT_MS / 4)
        return client.frames.length === 1
      },
      FAST,
    )
    assert.match(String(scene.said('dial_failed')[0]?.['msg']), /no connection within 8 s/)
  })

  test('a client that leaves while its broker is dialled leaves no dial behind', async (t) => {
    const hole = await startBlackHole()
    const scene = await startScene(t, { brokers: [], bootstrap: [hole.address] })
    scene.alsoClose(() => hole.close())
    const client = await scene.client()
    client.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
    await waitFor('the client is accepted', () => scene.sluice.counters.connections === 1, FAST)
    const others = openSockets() - 4 // its listener, the client's two ends, the dial
    scene.sluice.kill()
    await scene.ended({ drained: 1 })
    await waitFor('the dial is given up', () => openSockets() <= others, { timeoutMs: 1_000, ...FAST })
  })
})

test('a port that is only listened on after the sluice has started is found soon', async (t) => {
  const port = await freePort()
  const scene = await startScene(t, { brokers: [], bootstrap: [{ host: '127.0.0.1', port }] })
  await waitFor('the first question has failed', () => scene.said('discovery_failed').length > 0, FAST)
  const server = createServer().listen(port, '127.0.0.1')
  t.after(() => server.close())
  const broker = await new Promise<number>((resolve) =>
    server.once('connection', (socket) => resolve(socket.destroy().bytesRead)),
  )
  assert.equal(broker, 0)
  server.close()
})
