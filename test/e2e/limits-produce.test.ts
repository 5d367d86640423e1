// Produce limits on a real Kafka with producers that flood: the rate that comes out at the broker's door is the limit ±1 %.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTopic } from '../../src/demo/kafka/index.ts'
import { runClient } from '../support/clients.ts'
import { perfProducerSummary, startPerfProducer } from '../support/perf-tools.ts'
import { waitFor } from '../support/wait.ts'
import { burstEndMs, limitScene, rateOf, report } from './support/limits.ts'
import { PRODUCE } from './support/witness.ts'

const SETTLE_MS = 3000
const WINDOW_MS = 20_000
const REC = Number(process.env['REC'] ?? 4000)
const SECONDS = Number(process.env['SECONDS'] ?? 30)
const MB = 1_000_000

const CASES = JSON.parse(process.env['TRY'] ?? '[["java",1,1],["librdkafka",1,1],["java",1,8],["librdkafka",1,8]]') as [string, number, number][]

test('produce', async (t) => {
  const scene = await limitScene(t, [
    { name: 'one', limit: { produceBytes: '1 MB/s' }, match: { clientId: '*-1x*' }, per: ['clientId'] },
    { name: 'ten', limit: { produceBytes: '10 MB/s' }, match: { clientId: '*-10x*' }, per: ['clientId'] },
  ])
  if (scene === undefined) return
  const { witness, sluice, kafka } = scene
  await Promise.all(CASES.map(async ([lib, rate, connections]) => {
    const clientId = `${lib}-${rate}x${connections}`
    await createTopic(kafka.internalBootstrap, { topic: clientId })
    const stop = new AbortController()
    const out: any = {}
    const producer = {...JSON.parse(process.env['PROPS'] ?? '{}')}
    const run = lib === 'java' && connections === 1
      ? startPerfProducer({ bootstrap: sluice.bootstrap, topic: clientId, records: 1e9, recordBytes: REC, properties: { 'client.id': clientId } }, stop.signal).then(async (tool) => { await tool.ended; Object.assign(out, {timeouts: tool.timeouts, disconnects: tool.disconnects, last: tool.lines.slice(-2)}) })
      : runClient(lib as 'java', 'produce', { bootstrap: sluice.bootstrap, topic: clientId, seconds: SECONDS, clientId, connections, recordBytes: REC, producer: lib === 'librdkafka' ? producer : {} }).then((r) => Object.assign(out, r))
    const from = await waitFor('burst over '+clientId, () => burstEndMs(witness.of(PRODUCE, clientId), (e) => e.requestBytes, { bytesPerSecond: rate * MB }))
    await waitFor('window', () => performance.now() > from + WINDOW_MS + 500, { timeoutMs: 40000, pollMs: 200 })
    if (lib === 'java' && connections === 1) stop.abort()
    const ex = witness.of(PRODUCE, clientId)
    const m = rateOf(ex, (e) => e.requestBytes, from, from + WINDOW_MS)
    await run.catch((e) => console.log(e.message.slice(0, 300)))
    const per = new Map<number, number>()
    for (const e of ex.filter((e) => e.startMs > from && e.startMs < from + WINDOW_MS)) per.set(e.connection, (per.get(e.connection) ?? 0) + e.requestBytes)
    await report(t, clientId, { ratio: m.bytesPerSecond / rate / MB, frames: m.frames, avg: m.bytes / m.frames, seconds: m.seconds })
    console.log(clientId, [...per.values()].map((v) => Math.round(v / 1000)).join(' '), JSON.stringify({ ...out, events: out.events?.slice(0, 3) }))
  }))
  const m = await sluice.metrics()
  for (const s of ['sluice_quota_floor_exceeded_total', 'sluice_throttled_requests_total', 'sluice_hold_seconds_bucket']) console.log(s, JSON.stringify(m.series(s).filter(x=>!x.labels['api']||x.labels['api']==='Produce').map((x) => [Object.values(x.labels).join('/'), x.value])))
})
