// Many connections: the cap, floods of idle ones, storms, and a process that runs out of file descriptors.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { API_KEY } from 'kafka-protocol-codec'
import { formatVerifier } from '../../src/config/users-file.ts'
import { verifierOf } from '../../src/net/user-verifier.ts'
import { bufferBytes, FAST, openSockets, type RawClient } from '../support/net.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'
import { type Scene, type SceneOptions, startScene } from './scene.ts'

function capped(connectionsMax: number): SceneOptions {
  return { config: { limits: { frameBytesMax: 1_000_000, connectionsMax, bucketsMax: 100 } } }
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

  test('who has not logged in where it must makes room as well', async (t) => {
    const files = new SecretFiles(t)
    const entry = formatVerifier(await verifierOf('SCRAM-SHA-256', 'pencil'))
    const usersFile = files.write('users.yaml', JSON.stringify({ alice: entry }))
    const listen = { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined } as const
    const scene = await startScene(t, { config: { ...capped(1).config, listen: { ...listen, sasl: { usersFile } } } })
    const unknown = await scene.client()
    await unknown.request(API_KEY.ApiVersions, 0, {})
    const newest = await scene.client()
    await newest.request(API_KEY.ApiVersions, 0, {})
    await waitFor('the unknown one is closed', () => unknown.closed, FAST)
    assert.deepEqual(scene.counted(), { connection_limit: 1 })
    assert.equal(scene.sluice.counters.connectionsTotal.refused, 0)
  })

  test('when all of them work, a new one is refused, counted and said', async (t) => {
    const scene = await startScene(t, capped(2))
    const working = await clients(scene, 2)
    for (const client of working) await client.ping()
    await scene.hungUpOn()
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

const FLOOD = 10_000

function descriptorsMax(): number {
  try {
    return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Starts a program of this folder in a process of its own, and hears its first message. */
async function program(
  t: TestContext,
  name: string,
  args: readonly unknown[],
  shell: string,
): Promise<[ChildProcess, unknown]> {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), args.map(String), {
    execPath: '/bin/sh',
    execArgv: ['-c', `${shell} exec "$NODE" -C source "$@"`, 'sh'],
    env: { ...process.env, NODE: process.execPath },
  })
  t.after(() => child.kill('SIGKILL'))
  const [message] = await once(child, 'message')
  return [child, message]
}

async function connectIdle(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

describe('floods', () => {
  const skip = descriptorsMax() < FLOOD + 500 ? `needs ${FLOOD + 500} file descriptors, has ${descriptorsMax()}` : false

  test('10,000 idle connections: none reaches the broker, others go on', { skip }, async (t) => {
    const scene = await startScene(t, capped(20_000))
    const good = await scene.client()
    await good.ping()
    const before = bufferBytes()
    const connected = program(t, 'idle-clients.ts', [scene.sluice.listen.port, FLOOD], '')
    await waitFor(
      'all of them are accepted',
      async () => {
        await good.ping()
        return scene.sluice.counters.connections === FLOOD + 1
      },
      { timeoutMs: 60_000 },
    )
    const [child] = await connected
    assert.equal(scene.broker.clientConnections.length, 1)
    const eachBytes = (bufferBytes() - before) / FLOOD
    assert.ok(eachBytes < 40_000, `an idle connection costs ${Math.round(eachBytes)} bytes of buffers`)
    child.kill('SIGKILL')
    await waitFor('they are gone', () => scene.sluice.counters.connections === 1, FAST)
    await good.ping()
  })

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

  test('a process that runs out of file descriptors lives on and serves again once there are some', async (t) => {
    const scene = await startScene(t)
    const [child, told] = await program(t, 'few-descriptors.ts', [scene.broker.port], 'ulimit -n 64;')
    const port = Number(told)
    const sockets: Socket[] = []
    scene.alsoClose(() => {
      for (const socket of sockets) socket.destroy()
    })
    for (let i = 0; i < 100; i++) sockets.push(await connectIdle(port))
    for (const socket of sockets) socket.destroy()
    const client = await waitFor('a client is served again', async () => {
      assert.equal(child.exitCode, null, 'the sluice has died')
      const one = await scene.client(port)
      one.send(API_KEY.Heartbeat, 4, { groupId: 'g', memberId: 'm' })
      return waitFor('an answer came', () => one.frames.length > 0 || one.closed, FAST).then(() =>
        one.frames.length > 0 ? one : undefined,
      )
    })
    client.end()
  })
})
