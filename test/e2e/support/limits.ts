/** What the tests of limits share: the scene (broker, witness, sluice), the measuring of a rate, and the report for the docs. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import type { KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { waitFor } from '../../support/wait.ts'
import type { Flood, FloodEnd } from './flood.ts'
import { kafkaFor, type RunningSluice, startSluice } from './sluice.ts'
import { type Exchange, startWitness, type Witness } from './witness.ts'

/** After the burst: what is left of it is used up too, and connections that all began at once have fallen into step. */
const SETTLE_MS = 3_000
const WINDOW_MS = 20_000
/** Until a client has started, found its topic and used up its burst; a JVM on a crowded machine takes its time. */
const BURST_MAX_MS = 60_000
const POLL_MS = 100
/** How exactly the end of a burst can be told: frames cross two busy processes until the witness reads its clock. */
const CLOCK_SLACK_SECONDS = 0.1
/** How far a measured rate may be off the limit. */
const TOLERANCE = 0.01
const ATTEMPTS_MAX = 3

export interface Scene {
  readonly kafka: KafkaCluster
  readonly witness: Witness
  readonly sluice: RunningSluice
}

/** One broker, a witness at its door, a sluice with these quotas. Undefined, and the test skipped, without Kafka. */
export async function limitScene(context: TestContext, quotas: readonly object[]): Promise<Scene | undefined> {
  let witness: Witness | undefined
  const kafka = await kafkaFor(context, {
    advertise: async ({ host, port }) => {
      witness = await startWitness({ host, port })
      return witness.port
    },
  })
  if (kafka === undefined || witness === undefined) return undefined
  const seen = witness
  context.after(() => seen.close())
  return { kafka, witness: seen, sluice: await startSluice(context, { upstream: kafka, quotas }) }
}

export type BytesOf = (exchange: Exchange) => number

export interface Measured {
  readonly bytes: number
  readonly seconds: number
  readonly bytesPerSecond: number
  readonly frames: number
}

export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** Waits until the burst is used up; when that was. */
export function burstOver(
  what: string,
  exchanges: () => readonly Exchange[],
  bytesOf: BytesOf,
  bytesPerSecond: number,
): Promise<number> {
  const wait = { timeoutMs: BURST_MAX_MS, pollMs: POLL_MS }
  return waitFor(`${what} has used up its burst`, () => burstEndMs(exchanges(), bytesOf, bytesPerSecond), wait)
}

/** Waits for the 20 s to measure in, a little after `afterMs`. */
export async function windowAfter(what: string, afterMs: number): Promise<Window> {
  const fromMs = afterMs + SETTLE_MS
  const toMs = fromMs + WINDOW_MS
  const wait = { timeoutMs: 2 * WINDOW_MS, pollMs: POLL_MS }
  await waitFor(`the window of ${what} is over`, () => performance.now() > toMs, wait)
  return { fromMs, toMs }
}

/**
 * When the burst (a second's worth) was used up, by what came out: the start of the first frame that found no credit in a
 * bucket of the test's own. Undefined before that.
 */
function burstEndMs(exchanges: readonly Exchange[], bytesOf: BytesOf, bytesPerSecond: number): number | undefined {
  let creditSeconds = 1
  let lastMs = exchanges[0]?.startMs ?? 0
  for (const exchange of exchanges) {
    creditSeconds = Math.min(1, creditSeconds + (exchange.startMs - lastMs) / 1000)
    if (creditSeconds <= CLOCK_SLACK_SECONDS) return exchange.startMs
    creditSeconds -= bytesOf(exchange) / bytesPerSecond
    lastMs = exchange.startMs
  }
  return undefined
}

/**
 * The rate at which frames were let through: the bytes of those that started from the first in the window up to, not
 * including, the last, by the time between those two starts. A limiter starts a frame as soon as the one before is paid for,
 * so this is its rate exactly, while a window with fixed edges would cut frames in two.
 */
export function rateIn({ fromMs, toMs }: Window, exchanges: readonly Exchange[], bytesOf: BytesOf): Measured {
  const inside = exchanges.filter(({ startMs }) => startMs >= fromMs && startMs <= toMs)
  const [first, last] = [inside[0], inside.at(-1)]
  if (first === undefined || last === undefined || first === last) throw new Error('not two frames to measure between')
  const bytes = inside.slice(0, -1).reduce((sum, exchange) => sum + bytesOf(exchange), 0)
  const seconds = (last.startMs - first.startMs) / 1000
  return { bytes, seconds, bytesPerSecond: bytes / seconds, frames: inside.length - 1 }
}

export interface LimitCase {
  readonly name: string
  readonly clientId: string
  readonly bytesPerSecond: number
  readonly exchanges: (clientId: string) => readonly Exchange[]
  readonly bytesOf: BytesOf
  readonly start: (clientId: string) => Promise<Flood>
}

/**
 * Measures a flood, reports, and judges: the limit is kept and the client met nothing bad. More than the limit is never right.
 * Less may be a client that got no processor to flood with: it is given another chance, under another client id.
 */
export async function assertLimitHolds(context: TestContext, limitCase: LimitCase): Promise<void> {
  const { name, bytesPerSecond, bytesOf } = limitCase
  for (let attempt = 1; ; attempt++) {
    const clientId = `${limitCase.clientId}-${attempt}`
    const exchanges = (): readonly Exchange[] => limitCase.exchanges(clientId)
    const flood = await limitCase.start(clientId)
    const window = await windowAfter(name, await burstOver(name, exchanges, bytesOf, bytesPerSecond))
    const measured = rateIn(window, exchanges(), bytesOf)
    assertUnharmed(await flood.stop())
    const ofLimit = measured.bytesPerSecond / bytesPerSecond
    await report(context, name, { limit: bytesPerSecond, ofLimit, ...measured, attempt })
    assert.ok(ofLimit <= 1 + TOLERANCE, `${name}: ${ofLimit} of the limit`)
    if (ofLimit >= 1 - TOLERANCE) return
    assert.ok(attempt < ATTEMPTS_MAX, `${name}: ${ofLimit} of the limit, after ${attempt} attempts`)
  }
}

/** No request given up, no connection lost, no error: the limit is not the client's trouble. */
export function assertUnharmed({ timeouts, disconnects, errors, complaints }: FloodEnd): void {
  assert.deepEqual({ timeouts, disconnects, errors }, { timeouts: 0, disconnects: 0, errors: 0 }, complaints.join('\n'))
}

let reported: Promise<void> = Promise.resolve()

/** Says what was measured, and adds it to the JSON file that SLUICE_REPORT names: `{ "<case>": { … } }`. */
export async function report(
  context: TestContext,
  name: string,
  figures: Readonly<Record<string, number>>,
): Promise<void> {
  const text = Object.entries(figures).map(([key, value]) => `${key} ${Number(value.toPrecision(5))}`)
  context.diagnostic(`${name}: ${text.join(', ')}`)
  const file = process.env['SLUICE_REPORT']
  if (file === undefined || file === '') return
  // Cases run at the same time, and each rewrites the file.
  reported = reported.then(async () => {
    const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as object
    await writeFile(file, `${JSON.stringify({ ...before, [name]: figures }, undefined, 2)}\n`)
  })
  await reported
}
