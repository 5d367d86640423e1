/** Plays a recipe on a real Kafka, through a sluice with the YAML of its section, and reads the sluice's /metrics once a second. */
import { setTimeout as delay } from 'node:timers/promises'
import { parse } from 'yaml'
import { createTopic, type KafkaCluster } from '../../src/demo/kafka/index.ts'
import { startSluice } from '../e2e/support/sluice.ts'
import { type Scope, scoped } from '../limits/scope.ts'
import { startClient } from '../support/clients.ts'
import type { SluiceMetrics } from '../support/sluice-metrics.ts'
import type { Panel, Recipe, Stage } from './recipe.ts'

/** What is kept of a run: enough to draw it again. */
export interface Recording {
  readonly at: string
  /** When each act was over, in seconds. */
  readonly moments: readonly number[]
  /** By panel and line: pairs of second and value. */
  readonly panels: readonly (readonly (readonly (readonly [number, number])[])[])[]
}

interface Sample {
  readonly second: number
  readonly metrics: SluiceMetrics
}

const SAMPLE_EVERY_MS = 1000
/** Rates are over so many seconds: a client with requests of 1 MB moves in steps, and Prometheus would smooth them as well. */
const RATE_SECONDS = 3
const MINUTE_MS = 60_000
/** Until a sluice runs, on a busy machine. */
const STAGE_MAX_MS = 10_000

/** Plays it once. `blocks` are the YAML blocks of its section. */
export function record(
  recipe: Recipe,
  blocks: readonly string[],
  kafka: KafkaCluster,
  signal: AbortSignal,
): Promise<Recording> {
  return scoped(signal, async (scope) => {
    for (const topic of recipe.topics ?? []) await createTopic(kafka.internalBootstrap, topic)
    const begins = beginOf(recipe)
    const stage = await setStage(scope, recipe, begins, blocks, kafka)
    await recipe.prepare?.(stage)
    await delay(Math.max(0, begins.getTime() - Date.now()))
    const { samples, moments } = await play(recipe, stage)
    const panels = recipe.panels.map((panel) => pointsOf(panel, samples))
    return { at: new Date().toISOString(), moments, panels }
  })
}

/** At the second of a minute that it wants, with time to set the stage before. */
function beginOf({ beginsAtSecond }: Recipe): Date {
  const now = Date.now()
  if (beginsAtSecond === undefined) return new Date(now)
  const earliest = now + STAGE_MAX_MS
  return new Date(earliest + ((MINUTE_MS + beginsAtSecond * 1000 - (earliest % MINUTE_MS)) % MINUTE_MS))
}

async function setStage(
  scope: Scope,
  recipe: Recipe,
  begins: Date,
  blocks: readonly string[],
  kafka: KafkaCluster,
): Promise<Stage> {
  const instead = recipe.instead?.(begins) ?? {}
  /** The quotas of a block; the rest of it is about addresses, which are others here. */
  const quotasOf = (block: number): object => {
    const text = blocks[block]
    if (text === undefined) throw new Error(`${recipe.name}: its section has no YAML block ${block}`)
    const changed = Object.entries(instead).reduce((yaml, [from, to]) => yaml.replaceAll(from, to), text)
    return (parse(changed) as { quotas: object }).quotas
  }
  const sluice = await startSluice(scope, {
    upstream: recipe.login === true ? kafka.bootstrap : kafka.internalBootstrap,
    quotas: recipe.begin === undefined ? [] : quotasOf(recipe.begin),
  })
  return {
    kafka,
    sluice,
    signal: scope.signal,
    after: (cleanUp) => scope.after(cleanUp),
    skip: (reason) => scope.skip(reason),
    start: async (library, mode, config) => {
      const client = await startClient(library, mode, { bootstrap: sluice.bootstrap, ...config })
      scope.after(() => client.kill())
      return client
    },
    reload: (block) => sluice.reload(quotasOf(block)),
  }
}

/** The acts, each at its second, while the samples are taken. */
async function play(recipe: Recipe, stage: Stage): Promise<{ samples: Sample[]; moments: number[] }> {
  const startMs = performance.now()
  const secondsNow = (): number => (performance.now() - startMs) / 1000
  const until = (second: number): Promise<void> => delay(Math.max(0, (second - secondsNow()) * 1000))
  const acting = Promise.all(
    recipe.acts.map(async ({ second, play: act }) => {
      await until(second)
      await act(stage)
      return secondsNow()
    }),
  )
  // Whoever fails is heard below.
  acting.catch(() => undefined)
  const samples: Sample[] = []
  for (let i = 0; i <= recipe.seconds; i++) {
    await until((i * SAMPLE_EVERY_MS) / 1000)
    stage.signal.throwIfAborted()
    samples.push({ second: secondsNow(), metrics: await stage.sluice.metrics() })
  }
  return { samples, moments: await acting }
}

function pointsOf({ lines }: Panel, samples: readonly Sample[]): (readonly [number, number])[][] {
  return lines.map(({ read, isCounter, unit }) =>
    samples.map(({ second, metrics }, i) => {
      const now = read(metrics)
      const before = samples[Math.max(0, i - RATE_SECONDS)]!
      const seconds = second - before.second
      const value = isCounter ? (seconds > 0 ? (now - read(before.metrics)) / seconds : 0) : now
      return [Number(second.toFixed(2)), Number((value / unit).toPrecision(4))]
    }),
  )
}
