// Many connections: the cap, floods of idle ones, storms, and a process that runs out of file descriptors.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FAST, openSockets, type RawClient } from '../support/net.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, startScene } from './scene.ts'

function capped(connectionsMax: number): { config: { limits: { frameBytesMax: number; connectionsMax: number } } } {
  return { config: { limits: { frameBytesMax: 1_000_000, connectionsMax } } }
}

async function clients(scene: Scene, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => scene.client()))
}

async function accepted(scene: Scene, count: number): Promise<void> {
  const { connectionsTotal } = scene.sluice.counters
  await waitFor(`${count} are accepted`, () => connectionsTotal.accepted + connectionsTotal.refused >= count, FAST)
}

describe('the connection cap', () => {
  test('silent connections make room first, the oldest before the others', async (t) => {
    const scene = await startScene(t, capped(3))
    const working = await scene.client()
    await working.ping()
    const [silent] = await clients(scene, 1)
    await accepted(scene, 2)
    const [later] = await clients(scene, 1)
    await accepted(scene, 3)
    const newest = await scene.client()
    await newest.ping()
    await waitFor('the oldest silent one is closed', () => silent?.closed, FAST)
    assert.equal(later?.closed, false)
    await working.ping()
    assert.deepEqual(scene.counted(), { connection_limit: 1 })
    assert.equal(scene.sluice.counters.connectionsTotal.refused, 0)
  })

  test('when all of them work, a new one is refused, counted and said', async (t) => {
    const scene = await startScene(t, capped(2))
    const working = await clients(scene, 2)
    for (const client of working) await client.ping()
    const tooMany = await scene.client()
    await waitFor('the new one is closed', () => tooMany.closed, FAST)
    assert.equal(scene.sluice.counters.connectionsTotal.refused, 1)
    assert.deepEqual(scene.counted(), { connection_limit: 1 })
    assert.match(String(scene.said('connection_limit')[0]?.['msg']), /2 connections are open.*limits\.connectionsMax/)
    for (const client of working) await client.ping()
    working[0]?.end()
    await waitFor('one has left', () => scene.sluice.counters.connections === 1, FAST)
    const next = await scene.client()
    await next.ping()
  })
})

/** Both ends of a connection live in this process, and a broker connection besides. */
const DESCRIPTORS_SPARE = 500

function descriptorsMax(): number {
  try {
    const row = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))
    return Number(row?.[1] ?? 0)
  } catch {
    return 0
  }
}

async function connectIdle(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

describe('floods', () => {
  const room = descriptorsMax()
  const wanted = 10_000
  const skip = room < wanted * 2 + DESCRIPTORS_SPARE ? `needs ${wanted * 2 + DESCRIPTORS_SPARE} file descriptors, has ${room}` : false
  test('10,000 idle connections: none reaches the broker, others go on', { skip }, (t) => flood(t, wanted))
  test('5,000 idle connections: none reaches the broker, others go on', (t) => flood(t, 5_000))

  async function flood(t: Parameters<typeof startScene>[0], count: number): Promise<void> {
    const scene = await startScene(t, capped(20_000))
    const good = await scene.client()
    await good.ping()
    const idle: Socket[] = []
    t.after(() => idle.forEach((socket) => socket.destroy()))
    const { port } = scene.sluice.listen
    const before = process.memoryUsage().external
    while (idle.length < count) {
      idle.push(...(await Promise.all(Array.from({ length: 100 }, () => connectIdle(port)))))
      await good.ping()
    }
    await accepted(scene, count + 1)
    assert.equal(scene.sluice.counters.connections, count + 1)
    assert.equal(scene.broker.clientConnections.length, 1)
    const eachBytes = (process.memoryUsage().external - before) / count
    assert.ok(eachBytes < 40_000, `an idle connection costs ${Math.round(eachBytes)} bytes of buffers`)
    for (const socket of idle) socket.destroy()
    await waitFor('they are gone', () => scene.sluice.counters.connections === 1, FAST)
    await good.ping()
  }

  test('1,000 connections that come, ask and go in a storm leave nothing behind', async (t) => {
    const scene = await startScene(t, capped(1_000))
    const before = openSockets()
    const ends = ['end', 'reset', 'destroy'] as const
    for (let round = 0; round < 10; round++) {
      const storm = await clients(scene, 100)
      await Promise.all(
        storm.map(async (client, i) => {
          if (i % 4 !== 3) await client.ping()
          client[ends[i % ends.length] ?? 'end']()
        }),
      )
    }
    await waitFor('every session is over', () => scene.sluice.counters.connections === 0, FAST)
    await waitFor('every socket is closed', () => openSockets() <= before, FAST)
    const counted = scene.counted()
    const { connectionsTotal } = scene.sluice.counters
    assert.equal(connectionsTotal.accepted, 1_000)
    assert.equal((counted.client_closed ?? 0) + (counted.client_reset ?? 0), 1_000, JSON.stringify(counted))
    const last = await scene.client()
    await last.ping()
  })

  test('a process without file descriptors left says so and goes on once there are some', async (t) => {
    const scene = await startScene(t)
    const program = fileURLToPath(new URL('few-descriptors.ts', import.meta.url))
    const child = fork(program, [String(scene.broker.port)], { execPath: '/bin/sh', execArgv: ['-c', `ulimit -n 64; exec "$NODE" -C source "$@"`, 'sh'], env: { ...process.env, NODE: process.execPath } })
    t.after(() => child.kill('SIGKILL'))
    const [port] = (await once(child, 'message')) as [number]
    const sockets: Socket[] = []
    t.after(() => sockets.forEach((socket) => socket.destroy()))
    for (let i = 0; i < 100; i++) sockets.push(await connectIdle(port))
    for (const socket of sockets) socket.destroy()
    const client = await waitFor('a client is served again', async () => {
      assert.equal(child.exitCode, null, 'the sluice has died')
      const one = await scene.client(port)
      one.send(12, 4, { groupId: 'g', memberId: 'm' })
      return waitFor('an answer came', () => one.frames.length > 0 || one.closed, FAST).then(() => (one.frames.length > 0 ? one : undefined))
    })
    client.end()
  })
})
