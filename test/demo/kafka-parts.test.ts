/** The harness's parts that need no Kafka. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { cached } from '../../src/demo/kafka/cache.ts'
import { classArchive, makeClassArchive } from '../../src/demo/kafka/class-archive.ts'
import { javaMajorVersion } from '../../src/demo/kafka/jars.ts'
import { javaArguments } from '../../src/demo/kafka/jvm-node.ts'
import { startKafka, unavailableText } from '../../src/demo/kafka/kafka.ts'
import { freePorts } from '../../src/demo/kafka/ports.ts'
import {
  kafkaUuid,
  propertiesEnvironment,
  propertiesText,
  scramArguments,
  serverProperties,
} from '../../src/demo/kafka/properties.ts'
import { runTool } from '../../src/demo/kafka/run-tool.ts'
import { connectedTo } from '../support/processes.ts'
import { startTap } from '../support/tap.ts'
import { waitFor } from '../support/wait.ts'

const NODE = {
  ...{ id: 2, bindHost: '127.0.0.1', advertisedHost: 'localhost', dataDirectory: '/data' },
  ...{ clientPort: 21001, advertisedPort: 21009, internalPort: 21002, controllerPort: 21003 },
}
const CLUSTER = {
  brokersCount: 3,
  controllerVoter: '3000@127.0.0.1:21003',
  listeners: 'SASL_PLAINTEXT',
  saslUsers: { alice: 'secret' },
  properties: { 'message.max.bytes': '7' },
} as const

describe('server properties', () => {
  test('a broker listens for clients and for brokers, and tells clients the advertised port', () => {
    const properties = serverProperties(CLUSTER, { ...NODE, roles: ['broker'] })
    assert.equal(properties['listeners'], 'CLIENT://127.0.0.1:21001,INTERNAL://127.0.0.1:21002')
    assert.equal(properties['advertised.listeners'], 'CLIENT://localhost:21009,INTERNAL://localhost:21002')
    assert.equal(properties['offsets.topic.replication.factor'], '3')
    assert.equal(properties['message.max.bytes'], '7')
    assert.match(properties['listener.name.client.plain.sasl.jaas.config'] ?? '', /user_alice="secret";$/)
  })

  test('a controller listens for the quorum only', () => {
    const properties = serverProperties(CLUSTER, { ...NODE, roles: ['controller'] })
    assert.equal(properties['listeners'], 'CONTROLLER://127.0.0.1:21003')
    assert.equal(properties['advertised.listeners'], undefined)
  })

  test('they are written as a file and as a container’s environment', () => {
    assert.equal(propertiesText({ a: 'b\\c', d: 'e' }), 'a=b\\\\c\nd=e\n')
    assert.deepEqual(propertiesEnvironment({ 'node.id': '1', 'x.y-z_w': '2' }), {
      KAFKA_NODE_ID: '1',
      KAFKA_X_Y___Z__W: '2',
    })
    assert.equal(scramArguments({ alice: 'pw' }).length, 4)
  })
})

test('an id never begins with a dash, which Kafka’s format tool would take for an option', () => {
  const dash = Buffer.alloc(16, 0xf8)
  const bytes = [dash, dash, Buffer.alloc(16, 1)]
  assert.ok(dash.toString('base64url').startsWith('-'))
  assert.equal(
    kafkaUuid(() => bytes.shift() ?? dash),
    'AQEBAQEBAQEBAQEBAQEBAQ',
  )
})

describe('what the machine offers', () => {
  test('Java versions are read in the new and the old style', () => {
    assert.equal(javaMajorVersion('openjdk version "17.0.15" 2025-04-15'), 17)
    assert.equal(javaMajorVersion('openjdk version "25" 2025-09-16'), 25)
    assert.equal(javaMajorVersion('java version "1.8.0_392"'), 8)
    assert.equal(javaMajorVersion('nonsense'), 0)
  })

  test('the message for a machine without Kafka names what was tried and the ways out', () => {
    const text = unavailableText(['Docker: no engine answers', 'jars: no Java found'], '4.4.0')
    for (const word of ['no engine answers', 'no Java found', 'install Docker', 'Java 17', 'Maven', '--upstream']) {
      assert.ok(text.includes(word), word)
    }
  })

  test('an address where nothing answers is an error that says so', async () => {
    const [port] = await freePorts(1)
    await assert.rejects(startKafka({ upstream: `127.0.0.1:${port}` }), {
      name: 'KafkaUnavailableError',
      message: /does not answer/,
    })
  })

  test('ports are different, free, and below those of outgoing connections', async () => {
    const ports = await freePorts(20)
    assert.equal(new Set(ports).size, 20)
    assert.ok(ports.every((port) => port >= 20_000 && port < 32_768))
  })

  test('a tool that fails is reported with its own last words', async () => {
    await assert.rejects(runTool('/bin/sh', ['-c', 'echo it broke >&2; exit 3']), /ended with 3:\nit broke/)
  })
})

describe('the cache', () => {
  let home: string
  const before_ = process.env['XDG_CACHE_HOME']
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'cache-test-'))
    process.env['XDG_CACHE_HOME'] = home
  })
  after(async () => {
    if (before_ === undefined) delete process.env['XDG_CACHE_HOME']
    else process.env['XDG_CACHE_HOME'] = before_
    await rm(home, { recursive: true })
  })

  test('two that want the same thing build it once', async () => {
    let builds = 0
    const build = async (into: string): Promise<void> => {
      builds++
      await writeFile(join(into, 'done'), '')
    }
    const [one, two] = await Promise.all([cached('thing', build), cached('thing', build)])
    assert.equal(one, two)
    assert.equal(builds, 1)
    assert.deepEqual(await readdir(one), ['done'])
  })

  test('a build that fails leaves nothing, and the next one may try', async () => {
    await assert.rejects(
      cached('other', () => Promise.reject(new Error('no network'))),
      /no network/,
    )
    assert.deepEqual(await readdir(join(home, 'kafka-sluice')), ['thing'])
    await cached('other', () => Promise.resolve())
  })

  test('an archive of classes belongs to one JVM and one set of jars, and is read where it was made', async () => {
    const java = { command: 'java', build: 'openjdk version "17.0.15"' }
    assert.equal(await classArchive(java, '/cache/kafka-1'), undefined)
    await makeClassArchive(java, '/cache/kafka-1', (file) => writeFile(file, ''))
    const file = await classArchive(java, '/cache/kafka-1')
    assert.ok(file !== undefined)
    assert.equal(await classArchive({ ...java, build: 'openjdk version "17.0.16"' }, '/cache/kafka-1'), undefined)
    assert.equal(await classArchive(java, '/cache/kafka-2'), undefined)
    const command = { java: 'java', jars: '/cache/kafka-1', heapMb: 1 }
    assert.ok(!javaArguments(command).join(' ').includes('.jsa'))
    for (const [use, flag] of [
      ['read', '-XX:SharedArchiveFile'],
      ['write', '-XX:ArchiveClassesAtExit'],
    ] as const) {
      assert.ok(javaArguments({ ...command, classes: { file, use } }).includes(`${flag}=${file}`))
    }
  })

  test('a lock whose holder died is taken over', async () => {
    const dead = await runTool('/bin/sh', ['-c', 'echo $$'])
    await writeFile(join(home, 'kafka-sluice', 'build.lock'), dead)
    await cached('third', () => Promise.resolve())
    assert.ok((await readdir(join(home, 'kafka-sluice'))).includes('third'))
  })
})

describe('the tap', () => {
  test('it forwards both ways, byte for byte, and notes frames in any chunks', async () => {
    const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const tap = await startTap({ host: '127.0.0.1', port: (echo.address() as { port: number }).port })
    const client = connect(tap.port, '127.0.0.1')
    const received: Buffer[] = []
    client.on('data', (chunk) => received.push(chunk))
    const frames = Buffer.concat([frame(0, 9, 1, 40), frame(1, 12, 2, 8), frame(3, 0, 3, 5000)])
    for (const byte of frames.subarray(0, 70)) client.write(Buffer.of(byte))
    client.write(frames.subarray(70))
    await waitFor('all came back', () => Buffer.concat(received).length === frames.length)
    assert.deepEqual(Buffer.concat(received), frames)
    assert.deepEqual(
      tap.frames.map(({ apiKey, apiVersion, correlationId, frameBytes }) => [
        apiKey,
        apiVersion,
        correlationId,
        frameBytes,
      ]),
      [
        [0, 9, 1, 44],
        [1, 12, 2, 12],
        [3, 0, 3, 5004],
      ],
    )
    assert.equal(tap.bytesToBroker, frames.length)
    assert.equal(tap.bytesToClient, frames.length)
    const users = await connectedTo(tap.port)
    assert.deepEqual(users, [{ localPort: client.localPort, pid: process.pid }])
    client.end()
    await once(client, 'close')
    await waitFor('the tap let go', () => tap.open === 0)
    await tap.close()
    echo.close()
  })
})

/** A frame of `size` bytes after its size. */
function frame(apiKey: number, apiVersion: number, correlationId: number, size: number): Buffer {
  const bytes = Buffer.alloc(4 + size, 7)
  bytes.writeInt32BE(size, 0)
  bytes.writeInt16BE(apiKey, 4)
  bytes.writeInt16BE(apiVersion, 6)
  bytes.writeInt32BE(correlationId, 8)
  return bytes
}
