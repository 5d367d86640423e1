/**
 * `node -C source test/bench/tls.ts [--rounds 7] [--seconds 3] [--bytes 16384]`: what TLS costs, with real Kafka and one client load. The
 * same broker and generator, directly and through a sluice, each without TLS, with it towards the broker, and with it on both sides;
 * contestants take turns, medians of ratios are reported. CPU is what the sluice's process used. Then latency, at a rate that
 * keeps nobody busy. On a machine with taskset each sluice has core 0, the generator core 1, and the broker what is left of both.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createTopic, startKafka } from '../../src/demo/kafka/index.ts'
import { freePort } from '../support/ports.ts'
import { SecretFiles } from '../support/secret-files.ts'
import { waitFor } from '../support/wait.ts'
import { cpuSeconds, generate, killAll, median, ROOT, start } from './processes.ts'

process.env['SLUICE_JIT'] ??= 'full'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    bytes: { type: 'string', default: '16384' },
    rate: { type: 'string', default: '200' },
  },
})

interface Contestant {
  readonly name: string
  readonly port: number
  /** What the generator trusts; '' without TLS. */
  readonly ca: string
  /** Of the sluice; undefined: there is none between. */
  readonly pid?: number | undefined
}

const undo: (() => unknown)[] = [killAll]
const files = new SecretFiles({ after: (step) => undo.push(step) })
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
undo.push(() => rmSync(folder, { recursive: true, force: true }))

function portOf(bootstrap: string): number {
  return Number(bootstrap.slice(bootstrap.lastIndexOf(':') + 1))
}

async function startSluice(name: string, upstream: object, listenTls?: object): Promise<Contestant> {
  const [port, admin] = [await freePort(), await freePort()]
  const config = join(folder, `${name}.json`)
  const limit = { produceBytes: '100 GB/s', fetchBytes: '100 GB/s', requests: '1000000k/s' }
  writeFileSync(
    config,
    JSON.stringify({
      upstream,
      listen: { host: '127.0.0.1', port, brokerPorts: 0, ...(listenTls === undefined ? {} : { tls: listenTls }) },
      admin: { host: '127.0.0.1', port: admin },
      quotas: [{ name: 'never-bites', limit, per: ['clientId'] }],
      log: { level: 'warn' },
    }),
  )
  const child = start(0, process.execPath, join(ROOT, 'bin/kafka-sluice.js'), 'run', '--config', config)
  child.stdout?.pipe(process.stderr)
  const isReady = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${admin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await waitFor(`the sluice ${name} is ready`, isReady, { timeoutMs: 30_000 })
  return { name, port, ca: listenTls === undefined ? '' : files.caFile, pid: child.pid }
}

async function contestants(): Promise<readonly Contestant[]> {
  const { certificate, key } = files.authority.issue({
    subject: [['CN', 'broker']],
    names: ['localhost', '127.0.0.1'],
  })
  const kafka = await startKafka({
    listeners: 'SSL',
    properties: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': files.write('broker.pem', key + certificate),
      'log.retention.bytes': '268435456',
    },
  })
  undo.push(() => kafka.stop())
  await createTopic(kafka.internalBootstrap, { topic: 'bench' })
  const plain = { bootstrap: [kafka.internalBootstrap] }
  const secure = { bootstrap: [kafka.bootstrap], tls: { caFile: files.caFile } }
  return [
    { name: 'direct, plaintext', port: portOf(kafka.internalBootstrap), ca: '' },
    await startSluice('sluice, plaintext', plain),
    { name: 'direct, TLS', port: portOf(kafka.bootstrap), ca: files.caFile },
    await startSluice('sluice, TLS to the broker', secure),
    await startSluice('sluice, TLS on both sides', secure, files.issue('sluice')),
  ]
}

function load({ port, ca }: Contestant, mode: string, more: Readonly<Record<string, string>> = {}) {
  const { bytes, seconds } = flags
  return { port, mode, bytes, seconds, connections: 16, window: 5, ...(ca === '' ? {} : { ca }), ...more }
}

async function throughput(all: readonly Contestant[], mode: string): Promise<void> {
  const rounds: { bytesPerSecond: number; cpuPerGb: number }[][] = all.map(() => [])
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const [i, contestant] of all.entries()) {
      let cpuBefore = 0
      const { bytes, bytesPerSecond } = await generate(load(contestant, mode), () => {
        if (contestant.pid !== undefined) cpuBefore = cpuSeconds(contestant.pid)
      })
      const cpu = contestant.pid === undefined ? 0 : cpuSeconds(contestant.pid) - cpuBefore
      rounds[i]?.push({ bytesPerSecond, cpuPerGb: cpu / (bytes / 1e9) })
    }
  }
  const base = rounds[0] ?? []
  console.log(`\n| ${mode}, ${flags.bytes} B | throughput | CPU of the sluice for a GB |\n| --- | --- | --- |`)
  for (const [i, { name, pid }] of all.entries()) {
    const mine = rounds[i] ?? []
    const ratio = median(mine.map(({ bytesPerSecond }, round) => bytesPerSecond / (base[round]?.bytesPerSecond ?? 0)))
    const rate = median(mine.map(({ bytesPerSecond }) => bytesPerSecond / 1e6))
    const cpu = pid === undefined ? '–' : `${median(mine.map(({ cpuPerGb }) => cpuPerGb)).toFixed(2)} s`
    console.log(`| ${name} | ${ratio.toFixed(2)} (${rate.toFixed(0)} MB/s) | ${cpu} |`)
  }
}

async function latency(all: readonly Contestant[]): Promise<void> {
  const rounds: { p50: number; p99: number }[][] = all.map(() => [])
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const [i, contestant] of all.entries()) {
      const { p50Ms = Number.NaN, p99Ms = Number.NaN } = await generate(
        load(contestant, 'produce', { rate: flags.rate }),
      )
      rounds[i]?.push({ p50: p50Ms, p99: p99Ms })
    }
  }
  console.log(`\n| produce, ${flags.rate}/s of ${flags.bytes} B | p50 | p99 |\n| --- | --- | --- |`)
  for (const [i, { name }] of all.entries()) {
    const of = (part: 'p50' | 'p99'): string => `${median((rounds[i] ?? []).map((it) => it[part])).toFixed(2)} ms`
    console.log(`| ${name} | ${of('p50')} | ${of('p99')} |`)
  }
}

try {
  const all = await contestants()
  await generate({ ...load(all[0] as Contestant, 'produce'), seconds: 1 }) // for fetches to find something
  await throughput(all, 'fetch')
  await throughput(all, 'produce')
  await latency(all)
} finally {
  for (const step of undo.reverse()) await step()
}
process.exit(0)
