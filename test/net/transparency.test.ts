// Bytes go through as they came, whatever their size and cut, and a slow side slows the other instead of filling memory.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { API_KEY, type Struct } from 'kafka-protocol-codec'
import { encodeAnswer, type ReceivedRequest } from '../support/fake-broker.ts'
import {
  bufferBytes,
  FAST,
  fetchBody,
  fetchedBody,
  patternBytes,
  produceBody,
  type RawClient,
  stuck,
} from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

const MIB = 1_048_576

function same(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  assert.ok(actual !== undefined && Buffer.compare(actual, expected) === 0, `${what} is not the same, byte for byte`)
}

/** Answers the next Fetch with that many bytes; returns the frame that the client must see. */
function answersFetch(scene: Scene, records: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => {
    scene.broker.controlKey(API_KEY.Fetch, (request: ReceivedRequest) => {
      const answer = encodeAnswer(request, fetchedBody(records))
      resolve(answer.slice())
      return answer
    })
  })
}

async function received(scene: Scene, count: number): Promise<ReceivedRequest[]> {
  await waitFor(`the broker has ${count} requests`, () => scene.broker.requests().length >= count, FAST)
  return scene.broker.requests()
}

describe('bytes go through unchanged', () => {
  for (const [name, bytes] of [
    ['200 B', 200],
    ['16 KiB', 16_384],
    ['256 KiB', 262_144],
    ['10 MB', 10_000_000],
  ] as const) {
    test(`a Produce of ${name}, and a Fetch answer of ${name}`, async (t) => {
      const scene = await startScene(t)
      const client = await scene.client()
      const sent = client.send(API_KEY.Produce, 9, produceBody(patternBytes(bytes)))
      const [request] = await received(scene, 1)
      same(request?.frame, sent, 'the request')
      await client.frame('the answer to Produce came')
      const answer = answersFetch(scene, patternBytes(bytes, 2))
      client.send(API_KEY.Fetch, 12, fetchBody())
      same(await client.frame('the answer to Fetch came'), await answer, 'the answer')
    })
  }

  test('many frames in one chunk arrive in order, and so do their answers', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const frames = Array.from({ length: 300 }, (_, i) =>
      client.encode(API_KEY.Produce, 9, produceBody(patternBytes(40 + ((i * 37) % 900), i + 1))),
    )
    client.write(Buffer.concat(frames))
    const requests = await received(scene, frames.length)
    for (const [i, frame] of frames.entries()) same(requests[i]?.frame, frame, `request ${i}`)
    for (const request of requests) {
      const answer = Buffer.from(await client.frame())
      assert.equal(answer.readInt32BE(4), request.correlationId)
    }
  })

  test('a frame that comes byte by byte arrives whole, and so does its answer', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const [connection] = scene.broker.clientConnections
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(150)))
    let answer: Uint8Array | undefined
    scene.broker.controlKey(API_KEY.Produce, async (request) => {
      answer = encodeAnswer(request, { responses: [{ name: 't', partitionResponses: [{ index: 0 }] }] })
      await trickle(answer, (piece) => request.connection.write(piece))
      return undefined
    })
    await trickle(frame, (piece) => client.write(piece))
    const requests = await received(scene, 2)
    same(requests[1]?.frame, frame, 'the request')
    same(await client.frame(), answer as Uint8Array, 'the answer')
    assert.equal(connection?.requests.length, 2)
  })

  test('answers that are rewritten, held or streamed keep their order', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    const { ApiVersions, Metadata, Heartbeat, FindCoordinator, Fetch } = API_KEY
    const requests: readonly (readonly [apiKey: number, version: number, body: Struct])[] = [
      [ApiVersions, 3, {}],
      [Metadata, 12, {}],
      [Heartbeat, 4, {}],
      [FindCoordinator, 4, { coordinatorKeys: ['g'] }],
      [Fetch, 12, fetchBody()],
      [ApiVersions, 4, {}],
    ]
    const frames = requests.map(([apiKey, version, body]) => client.encode(apiKey, version, body))
    frames.splice(3, 0, unknownApiVersions(client))
    client.write(Buffer.concat(frames))
    for (const frame of frames) {
      const answer = Buffer.from(await client.frame())
      assert.equal(answer.readInt32BE(4), Buffer.from(frame).readInt32BE(8))
    }
  })
})

/** One byte at a time, with turns of the event loop between them, in which the sluice reads what came. */
async function trickle(bytes: Uint8Array, write: (piece: Uint8Array) => void): Promise<void> {
  for (let i = 0; i < bytes.length; i++) {
    write(bytes.subarray(i, i + 1))
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A request that the sluice answers itself: an ApiVersions version that nobody knows. */
function unknownApiVersions(client: RawClient): Buffer {
  const frame = Buffer.from(client.encode(API_KEY.ApiVersions, 0, {}))
  frame.writeInt16BE(1_000, 6)
  return frame
}

describe('back-pressure', () => {
  test('a broker that does not read stops the client, and costs at most a buffer', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const connection = scene.broker.clientConnections[0]
    connection?.pause()
    const frame = client.encode(API_KEY.Produce, 9, produceBody(patternBytes(64 * MIB)))
    const before = bufferBytes()
    client.write(frame)
    await stuck(client.socket)
    const grown = bufferBytes() - before
    assert.ok(grown < 2 * MIB, `buffers have grown by ${(grown / MIB).toFixed(1)} MiB`)
    connection?.resume()
    const requests = await received(scene, 2)
    same(requests[1]?.frame, frame, 'the request')
    await client.frame('the answer to Produce came')
  })

  test('a client that does not read stops the broker, and costs at most a buffer', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    const records = patternBytes(64 * MIB, 3)
    let answer: Uint8Array | undefined
    let before = 0
    scene.broker.controlKey(API_KEY.Fetch, (request) => {
      answer = encodeAnswer(request, fetchedBody(records))
      before = bufferBytes()
      return answer
    })
    client.pause()
    client.send(API_KEY.Fetch, 12, fetchBody())
    const socket = await waitFor('the broker answers', () => answer && scene.broker.clientConnections[0]?.socket, FAST)
    await stuck(socket)
    const grown = bufferBytes() - before
    assert.ok(grown < 2 * MIB, `buffers have grown by ${(grown / MIB).toFixed(1)} MiB`)
    client.resume()
    same(await client.frame('the answer to Fetch came'), answer as Uint8Array, 'the answer')
  })

  test('a client that sends what is answered here and reads nothing is stopped, too', async (t) => {
    const scene = await startScene(t)
    const client = await scene.client()
    await client.ping()
    client.pause()
    const request = unknownApiVersions(client)
    const many = Buffer.concat(Array.from({ length: 800_000 }, () => request))
    const before = bufferBytes()
    client.write(many)
    await stuck(client.socket)
    const grown = bufferBytes() - before
    assert.ok(grown < 4 * MIB, `buffers have grown by ${(grown / MIB).toFixed(1)} MiB`)
    client.resume()
    // So many take a minute on a machine that is busy otherwise.
    await waitFor('every request is answered', () => client.frames.length === 800_000, { timeoutMs: 240_000 })
  })
})
