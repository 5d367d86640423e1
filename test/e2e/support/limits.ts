/** What the tests of limits share: the scene (broker, witness, sluice), the measuring of a rate, and the report for the docs. */
import { readFile, writeFile } from 'node:fs/promises'
import type { TestContext } from 'node:test'
import type { KafkaCluster } from '../../../src/demo/kafka/index.ts'
import { kafkaFor, type RunningSluice, startSluice } from './sluice.ts'
import { type Exchange, startWitness, type Witness } from './witness.ts'

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

export interface Limit {
  readonly bytesPerSecond: number
  /** What may go at once at first; a second's worth, the default, unless given. */
  readonly burstBytes?: number
}

export interface Measured {
  readonly bytes: number
  readonly seconds: number
  readonly bytesPerSecond: number
  readonly frames: number
}

/** How exactly the end of a burst can be told: two busy processes read the clock one after the other. */
const CLOCK_SLACK_SECONDS = 0.02

/** When the burst was used up, by what came out: the start of the first frame that had to wait. Undefined before that. */
export function burstEndMs(exchanges: readonly Exchange[], bytesOf: BytesOf, limit: Limit): number | undefined {
  const { bytesPerSecond, burstBytes = bytesPerSecond } = limit
  const firstMs = exchanges[0]?.startMs ?? 0
  let bytesBefore = 0
  for (const exchange of exchanges) {
    const seconds = (exchange.startMs - firstMs) / 1000
    if (bytesBefore >= burstBytes + bytesPerSecond * (seconds - CLOCK_SLACK_SECONDS)) return exchange.startMs
    bytesBefore += bytesOf(exchange)
  }
  return undefined
}

/**
 * The rate at which frames were let through: the bytes of those that started from the first after `fromMs` up to, not
 * including, the last before `toMs`, by the time between those two starts. A limiter starts a frame as soon as the one before
 * is paid for, so this is its rate exactly, while a window with fixed edges would cut frames in two.
 */
export function rateOf(exchanges: readonly Exchange[], bytesOf: BytesOf, fromMs: number, toMs: number): Measured {
  const inside = exchanges.filter(({ startMs }) => startMs >= fromMs && startMs <= toMs)
  const [first, last] = [inside[0], inside.at(-1)]
  if (first === undefined || last === undefined || first === last) throw new Error('not two frames to measure between')
  const bytes = inside.slice(0, -1).reduce((sum, exchange) => sum + bytesOf(exchange), 0)
  const seconds = (last.startMs - first.startMs) / 1000
  return { bytes, seconds, bytesPerSecond: bytes / seconds, frames: inside.length - 1 }
}

/** Says what was measured, and adds it to the JSON file that SLUICE_REPORT names: `{ "<case>": { … } }`. */
export async function report(context: TestContext, name: string, figures: Readonly<Record<string, number>>): Promise<void> {
  const text = Object.entries(figures).map(([key, value]) => `${key} ${Number(value.toPrecision(5))}`)
  context.diagnostic(`${name}: ${text.join(', ')}`)
  const file = process.env['SLUICE_REPORT']
  if (file === undefined || file === '') return
  const before = JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as object
  await writeFile(file, `${JSON.stringify({ ...before, [name]: figures }, undefined, 2)}\n`)
}
