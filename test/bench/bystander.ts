/**
 * What fifty clients that flood, and are held, cost one that keeps within its limit: the latency of its small Produce requests, in turns with
 * and without the flood, through one sluice to one broker; each is a process of its own. Where processors are shared, both turns
 * have the same noise, and the flood's own processor time is part of the difference.
 * Run: node -C source test/bench/bystander.ts
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { API_KEY } from 'kafka-protocol-codec'
import { connectRaw, produceBody } from '../support/net.ts'

const ROUNDS = 6
const TURN_MS = 5_000
const PAUSE_MS = 5
/** 80 kB/s of 100. */
const RECORD_BYTES = 300
/** Until fifty connections are open, their bursts are used and they are held. */
const SETTLE_MS = 3_000

const program = fileURLToPath(new URL('./bystander-side.ts', import.meta.url))
const children: ChildProcess[] = []

async function side(...args: string[]): Promise<[child: ChildProcess, said: unknown]> {
  const child = fork(program, args)
  children.push(child)
  const [said] = (await once(child, 'message')) as [unknown]
  return [child, said]
}

async function ask(child: ChildProcess, question: boolean): Promise<number> {
  const answer = once(child, 'message') as Promise<[number]>
  child.send(question)
  return (await answer)[0]
}

const [, brokerPort] = await side('broker')
const [sluice, sluicePort] = await side('sluice', String(brokerPort))
const [crowd] = await side('crowd', String(sluicePort))
const innocent = await connectRaw({ host: '127.0.0.1', port: Number(sluicePort) }, 'innocent')
const body = produceBody(new Uint8Array(RECORD_BYTES))
const latencies: Record<'alone' | 'beside', number[]> = { alone: [], beside: [] }
let throttled = 0

async function turn(into: number[]): Promise<void> {
  for (const endMs = performance.now() + TURN_MS; performance.now() < endMs; ) {
    const startMs = performance.now()
    const answer = await innocent.request(API_KEY.Produce, 9, body)
    into.push(performance.now() - startMs)
    if (Number(answer['throttleTimeMs']) > 0) throttled++
    await delay(PAUSE_MS)
  }
}

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)] ?? Number.NaN
}

for (let round = 0; round < ROUNDS; round++) {
  await ask(crowd, false)
  await delay(SETTLE_MS)
  await turn(latencies.alone)
  await ask(crowd, true)
  await delay(SETTLE_MS)
  await turn(latencies.beside)
}
const held = await ask(sluice, true)
console.log(`| percentile | alone | beside ${50} that are held | added |\n| --- | --- | --- | --- |`)
for (const part of [0.5, 0.9, 0.99, 0.999]) {
  const [alone, beside] = [percentile(latencies.alone, part), percentile(latencies.beside, part)]
  console.log(
    `| ${100 * part} | ${alone.toFixed(2)} ms | ${beside.toFixed(2)} ms | ${(beside - alone).toFixed(2)} ms |`,
  )
}
const { alone, beside } = latencies
console.log(
  `${alone.length} and ${beside.length} requests; ${throttled} of them throttled; ${held} requests of the others were held`,
)
for (const child of children) child.kill()
process.exit(0)
