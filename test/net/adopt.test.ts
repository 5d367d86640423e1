// Both ways of reading an accepted socket, by the taken-over handle and by 'data' events, carry the same streams.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { adoptAccepted } from '../../src/net/adopt.ts'
import { Pipe } from '../../src/net/pipe.ts'
import { bufferBytes, FAST, noSocketsLeft, patternBytes } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'

type Way = (accepted: Socket, pipe: Pipe) => Socket

const WAYS: Readonly<Record<string, Way>> = {
  'the handle': adoptAccepted,
  "'data' events": (accepted, pipe) => {
    // A Node without `_handle`: all that is seen of the socket is its public face.
    const face = new Proxy(accepted, {
      get: (socket, name) => {
        if (name === '_handle') return undefined
        const value: unknown = Reflect.get(socket, name, socket)
        return typeof value === 'function' ? value.bind(socket) : value
      },
    })
    return adoptAccepted(face, pipe)
  },
}

/** A client, a pipe that reads what it sends, and a target that gets what the pipe takes. */
interface Line {
  readonly client: Socket
  readonly pipe: Pipe
  readonly source: Socket
  readonly received: Buffer[]
  readonly target: Socket
  /** The pipe takes at most that many bytes at a time, then is blocked. */
  budget: number
  sourceEnded: boolean
  leftMax: number
}

async function startLine(t: TestContext, way: Way): Promise<Line> {
  const sockets: Socket[] = []
  const targetServer = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(targetServer, 'listening')
  const toTarget = connect((targetServer.address() as { port: number }).port, '127.0.0.1')
  const [target] = (await once(targetServer, 'connection')) as [Socket]
  const received: Buffer[] = []
  target.on('data', (chunk: Buffer) => received.push(chunk))
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  const line = { client, received, target, budget: Number.POSITIVE_INFINITY, sourceEnded: false, leftMax: 0 } as {
    -readonly [K in keyof Line]: Line[K]
  }
  const pipe = new Pipe({
    offer: (bytes, _view, from, to) => {
      const at = Math.min(to, from + line.budget)
      line.budget -= at - from
      if (at > from) pipe.write(bytes, from, at)
      line.leftMax = Math.max(line.leftMax, to - at)
      return at
    },
    blocked: () => line.budget === 0,
    caughtUp: () => undefined,
    emptied: () => undefined,
    wantTarget: () => true,
    settled: () => undefined,
  })
  line.pipe = pipe
  line.source = way(accepted, pipe)
  line.source.on('end', () => {
    line.sourceEnded = true
  })
  line.source.on('error', () => undefined)
  pipe.connectTarget(toTarget)
  sockets.push(client, line.source, toTarget, target, accepted)
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    targetServer.close()
    await noSocketsLeft()
  })
  return line
}

function bytesOf(line: Line): number {
  return line.received.reduce((sum, chunk) => sum + chunk.length, 0)
}

function same(line: Line, sent: Uint8Array): void {
  assert.ok(Buffer.concat(line.received).equals(sent), 'what arrived is not what was sent')
}

for (const [name, way] of Object.entries(WAYS)) {
  describe(`an accepted socket, read by ${name}`, () => {
    test('carries small and large pieces', async (t) => {
      const line = await startLine(t, way)
      line.target.resume()
      const sent = patternBytes(5_000_000)
      for (let at = 0, step = 1; at < sent.length; at += step) {
        step = ((step * 7 + 3) % 90_000) + 1
        line.client.write(sent.subarray(at, at + step))
      }
      await waitFor('all of it has arrived', () => bytesOf(line) >= sent.length, FAST)
      same(line, sent)
    })

    test('stops when the target does not read, and goes on when it does', async (t) => {
      const line = await startLine(t, way)
      const sent = patternBytes(40_000_000)
      const before = bufferBytes()
      line.client.write(sent)
      await waitFor('the pipe is stuck', () => line.pipe.writing, FAST)
      await waitFor('what it holds is a buffer or two', () => bufferBytes() - before < 2_000_000, { timeoutMs: 5_000 })
      line.target.resume()
      await waitFor('all of it has arrived', () => bytesOf(line) >= sent.length, FAST)
      same(line, sent)
    })

    test('keeps what is not taken, and goes on in small steps', async (t) => {
      const line = await startLine(t, way)
      line.target.resume()
      line.budget = 0
      const sent = patternBytes(3_000_000)
      line.client.end(sent)
      let step = 1
      await waitFor(
        'all of it has arrived',
        () => {
          step = (step * 13 + 7) % 100_000
          line.budget += step
          line.pipe.resume()
          return bytesOf(line) >= sent.length
        },
        { pollMs: 1 },
      )
      same(line, sent)
      assert.ok(line.leftMax <= 262_144)
      line.budget = Number.POSITIVE_INFINITY
      line.pipe.resume()
      await waitFor('the goodbye is seen', () => line.sourceEnded, FAST)
    })

    test('sees the goodbye behind the last byte', async (t) => {
      const line = await startLine(t, way)
      line.target.resume()
      const sent = patternBytes(600_000)
      line.client.end(sent)
      await waitFor('the goodbye is seen', () => line.sourceEnded, FAST)
      await waitFor('all of it has arrived', () => bytesOf(line) >= sent.length, FAST)
      same(line, sent)
    })

    test('reads and drops what nobody wants any more, up to the goodbye', async (t) => {
      const line = await startLine(t, way)
      line.target.resume()
      line.client.write(patternBytes(1_000_000))
      await waitFor('something has passed', () => bytesOf(line) > 0, FAST)
      line.pipe.discard()
      line.client.end(patternBytes(10_000_000))
      await waitFor('the goodbye is seen', () => line.sourceEnded, FAST)
    })

    test('a source that dies is closed', async (t) => {
      const line = await startLine(t, way)
      line.client.write(patternBytes(100))
      line.target.resume()
      await waitFor('it has arrived', () => bytesOf(line) === 100, FAST)
      line.client.resetAndDestroy()
      await waitFor('the source is closed', () => line.source.destroyed, FAST)
    })
  })
}
