// The demo's parts that touch sockets, processes and the clock.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, mock, test } from 'node:test'
import type { RequestEvent } from 'kafkajs'
import type { AppProgress } from '../../src/demo/app-messages.ts'
import { AppProcess } from '../../src/demo/app-process.ts'
import { FrameMeter } from '../../src/demo/frame-meter.ts'
import { RateMeter } from '../../src/demo/measure.ts'
import { Scene, type SceneParts } from '../../src/demo/scene.ts'

function frame(apiKey: number, correlationId: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  bytes.writeInt32BE(sizeBytes - 4, 0)
  bytes.writeInt16BE(apiKey, 4)
  bytes.writeInt32BE(correlationId, 8)
  return bytes
}

test('FrameMeter reports the size of each Produce frame that was answered, and passes the bytes on unchanged', async () => {
  const received: Buffer[] = []
  const server = createServer((socket) => socket.on('data', (bytes) => received.push(bytes)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const meter = new FrameMeter()
  const connected = Promise.withResolvers<void>()
  const socket = meter.socketFactory({ host: '127.0.0.1', port, ssl: {}, onConnect: connected.resolve })
  await connected.promise
  const answered = (apiKey: number, correlationId: number, timestamp: number): void => {
    const payload = { apiKey, correlationId, broker: `127.0.0.1:${port}` }
    meter.answered({ timestamp, payload } as RequestEvent)
  }
  const frames = [frame(0, 7, 500), frame(3, 8, 40), frame(0, 9, 600)]
  for (const bytes of frames) socket.write(bytes)
  socket.end()
  await once(socket.resume(), 'close').catch(() => {})
  answered(0, 7, 1_000)
  answered(3, 8, 1_001)
  answered(0, 999, 1_002)
  assert.deepEqual(meter.takeAcks(), [[1_000, 500]])
  answered(0, 9, 1_003)
  answered(0, 9, 1_004)
  assert.deepEqual(meter.takeAcks(), [[1_003, 600]])
  assert.deepEqual(meter.takeAcks(), [])
  assert.deepEqual(Buffer.concat(received), Buffer.concat(frames))
  server.close()
})

describe('AppProcess', () => {
  const config = {
    name: 'lonely',
    // Port 1 is nobody's: every connection is refused.
    bootstrap: '127.0.0.1:1',
    topic: 'none',
    partitions: 1,
    recordBytes: 100,
    batchRecords: 1,
    deleteTopic: true,
  }

  test('leaves no process behind, although its Kafka cannot be reached', async () => {
    const app = new AppProcess(config)
    const started = app.start()
    await app.leave()
    await assert.rejects(started, /the application lonely failed/)
    await assert.rejects(app.done, /the application lonely failed/)
    await app.leave()
  })

  test('that was never started leaves too', async () => {
    await new AppProcess(config).leave()
  })
})

test('a scene measures after the burst only, and up to the end of the load', (t) => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  t.after(() => mock.timers.reset())
  const app = (name: string): SceneParts['apps'][number] & { progress: AppProgress } => ({
    config: { name, bootstrap: '', topic: '', partitions: 1, recordBytes: 1, batchRecords: 1, deleteTopic: false },
    frames: new RateMeter(),
    progress: {
      acks: [],
      ackedRecords: 0,
      ackedBytes: 0,
      receivedRecords: 0,
      check: { lost: 0, doubled: 0, reordered: 0, damaged: 0 },
      errors: 0,
      latencyP50Ms: 1,
      latencyP99Ms: 2,
    },
  })
  const apps = [app('steady'), app('flood')]
  const scene = new Scene({
    sluice: {
      listen: { host: '127.0.0.1', port: 1 },
      metricsUrl: 'http://m',
      notices: [],
      throttleMs: (name) => (name === 'flood' ? 70 : 0),
    },
    apps,
    kafka: 'Kafka',
    upstream: undefined,
    limitBytesPerSecond: 1_000,
    limitText: '1kB/s',
    totalSeconds: 10,
    burstSeconds: 2,
  })
  for (let second = 1; second <= 10; second++) {
    mock.timers.tick(1_000)
    // Five times the limit while the burst lasts, the limit exactly afterwards.
    for (const each of apps) {
      each.frames.add([[Date.now(), second <= 2 ? 5_000 : 1_000]])
      const { ackedBytes } = each.progress
      each.progress = { ...each.progress, ackedBytes: ackedBytes + (second <= 2 ? 5_000 : 900), ackedRecords: second }
    }
    assert.equal(scene.inBurst(), second < 2)
  }
  assert.equal(scene.state('measuring').apps[1]?.lagRecords, 10)
  scene.endWindow()
  mock.timers.tick(5_000)
  const { flood, windowSeconds } = scene.result()
  assert.equal(windowSeconds, 8)
  assert.equal(flood.bytesPerSecond, 1_000)
  assert.equal(flood.payloadBytesPerSecond, 900)
  assert.equal(flood.throttleMs, 70)
})
