/**
 * Whether what a pipe reads is fresh, or had waited in the kernel while the pipe paused: the age of requests hangs on it, and
 * with it how long the next one may be held. Without it every client that obeys looks, hold after hold, like a full pipeline.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextRound } from 'node:timers/promises'
import { adoptAccepted } from '../../src/net/adopt.ts'
import { monotonicMs } from '../../src/net/clock.ts'
import { Pipe } from '../../src/net/pipe.ts'
import { FAST } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'

/** Above the pipe's own idea of quiet. */
const QUIET_MS = 25
const FRAME = Buffer.alloc(100)

interface Line {
  readonly client: Socket
  readonly pipe: Pipe
  taken: number
  fresh: number
  held: boolean
}

async function startLine(t: TestContext): Promise<Line> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = async (): Promise<[near: Socket, far: Socket]> => {
    const accepted = once(server, 'connection')
    const near = connect(port, '127.0.0.1')
    const [far] = (await accepted) as [Socket]
    return [near, far]
  }
  const [client, accepted] = await open()
  const [target, broker] = await open()
  broker.resume()
  const line = { client, taken: 0, fresh: 0, held: false } as { -readonly [K in keyof Line]: Line[K] }
  line.pipe = new Pipe({
    offer: (_bytes, _view, from, to) => {
      if (line.held) return from
      line.taken += to - from
      return to
    },
    blocked: () => line.held,
    caughtUp: () => {
      line.fresh++
    },
    emptied: () => {},
    wantTarget: () => true,
    settled: () => {},
  })
  const source = adoptAccepted(accepted, line.pipe)
  line.pipe.connectTarget(target)
  t.after(() => {
    for (const socket of [client, source, target, broker]) socket.destroy()
    server.close()
  })
  return line
}

/** Sends a frame and holds it. */
async function hold(line: Line): Promise<void> {
  line.held = true
  line.client.write(FRAME)
  await waitFor('the frame is held', () => line.pipe.left === FRAME.length, FAST)
  await waitFor('the read is long ago', () => monotonicMs() - line.pipe.lastReadAtMs > QUIET_MS, FAST)
  line.fresh = 0
}

function release(line: Line): void {
  line.held = false
  line.pipe.resume()
  assert.equal(line.taken, FRAME.length)
}

describe('a request that comes after a hold', () => {
  test('is fresh when nothing had come during the hold', async (t) => {
    const line = await startLine(t)
    await hold(line)
    release(line)
    for (let round = 0; round < 3; round++) await nextRound()
    line.client.write(FRAME)
    await waitFor('it is taken', () => line.taken === 2 * FRAME.length, FAST)
    assert.equal(line.fresh, 1)
  })

  test('is not fresh when it came during the hold', async (t) => {
    const line = await startLine(t)
    await hold(line)
    await new Promise((written) => line.client.write(FRAME, written))
    release(line)
    await waitFor('it is taken', () => line.taken === 2 * FRAME.length, FAST)
    assert.equal(line.fresh, 0)
  })
})
