/**
 * `npm run bench`: the sluice with all features on (three quotas that never bite) beside HAProxy in TCP mode, one thread each, in
 * one run. Only ratios mean anything: the contestants take turns, the medians of their ratios are reported. "CPU" is what the
 * proxy's process used for a request, which a busy machine and a slow generator disturb less than throughput.
 *
 *   npm run bench -- [--rounds 5] [--seconds 3] [--shape 16k] [--json]
 *
 * With taskset on a machine of two cores or more, the proxies have core 0 and the generator core 1 to themselves.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { freePort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'
import { cpuSeconds, generate, has, killAll, LOAD, median, ROOT, start } from './processes.ts'

interface Shape {
  readonly name: string
  readonly bytes: number
  readonly mode: 'produce' | 'fetch'
  readonly connections: number
  readonly window: number
}

const SHAPES: readonly Shape[] = [
  { name: '200b-produce', bytes: 260, mode: 'produce', connections: 16, window: 16 },
  { name: '16k-produce', bytes: 16_384, mode: 'produce', connections: 16, window: 5 },
  { name: '16k-fetch', bytes: 16_384, mode: 'fetch', connections: 16, window: 5 },
  { name: '1m-produce', bytes: 1_048_576, mode: 'produce', connections: 16, window: 2 },
  { name: '1m-fetch', bytes: 1_048_576, mode: 'fetch', connections: 16, window: 2 },
]

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    shape: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('a process of the benchmark ended before it said anything')
}

interface Contestant {
  readonly name: string
  readonly port: number
  readonly pid: number | undefined
}

async function startSluice(sinkPort: number): Promise<Contestant> {
  const [port, admin] = [await freePort(), await freePort()]
  const config = join(folder, `sluice-${sinkPort}.json`)
  const quotas = [
    {
      name: 'never-bites',
      limit: { produceBytes: '100 GB/s', fetchBytes: '100 GB/s', requests: '1000000k/s' },
      match: { clientId: '*' },
      per: ['clientId'],
    },
  ]
  writeFileSync(
    config,
    JSON.stringify({
      upstream: { bootstrap: [`127.0.0.1:${sinkPort}`] },
      listen: { host: '127.0.0.1', port, brokerPorts: 0 },
      admin: { host: '127.0.0.1', port: admin },
      quotas,
      log: { level: 'warn' },
    }),
  )
  const child = start(0, process.execPath, join(ROOT, 'bin/kafka-sluice.js'), 'run', '--config', config)
  child.stdout?.pipe(process.stderr)
  await waitFor('the sluice to be ready', () => has('curl', '-sf', `http://127.0.0.1:${admin}/healthz`), {
    timeoutMs: 10_000,
  })
  return { name: 'sluice', port, pid: child.pid }
}

async function startHaproxy(sinkPort: number): Promise<Contestant | undefined> {
  if (!has('haproxy', '-v')) return undefined
  const port = await freePort()
  const config = join(folder, `haproxy-${sinkPort}.cfg`)
  writeFileSync(
    config,
    `global
  maxconn 4096
  nbthread 1
  tune.bufsize 262144
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  server s 127.0.0.1:${sinkPort}
`,
  )
  const child = start(0, 'haproxy', '-f', config)
  return { name: 'haproxy', port, pid: child.pid }
}

interface Measured {
  readonly bytesPerSecond: number
  readonly cpuPerRequest: number
}

async function measure(contestant: Contestant, shape: Shape): Promise<Measured> {
  const { bytes, mode, connections, window } = shape
  const numbers = { port: contestant.port, bytes, mode, connections, window, seconds: flags.seconds }
  let cpuBefore = 0
  const { requests, bytesPerSecond } = await generate(numbers, () => {
    cpuBefore = cpuSeconds(contestant.pid)
  })
  return { bytesPerSecond, cpuPerRequest: (cpuSeconds(contestant.pid) - cpuBefore) / requests }
}

async function bench(shape: Shape): Promise<void> {
  const sink = start(1, process.execPath, '-C', 'source', LOAD, 'sink', '--bytes', String(shape.bytes))
  const sinkPort = Number(await firstLine(sink))
  const sluice = await startSluice(sinkPort)
  const haproxy = await startHaproxy(sinkPort)
  const throughput: number[] = []
  const cpu: number[] = []
  let best = 0
  for (let round = 0; round < Number(flags.rounds); round++) {
    const ours = await measure(sluice, shape)
    best = Math.max(best, ours.bytesPerSecond)
    if (haproxy === undefined) continue
    const theirs = await measure(haproxy, shape)
    throughput.push(ours.bytesPerSecond / theirs.bytesPerSecond)
    cpu.push(ours.cpuPerRequest / theirs.cpuPerRequest)
  }
  report(shape, haproxy === undefined ? undefined : { throughput: median(throughput), cpu: median(cpu) }, best)
  killAll()
}

function report(shape: Shape, ratio: { throughput: number; cpu: number } | undefined, best: number): void {
  if (flags.json) {
    console.log(JSON.stringify({ ...shape, ratio, bestBytesPerSecond: best }))
    return
  }
  const what = `${shape.name.padEnd(14)} ${String(shape.connections).padStart(3)} × ${String(shape.window).padStart(2)}`
  const text =
    ratio === undefined
      ? 'HAProxy is not installed: no ratio'
      : `throughput ${ratio.throughput.toFixed(2)} × HAProxy's, CPU for a request ${ratio.cpu.toFixed(2)} × HAProxy's`
  console.log(`${what}  ${text}   (best round ${(best / 1e6).toFixed(0)} MB/s)`)
}

for (const shape of SHAPES) if (shape.name.includes(flags.shape)) await bench(shape)
process.exit(0)
