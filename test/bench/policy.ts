/**
 * What 1,000 quotas cost: to read them from YAML, in place and aside; to compile them; to ask them about a new client; for a request of a
 * client that is known; and the longest pause of the event loop while they are swapped under 10,000 connections of which 4,000 are held.
 * The pause is processor time of our own thread between two turns of the loop, so that a busy machine does not count.
 * Run: node -C source test/bench/policy.ts
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { API_KEY } from 'kafka-protocol-codec'
import { startSluice } from '../../src/app.ts'
import { ConfigFile } from '../../src/cli/config-file.ts'
import { loadTask } from '../../src/cli/read-config.ts'
import type { Config } from '../../src/config/config.ts'
import { NOBODY } from '../../src/policy/identity.ts'
import { PolicySet } from '../../src/policy/policy-set.ts'
import { ClientFacts } from '../../src/session/client-facts.ts'
import { FrameCharge } from '../../src/session/frame-charge.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { waitFor } from '../support/wait.ts'
import { contextOf, FLOOD_QUOTA, NO_WAITER, quotasYaml } from './policy-scene.ts'

const QUOTAS = 1_000
const CONNECTIONS = 10_000
const HELD = 4_000
const ROUNDS = 15
/** All that are held have been looked at again by then. */
const REVIEWED_MS = 4_000

const flags = { upstream: 'kafka:9092' }
const env = {}

/** Milliseconds of processor time of this thread. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** The best of several rounds: noise of a shared machine only ever adds. */
function bestMs(run: () => unknown, rounds = ROUNDS): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

/** The longest turn of the event loop while `work` is under way, in processor time of this thread. */
async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0
  let running = true
  let before = cpuMs()
  const turn = (): void => {
    const now = cpuMs()
    longest = Math.max(longest, now - before)
    before = now
    if (running) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  running = false
  await new Promise(setImmediate)
  return longest
}

function say(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(78)} ${value.toFixed(value < 10 ? 2 : 0).padStart(7)} ${unit}`)
}

async function reading(): Promise<Config> {
  const file = new ConfigFile('bench.yaml', flags, env)
  const text = quotasYaml(QUOTAS)
  const task = { file: { path: file.path, text }, flags, env, labelTexts: new Map<string, string>() }
  let config: Config = await file.load(text)
  say(
    `to read ${QUOTAS} quotas in place (${Math.round(text.length / 1000)} kB of YAML)`,
    bestMs(() => loadTask(task), 5),
    'ms',
  )
  const pauses: number[] = []
  for (let i = 0; i < 5; i++) {
    pauses.push(
      await longestTurnMs(async () => {
        config = await file.loadAside(text)
      }),
    )
  }
  say('to read them aside: longest pause of the data path', Math.min(...pauses), 'ms')
  return config
}

function asking({ quotas }: Config): void {
  say(
    `to compile ${QUOTAS} quotas (PolicySet)`,
    bestMs(() => new PolicySet(quotas)),
    'ms',
  )
  const policy = new PolicySet(quotas)
  const identity = {
    ...NOBODY,
    clientId: 'team-7-orders',
    principal: 'user-7',
    software: 'apache-kafka-java',
    address: '10.7.0.9',
  }
  const matched = policy.resolve(identity, API_KEY.Produce).length
  const asks = 1_000
  const resolveMs = bestMs(() => {
    for (let i = 0; i < asks; i++) policy.resolve({ ...identity, clientId: `team-7-${i}` }, API_KEY.Produce)
  })
  say(`to ask them about a new client, one API (${matched} match)`, (resolveMs * 1000) / asks, 'µs')
}

/** Matching and reserving for a request of a client that is known: to find its buckets, reserve, go, settle, let go of them. */
function charging({ quotas }: Config): void {
  for (const some of [[], quotas]) {
    const context = contextOf(some)
    const facts = new ClientFacts(context, { address: '10.7.0.9', sni: '' })
    const clientId = Buffer.from('team-7-orders')
    facts.sawClientId(clientId, 0, clientId.length)
    facts.sawSoftware('apache-kafka-java', '4.4.0')
    facts.sawPrincipal('user-7')
    const charge = new FrameCharge()
    const frames = 200_000
    let nowMs = 0
    const ms = bestMs(() => {
      for (let i = 0; i < frames; i++) {
        nowMs += 0.01
        charge.begin(facts.chargesFor(API_KEY.Produce, nowMs), facts.levelsFor(API_KEY.Produce, nowMs))
        charge.reserved.requestBytes = charge.actual.requestBytes = 1_000
        charge.reserve(NO_WAITER, nowMs)
        charge.enter(NO_WAITER, nowMs)
        charge.go(nowMs)
        charge.sent(nowMs)
        charge.clear()
      }
    }, 5)
    const buckets = context.policy.resolve(facts.identity, API_KEY.Produce).length
    say(
      `a request of a known client, ${some.length} quotas (${buckets} buckets): match, reserve, settle`,
      (ms * 1e6) / frames,
      'ns',
    )
  }
}

/** Real connections: descriptors are few, so the clients and the broker are processes of their own, and who is idle is not dialled for. */
async function swapping(config: Config): Promise<void> {
  const program = fileURLToPath(new URL('./policy-crowd.ts', import.meta.url))
  const broker = fork(program, ['broker'])
  const [brokerPort] = (await once(broker, 'message')) as [number]
  const running: Config = {
    ...config,
    upstream: { bootstrap: [{ host: '127.0.0.1', port: brokerPort }] },
    listen: { host: '127.0.0.1', port: 0, brokerPorts: 'any', advertisedHost: undefined },
    admin: undefined,
    clients: [{ software: '', holdMs: 600_000 }],
    log: { level: 'error' },
  }
  const logger = createLogger({ level: 'error', pretty: false, destination: process.stderr })
  const sluice = await startSluice(running, { logger })
  const clients = fork(program, ['clients', String(sluice.listen.port), String(CONNECTIONS), String(HELD)])
  try {
    await once(clients, 'message')
    const { counters } = sluice
    const isThere = (): boolean =>
      counters.connections >= CONNECTIONS && counters.quota(FLOOD_QUOTA).heldRequests >= HELD
    await waitFor(`${CONNECTIONS} are connected and ${HELD} held`, isThere, { timeoutMs: 120_000 })
    const pauses: number[] = []
    for (let i = 0; i < 5; i++) {
      pauses.push(
        await longestTurnMs(async () => {
          sluice.reload({ ...running, quotas: config.quotas.map((quota) => ({ ...quota, burst: { seconds: 1 + i } })) })
          await delay(REVIEWED_MS)
        }),
      )
    }
    if (sluice.counters.connections < CONNECTIONS) throw new Error('connections were lost')
    say(
      `to swap them under ${CONNECTIONS} connections, ${HELD} held: longest pause, worst of 5`,
      Math.max(...pauses),
      'ms',
    )
  } finally {
    sluice.kill()
    clients.kill()
    broker.kill()
  }
}

const config = await reading()
asking(config)
charging(config)
await swapping(config)
process.exit(0)
