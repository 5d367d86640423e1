/** What the tests of limits share: the scene (broker, witness, sluice), the measuring of a rate, and the report for the docs. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import type { KafkaCluster, KafkaOptions } from '../../../src/demo/kafka/index.ts'
import { type Charge, creditsAtStarts } from '../../support/credit.ts'
import type { Surroundings } from '../../support/surroundings.ts'
import { waitFor } from '../../support/wait.ts'
import type { Flood, FloodEnd } from './flood.ts'
import { kafkaFor, type RunningSluice, startSluice } from './sluice.ts'
import { type Exchange, FETCH, PRODUCE, Witness, type WitnessOptions } from './witness.ts'

/** After the burst: what is left of it is used up too, and connections that all began at once have fallen into step. */
const SETTLE_MS = 3_000
const WINDOW_MS = 20_000
/** The end of that time, when first answers that nobody could reserve for are paid off. */
const BACKLOGGED_MS = 1_500
/** Until a client has started and found its topic; a JVM on a crowded machine takes its time. */
const START_MAX_MS = 120_000
/** A flood uses up a second's worth in far less; who does not want a twentieth more than its limit is no flood. */
const BURST_MAX_MS = 20_000
const POLL_MS = 100
/**
 * How exactly the end of a burst can be told: frames cross two busy processes until the witness reads its clock. At a load of 20
 * on two cores each of a consumer's frames was 0.16 s late. What is left then is used up before the window, or told by `excessOf`.
 */
const CLOCK_SLACK_SECONDS = 0.3
/** Who always had credit and gets less of its limit wants no more. */
const FLOOD_LEAST = 0.9
/** How far a measured rate may be off the limit. */
const TOLERANCE = 0.01
const ATTEMPTS_MAX = 5

export interface Scene {
  readonly kafka: KafkaCluster
  readonly witness: Witness
  readonly sluice: RunningSluice
}

export interface SceneOptions {
  readonly brokers?: number
  readonly witness?: WitnessOptions
  /** Of the brokers, on top of the harness's own. */
  readonly properties?: Readonly<Record<string, string>>
}

/** Brokers (one unless asked), a witness at their doors, a sluice with these quotas. Undefined, and the test skipped, without Kafka. */
export async function limitScene(
  context: Surroundings,
  quotas: readonly object[],
  { brokers = 1, witness: watched, properties = {} }: SceneOptions = {},
): Promise<Scene | undefined> {
  const witness = new Witness(watched)
  context.after(() => witness.close())
  const advertise: KafkaOptions['advertise'] = ({ host, port }) => witness.watch({ host, port })
  const kafka = await kafkaFor(context, { brokers, properties, advertise })
  if (kafka === undefined) return undefined
  return { kafka, witness, sluice: await startSluice(context, { upstream: kafka, quotas }) }
}

/** What a limit is on, as the witness sees it. */
export interface Measure {
  readonly apiKey: number
  readonly costOf: (exchange: Exchange) => number
  /** When the limiter knows that cost, at the latest. */
  readonly knownMs: (exchange: Exchange) => number
}

export const PRODUCE_BYTES: Measure = {
  apiKey: PRODUCE,
  costOf: ({ requestBytes }) => requestBytes,
  knownMs: ({ startMs }) => startMs,
}
export const FETCH_BYTES: Measure = {
  apiKey: FETCH,
  costOf: ({ answerBytes }) => answerBytes,
  knownMs: ({ answerMs }) => answerMs,
}

export const PRODUCE_RECORDS: Measure = { ...PRODUCE_BYTES, costOf: ({ records }) => records }
export const FETCH_RECORDS: Measure = { ...FETCH_BYTES, costOf: ({ records }) => records }
export const PRODUCE_REQUESTS: Measure = { apiKey: PRODUCE, costOf: () => 1, knownMs: ({ startMs }) => startMs }
export const FETCH_REQUESTS: Measure = { ...PRODUCE_REQUESTS, apiKey: FETCH }

export interface Measured {
  readonly cost: number
  readonly seconds: number
  readonly perSecond: number
  readonly frames: number
}

export interface MeasuredFlood extends Measured {
  readonly window: Window
  readonly ofLimit: number
  /** As `ofLimit`, without what had been saved up when the window began; see `excessOf`. */
  readonly excess: number
}

/** A flood, and what came by of it, in the order of their starts. */
export interface Watched {
  readonly name: string
  readonly floods: readonly Flood[]
  readonly exchanges: () => readonly Exchange[]
  readonly measure: Measure
  readonly perSecond: number
  /** Of its bucket; a second's worth unless given. */
  readonly burstSeconds?: number
  /** When all of it had begun; the first request unless given. */
  readonly begunMs?: () => number | undefined
}

/** Measures a flood against its limit; undefined when it is none: it never got to wait for its limit, or stopped wanting more. */
export async function measureFlood(watched: Watched): Promise<MeasuredFlood | undefined> {
  const burstEndMs = await burstOver(watched)
  const window = await windowAfter(watched, burstEndMs ?? performance.now())
  const exchanges = watched.exchanges()
  const measured = rateIn(window, exchanges, watched.measure.costOf)
  if (measured === undefined) return undefined
  const ofLimit = measured.perSecond / watched.perSecond
  if (burstEndMs === undefined && ofLimit < FLOOD_LEAST) return undefined
  return { ...measured, window, ofLimit, excess: excessOf(watched, window, exchanges, measured) }
}

/**
 * Waits until the burst is used up; when that was: the start of the first frame that found no credit in a
 * bucket of the test's own. Undefined when there is credit for so long that it can hardly be a flood: a client without a processor to
 * run on. Or the test's bucket is ahead of the limiter's: that is full until a first answer has come as far, 0.5 s later at a load of 30.
 */
async function burstOver(watched: Watched): Promise<number | undefined> {
  const { name, exchanges, measure, perSecond, burstSeconds } = watched
  const credits = (): number[] => creditsAtStarts(chargesOf(exchanges(), measure), perSecond, burstSeconds)
  const burstEndMs = (): number | undefined => {
    const first = credits().findIndex((credit) => credit <= CLOCK_SLACK_SECONDS)
    return first < 0 ? undefined : exchanges()[first]?.startMs
  }
  const begunMs = watched.begunMs ?? ((): number | undefined => exchanges()[0]?.startMs)
  const fromMs = await waitUntil(watched, 'has begun', START_MAX_MS, begunMs)
  await waitUntil(watched, 'has used up its burst, or will not', BURST_MAX_MS + POLL_MS, () => {
    return burstEndMs() !== undefined || performance.now() > fromMs + BURST_MAX_MS
  })
  const endMs = burstEndMs()
  if (endMs !== undefined) return Math.max(fromMs, endMs)
  console.log(`${name} may be no flood: it always had ${Math.min(...credits()).toFixed(3)} s of credit`)
  return undefined
}

export interface Window {
  readonly fromMs: number
  readonly toMs: number
}

/** Waits for the 20 s to measure in, a little after `afterMs`. */
async function windowAfter(watched: Watched, afterMs: number): Promise<Window> {
  const fromMs = afterMs + SETTLE_MS
  const toMs = fromMs + WINDOW_MS
  await waitUntil(watched, 'is through its window', 2 * WINDOW_MS, () => performance.now() > toMs)
  return { fromMs, toMs }
}

/** Waits with the floods: one that has ended by itself is not waited for, and says why it has. */
function waitUntil<T>(
  { name, floods, exchanges }: Watched,
  what: string,
  timeoutMs: number,
  condition: () => T,
): Promise<Exclude<T, false | null | undefined>> {
  const seen = (): string => `${exchanges().length} requests came by; ${floods.map((flood) => flood.says()).join('; ')}`
  return waitFor<T>(
    `${name} ${what}`,
    () => {
      const end = floods.map((flood) => flood.ended).find((one) => one !== undefined)
      if (end !== undefined) throw new Error(`${name}: the client ended by itself: ${end}\n${seen()}`)
      return condition()
    },
    { timeoutMs, pollMs: POLL_MS, seen },
  )
}

function chargesOf(exchanges: readonly Exchange[], { costOf, knownMs }: Measure): Charge[] {
  return exchanges.map((exchange) => ({
    startMs: exchange.startMs,
    knownMs: knownMs(exchange),
    cost: costOf(exchange),
  }))
}

/**
 * The rate at which frames were let through: the cost of those that started from the first in the window up to, not
 * including, the last, by the time between those two starts. A limiter starts a frame as soon as the one before is paid for,
 * so this is its rate exactly, while a window with fixed edges would cut frames in two. Undefined without two frames.
 */
export function rateIn(
  { fromMs, toMs }: Window,
  exchanges: readonly Exchange[],
  costOf: Measure['costOf'],
): Measured | undefined {
  const inside = exchanges.filter(({ startMs }) => startMs >= fromMs && startMs <= toMs)
  const [first, last] = [inside[0], inside.at(-1)]
  if (first === undefined || last === undefined || first.startMs === last.startMs) return undefined
  const cost = inside.slice(0, -1).reduce((sum, exchange) => sum + costOf(exchange), 0)
  const seconds = (last.startMs - first.startMs) / 1000
  return { cost, seconds, perSecond: cost / seconds, frames: inside.length - 1 }
}

/**
 * What was let through of the limit, without what had been saved up when the first frame of the window started: a client that
 * got no processor for a moment, or a frame that was noted late, has credit left, and that is no excess.
 *
 * No credit is what the frames before had least: they were backlogged, and the test's bucket may have fallen behind the limiter's
 * where that reserved what an answer would bring and ours learnt it later, full meanwhile.
 */
function excessOf(
  { measure, perSecond, burstSeconds }: Watched,
  { fromMs }: Window,
  exchanges: readonly Exchange[],
  { cost, seconds }: Measured,
): number {
  const credits = creditsAtStarts(chargesOf(exchanges, measure), perSecond, burstSeconds)
  const first = exchanges.findIndex(({ startMs }) => startMs >= fromMs)
  const before = exchanges.findIndex(({ startMs }) => startMs >= fromMs - BACKLOGGED_MS)
  const saved = credits[first]! - Math.min(...credits.slice(before, first + 1))
  return (cost / perSecond - saved) / seconds
}

/** Within 1 %: more than the limit is never right; less is not either, of a flood. */
export function isKept({ ofLimit, excess }: Pick<MeasuredFlood, 'ofLimit' | 'excess'>): boolean {
  return ofLimit >= 1 - TOLERANCE && !isExceeded({ excess })
}

export function isExceeded({ excess }: Pick<MeasuredFlood, 'excess'>): boolean {
  return excess > 1 + TOLERANCE
}

export interface LimitCase {
  readonly name: string
  readonly clientId: string
  readonly perSecond: number
  readonly measure: Measure
  readonly witness: Witness
  readonly start: (clientId: string) => Promise<Flood>
}

/**
 * Measures a flood, reports, and judges: the limit is kept and the client met nothing bad. Less than the limit may be a
 * client that got no processor to flood with: it is given another chance, under another client id.
 */
export async function assertLimitHolds(context: TestContext, limitCase: LimitCase): Promise<void> {
  const { name, perSecond, measure, witness } = limitCase
  for (let attempt = 1; ; attempt++) {
    const clientId = `${limitCase.clientId}-${attempt}`
    const exchanges = (): readonly Exchange[] => witness.of(measure.apiKey, clientId)
    const flood = await limitCase.start(clientId)
    const measured = await measureFlood({ name, floods: [flood], exchanges, measure, perSecond })
    assertUnharmed(await flood.stop())
    const { cost = 0, seconds = 0, frames = 0, ofLimit = 0, excess = 0 } = measured ?? {}
    await report(context, name, { limit: perSecond, ofLimit, excess, cost, seconds, frames, attempt })
    assert.ok(!isExceeded({ excess }), `${name}: ${excess} of the limit`)
    if (isKept({ ofLimit, excess })) return
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
